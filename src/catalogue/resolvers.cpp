// Resolvers: callables that reach other things by name or call what they are given.
//
// Each is a small function over values, chosen by the Behaviour that a fact names. With constant
// arguments the effect counts as if the stream had named what is reached; otherwise the resolver
// says that it cannot tell, which is suspicious.

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "catalogue/evidence.h"
#include "catalogue/judge.h"

namespace brine::catalogue {
namespace {

using pickle::EventKind;
using pickle::ImpliedEvent;
using pickle::Level;
using pickle::Outcome;
using Things = std::span<const Thing>;

constexpr std::size_t kMostCalls = 64;  // items of a map or reduce that are followed

std::optional<std::string> text_of(Judge& judge, Things args, std::size_t index) {
  if (index >= args.size()) return std::nullopt;
  auto constant = judge.evaluator().constant(args[index]);
  if (!constant || constant->kind != pickle::Kind::str) return std::nullopt;
  return std::move(constant->text);
}

void imply(Judge& judge, EventKind kind, const std::string& module, const std::string& name,
           Outcome& out) {
  ImpliedEvent event;
  event.kind = kind;
  event.module = module;
  event.name = name;
  event.judgement = judge.name(module, name);
  out.implied.push_back(std::move(event));
}

// getattr on a module or class gives a name; on anything else a method, whose fact decides.
bool attribute(Judge& judge, Thing object, const std::string& name, Outcome& out) {
  const auto found = judge.evaluator().attribute(object, name);
  if (!found) return false;
  if (!judge.inspector().ref(object)) {
    const Inspector::Known known = judge.inspector().look_up(found->module, found->name);
    if (known.rank == kNoRank) return false;
    out.type = object_type::kBound;
    return true;
  }
  imply(judge, EventKind::getattr, found->module, found->name, out);
  give_ref(found->module, found->name, out);
  return true;
}

// With a default, what comes out depends on the version of the library that is there.
bool do_getattr(Judge& judge, const Callee&, Things args, Outcome& out, int) {
  const auto name = text_of(judge, args, 1);
  return name && attribute(judge, args[0], *name, out) && args.size() == 2;
}

// attrgetter("a.b")(object): the bound argument comes first, the object last.
bool do_attrgetter(Judge& judge, const Callee&, Things args, Outcome& out, int) {
  const auto path = text_of(judge, args, 0);
  if (!path || args.size() != 2) return false;
  return attribute(judge, args[1], *path, out);
}

bool do_itemgetter(Judge& judge, const Callee&, Things args, Outcome& out, int depth) {
  if (args.size() != 2) return false;
  const std::array<Thing, 2> swapped = {args[1], args[0]};
  const auto constant = judge.evaluator().apply(Behaviour::getitem, swapped, depth);
  if (!constant) return false;
  give_constant(*constant, out);
  return true;
}

// Takes over what a call found on the way gives.
void take_result(Outcome& from, Outcome& out) {
  out.result = from.result;
  out.type = from.type;
  out.freshness = from.freshness;
  out.result_module = std::move(from.result_module);
  out.result_name = std::move(from.result_name);
  out.result_text = std::move(from.result_text);
  out.result_integer = from.result_integer;
  out.result_float = from.result_float;
  out.result_value = from.result_value;
}

void call_now(Judge& judge, const Thing& callable, Things args, Outcome& out, int depth) {
  Outcome inner;
  judge.imply_call(callable, args, out, inner, depth);
  take_result(inner, out);
}

// methodcaller("name", *args)(object).
bool do_methodcaller(Judge& judge, const Callee& callee, Things args, Outcome& out, int depth) {
  const auto name = text_of(judge, args, 0);
  if (!name || args.size() < 2) return false;
  const Thing object = args.back();
  const auto found = judge.evaluator().attribute(object, *name);
  if (!found) return false;
  Callee method;
  method.module = found->module;
  method.name = found->name;
  method.known = judge.inspector().look_up(found->module, found->name);
  method.behaviour = method.known.fact.behaviour;
  std::vector<Thing> given(args.begin() + 1, args.end() - 1);
  if (!judge.inspector().ref(object)) given.insert(given.begin(), object);
  ImpliedEvent event;
  event.kind = EventKind::call;
  event.module = method.module;
  event.name = method.name;
  event.callable = dotted(method.module, method.name);
  event.nargs = static_cast<std::int64_t>(args.size() - 2);
  Outcome inner;
  judge.call(method, given, inner, depth + 1);
  event.judgement = inner.judgement;
  out.implied.push_back(std::move(event));
  for (auto& nested : inner.nested) out.nested.push_back(std::move(nested));
  take_result(inner, out);
  return !callee.module.empty();
}

// partial(f, ...) calls nothing; what it keeps may be called by anybody later.
bool do_keep_callable(Judge& judge, const Callee& callee, Things args, Outcome& out, int) {
  if (args.empty()) return false;
  const auto kept = judge.evaluator().callee(args[0]);
  if (kept && kept->known.rank != kNoRank &&
      (acts_later(kept->known.fact) || reaches_others(kept->behaviour))) {
    const std::string text = dotted(kept->module, kept->name);
    out.judgement =
        suspicious(Code::danger_referenced,
                   dotted(callee.module, callee.name) + " keeps a dangerous callable for later",
                   text, kept->known.fact.caps);
    judge.show(kept->known.fact.caps, args.subspan(1), out.judgement);
  } else if (!kept && !judge.inspector().ref(args[0])) {
    out.judgement = judge.broken(callee, args, "keeps an object whose calls are not known");
  }
  return true;
}

bool do_apply(Judge& judge, const Callee&, Things args, Outcome& out, int depth) {
  if (args.empty()) return false;
  call_now(judge, args[0], args.subspan(1), out, depth);
  return true;
}

// The items that an iterable gives, when they are few and known.
bool known_items(Judge& judge, const Thing& iterable, std::vector<Thing>& items) {
  Thing thing = iterable;
  return judge.inspector().items(thing, items) && items.size() <= kMostCalls;
}

// map(f, a, b): judged as if it were drained at once, for anything may drain it later.
bool do_apply_items(Judge& judge, const Callee& callee, Things args, Outcome& out, int depth) {
  if (args.size() < 2) return false;
  std::vector<std::vector<Thing>> columns(args.size() - 1);
  std::size_t rows = kMostCalls;
  for (std::size_t i = 1; i < args.size(); ++i) {
    if (!known_items(judge, args[i], columns[i - 1])) {
      Outcome inner;  // the callable is judged all the same
      judge.imply_call(args[0], args.subspan(1), out, inner, depth);
      return false;
    }
    rows = std::min(rows, columns[i - 1].size());
  }
  for (std::size_t row = 0; row < rows; ++row) {
    std::vector<Thing> given;
    for (const auto& column : columns) given.push_back(column[row]);
    Outcome inner;
    judge.imply_call(args[0], given, out, inner, depth);
  }
  out.type = judge.result_type(callee);
  return true;
}

bool do_apply_tuples(Judge& judge, const Callee&, Things args, Outcome& out, int depth) {
  std::vector<Thing> rows;
  if (args.size() != 2 || !known_items(judge, args[1], rows)) return false;
  for (const Thing& row : rows) {
    std::vector<Thing> given;
    if (!known_items(judge, row, given)) return false;
    Outcome inner;
    judge.imply_call(args[0], given, out, inner, depth);
  }
  return true;
}

// reduce(f, items, first): the first call has known arguments; later ones have f's own results.
bool do_fold(Judge& judge, const Callee&, Things args, Outcome& out, int depth) {
  std::vector<Thing> items;
  if (args.size() < 2 || !known_items(judge, args[1], items)) return false;
  if (args.size() > 2) items.insert(items.begin(), args[2]);
  const auto callee = judge.evaluator().callee(args[0]);
  if (items.size() < 2 || !callee) return false;
  Outcome inner;
  judge.imply_call(args[0], Things(items).first(2), out, inner, depth);
  if (items.size() == 2) take_result(inner, out);
  return items.size() == 2;
}

// "..b" from the package "a.c" is "a.b"; both are imported.
void imply_relative(Judge& judge, std::string package, std::size_t level, const std::string& name,
                    Outcome& out) {
  for (; level > 1 && package.find('.') != std::string::npos; --level) {
    package.resize(package.rfind('.'));
  }
  imply(judge, EventKind::import, package, {}, out);
  if (!name.empty()) imply(judge, EventKind::import, package + '.' + name, {}, out);
}

// (name, globals, locals, fromlist, level): what the others than the first name is imported too, as
// far as it can be told; then what comes out cannot.
void imply_others(Judge& judge, const std::string& name, Things args, Outcome& out) {
  Inspector& inspector = judge.inspector();
  constexpr std::size_t kGlobals = 1, kNames = 3, kLevel = 4;
  std::int64_t level = 0;
  if (args.size() > kLevel && inspector.integer(args[kLevel], level) && level > 0) {
    Thing globals = args[kGlobals];
    const pickle::Node* dict = inspector.node(globals);
    for (std::size_t i = 1; dict != nullptr && i < dict->items.size(); i += 2) {
      const auto package = text_of(judge, std::array{Thing::of(dict->items[i])}, 0);
      if (package) imply_relative(judge, *package, static_cast<std::size_t>(level), name, out);
    }
  }
  std::vector<Thing> names;
  if (args.size() > kNames) known_items(judge, args[kNames], names);
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (const auto inner = text_of(judge, names, i)) {
      imply(judge, EventKind::import, name + '.' + *inner, {}, out);
    }
  }
}

bool do_import_top(Judge& judge, const Callee&, Things args, Outcome& out, int) {
  const auto name = text_of(judge, args, 0);
  if (!name) return false;
  if (!name->empty()) imply(judge, EventKind::import, *name, {}, out);
  if (args.size() != 1) {
    imply_others(judge, *name, args, out);
    return false;
  }
  give_ref(name->substr(0, name->find('.')), {}, out);
  return true;
}

bool do_import_module(Judge& judge, const Callee&, Things args, Outcome& out, int) {
  const auto name = text_of(judge, args, 0);
  if (!name) return false;
  const std::size_t level = std::min(name->find_first_not_of('.'), name->size());
  const auto package = text_of(judge, args, 1);
  if (level > 0 && package) imply_relative(judge, *package, level, name->substr(level), out);
  if (level > 0 || args.size() != 1) return false;
  imply(judge, EventKind::import, *name, {}, out);
  give_ref(*name, {}, out);
  return true;
}

bool do_resolve_name(Judge& judge, const Callee&, Things args, Outcome& out, int) {
  const auto path = text_of(judge, args, 0);
  if (!path || args.size() != 1) return false;
  std::size_t cut = path->find(':');
  if (cut == std::string::npos) cut = path->rfind('.');
  const std::string module = path->substr(0, cut);
  const std::string name = cut == std::string::npos ? std::string() : path->substr(cut + 1);
  imply(judge, EventKind::import, module, name, out);
  give_ref(module, name, out);
  return true;
}

// ZoneInfo("Europe/Berlin") opens "Berlin" as a resource of tzdata.zoneinfo.Europe.
bool do_zone(Judge& judge, const Callee&, Things args, Outcome& out, int) {
  const auto key = text_of(judge, args, 0);
  if (!key) return false;
  std::string module = "tzdata.zoneinfo";
  if (const std::size_t last = key->rfind('/'); last != std::string::npos) {
    module += '.' + key->substr(0, last);
    std::ranges::replace(module, '/', '.');
  }
  imply(judge, EventKind::import, module, {}, out);
  return true;
}

bool do_newobj(Judge& judge, const Callee&, Things args, Outcome& out, int depth) {
  if (args.empty()) return false;
  judge.construct(args[0], args.subspan(1), out, depth + 1);
  return true;
}

// Items that a built-in base takes from a dict or a list: they must be what the class is given
// else.
bool takes_items(Judge& judge, const pickle::Outcome& made, Thing given) {
  const ClassFact cls = judge.inspector().blob().type(made.type & object_type::kNumber);
  const pickle::Kind kind = judge.inspector().kind(given);
  const pickle::Node* node = judge.inspector().node(given);
  if (node == nullptr) return false;
  const std::vector<pickle::NodeId> items = node->items;
  if (kind == pickle::Kind::list) {
    return std::ranges::all_of(items, [&](pickle::NodeId item) {
      return judge.matcher().value(cls.append, Thing::of(item));
    });
  }
  for (std::size_t i = 0; i + 1 < items.size(); i += 2) {
    // Nothing looks for a key that is no name, whatever the class does when it is given one.
    if (cls.setitem == 0 && judge.inspector().kind(Thing::of(items[i])) != pickle::Kind::str)
      continue;
    const std::array pair = {Thing::of(items[i]), Thing::of(items[i + 1])};
    if (!judge.matcher().arguments(cls.setitem, std::span<const Thing>(pair))) return false;
  }
  return true;
}

// base.__new__(class, state): a tuple's state is what the class is made of.
bool do_reconstruct(Judge& judge, const Callee& callee, Things args, Outcome& out, int depth) {
  if (args.size() != 3) return false;
  std::vector<Thing> items;
  Thing state = args[2];
  const auto base = judge.evaluator().callee(args[1]);
  const bool tuple = base && base->module == "builtins" && base->name == "tuple";
  if (tuple && !judge.inspector().items(state, items)) return false;
  judge.construct(args[0], items, out, depth + 1);
  const pickle::Kind kind = judge.inspector().kind(args[2]);
  const bool filled = kind == pickle::Kind::dict || kind == pickle::Kind::list;
  if (filled && out.judgement.level < pickle::Level::suspicious &&
      !takes_items(judge, out, args[2])) {
    out.judgement = judge.broken(callee, args, "fills an object with what no model puts there");
  }
  return true;
}

// What comes out is asked for as_subclass and then given a state: a tensor, or nobody knows what.
bool do_rebuild_from_type(Judge& judge, const Callee&, Things args, Outcome& out, int depth) {
  std::vector<Thing> items;
  if (args.size() != 4) return false;
  Thing given = args[2];
  if (!judge.inspector().items(given, items)) return false;
  const auto callee = judge.evaluator().callee(args[0]);
  call_now(judge, args[0], items, out, depth);
  return callee && callee->module == "torch._utils" && callee->name.starts_with("_rebuild_");
}

// EXT codes that the stream defines for itself: a change of the process's registry.
bool do_add_extension(Judge& judge, const Callee& callee, Things args, Outcome& out, int) {
  const auto module = text_of(judge, args, 0);
  const auto name = text_of(judge, args, 1);
  if (!module || !name || args.size() != 3) return false;
  const auto code = judge.evaluator().constant(args[2]);
  if (!code || code->kind != pickle::Kind::integer) return false;
  out.extensions.push_back({*module, *name, code->integer});
  out.judgement =
      suspicious(Code::global_state, "defines an extension code for " + dotted(*module, *name),
                 dotted(callee.module, callee.name), pickle::kGlobalState);
  return true;
}

// cloudpickle's _builtin_type("CodeType"), dill's _load_type: an attribute of the module types, or,
// for dill, a built-in type.
bool do_type_by_name(Judge& judge, const Callee&, Things args, Outcome& out, int) {
  const auto name = text_of(judge, args, 0);
  if (!name) return false;
  const bool built_in = judge.inspector().look_up("types", *name).rank == kNoRank &&
                        judge.inspector().look_up("builtins", *name).rank != kNoRank;
  const std::string module = built_in ? "builtins" : "types";
  imply(judge, EventKind::getattr, module, *name, out);
  give_ref(module, *name, out);
  return true;
}

// type(None), type(...), type(NotImplemented): how picklers write the types of singletons.
bool do_type_of(Judge& judge, const Callee&, Things args, Outcome& out, int) {
  if (args.size() != 1) return false;
  std::string name = "NoneType";
  if (const auto ref = judge.inspector().ref(args[0])) {
    name = judge.inspector().machine().name_of(*ref) == "Ellipsis" ? "EllipsisType"
                                                                   : "NotImplementedType";
  }
  give_ref("types", name, out);
  return true;
}

bool carries(Judge& judge, const Callee& callee, Things args, std::string_view what, Outcome& out) {
  out.judgement = suspicious(Code::carries_code, "carries code: " + std::string(what),
                             dotted(callee.module, callee.name), pickle::kRunCode);
  if (judge.shows()) {
    add_code_evidence(judge.evaluator(), args, out.judgement.evidence);
  }
  return true;
}

bool do_make_code(Judge& judge, const Callee& callee, Things args, Outcome& out, int) {
  return carries(judge, callee, args, "a code object", out);
}

bool do_make_function(Judge& judge, const Callee& callee, Things, Outcome& out, int) {
  return carries(judge, callee, {}, "a function that can be called", out);
}

bool do_carried(Judge& judge, const Callee&, Things args, Outcome& out, int) {
  out.judgement = suspicious(Code::run_code, "runs code that the file carries",
                             "types.FunctionType", pickle::kRunCode);
  out.judgement.level = Level::malicious;
  judge.show(pickle::kRunCode, args, out.judgement);
  out.result = Outcome::Result::unknown;
  return true;
}

}  // namespace

bool nest(const Callee& callee, Judge& judge, const Thing& thing, Outcome& out) {
  constexpr std::uint64_t kCopied = 4096;
  const std::string_view loader = judge.inspector().blob().text(callee.known.fact.loader);
  if (const auto place = judge.inspector().raw_bytes(thing); place && place->second > kCopied) {
    if (out.type == 0) out.result = Outcome::Result::unknown;
    out.nested.push_back({{}, std::string(loader), place});
    return true;
  }
  Evaluator::Octets octets = judge.evaluator().octets(thing);
  if (!octets.constant) return false;
  if (out.type == 0) out.result = Outcome::Result::unknown;
  if (octets.whole) {
    out.nested.push_back({std::move(octets.bytes), std::string(loader), std::nullopt});
    return true;
  }
  out.judgement = suspicious(Code::unpickle, "loads a pickle that is too large to follow",
                             dotted(callee.module, callee.name), pickle::kUnpickle);
  out.judgement.level = Level::incomplete;
  return true;
}

namespace {

bool begins_with(pickle::Machine& machine, const Outcome::Nested& nested, std::string_view magic) {
  if (!nested.place) return nested.bytes.starts_with(magic);
  std::vector<std::uint8_t> first;
  return nested.place->second >= magic.size() &&
         machine.read(nested.place->first, magic.size(), first) && as_text(first) == magic;
}

}  // namespace

bool begins_as_pickle(pickle::Machine& machine, const Outcome::Nested& nested) {
  return begins_with(machine, nested, "\x80");
}
bool begins_as_archive(pickle::Machine& machine, const Outcome::Nested& nested) {
  return begins_with(machine, nested, "PK\3\4");
}

namespace {

bool unknown_pickle(Judge& judge, const Callee& callee, Things args, Outcome& out) {
  out.judgement = judge.broken(callee, args, "loads a pickle whose bytes are not known");
  out.judgement.code = static_cast<std::uint16_t>(Code::unpickle);
  out.judgement.caps |= pickle::kUnpickle;
  if (out.type == 0) out.result = Outcome::Result::unknown;
  return true;
}

// loads(b"..."): the bytes are a view of their own.
bool do_unpickle_bytes(Judge& judge, const Callee& callee, Things args, Outcome& out, int) {
  if (args.empty() || !nest(callee, judge, args[0], out) || args.size() != 1) {
    return unknown_pickle(judge, callee, args, out);
  }
  const bool promises = out.type != 0 && !out.nested.empty();
  if (promises && !begins_as_pickle(judge.inspector().machine(), out.nested.back())) {
    out.judgement = judge.broken(callee, args, "loads something else than its pickle");
  }
  return true;
}

// A stream over what it was made of, which nobody changed since.
bool is_fresh_stream(Judge& judge, const pickle::Node& node) {
  if (!node.states().empty() || !node.appended().empty() || !node.stored().empty() ||
      node.callable == pickle::kNoNode || node.kwargs() != pickle::kNoNode) {
    return false;
  }
  const auto callee = judge.evaluator().callee(Thing::of(node.callable));
  return callee && callee->behaviour == Behaviour::stream;
}

// load(io.BytesIO(b"...")): what an object was made of, when that is one piece of constant bytes.
// They are followed whatever the object is; only a fresh stream surely gives them and no others.
bool do_unpickle_stream(Judge& judge, const Callee& callee, Things args, Outcome& out, int) {
  Thing stream = args.empty() ? Thing{} : args[0];
  bool sure = args.size() == 1;  // torch.load takes another unpickler, and calls a map_location
  for (int hops = 0; hops < 4 && !args.empty(); ++hops) {
    const pickle::Node* node = judge.inspector().node(stream);
    if (node == nullptr || node->kind != pickle::Kind::object || node->args == pickle::kNoNode)
      break;
    std::vector<Thing> items;
    Thing made_of = Thing::of(node->args);
    sure = sure && is_fresh_stream(judge, *node);
    if (!judge.inspector().items(made_of, items) || items.empty()) break;
    sure = sure && items.size() == 1;
    if (nest(callee, judge, items[0], out)) {
      return sure || unknown_pickle(judge, callee, args, out);
    }
    stream = items[0];
  }
  return unknown_pickle(judge, callee, args, out);
}

struct Row {
  Behaviour behaviour;
  Resolver resolver;
};
constexpr std::array kRows = {
    Row{Behaviour::getattr, do_getattr},
    Row{Behaviour::attrgetter, do_attrgetter},
    Row{Behaviour::itemgetter, do_itemgetter},
    Row{Behaviour::methodcaller, do_methodcaller},
    Row{Behaviour::keep_callable, do_keep_callable},
    Row{Behaviour::apply, do_apply},
    Row{Behaviour::apply_items, do_apply_items},
    Row{Behaviour::apply_tuples, do_apply_tuples},
    Row{Behaviour::fold, do_fold},
    Row{Behaviour::import_top, do_import_top},
    Row{Behaviour::import_module, do_import_module},
    Row{Behaviour::resolve_name, do_resolve_name},
    Row{Behaviour::newobj, do_newobj},
    Row{Behaviour::reconstruct, do_reconstruct},
    Row{Behaviour::rebuild_from_type, do_rebuild_from_type},
    Row{Behaviour::add_extension, do_add_extension},
    Row{Behaviour::zone, do_zone},
    Row{Behaviour::type_by_name, do_type_by_name},
    Row{Behaviour::type_of, do_type_of},
    Row{Behaviour::make_code, do_make_code},
    Row{Behaviour::make_function, do_make_function},
    Row{Behaviour::carried, do_carried},
    Row{Behaviour::unpickle_bytes, do_unpickle_bytes},
    Row{Behaviour::unpickle_stream, do_unpickle_stream},
};

}  // namespace

Resolver find_resolver(Behaviour behaviour) {
  for (const Row& row : kRows) {
    if (row.behaviour == behaviour) return row.resolver;
  }
  return nullptr;
}

}  // namespace brine::catalogue
