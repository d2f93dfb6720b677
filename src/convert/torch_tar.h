// torch's first format (0.1.9 and older): the storages and tensors of its tar, by number.
//
// Problem: the tar has three members of torch's. `storages` and `tensors` are pickles with raw
// numbers between them, and `pickle` names what they hold by number: a tensor there is a persistent
// id. Method: both are read as torch.serialization's legacy_load reads them, each pickle run in a
// world without facts; the scan judges what the runs would do. Invariant: a tensor lies within its
// storage and a storage within the file; whatever torch's writer does not write is an Error.
// Facts: torch 2.13, torch/serialization.py.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/limits.h"
#include "base/result.h"
#include "convert/tensors.h"
#include "io/source.h"

namespace brine::convert {

struct TorchTar {
  // A storage of its own, or a part of one that has its bytes.
  struct Part {
    std::int64_t root = 0;
    std::uint64_t first = 0, count = 0;  // elements
  };

  std::map<std::int64_t, Storage> roots;
  std::map<std::int64_t, Part> storages;  // roots as well
  struct Shown {
    std::int64_t root = 0;
    TensorView view;  // its offset counts from the root's first element
  };
  std::map<std::int64_t, Shown> tensors;
};
// The member that the object stands in.
inline constexpr std::string_view kTarObject = "pickle";

// None: the file is no tar of torch's.
Result<std::optional<TorchTar>> read_torch_tar(const SourcePtr& file, const Limits& limits);

}  // namespace brine::convert
