// Inspect: looking at the values that a question is about, as cheaply as the question allows.
//
// Most questions are answered by a handle's kind and number alone. Only what must be looked into is
// spelled out as nodes, once for each question. Facts of references are looked up once and kept by
// the machine's number of the reference.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "catalogue/blob.h"
#include "pickle/machine.h"

namespace brine::catalogue {

// What an object is, packed into the World's TypeId: a class number from the facts, or one of the
// special ones, and whether the object belongs to the process.
namespace object_type {
inline constexpr pickle::TypeId kShared = 1u << 29;
inline constexpr pickle::TypeId kNumber = 0x00ffffff;
// An instance that the stream made of a class without facts: its own, but of unknown code.
inline constexpr pickle::TypeId kForeign = 0x00fffff0;
// An instance of a class that a person trusts.
inline constexpr pickle::TypeId kTrusted = 0x00fffff1;
// What getattr gave on a value: a method that remembers the value. Its code is found when called.
inline constexpr pickle::TypeId kBound = 0x00fffff2;
// What torch's persistent_load gives for a storage.
inline constexpr pickle::TypeId kStorage = 0x00fffff3;
}  // namespace object_type

// One value: the machine's handle, or a node when it was found inside another value.
struct Thing {
  pickle::Value value{};
  pickle::NodeId node = pickle::kNoNode;

  static Thing of(const pickle::Value& handle) { return {handle, pickle::kNoNode}; }
  static Thing of(pickle::NodeId id) { return {{}, id}; }
};

class Inspector {
 public:
  Inspector(const Blob& blob, bool blind) : blob_(&blob), blind_(blind) {}

  // Every question begins here; what an earlier machine numbered is forgotten.
  void attach(pickle::Machine& machine);
  // Every question ends here; the nodes that it needed are given back.
  void release();
  // Somebody else made nodes for this question.
  void spelled_out() { spelled_out_ = true; }

  pickle::Machine& machine() const { return *machine_; }
  // Where the constant bytes, or the unchanged bytearray, that it is stand in the stream, first and
  // number.
  std::optional<std::pair<std::uint64_t, std::uint64_t>> raw_bytes(const Thing& thing);
  const Blob& blob() const { return *blob_; }

  // The fact of a reference; none when there is none (or it is danger data and the world is blind).
  struct Known {
    Rank rank = kNoRank;
    Fact fact;
  };
  const Known& known(pickle::RefId ref);
  Known look_up(std::string_view module, std::string_view name) const;
  Rank module_rank(std::string_view module) const;

  // What calling an instance calls, when its class's __call__ has a fact of its own.
  struct OwnCall {
    std::string module, name;
    Known known;
  };
  OwnCall own_call(pickle::TypeId type) const;

  pickle::Kind kind(const Thing& thing) const;
  pickle::TypeId type(const Thing& thing);
  std::optional<pickle::RefId> ref(const Thing& thing) const;
  // The value spelled out; null when over budget. Valid until the next call that spells out more.
  const pickle::Node* node(Thing& thing);
  // The items of a tuple, list, set or frozenset; false when over budget or something else.
  bool items(Thing& thing, std::vector<Thing>& out);

  bool text(const Thing& thing, std::string& out, std::size_t limit) const;
  bool integer(const Thing& thing, std::int64_t& out) const;

 private:
  pickle::TypeId allocated_type(const pickle::Node& object);
  Known danger_behind(std::string_view module, std::string_view name) const;

  struct Slot {
    std::uint64_t fingerprint = 0;
    bool filled = false;
    Known known;
  };

  const Blob* blob_;
  bool blind_;
  pickle::Machine* machine_ = nullptr;
  bool spelled_out_ = false;
  std::deque<Slot> slots_;  // what is known stays where it is when more is learnt
};

}  // namespace brine::catalogue
