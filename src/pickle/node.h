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

// An imported name.
struct Imported {
  std::string module, name;
};

// Few values are objects that were changed or got keywords, and many are made: what only those have
// lies apart.
struct Node {
  using Items = std::vector<NodeId>;

  Kind kind = Kind::unknown;
  Made made = Made::none;
  bool big = false;  // integer outside int64: `text` has its decimal digits (or "" if huge)
  bool folded = false;  // kind, type and offset are all that is spelled out (see NodeGraph)
  bool reopened = false;  // it was folded, and is spelled out once more
  TypeId type = 0;  // object, persistent: the World's type
  RefId ref = 0;
  NodeId callable = kNoNode;  // object: ref or other node
  NodeId args = kNoNode;  // object: a tuple node, or what stood there; persistent: the id
  std::uint64_t offset = 0;  // of the opcode that made the value, in the stream
  std::string_view text;  // str: UTF-8 (surrogates as 3 bytes); bytes, bytearray: the bytes;
                          // ref: see module/name. Lives as long as the arena.
  union {
    std::int64_t integer = 0;  // integer that is not big, boolean
    double floating;  // floating
    std::uint64_t length;  // str, bytes, bytearray: full length; text may be cut to text_bytes
    const Imported* imported;  // ref: effective module and dotted name; never null
  };
  Items items;  // tuple, list, set, frozenset; dict: key, value, key, value ...
                // object of a list-like or dict-like class: nothing (see stored)

  std::string_view module() const {
    return kind == Kind::ref ? std::string_view(imported->module) : std::string_view();
  }
  std::string_view name() const {
    return kind == Kind::ref ? std::string_view(imported->name) : std::string_view();
  }

  // What was done to an object behind its making.
  struct Changes {
    Items states;  // BUILD, in order
    Items appended;  // APPEND(S)/ADDITEMS
    Items stored;  // SETITEM(S): key, value, ...
    NodeId kwargs = kNoNode;  // NEWOBJ_EX
  };
  const Items& states() const { return changes_ == nullptr ? kNoItems : changes_->states; }
  const Items& appended() const { return changes_ == nullptr ? kNoItems : changes_->appended; }
  const Items& stored() const { return changes_ == nullptr ? kNoItems : changes_->stored; }
  NodeId kwargs() const { return changes_ == nullptr ? kNoNode : changes_->kwargs; }
  Changes& changes() {
    if (changes_ == nullptr) changes_ = std::make_unique<Changes>();
    return *changes_;
  }
  // Only kind, type and offset are left.
  void fold();

 private:
  static const Items kNoItems;
  std::unique_ptr<Changes> changes_;
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

// Spells out what was folded.
class NodeOpener {
 public:
  virtual void open(NodeId id) = 0;
  virtual void fold_back(std::size_t nodes, std::size_t opened) = 0;

 protected:
  ~NodeOpener() = default;
};

// A graph of nodes. Views into it stay valid until it is cleared. Nodes stand in chunks, so that a
// graph that grows is never copied and a cleared one gives its memory back.
//
// Results of calls that its user named are folded: their arguments are not there until somebody
// reads the node through a const graph. Who reads one at a time takes a mark before and folds back
// behind; no node that was made since may be used then.
class NodeGraph {
 public:
  struct Mark {
    std::size_t nodes = 0, opened = 0;
  };

  const Node& operator[](NodeId id) const {
    const Node& node = chunks_[id / kChunk][id % kChunk];
    if (node.folded) opener_->open(id);
    return node;
  }
  // As it is: folded nodes stay so.
  Node& operator[](NodeId id) { return chunks_[id / kChunk][id % kChunk]; }
  const Node& at(NodeId id) const { return chunks_[id / kChunk][id % kChunk]; }
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
    opened_ = 0;
    exhausted_ = false;
  }
  // Only the first `count` nodes are left. One chunk more than those is kept.
  void cut(std::size_t count) {
    while (size_ > count) {
      --size_;
      chunks_[size_ / kChunk].pop_back();
    }
    const std::size_t wanted = size_ / kChunk + 2;
    if (chunks_.size() > wanted) chunks_.resize(wanted);
  }

  Mark mark() const { return {size_, opened_}; }
  void fold_back(const Mark& mark) const {
    if (opened_ != mark.opened) opener_->fold_back(mark.nodes, mark.opened);
  }
  // Something that was folded could not be spelled out within the limits.
  bool exhausted() const { return exhausted_; }

  void set_opener(NodeOpener* opener) { opener_ = opener; }
  void set_opened(std::size_t count) { opened_ = count; }
  void set_exhausted() { exhausted_ = true; }

 private:
  static constexpr std::size_t kChunk = 1024;
  std::vector<std::vector<Node>> chunks_;
  std::size_t size_ = 0;
  NodeOpener* opener_ = nullptr;
  std::size_t opened_ = 0;  // folded nodes that are spelled out and may be folded back
  bool exhausted_ = false;
};

}  // namespace brine::pickle
