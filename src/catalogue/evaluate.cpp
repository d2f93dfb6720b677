// Method: a value is a constant, or an object that a pure function's call made and nothing changed
// since; its arguments are evaluated likewise, to a bounded depth. Texts are paid for from one
// budget of the view, whether or not they fit. What a call goes to is followed through partial
// objects, bound methods and instances whose class has a __call__ that the facts know.

#include "catalogue/evaluate.h"

#include <algorithm>
#include <array>
#include <vector>

namespace brine::catalogue {
namespace {

using pickle::Kind;
using pickle::Node;
using Result = std::optional<Constant>;

constexpr std::size_t kFree = 1024;  // texts up to this may be looked at any number of times
constexpr std::uint64_t kMostEvaluations = 1u << 18;  // objects computed for one view
constexpr int kDeepest = 24;
constexpr std::size_t kMostItems = 1u << 16;

}  // namespace

std::size_t Evaluator::text_limit() const {
  const Limits& limits = inspector_->machine().limits();
  return static_cast<std::size_t>(large_ ? limits.evaluated_bytes : limits.text_bytes);
}

Evaluator::Octets Evaluator::octets(Thing thing) {
  Octets out;
  large_ = true;
  auto found = constant(thing);
  large_ = false;
  out.constant =
      inspector_->kind(thing) == Kind::bytes || inspector_->kind(thing) == Kind::bytearray;
  if (!found || found->kind != Kind::bytes) return out;
  out.constant = true;
  out.whole = true;
  out.bytes = std::move(found->text);
  return out;
}

bool Evaluator::spend(std::size_t bytes) {
  const std::uint64_t limit = inspector_->machine().limits().evaluated_bytes;
  if (bytes > limit - std::min(spent_, limit)) return false;
  spent_ += bytes;
  return true;
}

// Long texts are paid for whether or not they fit, so that no stream has them copied for nothing.
bool Evaluator::read_text(const Thing& thing, std::string& out) {
  const std::uint64_t limit = inspector_->machine().limits().evaluated_bytes;
  const std::uint64_t left = limit - std::min(spent_, limit);
  const std::size_t most = std::min(text_limit(), std::max(kFree, static_cast<std::size_t>(left)));
  const bool fits = inspector_->text(thing, out, most);
  const std::size_t cost = fits ? out.size() : most;
  if (cost > kFree) spent_ += std::min<std::uint64_t>(cost, left);
  return fits;
}

Result Evaluator::constant(Thing thing, int depth) {
  if (depth > kDeepest) return std::nullopt;
  Constant out;
  out.kind = inspector_->kind(thing);
  switch (out.kind) {
    case Kind::none: return out;
    case Kind::boolean:
    case Kind::integer:
      if (!inspector_->integer(thing, out.integer)) return std::nullopt;
      return out;
    case Kind::floating: {
      const Node* node = inspector_->node(thing);
      if (node == nullptr) return std::nullopt;
      out.floating = node->floating;
      return out;
    }
    case Kind::str:
    case Kind::bytes:
    case Kind::bytearray:
      if (!read_text(thing, out.text)) return std::nullopt;
      if (out.kind == Kind::bytearray) out.kind = Kind::bytes;
      return out;
    case Kind::object: {
      if (++evaluations_ > kMostEvaluations) return std::nullopt;
      const Node* node = inspector_->node(thing);
      if (node == nullptr || node->callable == pickle::kNoNode || node->args == pickle::kNoNode ||
          !node->states().empty() || !node->appended().empty() || !node->stored().empty()) {
        return std::nullopt;
      }
      const pickle::NodeId args_node = node->args;
      const auto target = callee(Thing::of(node->callable), depth + 1);
      Thing args = Thing::of(args_node);
      std::vector<Thing> items;
      if (!target || !inspector_->items(args, items)) return std::nullopt;
      items.insert(items.begin(), target->bound.begin(), target->bound.end());
      return apply(target->behaviour, items, depth + 1);
    }
    case Kind::tuple:
    case Kind::list:
    case Kind::dict:
    case Kind::set:
    case Kind::frozenset:
    case Kind::ref:
    case Kind::persistent:
    case Kind::buffer:
    case Kind::unknown: return std::nullopt;
  }
  return std::nullopt;
}

// The constants that the arguments are. Only where the function itself goes through a container
// does that container stand for its items; anywhere else it is no constant.
bool Evaluator::gather(Behaviour behaviour, std::span<const Thing> args, int depth,
                       std::vector<Constant>& out, bool& listed) {
  constexpr std::size_t kNowhere = ~std::size_t{0};
  std::size_t through = kNowhere;
  switch (behaviour) {
    case Behaviour::join:
    case Behaviour::mod: through = 1; break;
    case Behaviour::getitem:
    case Behaviour::make_bytes: through = 0; break;
    default: break;
  }
  // A bytearray is written out as bytes, which functions that give another one must not do.
  const bool keeps_kind = behaviour == Behaviour::concat || behaviour == Behaviour::repeat ||
                          behaviour == Behaviour::replace || behaviour == Behaviour::strip ||
                          behaviour == Behaviour::lower || behaviour == Behaviour::upper ||
                          behaviour == Behaviour::reverse || behaviour == Behaviour::join;
  std::vector<Thing> items;
  for (std::size_t i = 0; i < args.size(); ++i) {
    Thing thing = args[i];
    const Kind kind = inspector_->kind(thing);
    if (keeps_kind && kind == Kind::bytearray) return false;
    const bool sequence =
        kind == Kind::tuple || (kind == Kind::list && behaviour != Behaviour::mod);
    if (i == through && sequence) {
      listed = inspector_->items(thing, items);
      if (!listed || items.size() > kMostItems) return false;
    } else {
      items.assign(1, thing);
    }
    for (const Thing& item : items) {
      auto value = constant(item, depth + 1);
      if (!value) return false;
      out.push_back(std::move(*value));
    }
  }
  return true;
}

Result Evaluator::apply(Behaviour behaviour, std::span<const Thing> args, int depth) {
  if (depth > kDeepest || !is_pure(behaviour)) return std::nullopt;
  std::vector<Constant> constants;
  bool listed = false;
  if (!gather(behaviour, args, depth, constants, listed)) return std::nullopt;
  const PureArgs pure{constants, args.size(), listed};
  Result result = pure_result(behaviour, pure, text_limit());
  if (result && !spend(result->text.size())) return std::nullopt;
  return result;
}

std::optional<Evaluator::Name> Evaluator::attribute(Thing object, std::string_view attribute) {
  // The classes of constants and built-in containers, by kind.
  static constexpr std::array<std::string_view, 11> kClasses = {
      "NoneType",  "bool",  "int",  "float", "str", "bytes",
      "bytearray", "tuple", "list", "dict",  "set"};
  const Kind kind = inspector_->kind(object);
  std::string name(attribute);
  if (const auto ref = inspector_->ref(object)) {
    const pickle::Machine& machine = inspector_->machine();
    const std::string module(machine.module_of(*ref));
    const std::string_view owner = machine.name_of(*ref);
    return Name{module, owner.empty() ? name : std::string(owner) + "." + name};
  }
  if (static_cast<std::size_t>(kind) < kClasses.size()) {
    return Name{"builtins", std::string(kClasses[static_cast<std::size_t>(kind)]) + "." + name};
  }
  if (kind == Kind::frozenset) return Name{"builtins", "frozenset." + name};
  if (kind == Kind::object) {
    const std::uint32_t number = inspector_->type(object) & object_type::kNumber;
    const ClassFact type = inspector_->blob().type(number);
    if (type.name == kNoRank) return std::nullopt;
    const std::string key = inspector_->blob().name(type.name);
    const std::size_t colon = key.find(':');
    return Name{key.substr(0, colon), key.substr(colon + 1) + "." + name};
  }
  return std::nullopt;
}

std::optional<Callee> Evaluator::callee(Thing thing, int depth) {
  if (depth > kDeepest) return std::nullopt;
  Callee out;
  if (const auto ref = inspector_->ref(thing)) {
    out.module = inspector_->machine().module_of(*ref);
    out.name = inspector_->machine().name_of(*ref);
    out.known = inspector_->known(*ref);
    out.behaviour = out.known.fact.behaviour;
    return out;
  }
  if (inspector_->kind(thing) != Kind::object) return std::nullopt;
  const std::uint32_t number = inspector_->type(thing) & object_type::kNumber;
  const Behaviour instance = inspector_->blob().type(number).instance;
  if (instance == Behaviour::carried) {
    out.known = {inspector_->blob().type(number).name, {}};
    out.module = "types";
    out.name = "FunctionType";
    out.behaviour = instance;
    return out;
  }
  if (instance == Behaviour::own_call) {
    Inspector::OwnCall own = inspector_->own_call(number);
    out.module = std::move(own.module);
    out.name = std::move(own.name);
    out.known = own.known;
    out.behaviour = out.known.fact.behaviour;
    return out;
  }
  const Node* node = inspector_->node(thing);
  if (node == nullptr || node->args == pickle::kNoNode) return std::nullopt;
  std::vector<Thing> items;
  Thing args = Thing::of(node->args);
  const bool changed = !node->states().empty();
  if (!inspector_->items(args, items) || items.empty() || changed) return std::nullopt;
  if (number == object_type::kBound) {
    const auto attribute_name = items.size() < 2 ? Result() : constant(items[1], depth + 1);
    if (!attribute_name || attribute_name->kind != Kind::str) return std::nullopt;
    const auto name = attribute(items[0], attribute_name->text);
    if (!name) return std::nullopt;
    out.module = name->module;
    out.name = name->name;
    out.known = inspector_->look_up(name->module, name->name);
    out.behaviour = out.known.fact.behaviour;
    out.bound.push_back(items[0]);
    return out;
  }
  if (instance == Behaviour::none) return std::nullopt;
  if (instance == Behaviour::partial) {
    auto inner = callee(items[0], depth + 1);
    if (!inner) return std::nullopt;
    inner->bound.insert(inner->bound.end(), items.begin() + 1, items.end());
    return inner;
  }
  // attrgetter, itemgetter, methodcaller: what they do is the class's; they remember how.
  out.known = {inspector_->blob().type(number).name, {}};
  const std::string key = inspector_->blob().name(out.known.rank);
  out.module = key.substr(0, key.find(':'));
  out.name = key.substr(key.find(':') + 1);
  out.behaviour = instance;
  out.bound = std::move(items);
  return out;
}

}  // namespace brine::catalogue
