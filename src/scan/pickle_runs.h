// PickleRuns: one pickle, run once for all profiles that read it alike.
//
// Problem: a file has up to ten loaders, most of which read it alike. Method: a pickle is run for
// one profile, and the machine says which fields of the profile mattered; a profile that differs
// only in others shares the run. Invariant: sharing never hides an effect, because a run is shared
// only where its outcome is the same by the machine's own account.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/limits.h"
#include "base/text_pool.h"
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

// What tensors say of a storage.
struct StorageSize {
  std::string_view key;  // lives as long as the run
  std::uint64_t bytes = 0;
  bool countable = false;  // 64 bits hold `bytes`
  std::uint8_t itemsize = 1;
};

// One pickle, run once.
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
  TextPool storage_keys;
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

// What all streams of a file share, however often they are read.
struct FileBudget {
  FileBudget(const Limits& given, std::uint64_t size);  // of the file, before anything is decoded
  Limits limits;  // of one stream: what it may keep is bound to the bytes of the file
  std::uint64_t spare = 0;  // what is left of Limits::rebuild_spare
};

// The runs of one stream.
class PickleRuns {
 public:
  // Without a budget each run has all that the limits give.
  PickleRuns(const format::Stream& stream, const ScanOptions& options, FileBudget* budget);

  // A run that told all that is asked; null when there is none.
  std::shared_ptr<const PickleRun> find(std::uint64_t start, const pickle::Profile& profile,
                                        bool poisoned, bool parts) const;
  // The same, or a new run; null when there are too many different readings. With `watched` it is
  // always a new one, whose events `watcher` gets too.
  std::shared_ptr<const PickleRun> run(std::uint64_t start, const pickle::Profile& profile,
                                       bool poisoned, bool parts, const ViewStart* watched,
                                       pickle::TraceSink* watcher);
  bool too_many() const { return too_many_; }

 private:
  bool judged_already(std::uint64_t start, const pickle::Profile& profile) const;
  void interpret(PickleRun& run, const ViewStart* watched, pickle::TraceSink* watcher);
  bool resume_behind_objects(pickle::Machine& outer, pickle::World& world, pickle::TraceSink& sink,
                             PickleRun& run);

  const format::Stream& stream_;
  const ScanOptions& options_;
  const Limits& limits_;  // the file's, or those of the options
  std::uint64_t* spare_;
  std::vector<std::shared_ptr<const PickleRun>> runs_;
  std::map<std::uint64_t, std::uint64_t> forks_;
  bool too_many_ = false;
};

}  // namespace brine::scan
