// Stores: what goes into lists, dicts, sets, bytearrays, and into objects that take items.
//
// Into a built-in container a store is silent but for the keys that it hashes; the loop
// (loop.cpp) has the usual cases, here is the rest. Into anything else it is a call of the object's
// own append, extend, __setitem__ or add: an event. Invariant: an entry that grows in its place has
// its range end behind the opcode that did it, whoever holds the entry.

#include "pickle/machine_impl.h"

namespace brine::pickle {

bool Machine::Impl::store_foreign(Value& target, StoreHow how, const Value* key,
                                  const Value& value) {
  outcome.clear();
  if (asks_world()) world.store(self, target, how, key, value, outcome);
  if (wants_current_event()) emit_store(target, how, key, value);
  return target.kind() == Kind::ref || extend_target(target, pos);
}

void Machine::Impl::emit_store(const Value& target, StoreHow how, const Value* key,
                               const Value& value) {
  Event event;
  event.kind = EventKind::store;
  std::string name = target_name(target);
  event.callable = name;
  event.how = how;
  event.target = target;
  event.argument = value;
  event.has_argument = true;
  if (key != nullptr) {
    event.key = *key;
    event.has_key = true;
  }
  emit(event);
}

// list[object] = value and bytearray[...] = object: what __index__ runs is the object's own.
void Machine::Impl::ask_index(const Value& target, StoreHow how, const Value* key,
                              const Value& value) {
  const bool asks = (key != nullptr && acts(key->kind())) ||
                    (target.kind() == Kind::bytearray && acts(value.kind()));
  if (!asks || !asks_world()) return;
  outcome.clear();
  world.store(self, target, how, key, value, outcome);
  if (outcome.judgement.level >= Level::suspicious) emit_store(target, how, key, value);
}

// Everything from stack[first] on goes into the list below it.
bool Machine::Impl::do_append(std::uint64_t first, bool single) {
  if (first <= fence()) return underflow();
  const std::uint64_t count = height - first;
  Value& target = stack[first - 1];
  const Kind kind = target.kind();
  const bool py = python();
  if (kind != Kind::list) result.divergence |= kDivergesByUnpickler;
  if (count == 0 && !py) return true;
  if (kind == Kind::list || kind == Kind::bytearray) {
    for (std::uint64_t i = first; kind == Kind::bytearray && i < height; ++i) {
      if (!is_byte(stack[i])) return fail_op("an integer in range(0, 256) is required");
      ask_index(target, StoreHow::append, nullptr, stack[i]);
    }
    changes(target);
    height = first;
    return count == 0 || extend_target(target, pos);
  }
  if (!acts(kind)) return fail_op("the object has no attribute 'append'");
  if (kind == Kind::buffer) return fail_op("memoryview has no attribute 'append'");

  const bool extends = (!py || !single) && world.has_extend(self, target);
  if (extends) {
    std::uint64_t from = count == 0 ? op_offset : stack[first].start;
    height = first;
    return store_foreign(target, StoreHow::extend, nullptr, open_tuple(from, op_offset));
  }
  for (std::uint64_t i = first; i < first + count; ++i) {
    if (!store_foreign(target, StoreHow::append, nullptr, stack[i])) return false;
  }
  height = first;
  return true;
}

bool Machine::Impl::do_setitems(std::uint64_t first) {
  if (first <= fence()) return underflow();
  const std::uint64_t count = height - first;
  Value& target = stack[first - 1];
  const Kind kind = target.kind();
  if (count == 0) return true;
  const bool odd = (count & 1) != 0;
  if (odd) {
    result.divergence |= kDivergesByUnpickler;
    if (!python()) return fail_op("odd number of items for SETITEMS");
  }
  const bool sequence = kind == Kind::list || kind == Kind::bytearray;
  if (!sequence && kind != Kind::dict && !acts(kind)) {
    return fail_op("the object does not support item assignment");
  }
  for (std::uint64_t i = first; i + 1 < height; i += 2) {
    if (kind == Kind::dict) {
      if (!hash_key(stack[i])) return false;
    } else if (sequence) {
      if (!assignable_index(target, stack[i])) return false;
      if (kind == Kind::bytearray && !is_byte(stack[i + 1])) {
        return fail_op("an integer in range(0, 256) is required");
      }
      ask_index(target, StoreHow::setitem, &stack[i], stack[i + 1]);
    } else if (!store_foreign(target, StoreHow::setitem, &stack[i], stack[i + 1])) {
      return false;
    }
  }
  if (odd) return fail_op("list index out of range");
  height = first;
  if (kind == Kind::dict) return fill_dict(target);
  if (sequence) changes(target);
  return !sequence || extend_target(target, pos);
}

bool Machine::Impl::fill_dict(Value& target) {
  changes(target);
  if (!states_given.empty() && states_given.contains(truth(target).start)) {
    poisoned = true;  // it may be an object's __dict__ by now, where no contract looked
  }
  return extend_target(target, pos);
}

// What a bytearray takes; what is not known may be one.
bool Machine::Impl::is_byte(const Value& value) {
  std::int64_t number = 0;
  switch (value.kind()) {
    case Kind::integer:
    case Kind::boolean: return constant_integer(value, number) && number >= 0 && number < 256;
    case Kind::unknown: return true;
    case Kind::object:
    case Kind::persistent:
    case Kind::ref: return world.may_iterate(self, value);
    default: return false;
  }
}

// list[key] = value: an integer within the list.
bool Machine::Impl::assignable_index(const Value& target, const Value& key) {
  if (key.kind() == Kind::unknown) return true;
  if (key.kind() == Kind::object || key.kind() == Kind::persistent || key.kind() == Kind::ref) {
    if (world.may_iterate(self, key)) return true;  // may have __index__
    return fail_op("list indices must be integers or slices");
  }
  std::int64_t index = 0;
  if (key.kind() != Kind::integer && key.kind() != Kind::boolean) {
    return fail_op("list indices must be integers or slices");
  }
  if (!constant_integer(key, index)) return fail_op("cannot fit 'int' into an index-sized integer");
  NodeId id = rebuild(target);
  if (id == kNoNode || graph[id].kind == Kind::unknown) return true;
  auto size = static_cast<std::int64_t>(target.kind() == Kind::list
                                            ? graph[id].items.size()
                                            : graph[id].length + graph[id].appended().size());
  if (index < -size || index >= size) return fail_op("list assignment index out of range");
  return true;
}

bool Machine::Impl::do_additems() {
  Mark mark{};
  if (!take_mark(mark)) return false;
  if (mark.height <= fence()) return underflow();
  Value& target = stack[mark.height - 1];
  const Kind kind = target.kind();
  if (kind != Kind::set) result.divergence |= kDivergesByUnpickler;
  const std::uint64_t count = height - mark.height;
  if (count == 0 && !python()) return true;
  if (kind == Kind::set) {
    for (std::uint64_t i = mark.height; i < height; ++i) {
      if (!hash_key(stack[i])) return false;
    }
    changes(target);
    height = mark.height;
    return count == 0 || extend_target(target, pos);
  }
  if (!acts(kind)) return fail_op("the object has no attribute 'add'");
  for (std::uint64_t i = mark.height; i < height; ++i) {
    if (!store_foreign(target, StoreHow::add, nullptr, stack[i])) return false;
  }
  height = mark.height;
  return true;
}

bool Machine::Impl::make_frozenset() {
  Mark mark{};
  if (!take_mark(mark)) return false;
  for (std::uint64_t i = mark.height; i < height; ++i) {
    if (!hash_key(stack[i])) return false;
  }
  height = mark.height;
  return push(Value::make(Kind::frozenset, mark.offset, pos));
}

bool Machine::Impl::make_dict() {
  Mark mark{};
  if (!take_mark(mark)) return false;
  bool odd = ((height - mark.height) & 1) != 0;
  if (odd && !python()) return fail_op("odd number of items for DICT");
  for (std::uint64_t i = mark.height; i + 1 < height; i += 2) {
    if (!hash_key(stack[i])) return false;
  }
  if (odd) return fail_op("odd number of items for DICT");
  height = mark.height;
  return push(Value::make(Kind::dict, mark.offset, pos));
}

bool Machine::Impl::readonly_buffer() {
  if (height <= fence()) return underflow();
  Value& top = stack[height - 1];
  switch (top.kind()) {
    case Kind::bytes:
    case Kind::buffer: return true;
    case Kind::bytearray: {
      const NodeId id = rebuild(top);
      if (id != kNoNode && graph[id].kind == Kind::unknown) {
        top = Value::make(Kind::unknown, top.start, pos);
        return true;
      }
      const bool filled =
          id != kNoNode && graph[id].kind == Kind::bytearray && graph[id].length != 0;
      top = Value::make(Kind::buffer, top.start, pos, filled ? 1 : 0);
      return true;
    }
    case Kind::unknown: return true;
    case Kind::object:
    case Kind::persistent:
    case Kind::ref:
      if (world.may_iterate(self, top)) {  // what is not known may offer a buffer
        top = Value::make(Kind::unknown, top.start, pos);
        return true;
      }
      break;
    default: break;
  }
  return fail_op("a bytes-like object is required");
}

}  // namespace brine::pickle
