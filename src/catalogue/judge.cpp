#include "catalogue/judge.h"

#include <algorithm>
#include <utility>

namespace brine::catalogue {
namespace {

using pickle::Judgement;
using pickle::Kind;
using pickle::Level;
using pickle::Outcome;

std::vector<Thing> with_bound(const Callee& callee, std::span<const Thing> args) {
  std::vector<Thing> all = callee.bound;
  all.insert(all.end(), args.begin(), args.end());
  return all;
}

constexpr std::size_t kMostWaived = 1000;  // trusted names that a report lists

// A dotted name's parents: "a.b.c", "a.b", "a".
template <class Wanted>
bool any_parent(std::string_view name, Wanted wanted) {
  for (;;) {
    if (wanted(name)) return true;
    const std::size_t dot = name.rfind('.');
    if (dot == std::string_view::npos) return false;
    name = name.substr(0, dot);
  }
}

}  // namespace

std::string dotted(std::string_view module, std::string_view name) {
  std::string out(module);
  if (!name.empty()) {
    out += '.';
    out += name;
  }
  return out;
}

void give_constant(const Constant& constant, Outcome& out) {
  out.result_text = constant.text;
  out.result_integer = constant.integer;
  out.result_float = constant.floating;
  switch (constant.kind) {
    case Kind::none: out.result = Outcome::Result::none; break;
    case Kind::boolean: out.result = Outcome::Result::boolean; break;
    case Kind::integer: out.result = Outcome::Result::integer; break;
    case Kind::floating: out.result = Outcome::Result::floating; break;
    case Kind::str: out.result = Outcome::Result::str; break;
    case Kind::bytes: out.result = Outcome::Result::bytes; break;
    case Kind::bytearray:
    case Kind::tuple:
    case Kind::list:
    case Kind::dict:
    case Kind::set:
    case Kind::frozenset:
    case Kind::ref:
    case Kind::object:
    case Kind::persistent:
    case Kind::buffer:
    case Kind::unknown: out.result = Outcome::Result::unknown; break;
  }
}

void give_ref(std::string module, std::string name, Outcome& out) {
  out.result = Outcome::Result::ref;
  out.freshness = pickle::Freshness::shared;
  out.result_module = std::move(module);
  out.result_name = std::move(name);
}

Judge::Judge(const Blob& blob, const WorldOptions& options)
    : options_(options),
      inspector_(blob, options.blind),
      evaluator_(inspector_),
      matcher_(inspector_, evaluator_) {
  std::sort(options_.shadowed.begin(), options_.shadowed.end());
}

// A report keeps a hundred findings of a code; what is pulled out for thousands would only cost
// time.
bool Judge::shows() {
  constexpr std::uint64_t kMostShown = 4096;
  return shown_++ < kMostShown;
}

void Judge::show(pickle::Capabilities caps, std::span<const Thing> args, Judgement& judgement) {
  if (shows()) add_evidence(evaluator_, caps, args, judgement.evidence);
}

void Judge::show_arguments(std::span<const Thing> args, Judgement& judgement) {
  if (!shows()) return;
  const auto limit = static_cast<std::size_t>(inspector_.machine().limits().evidence_bytes);
  judgement.evidence.push_back({"arguments", render_arguments(evaluator_, args, limit)});
}

bool Judge::shadowed(std::string_view module) const {
  const std::string_view top = module.substr(0, module.find('.'));
  return std::binary_search(options_.shadowed.begin(), options_.shadowed.end(), top);
}

// Trust has no say about a name that has facts, nor about anything in a module of the danger data.
bool Judge::trusts(std::string_view module, std::string_view name) {
  if (names_are_types_) return true;
  if (options_.trust == nullptr || !options_.trust->covers(module, name)) return false;
  const Blob& blob = inspector_.blob();
  if (blob.find_name(module, name) != kNoRank) return false;
  const bool below_danger = any_parent(module, [&blob](std::string_view parent) {
    const Rank rank = blob.find_module(parent);
    return rank != kNoRank && blob.fact(rank).danger;
  });
  if (below_danger) return false;
  if (waived_.size() < kMostWaived) {
    std::string waived = dotted(module, name);
    if (waived_names_.insert(waived).second) waived_.push_back(std::move(waived));
  }
  return true;
}

Judgement Judge::module(std::string_view module) {
  const std::string text(module);
  if (shadowed(module)) {
    return suspicious(Code::shadowed, "imports a module that lies beside the file: " + text, text,
                      pickle::kImport);
  }
  const Rank rank = inspector_.module_rank(module);
  if (rank == kNoRank) {
    return suspicious(Code::unknown_module, "imports a module that is not known: " + text, text,
                      pickle::kImport);
  }
  const Fact fact = inspector_.blob().fact(rank);
  if (!fact.danger) return {};
  danger_seen_ = true;
  Judgement out =
      suspicious(Code::danger_referenced, "refers to a dangerous module: " + text, text, fact.caps);
  if ((fact.caps & kHarm) != 0) {
    out.level = Level::malicious;
    out.code = static_cast<std::uint16_t>(gravest(fact.caps).code);
    out.what = "importing this module " + std::string(gravest(fact.caps).phrase);
  }
  return out;
}

bool reaches_others(Behaviour behaviour) {
  switch (behaviour) {
    case Behaviour::getattr:
    case Behaviour::apply:
    case Behaviour::apply_items:
    case Behaviour::apply_tuples:
    case Behaviour::fold:
    case Behaviour::import_top:
    case Behaviour::import_module:
    case Behaviour::resolve_name:
    case Behaviour::add_extension:
    case Behaviour::type_by_name:
    case Behaviour::make_code:
    case Behaviour::make_function:
    case Behaviour::unpickle_bytes:
    case Behaviour::unpickle_stream: return true;
    default: return false;
  }
}

bool acts_later(const Fact& fact) {
  return fact.danger || reaches_others(fact.behaviour) || calling_harms(fact);
}

Judgement Judge::name(std::string_view module, std::string_view name) {
  if (name.empty()) return this->module(module);
  const Inspector::Known known = inspector_.look_up(module, name);
  const bool beside = shadowed(module);
  if (known.rank != kNoRank && !known.fact.danger && !beside) {
    reach_seen_ = reach_seen_ || acts_later(known.fact);
    return {};
  }
  const std::string text = dotted(module, name);
  if (beside) {
    return suspicious(Code::shadowed,
                      "imports from a module that lies beside the file: " + std::string(module),
                      text, pickle::kImport);
  }
  if (known.rank != kNoRank) {
    danger_seen_ = true;
    const CapabilityWords& words = gravest(known.fact.caps);
    Judgement out =
        suspicious(Code::danger_referenced,
                   "refers to " + text + ", which " + std::string(words.phrase) + " when called",
                   text, known.fact.caps);
    const Rank at = inspector_.module_rank(module);
    const pickle::Capabilities on_import =
        at == kNoRank ? pickle::Capabilities{} : inspector_.blob().fact(at).caps;
    if ((on_import & kHarm) != 0) return this->module(module);
    return out;
  }
  if (trusts(module, name)) return {};
  const Rank at = inspector_.module_rank(module);
  if (at == kNoRank) {
    return suspicious(Code::unknown_module,
                      "imports from a module that is not known: " + std::string(module), text,
                      pickle::kImport);
  }
  if (inspector_.blob().fact(at).danger) {
    danger_seen_ = true;
    const Judgement whole = this->module(module);
    if (whole.level == Level::malicious) return whole;
  }
  return suspicious(Code::unknown_name, "uses a name that is not known to be harmless: " + text,
                    text);
}

pickle::TypeId Judge::result_type(const Callee& callee) {
  if (callee.known.rank == kNoRank) {
    return trusts(callee.module, callee.name) ? object_type::kTrusted : 0;
  }
  const Fact& fact = callee.known.fact;
  if (fact.danger) return 0;
  if (fact.behaviour == Behaviour::getattr) return object_type::kBound;
  return fact.result == 0 ? 0 : fact.result | (fact.shared ? object_type::kShared : 0);
}

Judgement Judge::broken(const Callee& callee, std::span<const Thing> args, std::string what) {
  const std::string text = dotted(callee.module, callee.name);
  Judgement out =
      suspicious(Code::contract_broken, text + " " + std::move(what), text, callee.known.fact.caps);
  show_arguments(args, out);
  return out;
}

void Judge::danger(const Callee& callee, std::span<const Thing> args, Outcome& out) {
  danger_seen_ = true;
  const std::string text = dotted(callee.module, callee.name);
  pickle::Capabilities caps = callee.known.fact.caps;
  const std::uint32_t read_only = callee.known.fact.contract;
  if (read_only != 0 && matcher_.arguments(read_only, args)) caps = pickle::kRead;
  const CapabilityWords& words = gravest(caps);
  out.judgement = suspicious(words.code, std::string(words.phrase), text, caps);
  if ((caps & kHarm) != 0) out.judgement.level = Level::malicious;
  show(caps, args, out.judgement);
  const std::string canonical = inspector_.blob().dotted(callee.known.fact.canonical);
  if (canonical != text) out.judgement.evidence.push_back({"name", canonical});
  out.result = Outcome::Result::unknown;
}

void Judge::unknown(const Callee& callee, std::span<const Thing> args, Outcome& out) {
  if (trusts(callee.module, callee.name)) {
    out.type = object_type::kTrusted;
    return;
  }
  const std::string text = dotted(callee.module, callee.name);
  out.judgement =
      suspicious(Code::unknown_used, "calls something that is not known: " + text, text);
  show_arguments(args, out.judgement);
  out.type = 0;
}

void Judge::give(const Callee& callee, std::span<const Thing> args, Outcome& out) {
  const Fact& fact = callee.known.fact;
  if (fact.gives_none) {
    out.result = Outcome::Result::none;
    return;
  }
  if (fact.argument != kNoArgument) {
    const bool handle = fact.argument < args.size() && args[fact.argument].node == pickle::kNoNode;
    out.result = handle ? Outcome::Result::value : Outcome::Result::unknown;
    out.freshness = pickle::Freshness::argument;
    if (handle) out.result_value = args[fact.argument].value;
    return;
  }
  out.type = result_type(callee);
  out.freshness = fact.shared ? pickle::Freshness::shared : pickle::Freshness::fresh;
}

// The pure functions that picklers write for text, bytes and numbers; no honest stream calls
// others.
static bool written_by_picklers(Behaviour behaviour) {
  return behaviour == Behaviour::codec_encode || behaviour == Behaviour::make_str ||
         behaviour == Behaviour::make_bytes || behaviour == Behaviour::make_int;
}

void Judge::evaluate(const Callee& callee, std::span<const Thing> args, Outcome& out, int depth) {
  if (const auto constant = evaluator_.apply(callee.behaviour, args, depth)) {
    give_constant(*constant, out);
    if (!written_by_picklers(callee.behaviour)) {
      out.judgement =
          suspicious(Code::put_together,
                     "puts a value together at run time with " + dotted(callee.module, callee.name),
                     dotted(callee.module, callee.name));
    }
    return;
  }
  out.result = Outcome::Result::unknown;  // nobody need try again
  out.judgement = broken(callee, args, "is given what cannot be computed");
}

void Judge::call(const Callee& callee, std::span<const Thing> args, Outcome& out, int depth) {
  constexpr int kDeepest = 16;
  const std::vector<Thing> all = with_bound(callee, args);
  if (depth > kDeepest) {
    out.judgement = broken(callee, all, "is reached through too many others");
    return;
  }
  if (callee.known.rank == kNoRank) return unknown(callee, all, out);
  if (callee.known.fact.danger) return danger(callee, all, out);
  const std::uint32_t contract = callee.known.fact.contract;
  const bool fits = contract != 0 && matcher_.arguments(contract, std::span<const Thing>(all));
  if (calling_harms(callee.known.fact) && !fits) return danger(callee, all, out);
  if (is_pure(callee.behaviour)) {
    if (fits) return give(callee, all, out);
    return evaluate(callee, all, out, depth);
  }
  if (contract != 0 && !fits) {
    give(callee, all, out);
    out.judgement =
        broken(callee, all, "is called with arguments that are not known to be harmless");
    return;
  }
  give(callee, all, out);
  const Resolver resolver = find_resolver(callee.behaviour);
  if (resolver == nullptr) {
    if (contract == 0) out.judgement = broken(callee, all, "is not known to be inert when called");
    return;
  }
  if (!resolver(*this, callee, all, out, depth)) {
    out.result = Outcome::Result::unknown;
    out.judgement = broken(callee, all, "reaches what cannot be told");
  }
}

void Judge::construct(const Thing& cls, std::span<const Thing> args, Outcome& out, int depth) {
  const auto callee = evaluator_.callee(cls);
  if (!callee || !inspector_.ref(cls)) {
    out.judgement = suspicious(Code::unknown_used, "allocates an object of an unknown class");
    out.type = object_type::kForeign;
    return;
  }
  const std::string text = dotted(callee->module, callee->name);
  const Fact& fact = callee->known.fact;
  if (callee->known.rank == kNoRank) {
    out.type = trusts(callee->module, callee->name) ? object_type::kTrusted : object_type::kForeign;
    if (out.type == object_type::kForeign) {
      out.judgement =
          suspicious(Code::unknown_used, "makes an object of an unknown class: " + text, text);
    }
    return;
  }
  if (fact.danger) {
    if ((fact.caps & pickle::kRunCode) != 0) return danger(*callee, args, out);
    danger_seen_ = true;
    out.judgement =
        suspicious(Code::danger_referenced, "makes an object of " + text, text, fact.caps);
    show(fact.caps, args, out.judgement);
    out.type = object_type::kForeign;
    return;
  }
  if (fact.behaviour != Behaviour::none) return call(*callee, args, out, depth + 1);
  const ClassFact type = inspector_.blob().type(fact.kind == FactKind::type ? fact.type : 0);
  out.type = fact.kind == FactKind::type ? fact.type : object_type::kForeign;
  if (!matcher_.arguments(type.construct, args)) {
    // Where no allocation is known to be inert, what harms is in __new__ (numpy.memmap).
    if (type.construct == 0 && calling_harms(fact)) return danger(*callee, args, out);
    out.judgement =
        broken(*callee, args, "is made with arguments that are not known to be harmless");
  }
}

void Judge::imply_call(const Thing& callable, std::span<const Thing> args, Outcome& out,
                       Outcome& result, int depth) {
  pickle::ImpliedEvent event;
  event.kind = pickle::EventKind::call;
  event.nargs = static_cast<std::int64_t>(args.size());
  const auto callee = evaluator_.callee(callable, depth);
  if (callee) {
    event.module = callee->module;
    event.name = callee->name;
    event.callable = dotted(callee->module, callee->name);
    call(*callee, args, result, depth + 1);
    event.judgement = std::move(result.judgement);
  } else {
    result.result = Outcome::Result::unknown;
    event.judgement = suspicious(Code::unknown_used, "calls what is not known");
  }
  out.implied.push_back(std::move(event));
  for (auto& implied : result.implied) out.implied.push_back(std::move(implied));
  for (auto& nested : result.nested) out.nested.push_back(std::move(nested));
  result.implied.clear();
  result.nested.clear();
}

}  // namespace brine::catalogue
