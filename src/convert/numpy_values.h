// NumPy's arrays and single elements among the nodes of a pickle.
//
// What pickle.dump of NumPy writes: _reconstruct and BUILD, protocol 5's _frombuffer, and scalar.
// Invariant: an array has as many items, or promises as many bytes, as its shape says.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "convert/tensors.h"
#include "pickle/node.h"
#include "pickle/numpy_type.h"

namespace brine::convert {

struct NumpyArray {
  pickle::NumpyType type;
  std::vector<std::uint64_t> shape;
  bool fortran = false;
  std::uint64_t size = 0;  // bytes
  pickle::NodeId bytes = pickle::kNoNode;
  const std::vector<pickle::NodeId>* items = nullptr;  // of an array of objects, row by row
  std::string subclass;  // "numpy.matrix"; empty: numpy.ndarray
};
std::optional<NumpyArray> numpy_array(const pickle::NodeGraph& nodes, pickle::NodeId id);

struct NumpyScalar {
  pickle::NumpyType type;
  std::string bytes;
};
std::optional<NumpyScalar> numpy_scalar(const pickle::NodeGraph& nodes, const TensorReader& reader,
                                        pickle::NodeId id);
// The opcodes of the same number as Python's; none when it is no number.
std::optional<std::string> python_number(const NumpyScalar& scalar);

}  // namespace brine::convert
