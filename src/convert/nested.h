// Nested tensors: whether their parts are what torch can make tensors of.
//
// A nested tensor is one run of values and, for each tensor in it, a row of sizes, a row of strides
// and an offset, which are tensors themselves: what they hold is known only when their bytes are.
// torch takes them as they are and raises, or reads beyond the values, when they do not fit.
#pragma once

#include <span>
#include <vector>

#include "convert/contents.h"

namespace brine::convert {

// Whether `first` begins the four parts of a nested tensor: values, sizes, strides, offsets.
bool begins_nested(const NamedTensor& first);

// Whether each tensor of it lies within the values. False also when the bytes are not all there,
// or are more than are looked at.
bool nested_lies_within(std::span<const NamedTensor, 4> parts,
                        const std::vector<Storage>& storages);

}  // namespace brine::convert
