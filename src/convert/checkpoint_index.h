// The index of a distributed checkpoint: which tensors and values it has, and where their parts
// lie.
//
// Problem: .metadata is a pickle of DCP's classes, whose result says what dcp.load builds. Method:
// the pickle is run in a world without facts, and its result is read by the classes' names; what
// the run would do besides is the scan's matter. Invariant: all names, shapes and places are those
// of the result, and what is not as DCP writes it is an Error, never a guess. Facts:
// torch/distributed/checkpoint/metadata.py, filesystem.py and _nested_dict.py of torch 1.13
// to 2.13.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/limits.h"
#include "base/result.h"
#include "convert/chunks.h"
#include "format/dcp/metadata.h"
#include "io/source.h"
#include "tensor/dtype.h"

namespace brine::convert {

// A key of a dict, or the index of a list.
struct Step {
  std::string text;
  std::optional<std::uint64_t> index;
};

struct CheckpointItem {
  std::string key;  // in the index
  std::vector<Step> path;  // from the top of the state_dict; never empty
  const tensor::Dtype* dtype = nullptr;  // null: no tensor, but a value that torch.save wrote
  std::vector<std::uint64_t> shape;
  std::vector<Box> chunks;
};

struct CheckpointIndex {
  // A value's key, and of a tensor's chunk where it begins.
  using Part = std::pair<std::string, std::optional<std::vector<std::uint64_t>>>;

  std::vector<CheckpointItem> items;  // in the index's order
  std::map<Part, format::dcp::StorageInfo> places;
  bool ambiguous = false;  // values may have changed behind the place where they are read
};
Result<CheckpointIndex> read_checkpoint_index(const SourcePtr& source, const Limits& limits);

}  // namespace brine::convert
