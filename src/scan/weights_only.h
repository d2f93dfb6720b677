// weights_only: what torch.load(weights_only=True) makes of a file, by torch release.
//
// Problem: people load checkpoints with weights_only=True, it refuses many honest ones, and what it
// refuses depends on the release. Method: the stream is run once more under torch's restricted
// unpickler for all releases at the same time (pickle/torch_release.h), with a World that knows
// what the allowed functions take (torch_calls.h); what torch.load does around the pickle
// (archives, the magic number of its first format, storages) is added by rule. Invariant: `true`
// and `false` are said only where nothing is left open; whatever is left open makes `null` and says
// why. The answer is for a program that imports torch alone and allows nothing more. (Checksums
// play no part: torch compares none.)
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "base/limits.h"
#include "brine/report.h"
#include "format/stream.h"
#include "pickle/torch_release.h"
#include "scan/reading.h"

namespace brine::scan {

// One stream's answer for each of pickle::kTorchReleases; `release` is set.
struct WeightsOnlyReading {
  std::array<WeightsOnly, pickle::kTorchReleases.size()> releases;
  bool torch_format = false;  // the stream begins with torch's magic number, or a zip holds it
};

// None when torch.load is no loader of the stream.
std::optional<WeightsOnlyReading> read_weights_only(const format::Stream& stream,
                                                    const StreamReading& reading,
                                                    const Limits& limits);

// The file's answers; none when neither its bytes nor its name are those of a file of PyTorch's.
std::vector<WeightsOnly> weights_only_of(const std::string& path,
                                         const std::optional<format::TorchArchive>& archive,
                                         const std::vector<WeightsOnlyReading>& streams);

}  // namespace brine::scan
