// What every World has in common: an Outcome that says nothing, and the World that knows nothing.

#include "pickle/world.h"

#include "pickle/machine.h"

namespace brine::pickle {

void OpaqueWorld::call(Machine&, const Value& callable, const Args&, CallHow, Outcome& out) {
  out.type = callable.kind() == Kind::ref ? callable.aux() + 1 : callable.aux();
}

void OpaqueWorld::construct(Machine&, const Value& cls, const Args&, Outcome& out) {
  out.type = cls.kind() == Kind::ref ? cls.aux() + 1 : cls.aux();
}

std::string OpaqueWorld::type_name(Machine& machine, TypeId type) {
  if (type == 0 || type > machine.reference_count()) return {};
  return std::string(machine.module_of(type - 1)) + "." + std::string(machine.name_of(type - 1));
}

void Outcome::clear() {
  if (judgement.level != Level::inert || !judgement.what.empty()) judgement = Judgement{};
  if (!implied.empty()) implied.clear();
  if (!nested.empty()) nested.clear();
  if (!extensions.empty()) extensions.clear();
  result = Result::object;
  type = 0;
  freshness = Freshness::fresh;
  poisons = false;
}

}  // namespace brine::pickle
