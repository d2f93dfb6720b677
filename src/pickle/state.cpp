// BUILD: an object is given its state.
//
// __setstate__, or else the object's __dict__ and slots: an event, which the World judges. A
// wrapper of joblib's is complete with its state, and its array is read from the file right here.

#include "pickle/machine_impl.h"

namespace brine::pickle {

bool Machine::Impl::do_build() {
  if (height < fence() + 2) return underflow();
  Value state = stack[height - 1];
  --height;
  Value& inst = stack[height - 1];
  if (!acts(inst.kind())) return builtin_build(state);

  outcome.clear();
  if (asks_world()) world.set_state(self, inst, state, outcome);
  const bool remembered = first_state(inst, state);
  if (wants_current_event()) {
    Event event;
    event.kind = EventKind::set_state;
    std::string name = target_name(inst);
    event.callable = name;
    event.target = inst;
    event.argument = state;
    event.has_argument = true;
    emit(event);
  }
  if (!remembered) return over_budget("nodes");
  if (inst.kind() != Kind::ref && !extend_target(inst, pos)) return false;
  if (joblib_wrapper_named) {
    result.divergence |= kDivergesByJoblib;
    if (profile.joblib != JoblibReads::nothing && may_be_wrapper(inst) && is_joblib_wrapper(inst)) {
      return read_array(inst);
    }
  }
  return true;
}

// BUILD on a built-in object: no __setstate__, no __dict__ and no settable attribute, so all that
// succeeds is giving it nothing; C and Python disagree on what nothing is.
bool Machine::Impl::builtin_build(const Value& state) {
  result.divergence |= kDivergesByUnpickler;
  if (state.kind() == Kind::unknown) return true;
  auto nothing = [&](const Value& part, bool slots) {
    if (part.kind() == Kind::unknown) return true;
    if (python()) return falsy(part);
    return slots ? part.kind() == Kind::dict && falsy(part) : part.kind() == Kind::none;
  };
  if (state.kind() == Kind::tuple) {
    NodeId id = rebuild(state);
    if (id == kNoNode) return true;
    std::vector<Value> parts;
    for (NodeId item : graph[id].items) parts.push_back(node_values[item]);
    if (parts.size() == 2) {
      if (nothing(parts[0], false) && nothing(parts[1], true)) return true;
      return fail_op("the object takes no state");
    }
  }
  if (nothing(state, false)) return true;
  return fail_op("the object takes no state");
}

}  // namespace brine::pickle
