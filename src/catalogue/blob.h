// Blob: the embedded facts, read in place.
//
// Problem: half a million names must be there at once, cost nothing at start, and answer in well
// under a microsecond. Method: names are sorted and front-coded in blocks of 16; an index by CRC-32
// leads to the one name that may be meant, its block is walked up to it and the whole name
// compared. Everything is an offset from the start, so nothing is relocated.
// tools/catalogue/embed.py writes it. Invariant: the bytes come from our own build, yet every
// offset is checked before it is followed.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "pickle/trace.h"

namespace brine::catalogue {

enum class FactKind : std::uint8_t { module, callable, type, constant };

enum class Behaviour : std::uint8_t {
#define BRINE_BEHAVIOUR(name) name,
#include "catalogue/behaviours.def"
#undef BRINE_BEHAVIOUR
};

using Rank = std::uint32_t;  // a name's number in sorted order
inline constexpr Rank kNoRank = 0xffffffff;
inline constexpr std::uint8_t kNoArgument = 0xff;

// What is known of a name.
struct Fact {
  FactKind kind = FactKind::module;
  bool danger = false;  // from the danger data: evidence only, never inert
  bool shared = false;  // what it is or gives belongs to the process
  bool gives_none = false;  // a call gives None
  bool typed = false;  // a constant whose type is known, or a class
  Behaviour behaviour = Behaviour::none;
  std::uint8_t argument = kNoArgument;  // a call gives this argument back
  pickle::Capabilities caps = 0;  // of a call, where no contract allows it; of a module's import
  std::uint32_t type = 0;  // class: its own number; constant: its type
  std::uint32_t result = 0;  // class number of what a call gives; 0: not known
  std::uint32_t contract = 0;  // words of the arguments' contract; 0: no call is inert
  Rank canonical = kNoRank;  // the name it is an alias of, or itself
  std::uint32_t why = 0;  // texts
  std::uint32_t loader = 0;  // unpickler: the loader's name
};

// Something that may be referred to, while a call that its contract does not take does what `caps`
// say.
inline bool calling_harms(const Fact& fact) { return !fact.danger && fact.caps != 0; }

// Which code of a class runs, as contracts over what it is given. 0: not known to be inert.
struct ClassFact {
  Rank name = kNoRank;
  std::uint32_t construct = 0;  // cls.__new__(cls, *args), no __init__
  std::uint32_t state = 0;  // BUILD
  std::uint32_t append = 0, extend = 0, setitem = 0, add = 0;
  bool hash_inert = false;
  bool unhashable = false;
  Behaviour instance = Behaviour::none;  // calling an instance
  bool parser = false;  // BUILD hands bytes to native code of the library
  bool keywords = false;  // its __new__ ignores keyword arguments
  bool layer = false;  // a torch.nn.Module
  bool keeps = false;  // its attributes are what its state says
};

class Blob {
 public:
  // The facts that this program carries.
  static const Blob& embedded();
  // Facts in memory that outlives the Blob (tests, benchmarks). None when the header makes no
  // sense.
  static std::optional<Blob> over(ByteSpan bytes);

  // kNoRank when there is no fact.
  Rank find_name(std::string_view module, std::string_view name) const;
  Rank find_module(std::string_view module) const;
  Fact fact(Rank rank) const;
  // Class numbers count from 1; number 0 and numbers out of range give a class of unknown code.
  ClassFact type(std::uint32_t number) const;
  // What is known of a class by its name; none when that is not one of a class with reviewed facts.
  std::optional<ClassFact> class_facts(std::string_view module, std::string_view name) const;
  // "module:qualified.name"; dotted() has a dot instead.
  std::string name(Rank rank) const;
  std::string dotted(Rank rank) const;
  std::string_view text(std::uint32_t offset) const;
  std::uint32_t word(std::uint32_t index) const;
  std::uint32_t name_count() const { return names_.count; }
  std::uint32_t type_count() const { return classes_.count; }

 private:
  struct Section {
    ByteSpan bytes;
    std::uint32_t count = 0;
  };
  struct Key {
    std::string_view module, name;
  };
  class NameReader;

  Rank find(Key key) const;
  bool is(Rank rank, Key key) const;
  std::string_view spell(Rank rank, std::span<char> buffer) const;

  Section blocks_, names_, facts_, classes_, words_, texts_, index_;
};

}  // namespace brine::catalogue
