// Opens any bytes as a zip, walks every view, reads the beginning of every member.
//
// Held: errors are never `internal`; what locate() promises for stored members is what content()
// gives; ranges lie in the file; gaps lie in the file, in order, and overlap no range.
#include <algorithm>

#include "archive/zip/reader.h"
#include "target.h"

namespace {

using namespace brine;
using archive::ZipArchive;
using archive::ZipView;
using fuzz::check;

constexpr std::size_t kSomeMembers = 64;
constexpr std::uint64_t kSomeBytes = 64u << 10;

template <class T>
bool sound(const Result<T>& result) {
  check(result || result.error().code != ErrorCode::internal, "an internal error");
  return result.has_value();
}

void walk(ZipArchive& zip, const ZipView& view, std::uint64_t size) {
  for (std::size_t i = 0; i < std::min(view.members.size(), kSomeMembers); ++i) {
    auto reading = zip.locate(view, i);
    if (!sound(reading)) continue;
    check(reading->data_offset <= size && reading->input <= size - reading->data_offset,
          "a member outside the file");
    auto content = zip.content(view, i);
    if (!sound(content)) continue;
    check(content->source != nullptr, "no source");
    std::uint64_t given = content->source->size();
    check(given <= reading->output, "more bytes than promised");
    if (content->file_offset) check(given == reading->output, "a stored member of another length");
    check(sound(content->source->read_vector(0, std::min(given, kSomeBytes))), "no bytes");
  }
}

void check_coverage(ZipArchive& zip, std::uint64_t size) {
  auto ranges = zip.ranges();
  if (!sound(ranges)) return;
  for (const auto& range : **ranges) {
    check(range.start < range.end && range.end <= size, "a range outside the file");
  }
  auto gaps = zip.gaps();
  if (!sound(gaps)) return;
  std::uint64_t reached = 0;
  std::size_t next = 0;
  std::uint64_t covered = 0;  // the farthest end of ranges that start in front of the gap
  for (const auto& gap : *gaps) {
    check(gap.start < gap.end && gap.end <= size && reached <= gap.start, "gaps out of order");
    for (; next < (*ranges)->size() && (**ranges)[next].start < gap.end; ++next) {
      covered = std::max(covered, (**ranges)[next].end);
    }
    check(covered <= gap.start, "a gap that a range explains");
    reached = gap.end;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Limits limits;
  limits.member_bytes = 1u << 20;
  limits.members = 1000;
  auto source = std::make_shared<MemorySource>(std::vector<std::uint8_t>(data, data + size));
  auto opened = ZipArchive::open_salvage(source, limits);
  if (!sound(opened)) return 0;
  ZipArchive& zip = *opened;
  walk(zip, zip.miniz(), size);
  walk(zip, zip.zipfile(), size);
  auto local = zip.local();
  if (sound(local)) walk(zip, **local, size);
  (void)zip.torch_refusal();
  for (const char* record : {"data.pkl", "version", "data/0"}) {
    for (std::size_t member : zip.torch_candidates(record)) {
      check(member < zip.miniz().members.size(), "a candidate that is no member");
    }
  }
  auto disagreements = zip.disagreements();
  if (sound(disagreements)) {
    for (const auto& one : **disagreements) fuzz::check_printable(one.text);
  }
  check_coverage(zip, size);
  return 0;
}
