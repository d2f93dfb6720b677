// The header of a .npy file: a Python literal that says what the bytes behind it are.
//
// Problem: numpy evaluates the text with Python's own parser and goes by what comes out, and an
// array of objects is a pickle. Method: a strict grammar of what numpy writes (a dict of descr,
// fortran_order and shape; descr a type string or a list of fields, to kMostDepth levels). Facts:
// numpy/lib/_format_impl.py (2.4), versions 1.0, 2.0 and 3.0. Invariant: what the grammar does not
// know is said to be unknown, never guessed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace brine::format::numpy {

struct Header {
  bool objects = false;     // a pickle follows
  std::uint64_t bytes = 0;  // of raw data, when no objects; saturated
  std::string type;  // "<f8"; empty for records
  std::vector<std::uint64_t> shape;  // each extent saturated
  bool fortran = false;  // the first index changes fastest
};

// Nothing when the text is not of the grammar, or numpy would refuse what it says.
std::optional<Header> parse_header(std::string_view text);

}  // namespace brine::format::numpy
