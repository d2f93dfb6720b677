// Reading: what one loader does with one stream, as a sequence of pickles.
//
// A loader's view is a sequence of runs (pickle_runs.h): mostly one, in torch's legacy format five
// pickles, each behind the STOP of the one before, then raw storages. Invariant: what a loader may
// have refused before it came to a pickle is read all the same, and `sure` says how much of the
// sequence it surely reads.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "format/stream.h"
#include "pickle/machine.h"
#include "scan/pickle_runs.h"
#include "scan/scan_file.h"

namespace brine::scan {

// One loader's reading of a stream.
struct ViewRun {
  const format::LoaderUse* use = nullptr;
  std::vector<std::shared_ptr<const PickleRun>> pickles;
  pickle::End end;  // of the view
  std::size_t sure = 1;  // pickles that the loader surely reads; it may refuse before others
  std::optional<std::size_t> same_as;  // an earlier view of the stream with the same pickles
  // Bytes behind the last pickle that the loader copies: (start, end) pairs.
  std::vector<std::pair<std::uint64_t, std::uint64_t>> headers, data;
  std::vector<std::string> keys;  // torch's legacy format: the storage key of each of `data`
};

struct StreamReading {
  std::vector<ViewRun> views;
  bool too_many = false;  // more different readings than Limits::forks
};

// Runs the stream for each of its loaders; without a budget each run has all that the limits give.
StreamReading read_stream(const format::Stream& stream, const ScanOptions& options,
                          FileBudget* budget = nullptr);

}  // namespace brine::scan
