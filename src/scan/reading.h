// Reading: what one loader does with one stream, as a sequence of pickles.
//
// Problem: a file has up to ten loaders, most of which read it alike. Method: one pickle is run for
// one profile, and the machine says which fields of the profile mattered; a loader whose profile
// differs only in others shares the run. A loader's view is a sequence of such runs (torch's legacy
// format: five pickles, each behind the STOP of the one before, then raw storages).
// Invariant: sharing never hides an effect, because a run is shared only where its outcome is the
// same by the machine's own account.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/limits.h"
#include "catalogue/storage.h"
#include "format/stream.h"
#include "pickle/machine.h"
#include "scan/findings.h"
#include "scan/scan_file.h"

namespace brine::scan {

// A pickle inside a pickle: constant bytes that a call hands to an unpickler.
struct NestedPickle {
  std::string bytes;
  std::string loader;
  std::uint64_t offset = 0;
  // Where the bytes stand in the stream, when they are not copied: first and number.
  std::optional<std::pair<std::uint64_t, std::uint64_t>> place;

  std::uint64_t size() const { return place ? place->second : bytes.size(); }
};

// One pickle, run once.
// What tensors say of a storage.
struct StorageSize {
  std::string key;
  std::optional<std::uint64_t> bytes;  // none when there are too many
  std::uint8_t itemsize = 1;
};

struct PickleRun {
  std::uint64_t start = 0;
  std::uint64_t behind = 0;  // where the next load goes on
  pickle::Profile profile;
  pickle::RunResult result;
  std::vector<Finding> findings;  // offsets in the stream; no member, no loader yet
  std::uint64_t findings_dropped = 0;
  Verdict worst = Verdict::clean;
  std::vector<NestedPickle> nested;
  std::uint64_t nested_dropped = 0;
  std::vector<StorageSize> storages;
  std::uint64_t tensors = 0;  // persistent ids met
  std::vector<std::string> waived;
  bool poisoned = false;  // at the end
  bool began_poisoned = false;  // a pickle before it in the view voided all facts
  bool parts = false;  // `third` and `keys` were asked for
  // What the stack of torch's legacy format asks of its pickles.
  enum class Answer : std::uint8_t { no, maybe, yes };
  Answer magic = Answer::no;  // whether the result is torch's magic number
  Answer protocol = Answer::no;  // whether it is 1001
  std::optional<std::int64_t> count;  // the result as a number
  std::string third;  // the name that the result, a tuple of three, ends with
  std::optional<std::vector<std::string>> keys;  // the result as a list of storage keys
  bool number_keys = false;  // of which some are numbers
  // joblib: raw bytes of arrays inside the pickle, and where other loaders part from joblib.
  std::vector<std::pair<std::uint64_t, std::uint64_t>> arrays;
  std::optional<std::uint64_t> first_array;
  std::vector<pickle::Companion> companions;  // files beside this one that joblib reads
};

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

// What all streams of a file share, however often they are read.
struct FileBudget {
  FileBudget(const Limits& given, std::uint64_t size);  // of the file, before anything is decoded
  Limits limits;  // of one stream: what it may keep is bound to the bytes of the file
  std::uint64_t spare = 0;  // what is left of Limits::rebuild_spare
};

// Runs the stream for each of its loaders; without a budget each run has all that the limits give.
StreamReading read_stream(const format::Stream& stream, const ScanOptions& options,
                          FileBudget* budget = nullptr);

// Whether the bytes at `start` are a pickle by what they do: they import an identifier or use EXT
// (any reader), or reach a STOP behind at least nine tenths of what is left.
struct Trial {
  bool pickle = false;  // by the rule above
  bool imports = false;  // imports an identifier
  bool acts = false;  // imports a name, or has one by EXT, and calls something
  bool stopped = false;  // reaches a STOP
  std::uint64_t reached = 0;  // how far the run came
  std::uint64_t looked = 0;  // and how far it looked, which is what it cost
};
Trial try_pickle(ByteSource& source, std::uint64_t start, const Limits& limits);

}  // namespace brine::scan
