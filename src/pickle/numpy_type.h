// NumPy's element types as pickles have them: numpy.dtype(text, align, copy) and its state.
//
// Problem: what an element is stands in two places, the text and the state that BUILD gave, which
// may disagree; records nest. Method: both are read into one small tree, to kMostDepth levels.
// Invariant: what is given describes a type that NumPy itself could have written; anything else
// (parts, titles, metadata of people's own) is nothing. Facts: NumPy 2.4, descriptor.c.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "pickle/node.h"

namespace brine::pickle {

struct NumpyField;

struct NumpyType {
  char kind = 0;  // b i u f c S U V M m O; V with fields: a record
  char order = '|';  // '<', '>', or '|' where it means nothing
  std::uint64_t size = 0;  // bytes of one element
  std::string unit;  // M and m: "ns"; empty: generic
  std::uint32_t units = 1;  // how many of them make one
  std::vector<NumpyField> fields;
  std::uint32_t align = 1;  // of a record

  bool objects() const { return kind == 'O'; }
};

struct NumpyField {
  std::string name;  // UTF-8
  std::uint64_t offset = 0;
  NumpyType type;
};

std::optional<NumpyType> numpy_type(const NodeGraph& nodes, NodeId id);
// "<f8", "<M8[ns]", "|V16" for a record.
std::string type_text(const NumpyType& type);

}  // namespace brine::pickle
