// Rebuilder: runs a value's byte range again and builds a graph of nodes.
//
// One of these lives for one question; the nodes live in the machine until they are cleared. Its
// parts: rebuild.cpp runs ranges, rebuild_opcodes.cpp does what each opcode does, rebuild_nodes.cpp
// makes the nodes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pickle/machine_impl.h"

namespace brine::pickle {

struct Rebuilder {
  explicit Rebuilder(Machine::Impl& impl) : m(impl), graph(impl.graph) {}

  // A value whose range is to be run.
  struct Pending {
    NodeId node;
    Value value;
  };
  struct Entry {
    NodeId node;
    bool in_place;  // built here, not fetched
    std::uint64_t start;  // of the entry's range
    std::size_t first;  // nodes that there were before the entry's own
  };
  // The running opcode.
  struct Step {
    std::uint8_t code;
    std::uint64_t at, end;  // [at, end) in the stream
    std::uint64_t arg;  // of a binary GET
  };
  struct Mark {
    std::size_t first;  // entry above it
    std::uint64_t offset;
  };
  // How an object comes to be, from its range's start on.
  struct Making {
    Made made;
    NodeId callable, args, kwargs;
    std::uint64_t start;
    unsigned depth;
  };

  // --- ranges (rebuild.cpp) ---
  NodeId drive(const Value& root);
  bool drain();
  void expand(const Pending& task);
  void run_range(std::uint64_t start, std::uint64_t end);
  bool spend(std::uint64_t bytes);
  void finish_own(std::uint64_t end);
  void run_patches(NodeId id, std::uint64_t end, std::vector<NodeId>& built);

  // --- opcodes (rebuild_opcodes.cpp) ---
  bool step(const Step& op);
  bool step_torn(std::uint64_t at, const Opcode& row, const Machine::Impl::Tear& tear);
  bool pop_entry();
  bool pop_to_mark();
  bool take_mark(Mark& mark);
  bool duplicate(const Step& op);
  bool fetch(const Step& op);
  void look_only(const Step& op);
  bool tuple_of_top(const Step& op);
  bool container_of_marked(Kind kind, const Step& op);
  bool fill(NodeId id, std::size_t first);
  bool store_top(std::size_t count, const Step& op);
  bool store_marked(const Step& op);
  void store(NodeId target, std::size_t first, std::uint64_t end, bool pairs);
  void replace_items(Node& list, std::size_t first);
  std::string read_text(std::uint64_t from, std::uint64_t to);
  std::optional<NodeId> named(const Step& op);
  bool import_named(const Step& op);
  bool import_stacked(const Step& op);
  void import_extension(const Step& op);
  void object(const Step& op, const Making& how);
  bool construct(const Step& op);
  bool inst(const Step& op);
  bool obj(const Step& op);
  void instantiate(const Step& op, NodeId cls, const Mark& mark, std::size_t first);
  bool persistent(const Step& op);
  bool build(const Step& op);
  void array(const Value& value, const Step& op);
  bool reduce(const Step& op);
  bool folds(const Entry& callable, const Step& op) const;
  void fold(const Entry& callable, const Step& op, unsigned depth);
  void cut_pending(std::size_t count);

  // --- nodes (rebuild_nodes.cpp) ---
  NodeId add(Kind kind, const Value& value);
  NodeId node_of(const Value& handle);
  NodeId vague_node(const Value& value);
  NodeId unknown_node(std::uint64_t start, std::uint64_t end);
  NodeId ref_node(RefId ref, const Value& value);
  NodeId name_node(std::uint64_t at, std::string_view module, std::string_view name);
  NodeId computed_node(const Computed& made, const Value& value);
  NodeId constant_node(std::uint64_t offset, const Value& value);
  void integer(NodeId id, const Constant& constant);
  void floating(const Constant& constant, Node& node);
  void text(NodeId id, const Constant& constant, std::uint64_t offset);
  void long_text(NodeId id, const Constant& constant, std::uint64_t offset);
  std::string_view keep(NodeId node, std::string_view text);
  NodeId gathered(std::size_t first, std::uint64_t start, std::uint64_t end);
  NodeId create(Kind kind, std::uint64_t start, std::uint64_t end, unsigned depth);
  const Computed* computed_at(std::uint64_t offset) const;
  const Machine::Impl::Box* box_at(std::uint64_t offset) const;
  unsigned depth_of(const Entry& callable) const;

  // --- small helpers ---
  bool mine(NodeId id) const { return id != kNoNode && m.node_states[id] == 2; }
  // What changes it in its place belongs to its range; a change elsewhere is a patch.
  bool is_folded(const Entry& entry) const {
    return entry.in_place && entry.node != kNoNode && graph.at(entry.node).folded;
  }
  // A node may now refer to nodes that were made behind it.
  void linked() { m.link_barrier = graph.size(); }
  // The node's handle now covers what was done to it up to `end`; a tuple is told by its end.
  void reach(NodeId id, std::uint64_t end) {
    Value& value = m.node_values[id];
    if (value.end < end && value.direct() && value.kind() != Kind::tuple)
      value.end = end & kMaxOffset;
  }
  void push(NodeId node, std::uint64_t start, bool in_place = true) {
    stack.push_back({node, in_place, start, step_first});
    if (node == kNoNode) over = true;
  }
  Entry pop() {
    const Entry entry = stack.back();
    stack.pop_back();
    return entry;
  }
  std::size_t floor() const { return marks.empty() ? 0 : marks.back().first; }
  bool has(std::size_t count) const { return stack.size() >= floor() + count; }

  Machine::Impl& m;
  NodeGraph& graph;
  bool over = false;  // a limit was reached
  std::vector<Pending> pending;
  std::vector<Entry> stack;
  std::vector<Mark> marks;
  std::vector<NodeId> own;  // nodes that the running range builds
  std::size_t step_first = 0;  // nodes before the running opcode
  NodeId opening = kNoNode;  // the folded node that is to be spelled out
};

}  // namespace brine::pickle
