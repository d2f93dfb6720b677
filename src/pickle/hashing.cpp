// Hashing: what a dict's key or a set's member runs.
//
// Problem: a key may run code of its own, so may each item of a tuple that is one, and a few shared
// tuples make a key whose hash takes for ever. Method: constants are silent, what is no built-in
// is asked of the World, and a tuple is spelled out and walked through without recursion.
// Invariant: one budget bounds the items that all keys of a pickle have.

#include "pickle/machine_impl.h"

namespace brine::pickle {

// Uses `key` as a dict key or set member: plain constants are silent, objects run their __hash__,
// tuples do so for each item, lists and dicts raise.
bool Machine::Impl::hash_key(const Value& key) {
  switch (key.kind()) {
    case Kind::none:
    case Kind::boolean:
    case Kind::integer:
    case Kind::floating:
    case Kind::str:
    case Kind::bytes:
    case Kind::frozenset: return true;
    case Kind::bytearray:
    case Kind::list:
    case Kind::dict:
    case Kind::set:
    case Kind::buffer:
      return fail_op("unhashable type");  // the only buffers are views of bytearrays
    case Kind::tuple: break;
    default: return hash_foreign(key);
  }
  std::vector<Value> foreign;
  const TupleHash how = hashed_items(key, foreign);
  for (const Value& item : foreign) {
    if (!hash_foreign(item)) return false;
  }
  switch (how) {
    case TupleHash::all: return true;
    case TupleHash::unhashable: return fail_op("unhashable type");
    case TupleHash::budget: break;
  }
  return over_budget("nodes");
}

// Python's own hash of a tuple calls itself for each tuple in it, and ends the process when the
// stack does (100,000 levels or more on a main thread, fewer on others).
constexpr std::size_t kMostHashedDepth = 2000;

// What a tuple's hash asks for one, depth first, up to an item that has none: the items that are
// not plain. A shared tuple is hashed at each place, and one budget bounds all of them. They are
// gathered first, because asking the World may clear the nodes.
Machine::Impl::TupleHash Machine::Impl::hashed_items(const Value& key,
                                                     std::vector<Value>& foreign) {
  NodeId root = rebuild(key);
  if (root == kNoNode) return TupleHash::budget;
  struct Frame {
    NodeId node;
    std::size_t next;
  };
  std::vector<Frame> path{{root, 0}};
  const std::uint64_t budget = limits.nodes + limits.rebuild_factor * window.size();
  while (!path.empty()) {
    Frame& frame = path.back();
    if (frame.next == graph[frame.node].items.size()) {
      path.pop_back();
      continue;
    }
    if (++hash_visits > budget) return TupleHash::budget;
    NodeId child = graph[frame.node].items[frame.next++];
    switch (graph[child].kind) {
      case Kind::tuple:
        hashes_deep = hashes_deep || path.size() > kMostHashedDepth;
        path.push_back({child, 0});
        break;
      case Kind::bytearray:
      case Kind::list:
      case Kind::dict:
      case Kind::set:
      case Kind::buffer: return TupleHash::unhashable;
      case Kind::none:
      case Kind::boolean:
      case Kind::integer:
      case Kind::floating:
      case Kind::str:
      case Kind::bytes:
      case Kind::frozenset: break;
      default: foreign.push_back(node_values[child]); break;
    }
  }
  return TupleHash::all;
}

bool Machine::Impl::hash_foreign(const Value& value) {
  outcome.clear();
  bool runs = false;
  bool hashable = !asks_world() || world.hash(self, value, runs, outcome);
  if (runs || outcome.judgement.level != Level::inert) {
    Event event;
    event.kind = EventKind::hash;
    std::string name = target_name(value);
    event.callable = name;
    event.target = value;
    emit(event);
  }
  if (!hashable) return fail_op("unhashable type");
  return true;
}

}  // namespace brine::pickle
