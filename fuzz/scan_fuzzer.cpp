// The whole scan over any bytes. The first byte chooses the name, the rest is the file.
//
// Whatever the input: the report adds up (coverage, verdict against findings), every view has one
// of the published ends, and running each loader by itself gives the same verdict as sharing runs.

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "io/source.h"
#include "scan/scan_file.h"
#include "target.h"

namespace {

using namespace brine;

constexpr std::array<std::string_view, 12> kNames = {
    "model.pt", "model.bin", "model.pkl",  "model.joblib", "model.npy",   "model.safetensors",
    "README",   "a.zip",     "model.ckpt", "model.gguf",   "model.keras", "notes.txt"};

// Small enough for a scan to be over before the fuzzer loses patience.
scan::ScanOptions small_options(bool share_runs) {
  scan::ScanOptions options;
  options.limits.stack_entries = 1u << 14;
  options.limits.memo_entries = 1u << 14;
  options.limits.nodes = 1u << 12;
  options.limits.evaluated_bytes = 1u << 18;
  options.limits.nested_streams = 16;
  options.limits.nested_depth = 3;
  options.limits.members = 64;
  options.limits.member_bytes = 1u << 18;
  options.limits.header_bytes = 1u << 16;
  options.limits.findings_per_code = 8;
  options.share_runs = share_runs;
  return options;
}

bool interrupted_by_budget(const FileReport& report) {
  return std::ranges::any_of(report.views, [](const View& view) { return view.end == "budget"; }) ||
         std::ranges::any_of(report.findings, [](const Finding& finding) {
           return finding.code == 504 || finding.code == 312;
         });
}

void check_report(const FileReport& report) {
  const Coverage& coverage = report.coverage;
  std::uint64_t unexplained = 0, last = 0;
  for (const auto& [start, end] : coverage.unexplained) {
    fuzz::check(start < end && start >= last && end <= coverage.total, "ranges are out of order");
    unexplained += end - start;
    last = end;
  }
  fuzz::check(coverage.interpreted + coverage.data + unexplained == coverage.total,
              "coverage does not add up");
  Verdict worst = Verdict::clean;
  for (const Finding& finding : report.findings) worst = std::max(worst, finding.verdict);
  fuzz::check(report.verdict >= worst, "a finding is worse than the verdict");
  for (const View& view : report.views) {
    fuzz::check(
        view.end == "stop" || view.end == "broken" || view.end == "budget" || view.end == "refused",
        "a view ends in a way that nobody knows");
    fuzz::check(!view.loader.empty(), "a view without a loader");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0 || size > 1u << 20) return 0;
  const std::string name(kNames[data[0] % kNames.size()]);
  const auto source = std::make_shared<MemorySource>(ByteSpan(data + 1, size - 1));
  const FileReport shared = scan::scan_source(name, source, small_options(true));
  check_report(shared);
  const FileReport apart = scan::scan_source(name, source, small_options(false));
  check_report(apart);
  if (!interrupted_by_budget(shared) && !interrupted_by_budget(apart)) {
    fuzz::check(shared.verdict == apart.verdict, "sharing runs changes the verdict");
    fuzz::check(shared.views.size() == apart.views.size(), "sharing runs changes the views");
  }
  return 0;
}
