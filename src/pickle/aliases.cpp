// Aliases: where the truth about a value lies that the memo or DUP gave a second entry.
//
// Problem: two entries may be one value, and a change through either must be seen from both.
// Method: when a value that can change is memoized or doubled, its handle moves into the memo or a
// box, and the entries refer to that place; what tells itself (a constant, a name) is copied. A
// change through an entry that is not where the value was built is a patch: a range that runs
// behind the value's own. Invariant: a handle that refers to another place leads to the value as it
// is now within a few hops.

#include "pickle/machine_impl.h"

namespace brine::pickle {

const Value& Machine::Impl::truth(const Value& handle) {
  const Value* value = &handle;
  for (int hops = 0; hops < 4 && !value->direct(); ++hops) {
    if (value->boxed()) {
      value = &boxes[value->index()].value;
    } else {
      const Value* version = memo.version(*value);
      if (version == nullptr) break;
      value = version;
    }
  }
  return *value;
}

Value* Machine::Impl::truth_slot(const Value& handle) { return const_cast<Value*>(&truth(handle)); }

// The value of a stack entry changed by the opcode that ends at `op_end`.
bool Machine::Impl::extend_target(Value& entry, std::uint64_t op_end) {
  nodes_stale = graph.size() != 0;  // what was spelled out is what it was before
  if (entry.direct()) {
    if (!entry.shifted()) entry.end = op_end & kMaxOffset;
    return true;
  }
  Value* slot = truth_slot(entry);
  if (slot->shifted() || !slot->direct()) return true;
  if (entry.in_place()) {
    slot->end = op_end & kMaxOffset;
    return true;
  }
  std::vector<Patch>& list = patches[mutable_identity(*slot)];
  while (!list.empty() && list.back().start >= entry.start) {
    list.pop_back();
    --patch_count;
  }
  if (patch_count >= limits.aliases) return over_budget("aliases");
  list.push_back({entry.start, op_end});
  ++patch_count;
  return true;
}

bool Machine::Impl::load_memo_text(std::uint8_t code) {
  std::string_view line;
  bool ended = false;
  if (!read_line(line, ended)) return false;
  if (ended && !line.empty()) line.remove_suffix(1);
  const bool py = python();
  if (!py && line.empty()) return fail_op("an empty line");
  if (code == op::PUT && height <= fence()) return underflow();
  if (parse_index_line(line, true) != parse_index_line(line, false)) {
    result.divergence |= kDivergesByUnpickler;
  }
  std::optional<std::uint64_t> index = index_of_line(line);
  if (!index) {
    result.divergence |= kDivergesByUnpickler;
    return fail_op("the memo index is refused");
  }
  return code == op::GET ? memo_get(*index) : memo_put(*index);
}

bool Machine::Impl::memo_get(std::uint64_t index) {
  const Value* found = memo.find(index);
  if (found == nullptr) return fail_op("Memo value not found at index " + std::to_string(index));
  return push(fetch_handle(*found, index, op_offset));
}

bool Machine::Impl::memo_put(std::uint64_t index) {
  return memoize(stack[height - 1], index, op_offset, pos) || over_budget("memo_entries");
}

// The memo index that a line names. Python's memo is a dict, so an index may have any size there;
// those beyond the handles' width get numbers of their own.
std::optional<std::uint64_t> Machine::Impl::index_of_line(std::string_view line) {
  auto small = parse_index_line(line, python());
  if (small && *small < 0) return std::nullopt;
  if (small && static_cast<std::uint64_t>(*small) < kBigIndexBase) {
    return static_cast<std::uint64_t>(*small);
  }
  if (!python()) return std::nullopt;  // C fails to allocate or to convert
  std::string digits;
  for (char c : line) {
    if (c == '-') return std::nullopt;
    if (c >= '0' && c <= '9' && !(c == '0' && digits.empty())) digits += c;
  }
  if (!small && !parse_big_index(line)) return std::nullopt;
  auto [it, fresh] = big_indices.emplace(digits, kBigIndexBase + big_indices.size());
  return it->second;
}

bool Machine::Impl::do_dup() {
  if (height <= fence()) return underflow();
  Value copy = stack[height - 1];
  if (boxes.size() >= limits.stack_entries) return over_budget("stack_entries");
  if (tells_itself(copy.kind()) && copy.direct()) {
    boxes.push_back({op_offset, copy});  // for ranges that begin at this DUP
    return push(copy_handle(copy, op_offset));
  }
  if (boxes.size() >= limits.aliases) return over_budget("aliases");
  Value kept = copy;
  if (!kept.direct()) {
    const Value* known = kept.boxed() ? &boxes[kept.index()].value : memo.version(kept);
    if (known != nullptr && !known->direct()) kept = *known;
  }
  boxes.push_back({op_offset, kept});
  Value& top = stack[height - 1];
  if (top.direct()) {
    top.flags = Value::kBoxed | Value::kInPlace;
    top.end = (boxes.size() - 1) & kMaxOffset;
  }
  copy.flags = Value::kBoxed;
  copy.start = op_offset & kMaxOffset;
  copy.end = (boxes.size() - 1) & kMaxOffset;
  fetched(copy);
  return push(copy);
}

}  // namespace brine::pickle
