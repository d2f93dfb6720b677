// The index of a distributed checkpoint: which bytes of which file hold each tensor and value.
//
// Problem: DCP's reader unpickles .metadata and goes by what comes out. What that pickle does is
// judged where it is scanned; here its slices are wanted, all that it could name. Method: the
// pickle is run in a world without facts, and what it makes must be of the few classes that DCP
// writes; each state that goes into a _StorageInfo names a slice. Facts: torch/distributed/
// checkpoint/filesystem.py and metadata.py of torch 1.13 to 2.13. Invariant: when the pickle makes
// or does anything else, `known` is false: it may name slices that are not in the list.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/limits.h"
#include "io/source.h"

namespace brine::format::dcp {

inline constexpr std::string_view kMetadata = ".metadata";

// "metadata.Metadata" of a class in one of torch's packages of this purpose; empty for others.
std::string_view below_package(std::string_view name);

struct StorageInfo {
  std::string path;  // below the checkpoint's folder
  std::uint64_t offset = 0, length = 0;
  bool transformed = false;  // an extension of DCP's makes something else of the bytes
};

struct Index {
  std::vector<StorageInfo> slices;  // in the pickle's order
  bool checkpoint = false;  // it speaks of slices at all
  bool known = false;
};
Index read_index(ByteSource& source, const Limits& limits);

// "0" of __0_1.distcp: the rank that wrote the file; nothing for names that DCP does not give.
std::optional<std::string> rank_of(std::string_view file);
// The rank of __0.metadata, empty for .metadata; nothing for other names.
std::optional<std::string> rank_of_index(std::string_view file);

}  // namespace brine::format::dcp
