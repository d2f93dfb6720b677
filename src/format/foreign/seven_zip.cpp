#include "format/foreign/seven_zip.h"

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <unordered_set>
#include <utility>

#include "archive/foreign/opener.h"
#include "format/codes.h"
#include "format/names.h"
#include "format/words.h"

namespace brine::format::seven_zip {

namespace {

using sandbox::EntryKind;
using sandbox::ExtractedEntry;
using sandbox::Extraction;
using sandbox::ExtractionEnd;

void tell(Sink& sink, std::uint16_t code, std::string title, std::string advice = {}) {
  Finding finding;
  finding.code = code;
  finding.title = std::move(title);
  finding.advice = std::move(advice);
  sink.finding(std::move(finding));
}

// 7-Zip's numbers of methods that libarchive 3.6 lacks, as its messages give them (Methods.txt).
struct Method {
  std::string_view id, name;
};
constexpr auto kMethods = std::to_array<Method>({
    {"6f10701", "AES-256 encryption"},
    {"4f71101", "Zstandard"},
    {"4f71102", "Brotli"},
    {"4f71104", "LZ4"},
    {"40109", "Deflate64"},
    {"a", "the ARM64 filter"},
    {"b", "the RISC-V filter"},
});

// "Unknown codec ID: 4f71101" -> "Unknown codec ID: 4f71101 (Zstandard)".
std::string with_method(const std::string& problem) {
  const std::size_t at = problem.rfind("ID: ");
  if (at == std::string::npos) return problem;
  std::string id = ascii_lower(problem.substr(at + 4));
  if (id.starts_with("0x")) id.erase(0, 2);
  id = id.substr(0, id.find_first_not_of("0123456789abcdef"));
  const auto row = std::ranges::find(kMethods, id, &Method::id);
  return row == kMethods.end() ? problem : problem + " (" + std::string(row->name) + ")";
}

// libarchive says "Crypto codec not supported yet (ID: 0x...)", "Unsupported filter", and the like.
bool says_unreadable(std::string_view problem) {
  for (const std::string_view word : {"rypt", "upport", "assphrase", "nknown codec"}) {
    if (problem.find(word) != std::string_view::npos) return true;
  }
  return false;
}

void tell_problem(Sink& sink, const std::string& problem, const std::string& member) {
  const std::string where = member.empty() ? "" : member + ": ";
  if (says_unreadable(problem)) {
    tell(sink, code::kForeignMethod, "7z: " + where + with_method(problem),
         "unpack it where it was packed, and scan what is inside");
  } else {
    tell(sink, code::kMemberUnread, "7z: " + where + problem);
  }
}

void tell_end(Sink& sink, const Extraction& extraction) {
  switch (extraction.end) {
    case ExtractionEnd::done: break;
    case ExtractionEnd::broken: tell_problem(sink, extraction.problem, ""); break;
    case ExtractionEnd::limit:
      tell(sink, code::kLimit,
           "the limit `" + extraction.problem + "` was reached: not unpacked to its end");
      break;
    case ExtractionEnd::unavailable:
      tell(sink, code::kNoWorker, "7z archive: not opened: " + extraction.problem,
           "unpack it somewhere safe and scan what is inside");
      break;
    case ExtractionEnd::died:
      tell(sink, code::kWorkerDied,
           "the worker that unpacks this 7z archive died: " + extraction.problem,
           "nothing else was touched; treat the archive as hostile");
      break;
  }
}

// Leaves what the second way to read the archive gave only where the first did not give the same.
void drop_repeated(std::vector<ExtractedEntry>& entries) {
  std::unordered_set<std::string_view> first;
  for (const ExtractedEntry& entry : entries) {
    if (!entry.again) first.insert(as_text(entry.bytes));
  }
  std::erase_if(entries, [&](const ExtractedEntry& entry) {
    return entry.again && first.contains(as_text(entry.bytes));
  });
}

}  // namespace

bool accepts(Probe& probe) { return probe.starts_with("7z\xbc\xaf\x27\x1c"); }

void read(Probe& probe, std::span<const std::string_view>, Sink& sink) {
  Extraction extraction{{}, ExtractionEnd::unavailable, "this program has no worker"};
  if (const archive::ForeignOpener* opener = sink.foreign(); opener != nullptr) {
    extraction = opener->extract(*probe.source(), sink.limits(), sink.may_decode());
  }
  drop_repeated(extraction.entries);
  const auto files = std::ranges::count(extraction.entries, EntryKind::file, &ExtractedEntry::kind);
  sink.describe("7z archive, " + counted(static_cast<std::uint64_t>(files), "member"));
  tell_end(sink, extraction);
  sink.interpreted(0, probe.size());
  for (ExtractedEntry& entry : extraction.entries) {
    if (!entry.problem.empty()) tell_problem(sink, entry.problem, entry.name);
    // Programs that unpack do not agree on what is a file: whatever has bytes is looked at.
    if (entry.bytes.empty()) continue;
    auto content = std::make_shared<MemorySource>(std::move(entry.bytes));
    sink.member([content]() -> Result<Content> { return Content{content, {}}; },
                std::move(entry.name), std::nullopt);
  }
}

}  // namespace brine::format::seven_zip
