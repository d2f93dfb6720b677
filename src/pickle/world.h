// World: what the interpreter asks about names, calls and objects.
//
// The machine knows opcodes and built-in containers; everything about modules, callables and
// classes is asked here. Implementations: the catalogue (src/catalogue), OpaqueWorld (every name is
// a class whose every operation works and nothing is known; what the VM oracles are compared with)
// and the catalogue without its danger data (gadget-blind).
//
// A World may look inside arguments with Machine's rebuild functions, within the budget. It must be
// a pure function of what it is asked: the same question later gives the same answer.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pickle/profile.h"
#include "pickle/trace.h"
#include "pickle/value.h"

namespace brine::pickle {

class Machine;

enum class Freshness : std::uint8_t {
  fresh,  // made by this call, nobody else has it
  argument,  // one of the arguments comes back
  shared,  // belongs to the process: storing into it changes more than this stream
};

// An effect that a resolver or container of callables implies beyond the opcode's own:
// builtins.getattr(os, "system") is a getattr, map(f, [x]) drained is a call of f.
struct ImpliedEvent {
  EventKind kind = EventKind::getattr;
  std::string module, name;  // import, getattr
  std::string callable;  // call
  std::int64_t nargs = -1;
  Judgement judgement;
};

struct Outcome {
  Judgement judgement;  // of the effect itself
  std::vector<ImpliedEvent> implied;  // further events at the same offset
  // The result.
  enum class Result : std::uint8_t {
    object,  // a new object of `type`
    ref,  // the name result_module.result_name (a resolver resolved)
    value,  // one of the arguments or another live handle: result_value
    str,
    bytes,
    integer,
    boolean,
    none,
    floating,  // a computed constant
    unknown,
  } result = Result::object;
  TypeId type = 0;
  Freshness freshness = Freshness::fresh;
  std::string result_module, result_name;  // Result::ref
  std::string result_text;  // Result::str (UTF-8), Result::bytes
  std::int64_t result_integer = 0;
  double result_float = 0;
  Value result_value{};
  bool poisons = false;  // afterwards no fact holds in this view
  // copyreg.add_extension(module, name, code) with constants: EXT codes that the stream defines.
  struct Extension {
    std::string module, name;
    std::int64_t code = 0;
  };
  std::vector<Extension> extensions;
  // A nested pickle to interpret as a view of its own (unpickle of constant bytes).
  struct Nested {
    std::string bytes;
    std::string loader;  // "pickle.loads", "torch.load", "joblib.load", ...
    // Where the bytes stand in the stream, when they are not copied: first and number.
    std::optional<std::pair<std::uint64_t, std::uint64_t>> place;
  };
  std::vector<Nested> nested;

  void clear();  // back to an inert fresh object of type 0, keeping capacity
};

// The arguments of a call as the World sees them. `known` is false when what stood in the
// argument's place is not a tuple whose items the machine knows (`*args` of an unknown object).
struct Args {
  std::span<const Value> items;
  bool known = true;
  bool has_kwargs = false;
  Value kwargs{};
};

enum class CallHow : std::uint8_t { reduce, inst, obj };

class World {
 public:
  virtual ~World() = default;

  // Whether find_class maps Python 2 names and reads dotted names as CPython's does. The opaque
  // World replaces find_class, as a subclass of Unpickler in Python would, so it says no.
  virtual bool maps_names() const = 0;
  // Whether the machine may take a name for a class (NEWOBJ, INST, OBJ without arguments).
  virtual bool maybe_type(Machine& machine, const Value& callable) = 0;

  // find_class(module, name), names already mapped. The result's kind is a ref unless Outcome says
  // otherwise; Outcome.type is the type of the *referred* thing for later questions.
  virtual void import(Machine& machine, std::string_view module, std::string_view name,
                      Outcome& out) = 0;
  virtual void call(Machine& machine, const Value& callable, const Args& args, CallHow how,
                    Outcome& out) = 0;
  virtual void construct(Machine& machine, const Value& cls, const Args& args, Outcome& out) = 0;

  enum class StateRule : std::uint8_t {
    setstate,  // __setstate__(state) is called: one set_state event
    dict,  // the default: state goes into __dict__ and slots: set_state event as well
    continue_on,  // nothing known: judged, the machine goes on
  };
  virtual StateRule set_state(Machine& machine, const Value& target, const Value& state,
                              Outcome& out) = 0;
  // One store by APPEND(S), SETITEM(S), ADDITEMS on something that is no exact list, dict or set.
  virtual void store(Machine& machine, const Value& target, StoreHow how, const Value* key,
                     const Value& value, Outcome& out) = 0;
  // `value` is used as a key or set member and is no plain constant. Returns false when it surely
  // has no __hash__ (the loader raises); `event` says whether foreign code may run.
  virtual bool hash(Machine& machine, const Value& value, bool& event, Outcome& out) = 0;
  // What persistent_load gives for this id (profile says which persistent_load).
  virtual void persistent(Machine& machine, const Profile& profile, const Value& id,
                          Outcome& out) = 0;
  // Whether APPENDS finds `extend` on the target (C and Python), or has to append one by one.
  virtual bool has_extend(Machine& machine, const Value& target) = 0;
  // Whether `*value` may give items when `value` is an object or name (Python's unpickler unpacks
  // whatever stands in the place of the arguments).
  virtual bool may_iterate(Machine& /*machine*/, const Value& /*value*/) { return true; }
  // The TypeId of what this callable gives when it is called or constructed; used when a value is
  // spelled out again long after the call was judged.
  virtual TypeId result_type(Machine& /*machine*/, RefId /*callable*/) { return 0; }
  // The dotted class name of objects of this type; empty when the World has none.
  virtual std::string type_name(Machine& /*machine*/, TypeId /*type*/) { return {}; }
  // The value that STOP returns: something dangerous left in the result is judged here.
  virtual void finish(Machine& machine, const Value& result, Outcome& out) = 0;
};

// The all-opaque World: every import gives a class, every class can be constructed, called, given
// state and stored into; every object is hashable by code of its own. Judges everything inert, so a
// sink that wants_inert() gets all events.
class OpaqueWorld final : public World {
 public:
  bool maps_names() const override { return false; }
  bool maybe_type(Machine&, const Value& callable) override { return callable.kind() == Kind::ref; }
  void import(Machine&, std::string_view, std::string_view, Outcome&) override {}
  // An object's type is its class's reference, plus one.
  void call(Machine&, const Value& callable, const Args&, CallHow, Outcome& out) override;
  void construct(Machine&, const Value& cls, const Args&, Outcome& out) override;
  TypeId result_type(Machine&, RefId callable) override { return callable + 1; }
  std::string type_name(Machine& machine, TypeId type) override;
  StateRule set_state(Machine&, const Value&, const Value&, Outcome&) override {
    return StateRule::setstate;
  }
  void store(Machine&, const Value&, StoreHow, const Value*, const Value&, Outcome&) override {}
  bool hash(Machine&, const Value& value, bool& event, Outcome&) override {
    event = value.kind() != Kind::ref;  // a class is hashed by `type`, not by its own code
    return true;
  }
  bool may_iterate(Machine&, const Value&) override { return false; }
  void persistent(Machine&, const Profile&, const Value&, Outcome&) override {}
  bool has_extend(Machine&, const Value&) override { return true; }
  void finish(Machine&, const Value&, Outcome&) override {}
};

}  // namespace brine::pickle
