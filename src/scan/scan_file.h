// scan_file: from one file's bytes and name to its report.
//
// A file is looked at as every loader would: acceptors say who opens it (format/acceptor.h),
// readers say which bytes reach which unpickler, each such stream is run once for every loader that
// reads it differently, and what the runs would do becomes findings and a verdict. Members, nested
// pickles and what lies behind a STOP go on a work list; nothing here recurses. The scan is
// hermetic: it reads only through the ByteSource, knows no path but the name it is told, prints
// nothing and keeps no state between files, so files can be scanned in parallel.
//
// `explain` and `inspect` are observers of the same scan and therefore see exactly its views.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/limits.h"
#include "brine/report.h"
#include "io/source.h"
#include "pickle/machine.h"
#include "pickle/profile.h"
#include "pickle/trace.h"
#include "pickle/world.h"

namespace brine::archive {
class ForeignOpener;
}

namespace brine::scan {

class Policy;

// Who answers the interpreter: the facts, the facts without their danger data, or nobody.
enum class WorldChoice : std::uint8_t { catalogue, blind, opaque };

// A fresh World for one run, for tests that bring their own.
using WorldFactory = std::function<std::unique_ptr<pickle::World>()>;

// What is known of a view before it runs. Pointers and references live until end() returns.
struct ViewStart {
  std::string loader;  // "torch.load", ... (docs/loaders.md)
  pickle::Profile profile;
  std::vector<std::string> member;  // from outside in; empty: the file itself
  SourcePtr source;  // the member's bytes
  std::optional<std::uint64_t> file_base;  // file offset of the source's byte 0
  std::uint64_t start = 0;  // where the pickle begins in the source
  bool nested = false;  // bytes that another pickle hands to an unpickler
};

struct ViewEnd {
  pickle::End end;
  std::vector<std::string>
      also;  // loaders that read this stream the same way (when runs are shared)
  bool poisoned = false;  // facts were void at the end
  bool number_keys = false;  // torch's legacy format: its list of storages has numbers as keys
  // torch's legacy format: where each storage's elements lie in the source.
  struct PlacedStorage {
    std::string key;
    std::uint64_t start = 0, end = 0;
  };
  std::vector<PlacedStorage> storages;
};

// A named part of a container, for listings.
struct MemberInfo {
  std::vector<std::string> path;  // from outside in
  std::uint64_t size = 0;
  std::optional<std::uint64_t> file_offset;  // of its first byte; none when compressed
  std::string role;  // "pickle", "storage", "record", "code", "member"
};

class ViewObserver {
 public:
  virtual ~ViewObserver() = default;
  // A view is about to run. The sink that is returned gets its events (inert ones too, when it
  // wants them) besides the scan itself; nullptr: none. It must live until end().
  virtual pickle::TraceSink* begin(const ViewStart& view) = 0;
  // After each Machine::run() of the view (torch's legacy format and loops have several), while the
  // machine's values live: what decompilers and disassemblers need for their last line.
  virtual void ran(const ViewStart&, const pickle::RunResult&, pickle::Machine&) {}
  // Once for each begin(). When runs are shared, after all loaders of the stream had their turn,
  // because only then is it known who else reads the same; else right behind the view.
  virtual void end(const ViewStart& view, const ViewEnd& how) = 0;
  virtual void member(const MemberInfo&) {}
};

struct ScanOptions {
  Limits limits;
  WorldChoice world = WorldChoice::catalogue;
  WorldFactory make_world;  // instead of `world`
  const Policy* policy = nullptr;
  const archive::ForeignOpener* foreign = nullptr;  // opens 7z; none: such files are incomplete
  std::optional<std::string> sha256;  // of the whole file, when somebody computed it
  // Names of what lies beside the file; those of folders with Python modules end in '/'. A module's
  // name among them voids the facts of that module.
  std::vector<std::string> neighbours;
  // Opens a file in the folder of the one that is scanned, by its path from there; none: not known.
  std::function<SourcePtr(const std::string& name)> companion;
  bool share_runs = true;  // false: every loader gets a run of its own
  ViewObserver* observer = nullptr;
  bool observed_weights_only = false;  // with an observer too, FileReport::weights_only is filled
  std::function<void(std::uint64_t)> progress;  // bytes read since the last call
  std::stop_token stop;  // asked for: the report is partial and `incomplete`
};

// `path` is what the report shows; its last component is the name that acceptors look at.
FileReport scan_source(const std::string& path, const SourcePtr& source,
                       const ScanOptions& options);

// The report of a file that could not be opened or read at all.
FileReport unreadable(const std::string& path, const std::string& why);

}  // namespace brine::scan
