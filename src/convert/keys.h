// Keys: which keys of a dict Python calls equal, and what str() writes for them.
//
// Problem: a tensor's name is the way to it, and a dict has one value for keys that are equal
// although they are written otherwise: 1 and True, numpy.int64(1), torch.float and torch.float32.
// Method: each key gives a text that is the same for equal ones. Invariant: where only a key's own
// class knows whether it equals another, the dict counts as ambiguous.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pickle/node.h"

namespace brine::convert {

struct Pair {
  pickle::NodeId key = pickle::kNoNode, value = pickle::kNoNode;
};

// A str of which all bytes are here.
bool is_whole_text(const pickle::Node& node);
// Text of a file as valid UTF-8: what is none (lone surrogates) becomes %XX.
std::string valid_name(std::string_view text);
// The parts of a way as a name: "a.b".
std::string joined(const std::vector<std::string>& parts);
// As Python's repr() writes it.
std::string float_text(double value);

// A name that nobody has yet. Where two ways meet in one name, the second one has the dots of its
// parts written otherwise. `wanted`: the way and the suffix as they are; `take`: false when the
// name is given already.
std::string unique_name(const std::vector<std::string>& parts, std::string wanted,
                        const std::string& suffix,
                        const std::function<bool(const std::string&)>& take);

inline constexpr unsigned kKeyDepth = 8;  // tuples in tuples as keys

class Keys {
 public:
  explicit Keys(const pickle::NodeGraph& nodes) : nodes_(nodes) {}

  // "module.name" of a reference.
  static std::string dotted(const pickle::Node& ref);
  // A key as str() would write it; "key@N" when only its class can, and no text for it.
  std::string key_text(pickle::NodeId id, unsigned depth = kKeyDepth) const;
  bool has_text(pickle::NodeId id, unsigned depth = kKeyDepth) const;
  // Pairs with Python's rule for a key that comes twice: the first place, the last value.
  std::vector<Pair> distinct(const std::vector<pickle::NodeId>& items) const;
  // Values whose place in a dict another value took.
  const std::vector<pickle::NodeId>& dropped() const { return dropped_; }
  // Whether a dict had two keys of which only their class knows whether they are one.
  bool ambiguous() const { return ambiguous_; }
  // The bytes of _codecs.encode(text, 'latin1'), as protocol 2 has them.
  std::optional<std::string> latin1_bytes(const pickle::Node& object) const;

 protected:
  const pickle::Node& node(pickle::NodeId id) const { return nodes_[id]; }
  void doubt(bool so = true) const { ambiguous_ = ambiguous_ || so; }

 private:
  // A number or text of NumPy as a key: str() of it, and what it is equal to (identity()).
  struct Scalar {
    std::string text, identity;
  };
  std::optional<Scalar> numpy_scalar(const pickle::Node& object) const;
  static std::optional<Scalar> utf32_text(std::string_view bytes);
  const std::vector<pickle::NodeId>* sizes_of(const pickle::Node& object) const;
  std::string items_text(const std::vector<pickle::NodeId>& items, unsigned depth) const;
  std::optional<std::string> identity(pickle::NodeId id, unsigned depth) const;
  std::optional<std::string> items_identity(const std::vector<pickle::NodeId>& items, bool set,
                                            unsigned depth) const;
  bool may_meet(const std::vector<Pair>& pairs) const;
  bool is_opaque(pickle::NodeId id, unsigned depth) const;
  static bool is_storage_type(const pickle::Node& ref);

  const pickle::NodeGraph& nodes_;
  mutable bool ambiguous_ = false;
  mutable std::vector<pickle::NodeId> dropped_;
};

}  // namespace brine::convert
