// brine inspect: members, readings, opcodes; or the trace for machines, one document a line.

#include <exception>
#include <string>
#include <vector>

#include "cli/beside.h"
#include "cli/commands.h"
#include "cli/foreign.h"
#include "cli/input.h"
#include "cli/ordered_work.h"
#include "cli/settings.h"
#include "cli/walk.h"
#include "render/inspect.h"
#include "render/trace_json.h"
#include "scan/scan_file.h"

namespace brine::cli {
namespace {

constexpr Example kExamples[] = {
    {"brine inspect model.bin", "members, readers, opcodes, odd bytes"},
    {"brine inspect --format json m.pkl", "every effect, for machines"},
    {"brine inspect --format json *.pkl", "the traces of many files"},
};

constexpr OptionSpec kOptions[] = {
    {"format", '\0', "text|json", "json: one document a line (brine.trace/1)"},
    {"world", '\0', "WORLD", "who judges names: catalogue (default), opaque, blind"},
    {"jobs", 'j', "N", "files at once (the number of cores)"},
    {"limits", '\0', "NAME=VALUE,...", "bounds of the work: brine help limits"},
    {"verbose", 'v', "", "all lines, with a sentence about each opcode"},
    {"color", '\0', "WHEN", "auto, always or never"},
};

constexpr std::string_view kNotes =
    "WORLD opaque knows no name, for comparing traces with real loaders; blind lacks\n"
    "the danger data.\n"
    "Exit status: 0 when it could print, else 2.";

constexpr auto kTick = std::chrono::milliseconds(50);

struct Options {
  scan::ScanOptions scan;
  render::InspectOptions text;
  std::size_t jobs = 1;
  bool json = false;
};

Result<Options> options_of(const Arguments& arguments, Console& console) {
  Options out;
  BRINE_CHECK_STATUS(colour_of(arguments, console));
  BRINE_TRY(out.scan.limits, limits_of(arguments));
  BRINE_TRY(out.jobs, jobs_of(arguments));
  constexpr std::string_view kFormats[] = {"text", "json"};
  BRINE_TRY(const std::size_t format,
            choose("--format", arguments.value("format", "text"), kFormats));
  out.json = format == 1;
  constexpr std::string_view kWorlds[] = {"catalogue", "blind", "opaque"};
  BRINE_TRY(const std::size_t world,
            choose("--world", arguments.value("world", "catalogue"), kWorlds));
  out.scan.world = static_cast<scan::WorldChoice>(world);
  // For machines every loader gets a reading of its own.
  out.scan.share_runs = !out.json;
  out.text.style = console.style();
  out.text.verbose = arguments.has("verbose");
  if (arguments.operands().empty()) {
    return fail(usage_error("nothing to inspect: name files or folders"));
  }
  return out;
}

using Write = render::TraceDocument::Write;

// Writes what is to be printed; returns why it could not, or nothing.
std::string inspect_source(const WalkEntry& entry, const Options& options, const Write& write,
                           render::TraceDocument& document) {
  if (!entry.error.empty()) return entry.error;
  const Result<SourcePtr> source = open_input(entry.path);
  if (!source) return source.error().what;
  scan::ScanOptions scan = options.scan;
  scan.foreign = foreign_opener();
  look_beside(entry, scan);
  if (options.json) {
    scan.observer = &document;
    scan::scan_source(entry.path, *source, scan);
    return {};
  }
  render::Inspection inspection(options.text);
  scan.observer = &inspection;
  const FileReport report = scan::scan_source(entry.path, *source, scan);
  write(inspection.text(report, **source));
  return {};
}

std::string inspect(const WalkEntry& entry, const Options& options, const Write& write) {
  render::TraceDocument document(write);
  if (options.json) document.begin_file(entry.path);
  std::string error = inspect_source(entry, options, write, document);
  if (options.json) document.end_file(error);
  return error;
}

// A file that exhausts memory, or a defect of ours, must not take the other files along.
std::string inspect_safely(const WalkEntry& entry, const Options& options, const Write& write) {
  try {
    return inspect(entry, options, write);
  } catch (const std::exception& error) {
    if (options.json) write("\n");  // the next document has a line of its own
    return std::string("cannot be inspected: ") + error.what();
  }
}

struct Inspected {
  std::string text, error;
};

class InspectRun {
 public:
  InspectRun(const Options& options, Console& console, const std::vector<WalkEntry>& entries)
      : options_(options), console_(console), entries_(entries) {}

  int run() {
    if (entries_.size() == 1 || options_.jobs == 1) {
      one_after_the_other();
    } else {
      side_by_side();
    }
    return status_;
  }

 private:
  // Straight to the output: a trace of any length needs no memory.
  void one_after_the_other() {
    for (std::size_t i = 0; i < entries_.size() && console_.ok(); ++i) {
      separate(i);
      tell(entries_[i],
           inspect(entries_[i], options_, [this](std::string_view text) { console_.out(text); }));
    }
  }

  void side_by_side() {
    OrderedWork<Inspected> work(entries_.size(), options_.jobs, [this](std::size_t i) {
      Inspected out;
      out.error = inspect_safely(entries_[i], options_,
                                 [&out](std::string_view text) { out.text += text; });
      return out;
    });
    for (std::size_t i = 0; i < entries_.size() && console_.ok();) {
      const std::optional<Inspected> next = work.next(kTick);
      if (!next) continue;
      separate(i);
      console_.out(next->text);
      tell(entries_[i++], next->error);
    }
  }

  void separate(std::size_t i) {
    if (i != 0 && !options_.json) console_.out("\n");
  }

  void tell(const WalkEntry& entry, const std::string& error) {
    if (error.empty()) return;
    console_.flush();
    console_.error(entry.path, error);
    status_ = kExitError;
  }

  const Options& options_;
  Console& console_;
  const std::vector<WalkEntry>& entries_;
  int status_ = kExitOk;
};

}  // namespace

const CommandSpec kInspectSpec = {
    "inspect", "PATH...", "members, who would read what, opcodes, odd bytes",
    kExamples, kOptions,  kNotes};

Result<int> run_inspect(const Arguments& arguments, Console& console) {
  BRINE_TRY(const Options options, options_of(arguments, console));
  const std::vector<WalkEntry> entries = walk(arguments.operands(), options.scan.limits.path_depth);
  return InspectRun(options, console, entries).run();
}

}  // namespace brine::cli
