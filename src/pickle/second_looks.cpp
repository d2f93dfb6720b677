// Second looks: what a judgement rested on may be changed later in the stream.
//
// Problem: a contract is asked when an effect happens, and the loader may look again: at a state
// that __setstate__ kept, at a container that a call was given. Method: the machine remembers which
// dicts and stateless objects something else may hold, which dicts are an object's state, and which
// containers a contract looked into. Invariant: a change of any of these voids all facts for the
// rest of the view (`poisoned`); what is too much to remember counts as remembered.

#include "pickle/machine_impl.h"

namespace brine::pickle {

// A dict is held twice from here on; a class that was given it as its state may have changed it.
// So is an object that waits for its state.
void Machine::Impl::fetched(const Value& value) {
  if (value.kind() != Kind::dict && value.kind() != Kind::object) return;
  const Value& told = truth(value);
  const std::uint64_t key = mutable_identity(told);
  if (value.kind() == Kind::dict) {
    poisoned = poisoned || states_given.contains(told.start);
  } else {
    // Many values refer to few objects, element types above all; who has a state keeps it.
    std::uint64_t& seen_built = built_lately[key % built_lately.size()];
    if (seen_built == key) return;
    if (built.contains(key)) {
      seen_built = key;
      return;
    }
  }
  if (held_values.size() < limits.nodes) {
    held_values.insert(key);
  } else {
    many_held = true;
  }
}

// Contracts speak of what they saw: a container that is filled further is another one.
void Machine::Impl::changes(const Value& container) {
  if (looked_into.empty() && !many_looks) return;
  poisoned = poisoned || many_looks || looked_into.contains(truth(container).start);
}

// Contracts speak of an object that is given its state once, and of a state that stays as it is:
// what __setstate__ keeps of it may be looked at again. No pickler gives a second one. False when
// there are too many objects to remember.
bool Machine::Impl::first_state(const Value& inst, const Value& state) {
  const Value& object = truth(inst);
  built_late = built_late || (!inst.direct() && !inst.in_place());
  if (object.kind() == Kind::object) {
    if (built.size() >= limits.nodes) return false;
    const std::uint64_t key = mutable_identity(object);
    if (!built.insert(key).second)
      hold_against("gives an object a second state, which no pickler writes");
  }
  if (state.kind() == Kind::dict && !state.direct()) states_given.insert(truth(state).start);
  return true;
}

void Machine::note_seen(std::uint64_t container) {
  if (impl_->looked_into.size() < impl_->limits.nodes) {
    impl_->looked_into.insert(container);
  } else {
    impl_->many_looks = true;
  }
}
bool Machine::held_twice(const Value& value) const {
  return impl_->many_held || impl_->held_values.contains(mutable_identity(impl_->truth(value)));
}
bool Machine::discarded() const { return impl_->discarded; }
bool Machine::irregular() const { return impl_->discarded || impl_->built_late; }

}  // namespace brine::pickle
