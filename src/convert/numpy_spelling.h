// NumPy's values as they stand in written pickles: element types, arrays, single elements.
//
// Three calls (numpy.dtype, numpy.core.multiarray._reconstruct and .scalar) with arguments that are
// spelled from a NumpyType, never copied from a file. numpy.core is the name that NumPy 1 and 2
// both know.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "pickle/numpy_type.h"

namespace brine::convert::spell {

std::string numpy_type(const pickle::NumpyType& type);
// An array without elements, and the state that gives it them up to the elements themselves: raw
// bytes or a list. array_end() follows.
std::string array_begin();
std::string array_state(const std::vector<std::uint64_t>& shape, const pickle::NumpyType& type,
                        bool fortran);
std::string array_end();
// A single element up to its bytes; scalar_end() follows.
std::string scalar_begin(const pickle::NumpyType& type);
std::string scalar_end();
// A tuple of sizes.
std::string sizes(std::span<const std::uint64_t> items);

}  // namespace brine::convert::spell
