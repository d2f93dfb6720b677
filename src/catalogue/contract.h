// Contract: which arguments keep a callable inert.
//
// A contract is a small pattern over values, compiled to words (docs/catalogue.md). Matching walks
// the pattern, whose depth the compiler bounds; values of any depth are walked with a work list.
// What is unknown or over budget matches nothing but `any`.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "catalogue/inspect.h"
#include "pickle/world.h"

namespace brine::catalogue {

enum class ContractOp : std::uint8_t {
#define BRINE_CONTRACT_OP(name) name,
#include "catalogue/contract_ops.def"
#undef BRINE_CONTRACT_OP
};

class Evaluator;

class Matcher {
 public:
  Matcher(Inspector& inspector, Evaluator& evaluator)
      : inspector_(&inspector), evaluator_(&evaluator) {}

  // Whether one value satisfies the pattern at `word`; no value satisfies pattern 0.
  bool value(std::uint32_t word, Thing thing);
  // Whether the arguments of a call, taken as a tuple, do.
  bool arguments(std::uint32_t word, std::span<const pickle::Value> items);
  bool arguments(std::uint32_t word, std::span<const Thing> items);
  // Whether the state of a BUILD does, given to `target`.
  bool state(std::uint32_t word, Thing target, Thing given);
  // The outermost attribute for which the last state did not fit; empty when it was no attribute.
  const std::string& misfit() const { return misfit_; }
  // Whether hashing the value runs no code but Python's own.
  bool hashes(Thing thing) { return hashable(thing); }

 private:
  struct Pattern {
    ContractOp op;
    std::uint32_t parts;
    std::uint32_t words;  // length of the whole pattern
    std::uint32_t body;  // where its parts begin
  };

  Pattern at(std::uint32_t word) const;
  template <class Item>
  bool tuple_of(std::uint32_t word, std::span<const Item> items);
  template <class Item>
  bool sequence(const Pattern& pattern, std::span<const Item> items);
  bool alternatives(const Pattern& pattern, const Thing& thing);
  bool fixed(const Pattern& pattern, Thing& thing);
  bool collection(const Pattern& pattern, Thing& thing);
  bool mapping(const Pattern& pattern, Thing& thing);
  bool attributes(const Pattern& pattern, Thing& thing);
  bool fields(const Pattern& pattern, Thing& thing);
  bool of_class(std::uint32_t number, const Thing& thing);
  bool made(const Pattern& pattern, Thing& thing);
  bool built(const Pattern& pattern, Thing& thing);
  bool filled(const Pattern& pattern, Thing& thing);
  bool misfits(const pickle::Node& key);
  bool waits(const pickle::Node& object) const;
  bool only_metadata(pickle::NodeId state) const;
  std::optional<std::size_t> states_of(Thing thing);
  bool cells(Thing& thing);
  // element.cpp: the state of a numpy.dtype.
  bool record(Thing& thing);
  const pickle::Node* letters_of(Thing dtype);
  bool is_record_class(Thing dtype);
  bool is_flexible(Thing dtype);
  bool subarray(Thing pair, std::int64_t size);
  bool fields_within(Thing names, Thing fields, std::int64_t size);
  std::optional<std::int64_t> element_size(Thing dtype);
  // kdtree.cpp: the state of scipy.spatial's trees.
  bool kdtree(Thing& thing);
  // codes.cpp: numbers of categories and how many there are.
  bool codes(Thing& thing);
  bool codes_of_levels(pickle::NodeId dict);
  bool codes_below(pickle::NodeId array, std::uint64_t count);
  std::optional<std::uint64_t> length_of(pickle::NodeId id);
  pickle::NodeId array_in(pickle::NodeId state);
  pickle::NodeId categories_in(pickle::NodeId state);
  std::string class_of(pickle::NodeId id);
  // placed.cpp: the blocks of a frame.
  bool placed(Thing& thing);
  bool placed(std::span<const Thing> items);
  bool places_are(std::span<const pickle::NodeId> places, pickle::NodeId axis);
  // bounds.cpp: what a value makes its loader do.
  bool small(Thing& thing);
  bool weighed(Thing& thing);
  bool elements(const Pattern& pattern, Thing& thing);
  bool backed(Thing& thing);
  bool at_most(const Pattern& pattern, Thing& thing);
  bool regex(Thing& thing);
  bool literal(const Pattern& pattern, const Thing& thing, pickle::Kind kind);
  bool characters(const Pattern& pattern, const Thing& thing);
  bool within(const Pattern& pattern, const Thing& thing);
  bool reference(const Pattern& pattern, const Thing& thing);
  bool instance(const Pattern& pattern, const Thing& thing);
  bool stored(const Thing& thing);
  bool untouched(Thing& thing);
  bool plain(Thing& thing);
  bool hashable(Thing& thing);
  bool whole_text(Thing thing, std::string& out);
  bool attribute(Thing& thing);

  Inspector* inspector_;
  Evaluator* evaluator_;
  Thing target_{};  // what the state that is being matched is given to
  bool has_target_ = false;
  std::string misfit_;
  std::uint64_t hashed_ = 0;  // tuples and frozensets in keys that have many
  std::uint64_t codes_read_ = 0;  // bytes of codes
  std::uint64_t places_ = 0;  // of blocks in frames
  std::uint64_t ranges_ = 0;  // of many characters, in regular expressions
};

}  // namespace brine::catalogue
