// Evaluate: values that a stream puts together out of constants, and what its calls call.
//
// Attacks put names and payloads together at run time (join, %, base64, codecs). What a value is
// that pure functions (pure.h) made of constants is computed here, within the budget, so that it
// can be looked at again. What cannot be computed has no value; it is never guessed.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "catalogue/inspect.h"
#include "catalogue/pure.h"

namespace brine::catalogue {

// What a call goes to: a fact and the arguments that were bound to it before.
struct Callee {
  Inspector::Known known;
  Behaviour behaviour = Behaviour::none;
  std::vector<Thing> bound;   // partial's arguments, a method's object
  std::string module, name;   // for events and messages
};

class Evaluator {
 public:
  explicit Evaluator(Inspector& inspector) : inspector_(&inspector) {}

  // The constant that a value is, or that pure functions of constants give for it.
  std::optional<Constant> constant(Thing thing, int depth = 0);
  // Bytes that a nested pickle may lie in: larger than a name or a text may be.
  struct Octets {
    bool constant = false;  // they are bytes, whether or not they fit the budget
    bool whole = false;
    std::string bytes;
  };
  Octets octets(Thing thing);
  // The result of one pure function; a method's object is the first argument.
  std::optional<Constant> apply(Behaviour behaviour, std::span<const Thing> args, int depth = 0);
  // What calling the value calls, through partial objects and bound methods.
  std::optional<Callee> callee(Thing thing, int depth = 0);
  // The name under which the facts list an attribute of a value: of a module, a class, an instance.
  struct Name {
    std::string module, name;
  };
  std::optional<Name> attribute(Thing object, std::string_view attribute);

  std::size_t text_limit() const;
  Inspector& inspector() const { return *inspector_; }

 private:
  bool spend(std::size_t bytes);
  bool read_text(const Thing& thing, std::string& out);
  bool gather(Behaviour behaviour, std::span<const Thing> args, int depth,
              std::vector<Constant>& out, bool& listed);

  Inspector* inspector_;
  std::uint64_t spent_ = 0;
  std::uint64_t evaluations_ = 0;
  bool large_ = false;  // bytes are wanted, not a text
};

}  // namespace brine::catalogue
