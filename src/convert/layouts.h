// Layouts: whether torch puts the parts of a tensor together as they stand.
//
// Problem: a sparse or quantized tensor is made from others, and torch turns some of them into
// another type while it does so, or raises. Method: the checks of its constructors over types and
// shapes. Invariant: a layout without a complaint has the parts that torch's tensor then has, of
// the same types. Facts: torch 2.13 (_utils.py, aten/src/ATen/native/sparse, native/quantized).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "convert/tensors.h"

namespace brine::convert {

// Each says what is wrong with the parts; nothing when they fit.
using Complaint = std::optional<std::string>;

// `layout`: "sparse_coo" and so on; `shape`: of the tensor.
Complaint sparse_complaint(std::string_view layout, std::span<const Part> parts,
                           const std::vector<std::uint64_t>& shape);
// The parts are the integers, scales and zero points, one for each row along `axis`.
Complaint channels_complaint(std::string_view scheme, std::span<const Part> parts,
                             std::int64_t axis);
// `cls`: "DoubleTensor" and so on, of torch's old files, that is pointed at a storage.
Complaint old_class_complaint(std::string_view cls, const TensorView& view);

}  // namespace brine::convert
