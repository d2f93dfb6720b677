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

// A graph of nodes. Views into it stay valid until it is cleared.
class NodeGraph {
 public:
  const Node& operator[](NodeId id) const { return nodes_[id]; }
  Node& operator[](NodeId id) { return nodes_[id]; }
  NodeId add() {
    nodes_.emplace_back();
    return static_cast<NodeId>(nodes_.size() - 1);
  }
  std::size_t size() const { return nodes_.size(); }
  void clear() { nodes_.clear(); }

 private:
  std::vector<Node> nodes_;
};

}  // namespace brine::pickle
