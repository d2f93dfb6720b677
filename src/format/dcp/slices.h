// The slices of a .distcp file: torch zips that stand back to back.
//
// Problem: torch.distributed.checkpoint writes what torch.save makes of each tensor and value into
// one file; which bytes are whose only the .metadata beside it tells. Method: an archive's end says
// where it begins, so the file is taken apart from its end to its front, with no word of the
// .metadata. Invariant: `whole` means that the slices cover the file from its first byte to its
// last, each beginning like a zip and ending with its end record; every slice is then looked at as
// the file that DCP's reader hands to torch.load.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "archive/zip/reader.h"
#include "base/limits.h"
#include "format/probe.h"
#include "io/source.h"

namespace brine::format::dcp {

inline constexpr std::string_view kSlices = ".distcp";

struct Slice {
  std::uint64_t start = 0, end = 0;
  friend auto operator<=>(const Slice&, const Slice&) = default;
};

struct Split {
  std::vector<Slice> slices;  // in the file's order; those that could be told, the last for sure
  bool whole = false;
};
Split split(ByteSource& source, const Limits& limits);

// Whether what torch.load and zipfile make of the file as a whole is what they make of its first
// and its last slice, or nothing. PyTorch takes an archive's offsets as they stand, zipfile adds
// what lies in front.
bool explained_by_slices(Probe& probe, const archive::ZipArchive& whole, const Limits& limits);

}  // namespace brine::format::dcp
