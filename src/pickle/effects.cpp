// Effects: how one is told to whoever watches, and what it leaves on the stack.
//
// The order of checks and effects is that of the real unpicklers (Modules/_pickle.c,
// Lib/pickle.py): an event is emitted exactly where foreign code would first run, and a failure
// that comes before it in the real one comes before it here. Where the World cannot tell whether an
// operation succeeds, the machine goes on, so that nothing behind it is missed. The effects
// themselves are in files of their own: imports.cpp, calls.cpp, state.cpp, stores.cpp and
// hashing.cpp. Each asks the World, which leaves its answer in `outcome`, and comes here with it.

#include "pickle/machine_impl.h"

namespace brine::pickle {

// Hands an event with the current outcome's judgement to the sink, then what the outcome implies.
void Machine::Impl::emit(Event& event) {
  event.offset = op_offset;
  event.opcode = op_code;
  Judgement& judgement = outcome.judgement;
  if (poisoned && judgement.level < Level::suspicious) {
    judgement.level = Level::suspicious;
    judgement.code = 125;
    judgement.what = "runs after the stream changed what it did not build: no fact holds any more";
  }
  event.judgement = &judgement;
  if (judgement.level != Level::inert || sink.wants_inert()) sink.on_event(event, self);
  if (!outcome.implied.empty() || !outcome.nested.empty() || !outcome.extensions.empty() ||
      outcome.poisons) {
    after_outcome();
  }
}

void Machine::Impl::after_outcome() {
  for (const ImpliedEvent& implied : outcome.implied) {
    Event event;
    event.kind = implied.kind;
    event.offset = op_offset;
    event.opcode = op_code;
    event.module = implied.module;
    event.name = implied.name;
    event.written_module = implied.module;
    event.written_name = implied.name;
    event.callable = implied.callable;
    event.nargs = implied.nargs;
    event.computed = true;
    event.judgement = &implied.judgement;
    if (implied.judgement.level != Level::inert || sink.wants_inert()) sink.on_event(event, self);
  }
  for (const Outcome::Nested& nested : outcome.nested) {
    if (nested.place) {
      sink.on_nested_part(nested.place->first, nested.place->second, nested.loader, op_offset,
                          self);
    } else {
      sink.on_nested(nested.bytes, nested.loader, op_offset, self);
    }
  }
  for (const Outcome::Extension& extension : outcome.extensions) {
    extension_names[extension.code] = {extension.module, extension.name};
  }
  if (outcome.poisons) poisoned = true;
}

bool Machine::Impl::wants_current_event() const {
  return poisoned || outcome.judgement.level != Level::inert || sink.wants_inert() ||
         !outcome.implied.empty() || !outcome.nested.empty() || !outcome.extensions.empty() ||
         outcome.poisons;
}

// Judges the running effect as one that no fact covers.
void Machine::Impl::hold_against(std::string_view what) {
  if (outcome.judgement.level >= Level::suspicious) return;
  outcome.judgement.level = Level::suspicious;
  outcome.judgement.code = 124;
  outcome.judgement.what = what;
}

// The same, of a call of `callable`.
bool Machine::Impl::push_made(const Value& callable, std::uint64_t start, std::uint8_t depth) {
  if (joblib_wrapper_named) note_maker(callable, start);
  return push_outcome(start, depth);
}

// Pushes what the World said the effect gives. `start` is where the value's range begins.
bool Machine::Impl::push_outcome(std::uint64_t start, std::uint8_t depth) {
  Value value = Value::make(Kind::object, start, pos, outcome.type);
  value.depth = depth;
  Computed made;
  made.offset = op_offset;
  switch (outcome.result) {
    case Outcome::Result::object: return push(value);
    case Outcome::Result::unknown:
      // Spelled out again it must not look like what its callable gives to arguments that fit.
      return keep_computed(std::move(made)) && push(Value::make(Kind::unknown, start, pos));
    case Outcome::Result::value: return push_given(outcome.result_value, start);
    case Outcome::Result::ref:
      if (refs.size() >= limits.references) return over_budget("references");
      made.kind = Kind::ref;
      made.ref = intern(outcome.result_module, outcome.result_name);
      value = Value::make(Kind::ref, start, pos, made.ref);
      computed.push_back(std::move(made));
      return push(value);
    case Outcome::Result::str:
    case Outcome::Result::bytes:
      made.kind = outcome.result == Outcome::Result::str ? Kind::str : Kind::bytes;
      made.text = outcome.result_text;
      break;
    case Outcome::Result::integer:
    case Outcome::Result::boolean:
      made.kind = outcome.result == Outcome::Result::integer ? Kind::integer : Kind::boolean;
      made.integer = outcome.result_integer;
      break;
    case Outcome::Result::floating:
      made.kind = Kind::floating;
      made.floating = outcome.result_float;
      break;
    case Outcome::Result::none: made.kind = Kind::none; break;
  }
  return push_computed(std::move(made), start);
}

// One of the arguments, or another live value, comes back.
bool Machine::Impl::push_given(const Value& given, std::uint64_t start) {
  if (tells_nothing_else(given)) return push(Value::make(Kind::unknown, start, pos));
  boxes.push_back({op_offset, given});
  Value entry = given;
  entry.flags = Value::kBoxed;
  entry.start = start & kMaxOffset;
  entry.end = (boxes.size() - 1) & kMaxOffset;
  return push(entry);
}

// Without it the opcode would be spelled out again as what its bytes tell.
bool Machine::Impl::keep_computed(Computed made) {
  if (sizeof(Computed) > limits.evaluated_bytes - computed_bytes) {
    return over_budget("evaluated_bytes");
  }
  computed_bytes += sizeof(Computed);
  computed.push_back(std::move(made));
  return true;
}

// A constant that the running opcode gave and that its own bytes do not tell.
bool Machine::Impl::push_computed(Computed made, std::uint64_t start) {
  made.offset = op_offset;
  const std::uint64_t cost = made.text.size() + sizeof(Computed);
  if (made.kind == Kind::unknown || cost > limits.evaluated_bytes - computed_bytes) {
    return push(Value::make(Kind::unknown, start, pos));
  }
  computed_bytes += cost;
  Value value = Value::make(made.kind, start, pos, static_cast<std::uint32_t>(computed.size()));
  value.flags = Value::kComputed;
  computed.push_back(std::move(made));
  return push(value);
}

// A box can hold what tells itself; a value of no known place cannot be kept.
bool Machine::Impl::tells_nothing_else(const Value& value) const {
  return boxes.size() >= limits.aliases || value.kind_ > static_cast<std::uint64_t>(Kind::unknown);
}

}  // namespace brine::pickle
