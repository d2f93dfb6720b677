#include "scan/findings.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "scan/codes.h"

namespace brine::scan {

namespace {

// Capabilities whose use harms at once (DESIGN's list for `malicious`).
constexpr pickle::Capabilities kHarmful = pickle::kRunCode | pickle::kProcess | pickle::kNetwork |
                                          pickle::kWrite | pickle::kDelete | pickle::kNative;

Verdict verdict_of(pickle::Level level) {
  switch (level) {
    case pickle::Level::inert:
    case pickle::Level::note: return Verdict::clean;
    case pickle::Level::incomplete: return Verdict::incomplete;
    case pickle::Level::suspicious: return Verdict::suspicious;
    case pickle::Level::malicious: return Verdict::malicious;
  }
  return Verdict::suspicious;
}

Severity severity_of(const pickle::Judgement& judgement) {
  switch (judgement.level) {
    case pickle::Level::inert:
    case pickle::Level::note: return Severity::info;
    case pickle::Level::incomplete: return Severity::medium;
    case pickle::Level::suspicious:
      return (judgement.caps & kHarmful) != 0 ? Severity::high : Severity::medium;
    case pickle::Level::malicious: return Severity::critical;
  }
  return Severity::medium;
}

// One place, one code, one callable: one finding. NULs keep the parts apart.
std::string identity(const Finding& finding) {
  std::string key = std::to_string(finding.code) + '\0' +
                    (finding.offset ? std::to_string(*finding.offset) : std::string()) + '\0' +
                    finding.callable + '\0' + finding.title;
  for (const std::string& part : finding.member) key += '\0' + part;
  return key;
}

constexpr std::uint16_t kDangerNamed = 123;
using Subject = std::pair<std::vector<std::string>, std::string>;

auto place(const Finding& finding) {
  return std::tie(finding.member, finding.offset, finding.code, finding.callable, finding.title);
}

}  // namespace

Finding finding_of(const pickle::Judgement& judgement) {
  Finding finding;
  finding.code = judgement.code;
  finding.severity = severity_of(judgement);
  finding.verdict = verdict_of(judgement.level);
  finding.title = judgement.what;
  finding.callable = judgement.callable;
  for (std::string_view name : pickle::capability_names(judgement.caps)) {
    finding.capabilities.emplace_back(name);
  }
  for (const pickle::Evidence& piece : judgement.evidence) {
    finding.evidence.push_back({piece.kind, piece.text});
  }
  return finding;
}

Finding finding_of(std::uint16_t code) {
  Finding finding;
  finding.code = code;
  if (const CodeRow* row = find_code(code); row != nullptr) {
    finding.severity = row->severity;
    finding.verdict = row->verdict;
    finding.title = row->title;
  }
  return finding;
}

void Findings::add(Finding finding) {
  for (ReportEvidence& piece : finding.evidence) {
    if (piece.text.size() > limits_.evidence_bytes) {
      piece.text.resize(static_cast<std::size_t>(limits_.evidence_bytes));
      piece.text += "...";
    }
  }
  worst_ = std::max(worst_, finding.verdict);
  incomplete_ = incomplete_ || finding.verdict == Verdict::incomplete;
  // What is over the bound is counted whether it was seen before or not: to remember it would cost
  // what the bound is there to save.
  std::uint64_t& kept = count_[finding.code];
  if (kept >= limits_.findings_per_code) {
    ++dropped_;
    return;
  }
  if (!seen_.insert(identity(finding)).second) return;
  ++kept;
  kept_.push_back(std::move(finding));
}

void Findings::note(Verdict worst, std::uint64_t dropped) {
  worst_ = std::max(worst_, worst);
  dropped_ += dropped;
}

std::vector<Finding> Findings::take() {
  // What a malicious call says, its mere name need not say again.
  std::set<Subject> called;
  for (const Finding& finding : kept_) {
    if (finding.verdict == Verdict::malicious) called.emplace(finding.member, finding.callable);
  }
  std::erase_if(kept_, [&](const Finding& finding) {
    return finding.code == kDangerNamed && called.contains({finding.member, finding.callable});
  });
  std::sort(kept_.begin(), kept_.end(), [](const Finding& a, const Finding& b) {
    if (a.verdict != b.verdict) return a.verdict > b.verdict;
    if (a.severity != b.severity) return a.severity > b.severity;
    return place(a) < place(b);
  });
  return std::move(kept_);
}

}  // namespace brine::scan
