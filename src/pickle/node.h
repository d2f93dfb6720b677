// Node: a value that somebody looks inside, spelled out.
//
// The machine works on handles (value.h). Contracts, renderers and converters want contents; for
// them a byte range is run again and gives a graph of nodes in an arena, children by index, shared
// where Python would share. Nodes are only read outside src/pickle.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pickle/value.h"

namespace brine::pickle {

struct NumpyType;  // numpy_type.h

using NodeId = std::uint32_t;
inline constexpr NodeId kNoNode = 0xffffffff;

// How an object came to be.
enum class Made : std::uint8_t {
  none,
  reduce,      // callable(*args)                      REDUCE
  call,        // callable(*args)                      INST, OBJ with arguments
  construct,   // cls.__new__(cls, *args)              NEWOBJ, NEWOBJ_EX, INST and OBJ without
  persistent,  // persistent_load(pid)
};

struct Node {
  Kind kind = Kind::unknown;
  Made made = Made::none;
  bool big = false;  // integer outside int64: `text` has its decimal digits (or "" if huge)
  std::uint64_t offset = 0;  // of the opcode that made the value, in the stream
  std::int64_t integer = 0;  // integer, boolean
  double floating = 0;
  std::string_view text;  // str: UTF-8 (surrogates as 3 bytes); bytes, bytearray: the bytes;
                          // ref: see module/name. Lives as long as the arena.
  std::uint64_t length = 0;  // str, bytes, bytearray: full length; text may be cut to text_bytes
  std::string_view module;  // ref: effective module and dotted name
  std::string_view name;
  TypeId type = 0;  // object, persistent: the World's type
  RefId ref = 0;
  std::vector<NodeId> items;  // tuple, list, set, frozenset; dict: key, value, key, value ...
                              // object of a list-like or dict-like class: nothing (see stores)
  NodeId callable = kNoNode;  // object: ref or other node
  NodeId args = kNoNode;  // object: a tuple node, or what stood there; persistent: the id
  NodeId kwargs = kNoNode;  // NEWOBJ_EX
  std::vector<NodeId> states;  // BUILD, in order
  std::vector<NodeId> appended;  // APPEND(S)/ADDITEMS on an object
  std::vector<NodeId> stored;  // SETITEM(S) on an object: key, value, ...
};

// joblib: an array whose elements stand in the stream, behind the opcode that completed it.
struct RawArray {
  std::string type;  // NumPy's, byte order first: "<f8"; empty for records and parts
  std::shared_ptr<const NumpyType> element;  // all of the type; null when it is not known
  std::vector<std::uint64_t> shape;
  bool fortran = false;
  bool objects = false;  // [begin, end) is a pickle of its own
  std::uint64_t begin = 0, end = 0;
};

// A graph of nodes. Views into it stay valid until it is cleared. Nodes stand in chunks, so that a
// graph that grows is never copied and a cleared one gives its memory back.
class NodeGraph {
 public:
  const Node& operator[](NodeId id) const { return chunks_[id / kChunk][id % kChunk]; }
  Node& operator[](NodeId id) { return chunks_[id / kChunk][id % kChunk]; }
  NodeId add() {
    if (size_ % kChunk == 0 && size_ / kChunk == chunks_.size()) {
      chunks_.emplace_back().reserve(kChunk);
    }
    chunks_[size_ / kChunk].emplace_back();
    return static_cast<NodeId>(size_++);
  }
  std::size_t size() const { return size_; }
  void clear() {
    // The first chunk is kept: most graphs are small, and many are made.
    if (chunks_.size() > 1) chunks_.resize(1);
    if (!chunks_.empty()) chunks_.front().clear();
    size_ = 0;
  }

 private:
  static constexpr std::size_t kChunk = 1024;
  std::vector<std::vector<Node>> chunks_;
  std::size_t size_ = 0;
};

}  // namespace brine::pickle
