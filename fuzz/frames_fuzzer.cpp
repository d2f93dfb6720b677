// What a worker says, in pieces of any size: read as hostile, bounded, and never a crash.

#include <algorithm>

#include "sandbox/extraction.h"
#include "target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace brine;
  if (size == 0) return 0;
  Limits limits;
  limits.members = 16;
  limits.name_bytes = 64;
  limits.member_bytes = 4096;
  constexpr std::uint64_t kBudget = 10'000;
  sandbox::FrameReader reader(limits, kBudget);
  const std::size_t piece = data[0] % 32 + 1;
  for (std::size_t at = 1; at < size && !reader.finished(); at += piece) {
    reader.feed(ByteSpan(data + at, std::min(piece, size - at)));
  }
  reader.fail(sandbox::ExtractionEnd::died, "the end");
  const sandbox::Extraction out = reader.take();
  std::uint64_t total = 0;
  fuzz::check(out.entries.size() <= limits.members, "more entries than allowed");
  for (const sandbox::ExtractedEntry& entry : out.entries) {
    fuzz::check(entry.name.size() <= limits.name_bytes, "a longer name than allowed");
    fuzz::check(entry.bytes.size() <= limits.member_bytes, "a longer member than allowed");
    total += entry.bytes.size();
  }
  fuzz::check(total <= kBudget, "more bytes than allowed");
  return 0;
}
