#include "format/foreign/seven_zip.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "archive/foreign/opener.h"
#include "format/codes.h"
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

// libarchive says "Crypto codec not supported yet (ID: 0x...)", "Unsupported filter", and the like.
bool says_unreadable(std::string_view problem) {
  for (const std::string_view word : {"rypt", "upport", "assphrase"}) {
    if (problem.find(word) != std::string_view::npos) return true;
  }
  return false;
}

void tell_problem(Sink& sink, const std::string& problem, const std::string& member) {
  const std::string where = member.empty() ? "" : member + ": ";
  if (says_unreadable(problem)) {
    tell(sink, code::kForeignMethod, "7z: " + where + problem,
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

}  // namespace

bool accepts(Probe& probe) { return probe.starts_with("7z\xbc\xaf\x27\x1c"); }

void read(Probe& probe, std::span<const std::string_view>, Sink& sink) {
  Extraction extraction{{}, ExtractionEnd::unavailable, "this program has no worker"};
  if (const archive::ForeignOpener* opener = sink.foreign(); opener != nullptr) {
    extraction = opener->extract(*probe.source(), sink.limits(), sink.may_decode());
  }
  const auto files = std::ranges::count(extraction.entries, EntryKind::file, &ExtractedEntry::kind);
  sink.describe("7z archive, " + counted(static_cast<std::uint64_t>(files), "member"));
  tell_end(sink, extraction);
  sink.interpreted(0, probe.size());
  for (ExtractedEntry& entry : extraction.entries) {
    if (!entry.problem.empty()) tell_problem(sink, entry.problem, entry.name);
    if (entry.kind != EntryKind::file || entry.bytes.empty()) continue;
    auto content = std::make_shared<MemorySource>(std::move(entry.bytes));
    sink.member([content]() -> Result<Content> { return Content{content, {}}; },
                std::move(entry.name), std::nullopt);
  }
}

}  // namespace brine::format::seven_zip
