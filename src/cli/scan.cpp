// brine scan: verdicts. The run in phases: options, walk, scan on several threads while lines are
// printed in order, summary, exit status.

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <exception>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "cli/beside.h"
#include "cli/commands.h"
#include "cli/foreign.h"
#include "cli/input.h"
#include "cli/ordered_work.h"
#include "cli/progress.h"
#include "cli/settings.h"
#include "cli/signals.h"
#include "cli/walk.h"
#include "render/json.h"
#include "render/text.h"
#include "scan/codes.h"
#include "scan/scan_file.h"

namespace brine::cli {
namespace {

constexpr Example kExamples[] = {
    {"brine scan model.pt", "one file"},
    {"brine scan downloads/", "a folder with all below it"},
    {"brine scan --trust 'mypkg.models.*' model.pt", "classes that you vouch for"},
    {"brine scan --format json models/ > report.json", "for machines"},
    {"curl -s URL | brine scan -", "standard input"},
};

constexpr OptionSpec kOptions[] = {
    {"format", '\0', "text|json", "what to print (text)"},
    {"fail-on", '\0', "LEVEL", "the mildest verdict that makes exit 1 (suspicious)"},
    {"trust", '\0', "PATTERN", "vouch for a class, or for all of pkg.module.*"},
    {"policy", '\0', "FILE", "rules; else brine/policy.toml in your settings"},
    {"hash", '\0', "", "SHA-256 of every file (reads all of it)"},
    {"jobs", 'j', "N", "files at once (the number of cores)"},
    {"limits", '\0', "NAME=VALUE,...", "bounds of the work: brine help limits"},
    {"quiet", 'q', "", "only files that are not clean, no summary"},
    {"verbose", 'v', "", "every file, view and finding"},
    {"color", '\0', "WHEN", "auto, always or never"},
};

constexpr std::string_view kNotes =
    "LEVEL is malicious, suspicious, incomplete or unrecognized. Exit status: 1 if\n"
    "any file is LEVEL or worse; else 2 if any is incomplete or an error happened;\n"
    "else 0; 130 after ^C, with the report so far.";

constexpr std::size_t kFoldFrom = 25;  // files; a screen of clean lines helps nobody
constexpr auto kTick = std::chrono::milliseconds(50);
constexpr auto kPatience = std::chrono::milliseconds(1000);  // for running files after ^C

struct Scanned {
  FileReport report;
  std::uint64_t bytes = 0;
  std::string error;     // for `errors`; empty when all could be read
  bool unread = false;   // the error is all there is to say
};

struct Options {
  scan::ScanOptions scan;
  std::vector<std::string> paths;
  std::optional<scan::Policy> policy;
  std::size_t jobs = 1;
  Verdict fail_on = Verdict::suspicious;
  bool json = false, hash = false, quiet = false, verbose = false;
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
  constexpr std::string_view kLevels[] = {"unrecognized", "incomplete", "suspicious", "malicious"};
  BRINE_TRY(const std::size_t level,
            choose("--fail-on", arguments.value("fail-on", "suspicious"), kLevels));
  out.fail_on = static_cast<Verdict>(level + 1);
  BRINE_TRY(out.policy, policy_of(arguments));
  out.hash = arguments.has("hash");
  out.quiet = arguments.has("quiet");
  out.verbose = arguments.has("verbose");
  out.paths = arguments.operands();
  if (out.paths.empty()) {
    return fail(usage_error("nothing to scan: name files or folders, or - for standard input"));
  }
  return out;
}

// Text or JSON, piece by piece.
class Printer {
 public:
  Printer(const Options& options, const Console& console, const std::vector<WalkEntry>& entries) {
    const std::uint64_t evidence_bytes = options.scan.limits.evidence_bytes;
    if (options.json) {
      json_.emplace(BRINE_VERSION, evidence_bytes);
      return;
    }
    render::TextOptions text;
    text.style = console.style();
    text.quiet = options.quiet;
    text.verbose = options.verbose;
    text.fold = console.out_is_terminal() && entries.size() >= kFoldFrom;
    text.evidence_bytes = evidence_bytes;
    for (const WalkEntry& entry : entries) {
      text.path_cells = std::max(text.path_cells, render::path_cells(entry.path));
    }
    text_.emplace(text);
  }

  std::string begin() { return json_ ? json_->begin() : std::string(); }
  std::string file(const FileReport& file) { return json_ ? json_->file(file) : text_->file(file); }
  std::string end(const Report& report) {
    if (json_) return json_->end(report.errors, report.summary, report.interrupted);
    // Where nothing could be read, the errors have said all.
    const bool only_errors = !report.errors.empty() && report.summary.files == report.errors.size();
    if (only_errors && !report.interrupted) return {};
    return text_->end(report.summary, report.interrupted);
  }

 private:
  std::optional<render::TextReport> text_;  // one of the two
  std::optional<render::JsonReport> json_;
};

class ScanRun {
 public:
  ScanRun(Options options, Console& console)
      : options_(std::move(options)),
        console_(console),
        entries_(walk(options_.paths, options_.scan.limits.path_depth, interrupted)),
        printer_(options_, console_, entries_),
        progress_(console.err_is_terminal(), console.err_width(), total_bytes()) {}

  int run() {
    console_.out(printer_.begin());
    OrderedWork<Scanned> work(entries_.size(), options_.jobs,
                              [this](std::size_t i) { return scan(entries_[i]); });
    while (!work.exhausted() && !interrupted() && console_.ok()) {
      std::optional<Scanned> next = work.next(kTick);
      if (next) {
        print(*next);
        continue;
      }
      // Nothing is ready: what is printed so far may be seen, and how far we are.
      if (console_.pending()) {
        show(progress_.erase());
        console_.flush();
      }
      show(progress_.draw(entries_[work.current().value_or(0)].path));
    }
    bool left_behind = false;
    if (!work.exhausted()) {
      work.stop();
      stop_.request_stop();
      left_behind = !work.wait_idle(kPatience);
      while (std::optional<Scanned> next = work.next_finished()) print(*next);
      report_.interrupted = interrupted();
    }
    show(progress_.erase());
    report_.summary.seconds = progress_.seconds();
    console_.out(printer_.end(report_));
    const int status = console_.finish(report_.interrupted ? kExitInterrupted : verdict_status());
    // A thread that does not come back must not keep the person waiting.
    if (left_behind) ::_exit(status);
    return status;
  }

 private:
  std::uint64_t total_bytes() const {
    std::uint64_t total = 0;
    for (const WalkEntry& entry : entries_) total += entry.size;
    return total;
  }

  void show(const std::string& text) const {
    if (!text.empty()) console_.raw_error(text);
  }

  // On a worker.
  Scanned scan(const WalkEntry& entry) {
    std::uint64_t counted = 0;
    Scanned out;
    try {
      out = read_and_scan(entry, counted);
    } catch (const std::exception& error) {
      // Memory ran out, or a defect: the other files go on.
      out = unread(entry, std::string("cannot be scanned: ") + error.what());
    }
    if (entry.size > counted) progress_.add(entry.size - counted);
    return out;
  }

  static Scanned unread(const WalkEntry& entry, const std::string& why) {
    std::string_view reason = why;
    for (const std::string_view said : {"cannot read: ", "not read: "}) {
      if (reason.starts_with(said)) reason.remove_prefix(said.size());
    }
    return {scan::unreadable(entry.path, std::string(reason)), entry.size, why, true};
  }

  Scanned read_and_scan(const WalkEntry& entry, std::uint64_t& counted) {
    if (!entry.error.empty()) return unread(entry, entry.error);
    Result<SourcePtr> opened = open_input(entry.path);
    if (!opened) return unread(entry, opened.error().what);
    const SourcePtr& source = *opened;

    scan::ScanOptions scan = options_.scan;
    scan.foreign = foreign_opener();
    look_beside(entry, scan);
    if (options_.policy) scan.policy = &*options_.policy;
    scan.stop = stop_.get_token();
    scan.progress = [this, &entry, &counted](std::uint64_t bytes) {
      const std::uint64_t fresh = std::min(bytes, entry.size - std::min(counted, entry.size));
      counted += fresh;
      progress_.add(fresh);
    };
    Scanned out;
    if (options_.hash || (options_.policy && options_.policy->wants_sha256())) {
      // Without its hash a file can still be malicious.
      Result<std::string> hash = sha256_hex(*source, scan.stop, scan.progress);
      if (hash) {
        scan.sha256 = std::move(*hash);
      } else if (!scan.stop.stop_requested()) {
        out.error = hash.error().what;
      }
    }
    out.report = scan::scan_source(entry.path, source, scan);
    out.bytes = source->size();
    out.report.bytes_read = std::max(out.report.bytes_read, source->bytes_read());
    if (entry.path == "-") out.report.size.reset();
    if (options_.hash) {
      out.report.sha256 = scan.sha256;
    } else {
      out.report.sha256.reset();
    }
    const auto* file = dynamic_cast<const FileSource*>(source.get());
    if (out.error.empty() && file != nullptr && file->changed()) {
      out.error = "the file changed while it was read";
    }
    note_read_error(out);
    return out;
  }

  // What could not be read stands among the findings and among the errors.
  static void note_read_error(Scanned& scanned) {
    FileReport& report = scanned.report;
    const auto told = std::find_if(
        report.findings.begin(), report.findings.end(),
        [](const Finding& f) { return f.code == scan::code::kUnreadable && f.member.empty(); });
    if (told != report.findings.end()) {
      if (scanned.error.empty()) scanned.error = told->title;
    } else if (!scanned.error.empty()) {
      FileReport unread = scan::unreadable(report.path, scanned.error);
      report.findings.push_back(std::move(unread.findings.front()));
      report.verdict = std::max(report.verdict, unread.verdict);
    }
  }

  void print(const Scanned& scanned) {
    const FileReport& file = scanned.report;
    Summary& sum = report_.summary;
    ++sum.files;
    sum.bytes += scanned.bytes;
    sum.bytes_read += file.bytes_read;
    switch (file.verdict) {
      case Verdict::clean: ++sum.clean; break;
      case Verdict::unrecognized: ++sum.unrecognized; break;
      case Verdict::incomplete: ++sum.incomplete; break;
      case Verdict::suspicious: ++sum.suspicious; break;
      case Verdict::malicious: ++sum.malicious; break;
    }
    worst_ = std::max(worst_, file.verdict);
    show(progress_.erase());
    if (!scanned.error.empty()) {
      report_.errors.push_back({file.path, scanned.error});
      console_.flush();
      console_.error(file.path, scanned.error);
      // One place for one thing: on a screen the error is the file's line.
      if (scanned.unread && !options_.json && console_.out_is_terminal()) return;
    }
    console_.out(printer_.file(file));
  }

  int verdict_status() const {
    if (worst_ >= options_.fail_on) return kExitFound;
    if (report_.summary.incomplete != 0 || !report_.errors.empty()) return kExitError;
    return kExitOk;
  }

  Options options_;
  Console& console_;
  std::vector<WalkEntry> entries_;
  Printer printer_;
  Progress progress_;
  std::stop_source stop_;
  Report report_;  // errors and summary; files are printed and forgotten
  Verdict worst_ = Verdict::clean;
};

}  // namespace

const CommandSpec kScanSpec = {
    "scan",    "PATH...", "a verdict for every model file, before anything loads it",
    kExamples, kOptions,  kNotes};

Result<int> run_scan(const Arguments& arguments, Console& console) {
  catch_interrupts();
  BRINE_TRY(Options options, options_of(arguments, console));
  return ScanRun(std::move(options), console).run();
}

}  // namespace brine::cli
