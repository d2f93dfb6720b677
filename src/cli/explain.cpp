// brine explain: every reading of a file as the Python that it stands for, in execution order.

#include <memory>
#include <string>
#include <vector>

#include "base/escape.h"
#include "cli/beside.h"
#include "cli/commands.h"
#include "cli/foreign.h"
#include "cli/input.h"
#include "cli/settings.h"
#include "cli/walk.h"
#include "render/explain.h"
#include "scan/scan_file.h"

namespace brine::cli {
namespace {

constexpr Example kExamples[] = {
    {"brine explain pytorch_model.bin", "what loading it would do, as Python"},
    {"brine explain -v model.pkl", "every step, nothing grouped"},
    {"brine explain --full data.pkl", "exact Python, nothing left out"},
};

constexpr OptionSpec kOptions[] = {
    {"full", '\0', "", "exact Python only: nothing cut, grouped or commented"},
    {"trust", '\0', "PATTERN", "vouch for a class, or for all of pkg.module.*"},
    {"policy", '\0', "FILE", "rules; else brine/policy.toml in your settings"},
    {"limits", '\0', "NAME=VALUE,...", "bounds of the work: brine help limits"},
    {"verbose", 'v', "", "similar steps are not grouped"},
    {"color", '\0', "WHEN", "auto, always or never"},
};

constexpr std::string_view kNotes = "Exit status: 0 when it could print, else 2.";

struct Options {
  scan::ScanOptions scan;
  scan::Policy policy;
  render::ExplainOptions text;
};

Result<Options> options_of(const Arguments& arguments, Console& console) {
  Options out;
  BRINE_CHECK_STATUS(colour_of(arguments, console));
  BRINE_TRY(out.scan.limits, limits_of(arguments));
  BRINE_TRY(out.policy, policy_of(arguments));
  out.text.style = console.style();
  out.text.full = arguments.has("full");
  out.text.verbose = arguments.has("verbose");
  if (arguments.operands().empty()) return fail(usage_error("nothing to explain: name a file"));
  return out;
}

// Whether it could print.
bool explain(const WalkEntry& entry, Options& options, Console& console) {
  const auto cannot = [&](const std::string& why) {
    console.flush();
    console.error(entry.path, why);
    return false;
  };
  if (!entry.error.empty()) return cannot(entry.error);
  const Result<SourcePtr> source = open_input(entry.path);
  if (!source) return cannot(source.error().what);
  scan::ScanOptions scan = options.scan;
  scan.foreign = foreign_opener();
  scan.policy = &options.policy;
  look_beside(entry, scan);
  render::Explanation explanation(options.text);
  scan.observer = &explanation;
  const FileReport report = scan::scan_source(entry.path, *source, scan);
  console.out(explanation.text(report));
  return true;
}

}  // namespace

const CommandSpec kExplainSpec = {
    "explain", "FILE...", "the annotated Python of every reading of a file",
    kExamples, kOptions,  kNotes};

Result<int> run_explain(const Arguments& arguments, Console& console) {
  BRINE_TRY(Options options, options_of(arguments, console));
  int status = kExitOk;
  bool first = true;
  for (const WalkEntry& entry : walk(arguments.operands(), options.scan.limits.path_depth)) {
    if (!first) console.out("\n");
    first = false;
    if (!explain(entry, options, console)) status = kExitError;
  }
  return status;
}

}  // namespace brine::cli
