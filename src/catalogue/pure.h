// Pure functions of constants: text and bytes put together, taken apart, decoded.
//
// A function is chosen by the Behaviour that a fact names. What cannot be computed has no value; it
// is never guessed.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "catalogue/blob.h"
#include "pickle/value.h"

namespace brine::catalogue {

struct Constant {
  pickle::Kind kind = pickle::Kind::none;  // none, boolean, integer, floating, str, bytes
  std::string text;  // str (UTF-8), bytes
  std::int64_t integer = 0;
  double floating = 0;

  static Constant of_text(std::string text) { return {pickle::Kind::str, std::move(text), 0, 0}; }
  static Constant of_bytes(std::string text) {
    return {pickle::Kind::bytes, std::move(text), 0, 0};
  }
  static Constant of_integer(std::int64_t n) { return {pickle::Kind::integer, {}, n, 0}; }
};

struct PureArgs {
  std::span<const Constant> constants;
  std::size_t count = 0;  // of the call's arguments, of which a container may be spelled out
  bool listed = false;  // one is, and its items stand among the constants
};

bool is_pure(Behaviour behaviour);
// `limit` bounds the bytes of the result.
std::optional<Constant> pure_result(Behaviour behaviour, const PureArgs& args, std::size_t limit);

}  // namespace brine::catalogue
