// A 7z archive as py7zr reads it: its header, the header written again, what comes out of its
// folders; all within bounds.

#include <algorithm>
#include <vector>

#include "archive/sevenzip/decode.h"
#include "archive/sevenzip/header.h"
#include "target.h"

namespace {

using namespace brine;
using namespace brine::archive::sevenzip;

constexpr std::uint64_t kMost = 1u << 20;

std::vector<std::uint8_t> decoded(const Folder& folder, ByteSpan file) {
  std::vector<std::uint8_t> out;
  std::uint64_t wanted = 0;
  for (const Member& member : folder.members) wanted += std::min(member.size, kMost);
  const auto read = [&](std::uint64_t at, std::span<std::uint8_t> room) {
    fuzz::check(at <= file.size(), "a packed stream outside of the file");
    const ByteSpan rest = file.subspan(static_cast<std::size_t>(at));
    const std::size_t count = std::min(rest.size(), room.size());
    std::copy_n(rest.begin(), count, room.begin());
    return count;
  };
  decode(folder, read, [&](ByteSpan bytes) {
    out.insert(out.end(), bytes.begin(), bytes.end());
    return out.size() < kMost;
  });
  fuzz::check(out.size() <= std::max(wanted, kMost) + kMost, "more bytes than the members have");
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteSpan file(data, size);
  const auto start = read_start(file.first(std::min(size, kStart)), size);
  if (!start) return 0;
  ByteSpan text = file.subspan(static_cast<std::size_t>(start->header_at),
                               static_cast<std::size_t>(start->header_size));
  std::vector<std::uint8_t> inner;
  if (is_encoded(text)) {
    const auto folders = read_encoded(text, size);
    if (!folders) return 0;
    for (const Folder& folder : *folders) {
      if (!can_decode(folder)) continue;
      const std::vector<std::uint8_t> more = decoded(folder, file);
      inner.insert(inner.end(), more.begin(), more.end());
      if (inner.size() > kMost) return 0;
    }
    text = inner;
  }
  const auto header = read_header(text, size);
  if (!header) return 0;
  std::size_t members = 0;
  for (const Folder& folder : header->folders) {
    fuzz::check(folder.at <= size && folder.packed <= size - folder.at, "a stream outside");
    members += folder.members.size();
    if (!folder.chain || folder.members.empty()) continue;
    const Rewritten written = rewrite(folder, size);
    const auto again = read_header(written.tail, size);
    fuzz::check(again.has_value(), "a header that we wrote cannot be read");
    fuzz::check(
        again->folders.size() == 1 && again->folders[0].members.size() == folder.members.size(),
        "a header that we wrote says something else");
    if (can_decode(folder) && members < 64) decoded(folder, file);
  }
  fuzz::check(members <= text.size(), "more members than bytes");
  return 0;
}
