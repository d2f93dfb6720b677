#include "catalogue/world.h"

#include <algorithm>
#include <array>
#include <utility>

#include "catalogue/judge.h"
#include "catalogue/storage.h"
#include "catalogue/wanted.h"
#include "pickle/text_args.h"

namespace brine::catalogue {
namespace {

using pickle::Args;
using pickle::Freshness;
using pickle::Kind;
using pickle::Machine;
using pickle::Outcome;
using pickle::Value;

// What finish() looks at of a result, at most.
constexpr std::size_t kMostResult = 1u << 20;

class World final : public CatalogueWorld {
 public:
  explicit World(const WorldOptions& options) : judge_(Blob::embedded(), options) {}

  const std::vector<std::string>& waived() const override { return judge_.waived(); }
  bool maps_names() const override { return true; }

  bool maybe_type(Machine& machine, const Value& callable) override {
    if (callable.kind() != Kind::ref) return true;
    const Inspector::Known& known = attached(machine).known(callable.aux());
    if (known.rank == kNoRank || known.fact.danger) return true;
    return known.fact.kind == FactKind::type;
  }

  void import(Machine& machine, std::string_view module, std::string_view name,
              Outcome& out) override {
    attached(machine);
    // torch.load takes a typed storage class by its name and imports nothing.
    if (machine.profile().find_class == pickle::FindClass::torch &&
        tensor::dtype_of_storage(name) != nullptr) {
      return;
    }
    out.judgement = judge_.name(module, name);
  }

  void call(Machine& machine, const Value& callable, const Args& args, pickle::CallHow /*how*/,
            Outcome& out) override {
    Inspector& inspector = attached(machine);
    if (callable.kind() == Kind::ref && args.known) {
      const Inspector::Known& known = inspector.known(callable.aux());
      const Fact& fact = known.fact;
      const bool simple = known.rank != kNoRank && !fact.danger && fact.contract != 0 &&
                          fact.behaviour == Behaviour::none && fact.argument == kNoArgument &&
                          !fact.gives_none;
      if (simple && judge_.matcher().arguments(fact.contract, args.items)) {
        out.type = fact.result | (fact.shared && fact.result != 0 ? object_type::kShared : 0);
        out.freshness = fact.shared ? Freshness::shared : Freshness::fresh;
        inspector.release();
        return;
      }
    }
    call_slowly(callable, args, out);
    inspector.release();
  }

  void construct(Machine& machine, const Value& cls, const Args& args, Outcome& out) override {
    Inspector& inspector = attached(machine);
    const std::vector<Thing> things = things_of(args);
    judge_.construct(Thing::of(cls), things, out, 0);
    const bool ignored = inspector.blob().type(out.type & object_type::kNumber).keywords;
    if (!ignored && !fits_keywords(args) && out.judgement.level < pickle::Level::suspicious) {
      out.judgement = suspicious(Code::contract_broken, "makes an object with keyword arguments",
                                 target_name(cls));
    }
    inspector.release();
  }

  StateRule set_state(Machine& machine, const Value& target, const Value& state,
                      Outcome& out) override {
    Inspector& inspector = attached(machine);
    if (target.kind() == Kind::object && target.aux() == object_type::kTrusted) {
      return StateRule::continue_on;
    }
    const std::uint32_t contract = owned_contract(target, &ClassFact::state, out);
    if (contract == 0) {
      inspector.release();
      return StateRule::continue_on;
    }
    if (!judge_.matcher().state(contract, Thing::of(target), Thing::of(state))) {
      const std::string& misfit = judge_.matcher().misfit();
      const std::string where =
          pickle::is_dotted_identifier(misfit) ? ", in its " + misfit : std::string();
      out.judgement = suspicious(
          Code::contract_broken,
          "gives " + target_name(target) + " a state that is not known to be harmless" + where,
          target_name(target));
      show_value(state, out.judgement);
    } else if (target.kind() == Kind::object) {
      const ClassFact cls = inspector.blob().type(target.aux() & object_type::kNumber);
      if (cls.parser) out.judgement = parsed_natively(target_name(target));
      // What it keeps may be called by anybody later, with what it keeps beside.
      if (cls.instance == Behaviour::partial) keep_callable(state, target_name(target), out);
    }
    unpickle_state(target, state, out);
    inspector.release();
    return StateRule::dict;
  }

  void store(Machine& machine, const Value& target, pickle::StoreHow how, const Value* key,
             const Value& value, Outcome& out) override {
    Inspector& inspector = attached(machine);
    if (target.kind() == Kind::object && target.aux() == object_type::kTrusted) return;
    const std::uint32_t contract = owned_contract(target, contract_of(how), out);
    if (contract == 0) return inspector.release();
    Matcher& matcher = judge_.matcher();
    const Thing item = Thing::of(value);
    bool fits = false;
    if (key != nullptr) {
      const std::array<Value, 2> pair = {*key, value};
      fits = matcher.arguments(contract, std::span<const Value>(pair));
    } else {
      fits = matcher.value(contract, item);
    }
    if (!fits) {
      out.judgement = suspicious(Code::contract_broken,
                                 "puts into " + target_name(target) + " what no model does",
                                 target_name(target));
    }
    inspector.release();
  }

  // Nodes are kept: the machine may be walking over them.
  bool hash(Machine& machine, const Value& value, bool& event, Outcome& out) override {
    Inspector& inspector = attached(machine);
    event = false;
    switch (value.kind()) {
      case Kind::list:
      case Kind::dict:
      case Kind::set:
      case Kind::bytearray: return false;
      case Kind::none:
      case Kind::boolean:
      case Kind::integer:
      case Kind::floating:
      case Kind::str:
      case Kind::bytes:
      case Kind::ref:
      case Kind::persistent: return true;
      case Kind::object:
        if (value.aux() == object_type::kTrusted) return true;
        if (inspector.blob().type(value.aux() & object_type::kNumber).unhashable) return false;
        break;
      case Kind::tuple:
      case Kind::frozenset:
      case Kind::buffer:
      case Kind::unknown: break;
    }
    if (judge_.matcher().hashes(Thing::of(value))) return true;
    event = true;
    out.judgement = suspicious(Code::unknown_used, "uses an object of unknown code as a key",
                               target_name(value));
    return true;
  }

  void persistent(Machine& machine, const pickle::Profile& profile, const Value& id,
                  Outcome& out) override {
    Inspector& inspector = attached(machine);
    out.type = object_type::kStorage;
    if (profile.persistent == pickle::PersistentLoad::any) return;
    const bool named = id.kind() == Kind::str || id.kind() == Kind::integer;
    if (profile.persistent == pickle::PersistentLoad::torch_tar && named) return;
    const bool package = profile.persistent == pickle::PersistentLoad::torch_package;
    if (package && reduces_package(id, out)) return inspector.release();
    const bool torch = package || profile.persistent == pickle::PersistentLoad::torch;
    const pickle::NodeId container =
        torch && !package ? tensor::parse_container_id(machine, id) : pickle::kNoNode;
    if (container != pickle::kNoNode) {
      const pickle::Node& cls = machine.nodes()[container];
      give_ref(std::string(cls.module()), std::string(cls.name()), out);
      out.type = 0;
    } else if (!torch || !tensor::parse_storage_id(machine, id)) {
      out.judgement = suspicious(Code::contract_broken,
                                 "asks the loader for a persistent object that is no storage");
      show_value(id, out.judgement);
      out.type = 0;
      out.result = Outcome::Result::unknown;
    }
    inspector.spelled_out();
    inspector.release();
  }

  bool has_extend(Machine& machine, const Value& target) override {
    if (target.kind() != Kind::object) return true;
    const ClassFact type = attached(machine).blob().type(target.aux() & object_type::kNumber);
    return type.name == kNoRank || type.extend != 0 || type.append == 0;
  }

  bool may_iterate(Machine& machine, const Value& value) override {
    if (value.kind() != Kind::ref) return value.kind() != Kind::persistent;
    const Inspector::Known& known = attached(machine).known(value.aux());
    return known.rank == kNoRank || known.fact.danger || known.fact.kind == FactKind::constant;
  }

  pickle::TypeId result_type(Machine& machine, pickle::RefId callable) override {
    Inspector& inspector = attached(machine);
    Callee callee;
    callee.known = inspector.known(callable);
    if (callee.known.rank == kNoRank) {
      callee.module = machine.module_of(callable);
      callee.name = machine.name_of(callable);
    }
    return judge_.result_type(callee);
  }

  std::string type_name(Machine& machine, pickle::TypeId type) override {
    const Blob& blob = attached(machine).blob();
    return blob.dotted(blob.type(type & object_type::kNumber).name);
  }

  void finish(Machine& machine, const Value& result, Outcome& out) override;

 private:
  Inspector& attached(Machine& machine) {
    judge_.inspector().attach(machine);
    judge_.names_are_types(machine.profile().unpickler == pickle::Unpickler::libtorch);
    return judge_.inspector();
  }

  void show_value(const Value& value, pickle::Judgement& judgement) {
    if (!judge_.shows()) return;
    Machine& machine = judge_.inspector().machine();
    const auto limit = static_cast<std::size_t>(machine.limits().evidence_bytes);
    judge_.inspector().spelled_out();
    judgement.evidence.push_back({"value", machine.render(value, limit)});
  }

  // torch.package calls what a persistent id names, with its importer in front of the arguments.
  bool reduces_package(const Value& id, Outcome& out) {
    Inspector& inspector = judge_.inspector();
    Thing tuple = Thing::of(id);
    std::vector<Thing> parts, given;
    if (inspector.kind(tuple) != Kind::tuple || !inspector.items(tuple, parts)) return false;
    std::string word;
    constexpr std::size_t kWord = 14;  // as long as "reduce_package"
    if (parts.empty() || !inspector.text(parts[0], word, kWord) || word != "reduce_package") {
      return false;
    }
    if (parts.size() != 3 && parts.size() != 4) return false;
    std::vector<Thing> args{Thing::of(Value::make(Kind::unknown, id.start, id.end))};
    const bool known = inspector.items(parts.back(), given);
    args.insert(args.end(), given.begin(), given.end());
    Outcome result;
    judge_.imply_call(parts[parts.size() - 2], args, out, result, 0);
    if (!known) {
      out.judgement =
          suspicious(Code::contract_broken, "calls something with arguments that are not known");
    }
    out.type = 0;
    out.result = Outcome::Result::unknown;
    inspector.spelled_out();
    return true;
  }

  static std::vector<Thing> things_of(const Args& args) {
    std::vector<Thing> out;
    out.reserve(args.items.size());
    for (const Value& value : args.items) out.push_back(Thing::of(value));
    return out;
  }

  // None, or an empty dict, is what every class takes; few ignore others.
  bool fits_keywords(const Args& args) {
    if (!args.has_kwargs) return true;
    Thing kwargs = Thing::of(args.kwargs);
    if (args.kwargs.kind() != Kind::dict) return false;
    const pickle::Node* node = judge_.inspector().node(kwargs);
    return node != nullptr && node->items.empty();
  }

  std::string target_name(const Value& target) {
    Machine& machine = judge_.inspector().machine();
    if (target.kind() == Kind::ref) {
      return dotted(machine.module_of(target.aux()), machine.name_of(target.aux()));
    }
    if (target.kind() == Kind::object) {
      std::string name = type_name(machine, target.aux());
      if (!name.empty()) return name;
    }
    judge_.inspector().spelled_out();
    return machine.render(target, 120);
  }

  // A __setstate__ that loads the pickles in its state and merges what they give: the constant
  // bytes in the dict are looked at, whatever else is wrong with it.
  void unpickle_state(const Value& target, const Value& state, Outcome& out) {
    if (target.kind() != Kind::object || state.kind() != Kind::dict) return;
    Inspector& inspector = judge_.inspector();
    Callee callee;
    callee.known.rank = inspector.blob().type(target.aux() & object_type::kNumber).name;
    if (callee.known.rank == kNoRank) return;
    callee.known.fact = inspector.blob().fact(callee.known.rank);
    Thing dict = Thing::of(state);
    if (callee.known.fact.loader == 0 || inspector.node(dict) == nullptr) return;
    callee.module = target_name(target);
    const pickle::Judgement before = out.judgement;
    const std::vector<pickle::NodeId> items = inspector.node(dict)->items;
    for (std::size_t i = 1; i < items.size(); i += 2)
      nest(callee, judge_, Thing::of(items[i]), out);
    const bool pickles = std::ranges::all_of(out.nested, [&](const Outcome::Nested& nested) {
      return begins_as_pickle(inspector.machine(), nested) ||
             begins_as_archive(inspector.machine(), nested);
    });
    if (before.level >= pickle::Level::suspicious) {
      out.judgement = before;
    } else if (!pickles) {
      out.judgement = suspicious(Code::contract_broken, "merges what is no pickle into its state",
                                 target_name(target));
    } else if (inspector.machine().held_twice(state)) {
      out.judgement = suspicious(Code::contract_broken, "changes a state that something else holds",
                                 target_name(target));
    }
  }

  void keep_callable(const Value& state, const std::string& keeper, Outcome& out) {
    Thing root = Thing::of(state);
    if (judge_.inspector().node(root) == nullptr) return;
    const Acting found = acting_name(root.node);
    if (found.cut) {
      out.judgement = suspicious(Code::danger_referenced,
                                 keeper + " keeps more for later than can be looked through");
    } else if (!found.name.empty()) {
      out.judgement =
          suspicious(Code::danger_referenced, keeper + " keeps a dangerous callable for later",
                     found.name, found.caps);
    }
  }

  // The class that an instance was allocated from is no value that it holds.
  bool allocates(const pickle::Node& callable) {
    if (callable.kind != Kind::ref) return false;
    const Behaviour does = judge_.inspector().known(callable.ref).fact.behaviour;
    return does == Behaviour::reconstruct || does == Behaviour::newobj ||
           does == Behaviour::allocate;
  }

  // The first name below a node that acts when somebody calls it; `cut`: too much was below.
  struct Acting {
    std::string name;
    pickle::Capabilities caps = 0;
    bool cut = false;
  };
  Acting acting_name(pickle::NodeId root) {
    const auto& nodes = judge_.inspector().machine().nodes();
    std::vector<pickle::NodeId> open{root};
    std::vector<bool> seen(nodes.size(), false);
    std::size_t visited = 0;
    while (!open.empty()) {
      const pickle::NodeId id = open.back();
      open.pop_back();
      if (id == pickle::kNoNode || id >= nodes.size()) continue;
      if (id >= seen.size()) seen.resize(nodes.size());
      if (seen[id]) continue;
      if (visited++ >= kMostResult) return {{}, 0, true};
      seen[id] = true;
      const pickle::Node& node = nodes[id];
      if (node.kind == Kind::ref) {
        const Inspector::Known known = judge_.inspector().known(node.ref);
        if (known.rank != kNoRank && acts_later(known.fact)) {
          return {dotted(node.module(), node.name()), known.fact.caps, false};
        }
        continue;
      }
      for (const auto* part : {&node.items, &node.states(), &node.appended(), &node.stored()}) {
        open.insert(open.end(), part->begin(), part->end());
      }
      if (node.callable != pickle::kNoNode && allocates(nodes[node.callable]) &&
          node.args != pickle::kNoNode && !nodes[node.args].items.empty()) {
        const auto& given = nodes[node.args].items;
        open.insert(open.end(), given.begin() + 1, given.end());
      } else {
        open.push_back(node.args);
      }
      open.push_back(node.kwargs());
    }
    return {};
  }

  // Inert, yet worth a line: what native code makes of the bytes, no contract says.
  static pickle::Judgement parsed_natively(const std::string& cls) {
    pickle::Judgement out;
    out.level = pickle::Level::note;
    out.code = static_cast<std::uint16_t>(Code::parsed_natively);
    out.what = "is parsed natively by " + cls.substr(0, cls.find('.'));
    out.callable = cls;
    return out;
  }

  void call_slowly(const Value& callable, const Args& args, Outcome& out) {
    const auto callee = judge_.evaluator().callee(Thing::of(callable));
    const std::vector<Thing> things = things_of(args);
    if (!callee) {
      out.judgement = suspicious(Code::unknown_used, "calls an object that is not known",
                                 target_name(callable));
      return;
    }
    judge_.call(*callee, things, out, 0);
    if (!args.known && out.judgement.level < pickle::Level::suspicious) {
      out.judgement =
          suspicious(Code::contract_broken, "is called with arguments that are not known",
                     dotted(callee->module, callee->name));
    }
  }

  static std::uint32_t ClassFact::* contract_of(pickle::StoreHow how) {
    switch (how) {
      case pickle::StoreHow::append: return &ClassFact::append;
      case pickle::StoreHow::extend: return &ClassFact::extend;
      case pickle::StoreHow::setitem: return &ClassFact::setitem;
      case pickle::StoreHow::add: return &ClassFact::add;
      case pickle::StoreHow::setattr: return &ClassFact::state;
    }
    return &ClassFact::state;
  }

  // The contract for changing an object, 0 when the change is judged already: what the stream did
  // not build must not change at all, and an unknown class has no contract.
  std::uint32_t owned_contract(const Value& target, std::uint32_t ClassFact::* member,
                               Outcome& out) {
    const bool object = target.kind() == Kind::object;
    const bool foreign = target.kind() == Kind::ref || target.kind() == Kind::unknown ||
                         (object && (target.aux() & object_type::kShared) != 0) ||
                         (object && target.aux() == object_type::kBound);
    if (foreign) {
      out.judgement = suspicious(Code::foreign_changed,
                                 "changes what the stream did not build: " + target_name(target),
                                 target_name(target), pickle::kGlobalState);
      out.poisons = true;
      return 0;
    }
    const std::uint32_t number = object ? target.aux() & object_type::kNumber : 0;
    const std::uint32_t contract = judge_.inspector().blob().type(number).*member;
    if (contract == 0) {
      out.judgement = suspicious(Code::unknown_state,
                                 "changes an object of unknown code: " + target_name(target),
                                 target_name(target));
    }
    return contract;
  }

  Judge judge_;
};

// Something dangerous that is part of what the loader gives back can be called by whoever gets it.
void World::finish(Machine& machine, const Value& result, Outcome& out) {
  Inspector& inspector = attached(machine);
  if (!is_wanted(machine, *this, result)) {
    out.judgement = suspicious(Code::contract_broken, "gives something else than its reader wants");
    machine.clear_nodes();
    return;
  }
  if (machine.poisoned()) {
    out.judgement = suspicious(Code::foreign_changed,
                               "changes what it did not build, or what was judged before");
    return;
  }
  if (!judge_.danger_seen() && !judge_.reach_seen()) return;
  Thing root = Thing::of(result);
  const bool known = inspector.node(root) != nullptr;
  const Acting found = known ? acting_name(root.node) : Acting{{}, 0, true};
  if (!found.name.empty()) {
    out.judgement = suspicious(Code::danger_left, "the loaded object holds " + found.name,
                               found.name, found.caps);
  } else if (judge_.reach_seen() && machine.discarded()) {
    out.judgement =
        suspicious(Code::danger_left, "drops a value, and names what reaches other code");
  } else if (found.cut && judge_.reach_seen()) {
    // A dangerous name was reported where it was imported; one that only reaches others was not.
    out.judgement.level = pickle::Level::incomplete;
    out.judgement.code = static_cast<std::uint16_t>(Code::danger_left);
    out.judgement.what = "the result is too large to see whether it holds what reaches other code";
  }
  if (known) inspector.release();
}

}  // namespace

std::unique_ptr<CatalogueWorld> make_catalogue_world(const WorldOptions& options) {
  return std::make_unique<World>(options);
}

}  // namespace brine::catalogue
