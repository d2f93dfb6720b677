// Hashing: what a dict's key or a set's member runs.
//
// Problem: a key may run code of its own, so may each item of a tuple that is one, and a few shared
// tuples make a key whose hash takes for ever. Method: constants are silent, what is no built-in
// is asked of the World, and a tuple is spelled out and walked through without recursion.
// Invariant: one budget bounds the items that all keys of a pickle have.

#include "pickle/machine_impl.h"

namespace brine::pickle {
namespace {

constexpr unsigned kBits = 61;
constexpr std::uint64_t kModulus = (std::uint64_t{1} << kBits) - 1;
constexpr unsigned kCounterBits = 12;

// x * 2^n for a remainder x.
std::uint64_t shifted(std::uint64_t x, unsigned n) {
  return ((x << n) & kModulus) | (x >> (kBits - n));
}

std::uint64_t remainder_of_bytes(ByteSpan bytes) {
  const bool negative = !bytes.empty() && bytes.back() >= 0x80;
  std::uint64_t out = 0;
  for (auto byte = bytes.rbegin(); byte != bytes.rend(); ++byte) {
    out = (shifted(out, 8) + static_cast<std::uint8_t>(negative ? ~*byte : *byte)) % kModulus;
  }
  return negative ? (out + 1) % kModulus : out;
}

std::uint64_t remainder_of_digits(ByteSpan text) {
  std::uint64_t out = 0;
  for (const std::uint8_t digit : text) {
    if (digit >= '0' && digit <= '9')
      out = (shifted(out, 3) + shifted(out, 1) + (digit - std::uint64_t{'0'})) % kModulus;
  }
  return out;
}

}  // namespace

// Uses `key` as a dict key or set member: plain constants are silent, objects run their __hash__,
// tuples do so for each item, lists and dicts raise.
bool Machine::Impl::hash_key(const Value& key) {
  switch (key.kind()) {
    case Kind::none:
    case Kind::boolean:
    case Kind::floating:
    case Kind::str:
    case Kind::bytes:
    case Kind::frozenset: return true;
    case Kind::integer: note_number(key); return true;
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

// The hash of an int is its remainder by 2^61 - 1, so that a file may have as many keys of one hash
// as it likes, and each is compared with all before it. Keys are counted by a few bits of a mix of
// their remainders.
void Machine::Impl::note_number(const Value& key) {
  constexpr std::uint64_t kLongest = 512;  // longer ones are too few
  constexpr std::uint32_t kMost = 4096;
  if (key.computed() || key.is_short()) return;
  const Constant constant = constant_at(key.written_at());
  if (constant.length < 8 || constant.length > kLongest) return;
  const ByteSpan bytes = window.fetch(constant.payload, constant.length, fetch_scratch);
  const bool text = constant.opcode == op::INT || constant.opcode == op::LONG;
  const std::uint64_t hash = text ? remainder_of_digits(bytes) : remainder_of_bytes(bytes);
  if (number_keys.empty()) number_keys.resize(std::size_t{1} << kCounterBits);
  std::uint32_t& alike = number_keys[(hash * 0x9e3779b97f4a7c15u) >> (64 - kCounterBits)];
  ++number_keys_seen;
  if (++alike > kMost + number_keys_seen / 1024) hashes_alike = true;
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
