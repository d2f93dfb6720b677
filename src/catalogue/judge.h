// Judge: what the facts say of a name, and of a call with its arguments.
//
// The rules, from grave to light: a call of something with a harmful capability is malicious; other
// capabilities, unknown names and broken contracts are suspicious; what has reviewed facts and fits
// its contract is inert. Resolvers reach other names and are judged by what they reach.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "catalogue/contract.h"
#include "catalogue/evaluate.h"
#include "catalogue/evidence.h"
#include "catalogue/findings.h"
#include "catalogue/inspect.h"
#include "catalogue/world.h"

namespace brine::catalogue {

// Whether calling it with other arguments reaches code that this stream does not show. Such a
// callable is inert only while the stream itself calls it; left behind, it is a tool for whoever
// gets it.
bool reaches_others(Behaviour behaviour);
// Whoever has it can do something with it, though the reference alone does nothing.
bool acts_later(const Fact& fact);

class Judge {
 public:
  Judge(const Blob& blob, const WorldOptions& options);

  Inspector& inspector() { return inspector_; }
  Evaluator& evaluator() { return evaluator_; }
  Matcher& matcher() { return matcher_; }

  // Importing a name, or reaching it by an attribute.
  pickle::Judgement name(std::string_view module, std::string_view name);
  // Importing a module as such.
  pickle::Judgement module(std::string_view module);
  bool shadowed(std::string_view module) const;
  bool trusts(std::string_view module, std::string_view name);
  // libtorch imports nothing: a name without facts is a type of the archive's own code, whose
  // methods no pickle reader runs.
  void names_are_types(bool yes) { names_are_types_ = yes; }
  const std::vector<std::string>& waived() const { return waived_; }
  // Whether something dangerous was named so far.
  bool danger_seen() const { return danger_seen_; }
  // Whether a callable was named that reaches others (getattr, pickle.loads, ...).
  bool reach_seen() const { return reach_seen_; }

  // A call, with the arguments that were bound before it; fills judgement, result, implied, nested.
  void call(const Callee& callee, std::span<const Thing> args, pickle::Outcome& out, int depth);
  // cls.__new__(cls, *args).
  void construct(const Thing& cls, std::span<const Thing> args, pickle::Outcome& out, int depth);
  // The same for something found while resolving: becomes an implied event of `out`.
  void imply_call(const Thing& callable, std::span<const Thing> args, pickle::Outcome& out,
                  pickle::Outcome& result, int depth);
  pickle::TypeId result_type(const Callee& callee);

  // Evidence for a judgement, for as many as somebody may want to see.
  bool shows();
  void show(pickle::Capabilities caps, std::span<const Thing> args, pickle::Judgement& judgement);
  // A judgement about broken arguments, with the arguments as evidence.
  pickle::Judgement broken(const Callee& callee, std::span<const Thing> args, std::string what);

 private:
  void show_arguments(std::span<const Thing> args, pickle::Judgement& judgement);
  void danger(const Callee& callee, std::span<const Thing> args, pickle::Outcome& out);
  void unknown(const Callee& callee, std::span<const Thing> args, pickle::Outcome& out);
  void evaluate(const Callee& callee, std::span<const Thing> args, pickle::Outcome& out, int depth);
  void give(const Callee& callee, std::span<const Thing> args, pickle::Outcome& out);

  WorldOptions options_;
  Inspector inspector_;
  Evaluator evaluator_;
  Matcher matcher_;
  std::vector<std::string> waived_;
  std::unordered_set<std::string> waived_names_;
  std::uint64_t shown_ = 0;
  bool danger_seen_ = false;
  bool reach_seen_ = false;
  bool names_are_types_ = false;
};

std::string dotted(std::string_view module, std::string_view name);
void give_constant(const Constant& constant, pickle::Outcome& out);
void give_ref(std::string module, std::string name, pickle::Outcome& out);

// The fact's loader reads these bytes: a view of their own. False when they are not constant. Over
// budget they are not followed: incomplete.
bool nest(const Callee& callee, Judge& judge, const Thing& thing, pickle::Outcome& out);
// Whether they are a pickle as today's picklers write it, and no container of one.
bool begins_as_pickle(pickle::Machine& machine, const pickle::Outcome::Nested& nested);
bool begins_as_archive(pickle::Machine& machine, const pickle::Outcome::Nested& nested);

// What a behaviour does with the arguments; false when it cannot be told (the caller judges that).
using Resolver = bool (*)(Judge& judge, const Callee& callee, std::span<const Thing> args,
                          pickle::Outcome& out, int depth);
Resolver find_resolver(Behaviour behaviour);

}  // namespace brine::catalogue
