#include "format/dcp/slices.h"

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <tuple>

#include "base/bytes.h"

namespace brine::format::dcp {

namespace {

using archive::ZipArchive;
using archive::ZipMember;
using archive::ZipView;

constexpr std::uint64_t kEndRecord = 22, kLocator = 20, kEnd64 = 56;
constexpr std::uint32_t kEndSign = 0x06054b50, kLocatorSign = 0x07064b50, kEnd64Sign = 0x06064b50;
constexpr std::uint32_t kDirectorySign = 0x02014b50;

std::uint32_t le32_at(ByteSource& source, std::uint64_t at) {
  std::array<std::uint8_t, 4> bytes{};
  return source.read(at, bytes) ? load_le32(bytes.data()) : 0;
}

// Where the archive begins that ends at `end`, by its own account: its directory lies right in
// front of its end records.
std::optional<std::uint64_t> start_of(ByteSource& source, std::uint64_t end) {
  if (end < kEndRecord) return std::nullopt;
  std::array<std::uint8_t, kEndRecord> record{};
  const std::uint64_t at = end - kEndRecord;
  if (!source.read(at, record) || load_le32(record.data()) != kEndSign) return std::nullopt;
  if (record[20] != 0 || record[21] != 0) return std::nullopt;  // a comment
  std::uint64_t size = load_le32(record.data() + 12), offset = load_le32(record.data() + 16);
  std::uint64_t behind = at;  // of the directory
  if (at >= kLocator + kEnd64 && le32_at(source, at - kLocator) == kLocatorSign) {
    behind = at - kLocator - kEnd64;
    std::array<std::uint8_t, kEnd64> wide{};
    if (!source.read(behind, wide) || load_le32(wide.data()) != kEnd64Sign) return std::nullopt;
    size = load_le64(wide.data() + 40);
    offset = load_le64(wide.data() + 48);
  }
  if (size > behind || offset > behind - size) return std::nullopt;
  const std::uint64_t start = behind - size - offset;
  std::array<std::uint8_t, 4> head{};
  if (!source.read(start, head) || !archive::starts_like_zip(head)) return std::nullopt;
  if (le32_at(source, behind - size) != kDirectorySign) return std::nullopt;
  return start;
}

// What tells one reading of a member from another.
using Told = std::tuple<std::uint64_t, std::string, std::uint16_t, std::uint64_t, std::uint64_t>;
Told told(const ZipMember& member, std::uint64_t start) {
  return {member.header_offset + start, std::string(member.name), member.method, member.compressed,
          member.uncompressed};
}

std::optional<ZipArchive> open(const SourcePtr& source, const Slice& slice, const Limits& limits) {
  auto part = std::make_shared<SliceSource>(source, slice.start, slice.end - slice.start);
  Result<ZipArchive> opened = ZipArchive::open(std::move(part), limits);
  if (!opened) return std::nullopt;
  return std::move(*opened);
}

}  // namespace

Split split(ByteSource& source, const Limits& limits) {
  Split out;
  std::uint64_t end = source.size();
  while (end > 0 && out.slices.size() < limits.members) {
    const std::optional<std::uint64_t> start = start_of(source, end);
    if (!start) break;
    out.slices.push_back({*start, end});
    end = *start;
  }
  out.whole = end == 0 && !out.slices.empty();
  std::ranges::reverse(out.slices);
  return out;
}

bool explained_by_slices(Probe& probe, const ZipArchive& whole, const Limits& limits) {
  if (!probe.lower().ends_with(kSlices)) return false;
  const Split parts = split(*probe.source(), limits);
  if (!parts.whole || parts.slices.size() < 2) return false;
  // Entries of the whole as slices have them: PyTorch's offsets lead into the first one, zipfile's
  // into the last, and where releases differ a view has both.
  std::set<Told> own;
  for (const Slice& slice : {parts.slices.front(), parts.slices.back()}) {
    const auto part = open(probe.source(), slice, limits);
    if (!part) return false;
    for (const ZipView* view : {&part->miniz(), &part->zipfile()}) {
      for (const ZipMember& member : view->members) own.insert(told(member, slice.start));
    }
  }
  return std::ranges::all_of(
      std::array{&whole.miniz(), &whole.zipfile()}, [&](const ZipView* view) {
        return std::ranges::all_of(
            view->members, [&](const ZipMember& member) { return own.contains(told(member, 0)); });
      });
}

}  // namespace brine::format::dcp
