// Looking inside: a value's byte range is run again and gives a graph of nodes.
//
// Problem: the machine keeps handles only, but contracts, renderers and converters want contents,
// with Python's sharing and in their present state. Method: the range [start, end) of a handle is
// run by a small interpreter over node ids that builds what the opcodes build and asks nobody;
// names that were resolved or computed the first time are looked up by the opcode's offset. Values
// outside the range that a GET brings in are put on a work list and expanded later, so nothing
// recurses. Stores into a value that was built elsewhere are skipped there: the value's own
// expansion has them, since its handle (or its patches, for changes through an alias) covers every
// change so far. Invariant: each byte run is counted against limits.rebuild_factor, each node
// against limits.nodes.

#include "pickle/rebuilder.h"

#include <algorithm>

#include "pickle/binary_args.h"

namespace brine::pickle {
namespace {

constexpr std::uint64_t kAhead = 512;  // of a range looked at together
constexpr std::uint64_t kMostCost = 64;  // a long constant is not run through, only its head is

// The bytes of a range, looked at a piece at a time.
class Ahead {
 public:
  Ahead(Window& window, std::uint64_t start, std::uint64_t end)
      : window_(window), end_(end), at_(start) {}

  // What is held from `at` on: an opcode and its fixed argument, unless the stream ends before.
  ByteSpan from(std::uint64_t at) {
    if (at < at_ || at - at_ + kHead > held_.size()) {
      const std::uint64_t wanted = std::clamp<std::uint64_t>(end_ - at, kHead, kAhead);
      held_ = window_.kept(at, std::min(wanted, window_.size() - at), scratch_);
      at_ = at;
    }
    return held_.subspan(std::min(at - at_, held_.size()));
  }

 private:
  Window& window_;
  const std::uint64_t end_;
  std::uint64_t at_;  // of held_
  ByteSpan held_;
  std::vector<std::uint8_t> scratch_;
};

}  // namespace

NodeId Machine::Impl::rebuild(const Value& value) {
  if (nodes_stale) self.clear_nodes();
  if (graph.size() == 0) node_values.clear();
  Rebuilder rebuilder(*this);
  NodeId id = rebuilder.drive(value);
  if (id == kNoNode) self.clear_nodes();
  return id;
}

// A folded node's range is run once more.
void Machine::Impl::open(NodeId id) {
  Node& node = graph[id];
  node.folded = false;
  opened.push_back({id, node_values[id]});
  graph.set_opened(opened.size());
  node_states[id] = 0;
  Rebuilder rebuilder(*this);
  rebuilder.opening = id;
  rebuilder.pending.push_back({id, node_values[id]});
  if (!rebuilder.drain()) {
    graph.set_exhausted();
    node.fold();
    node.folded = false;
    node.kind = Kind::unknown;
  }
}

NodeId Machine::rebuild(const Value& value) { return impl_->rebuild(value); }
NodeGraph& Machine::nodes() { return impl_->graph; }

NodeId Rebuilder::drive(const Value& root) {
  const NodeId id = node_of(root);
  return drain() ? id : kNoNode;
}

// False: a limit was reached.
bool Rebuilder::drain() {
  while (!pending.empty() && !over) {
    Pending task = pending.back();
    pending.pop_back();
    expand(task);
  }
  return !over;
}

void Rebuilder::expand(const Pending& task) {
  if (m.node_states[task.node] != 0) return;
  stack.clear();
  marks.clear();
  own.clear();
  const Value& v = task.value;
  if (v.kind() == Kind::tuple && v.computed()) {
    m.node_states[task.node] = 1;
    run_range(v.start, v.end);
    for (const Entry& entry : stack) {
      if (entry.node != kNoNode) graph[task.node].items.push_back(entry.node);
    }
    finish_own(v.end);
    return;
  }
  if (m.too_large && v.start <= m.too_large->first && v.end >= m.too_large->second) over = true;
  const std::size_t first = graph.size();
  run_range(v.start, v.end);
  if (over && graph.size() - first > m.limits.nodes / 4 * 3) m.too_large.emplace(v.start, v.end);
  finish_own(v.end);
  if (m.node_states[task.node] == 0) {  // the range did not give the value: say so
    m.node_states[task.node] = 1;
    graph[task.node].kind = Kind::unknown;
  }
}

// Runs the opcodes of [start, end) on top of what lies on the stack.
void Rebuilder::run_range(std::uint64_t start, std::uint64_t end) {
  std::uint64_t at = start;
  Ahead ahead(m.window, start, end);
  auto jump = m.jumps.lower_bound(at);
  while (at < end && !over) {
    while (jump != m.jumps.end() && jump->first < at) ++jump;
    if (jump != m.jumps.end() && jump->first == at) {
      at = jump->second;
      jump = m.jumps.lower_bound(at);
      continue;
    }
    const ByteSpan head = ahead.from(at);
    const Opcode* row = head.empty() ? nullptr : find_opcode(head[0]);
    if (row == nullptr) break;
    if (auto tear = m.tears.empty() ? m.tears.end() : m.tears.find(at); tear != m.tears.end()) {
      step_first = graph.size();
      if (!step_torn(at, *row, tear->second)) break;
      at = tear->second.next;
      continue;
    }
    const std::uint64_t width = width_of(row->arg);
    const bool whole = head.size() >= 1 + width;
    const std::uint64_t arg = whole ? little_endian(head.data() + 1, width) : 0;
    std::uint64_t next = at + 1 + width;
    if (is_counted(row->arg)) next += std::min(arg, kMaxOffset);
    if (const int lines = lines_of(row->arg); lines != 0) next = m.line_end(next, lines);
    next = std::min(next, m.window.size());
    if (!spend(std::min(next - at, kMostCost))) break;
    step_first = graph.size();
    const bool line = row->code == op::GET && next > at + 1 && m.byte_at(next - 1) == '\n';
    if (!whole || !step({row->code, at, line ? next - 1 : next, arg})) break;
    at = next;
  }
}

// Whether that many bytes may be run again.
bool Rebuilder::spend(std::uint64_t bytes) {
  over = !m.afford(bytes) || over;
  return !over;
}

// What the finished range built is complete but for changes made through aliases behind it.
void Rebuilder::finish_own(std::uint64_t end) {
  std::vector<NodeId> built;
  built.swap(own);
  for (std::size_t i = 0; i < built.size() && !over; ++i) {
    NodeId id = built[i];
    if (m.node_states[id] != 2) continue;
    // A tuple begins where its first item may begin, whose changes are not its own.
    const bool changes = graph[id].kind != Kind::tuple && graph[id].kind != Kind::frozenset;
    if (changes && !m.patches.empty()) run_patches(id, end, built);
    m.node_states[id] = 1;
  }
}

// Runs what was done to the node behind `end`; what that builds joins `built`.
void Rebuilder::run_patches(NodeId id, std::uint64_t end, std::vector<NodeId>& built) {
  const auto it = m.patches.find(mutable_identity(m.node_values[id]));
  if (it == m.patches.end()) return;
  const std::vector<Machine::Impl::Patch> list = it->second;
  for (const Machine::Impl::Patch& patch : list) {
    if (patch.start < end) continue;
    stack.clear();
    marks.clear();
    run_range(patch.start, patch.end);
    for (NodeId more : own) built.push_back(more);
    own.clear();
  }
}

}  // namespace brine::pickle
