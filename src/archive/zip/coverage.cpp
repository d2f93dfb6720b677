// Which bytes of the file the zip's structures explain, and which nothing does.
//
// Problem: a payload may lie where no reader of zip looks: in front, behind, between members, in
// extra fields and comments. Method: every structure that a view uses claims the bytes whose
// content is fixed by the format; extra fields claim theirs only when they are of a known kind and
// length, and padding only when it is one byte repeated. What nobody claims and is not zero is a
// gap.
#include <algorithm>

#include "archive/zip/state.h"

namespace brine::archive {
namespace {

// Extra fields that ordinary writers make, and the longest that their kind can be.
struct KnownField {
  std::uint16_t id;
  std::size_t longest;
};
constexpr KnownField kKnownFields[] = {
    {layout::kZip64Field, 28},  // sizes, offset, disk
    {0x000a, 32},               // NTFS times
    {0x5455, 13},               // Unix times
    {0x5855, 12},               // Unix times and owner, old
    {0x7855, 4},                // Unix owner, old
    {0x7875, 15},               // Unix owner
    {0xcafe, 0},                // Java archive
};
constexpr std::uint64_t kSmallGap = 64u << 10;  // looked into: zeros alone are padding

bool is_known(std::uint16_t id, std::size_t size) {
  return std::any_of(std::begin(kKnownFields), std::end(kKnownFields),
                     [&](const KnownField& f) { return f.id == id && size <= f.longest; });
}

bool one_byte_repeated(ByteSpan bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [&](std::uint8_t b) { return b == bytes[0]; });
}

class Coverage {
 public:
  // `headers`: also whole headers, explained or not; null: nobody wants them.
  Coverage(ZipArchive::State& state, const RangeSink& out, std::vector<ZipRange>* headers)
      : state_(state), out_(out), headers_(headers) {}

  Status run() {
    const auto count = static_cast<std::uint32_t>(state_.entries.size());
    for (std::uint32_t entry = 0; entry < count; ++entry) central(entry);
    for (const Placed& member : placed_members(state_)) BRINE_CHECK_STATUS(local(member));
    // Without a directory the headers that the walk went by are the structure.
    if (state_.entries.empty()) {
      const auto walked_by = static_cast<std::uint32_t>(state_.walk.size());
      for (std::uint32_t i = 0; i < walked_by; ++i) BRINE_CHECK_STATUS(walked(i));
    }
    for (const ZipView* view : {&state_.miniz, &state_.zipfile}) {
      if (view->end_found) BRINE_CHECK_STATUS(end_records(view->end_offset));
    }
    if (last_.end != 0) out_(last_);
    return {};
  }

 private:
  void claim(std::uint64_t start, std::uint64_t end, ZipPart part, std::uint32_t entry) {
    end = std::min(end, state_.size);
    if (start >= end) return;
    if (last_.end == start && last_.part == part && last_.entry == entry) {
      last_.end = end;
      return;
    }
    if (last_.end != 0) out_(last_);
    last_ = {start, end, part, entry};
  }

  void central(std::uint32_t entry) {
    const ZipCentral& header = state_.entries[entry].central;
    std::uint64_t extra = header.offset + layout::kCentralSize + header.name.size();
    claim(header.offset, extra, ZipPart::directory, entry);
    extra_field(extra, header.extra, ZipPart::directory, entry);
    if (headers_ == nullptr) return;
    headers_->push_back(
        {header.offset, header.offset + header.header_size, ZipPart::directory, entry});
  }

  void extra_field(std::uint64_t at, ByteSpan extra, ZipPart part, std::uint32_t entry) {
    layout::ExtraFields fields(extra);
    while (auto field = fields.next()) {
      std::uint64_t start = at + field->start;
      std::uint64_t end = start + 4 + field->data.size();
      if (is_known(field->id, field->data.size())) {
        claim(start, end, part, entry);
      } else if (field->id == layout::kPaddingField && one_byte_repeated(field->data)) {
        claim(start, end, ZipPart::padding, entry);
      }
    }
  }

  Status local(const Placed& member) {
    const ZipCentral& central = state_.entries[member.entry].central;
    auto found = state_.local_at(member.header_offset, central.name);
    if (!found) {
      bool absent =
          found.error().code == ErrorCode::malformed || found.error().code == ErrorCode::truncated;
      return absent ? Status{} : fail(found.error());
    }
    const ZipLocal& header = **found;
    local_header(header, member.entry);
    std::uint64_t room = state_.size - header.data_offset;
    std::uint64_t end = header.data_offset + std::min(central.compressed, room);
    claim(header.data_offset, end, ZipPart::member, member.entry);
    bool later = ((header.flags | central.flags) & layout::kFlagDescriptor) != 0;
    return later ? descriptor(end, central, member.entry) : Status{};
  }

  void local_header(const ZipLocal& header, std::uint32_t entry) {
    std::uint64_t extra = header.offset + layout::kLocalSize + header.name.size();
    claim(header.offset, extra, ZipPart::local_header, entry);
    extra_field(extra, header.extra, ZipPart::local_header, entry);
    if (headers_ == nullptr) return;
    headers_->push_back({header.offset, header.data_offset, ZipPart::local_header, entry});
  }

  // A descriptor whose sizes are the way that the walk went.
  Status walked(std::uint32_t index) {
    const ZipLocal& header = state_.walk[index];
    local_header(header, index);
    if ((header.flags & layout::kFlagDescriptor) == 0) return {};
    const std::uint64_t size = state_.local.members[index].compressed;
    constexpr std::uint64_t kLongest = 24;
    const std::uint64_t at = header.data_offset + size;
    BRINE_TRY(ByteSpan bytes, state_.look(at, kLongest));
    if (bytes.size() < 16 || load_le32(bytes.data()) != layout::kDescriptorSignature) return {};
    if (bytes.size() >= 24 && load_le64(bytes.data() + 8) == size) {
      claim(at, at + 24, ZipPart::descriptor, index);
    } else if (load_le32(bytes.data() + 8) == size) {
      claim(at, at + 16, ZipPart::descriptor, index);
    }
    return {};
  }

  // A descriptor is explained only when it repeats what the directory says.
  Status descriptor(std::uint64_t at, const ZipCentral& central, std::uint32_t entry) {
    constexpr std::uint64_t kLongest = 24;
    BRINE_TRY(ByteSpan bytes, state_.look(at, kLongest));
    std::size_t skip =
        bytes.size() >= 4 && load_le32(bytes.data()) == layout::kDescriptorSignature ? 4 : 0;
    ByteSpan rest = bytes.subspan(skip);
    if (rest.size() < 12 || load_le32(rest.data()) != central.crc32) return {};
    const std::uint8_t* p = rest.data();
    if (rest.size() >= 20 && load_le64(p + 4) == central.compressed &&
        load_le64(p + 12) == central.uncompressed) {
      claim(at, at + skip + 20, ZipPart::descriptor, entry);
    } else if (load_le32(p + 4) == central.compressed && load_le32(p + 8) == central.uncompressed) {
      claim(at, at + skip + 12, ZipPart::descriptor, entry);
    }
    return {};
  }

  Status end_records(std::uint64_t at) {
    claim(at, at + layout::kEndSize, ZipPart::end_record, kNoZipEntry);
    if (at < layout::kLocatorSize) return {};
    std::uint64_t locator_at = at - layout::kLocatorSize;
    BRINE_TRY(ByteSpan bytes, state_.fetch(locator_at, layout::kLocatorSize));
    auto locator = layout::parse_locator(bytes);
    if (!locator) return {};
    claim(locator_at, at, ZipPart::end_record, kNoZipEntry);
    std::uint64_t adjacent =
        locator_at >= layout::kEnd64Size ? locator_at - layout::kEnd64Size : state_.size;
    for (std::uint64_t place : {locator->offset, adjacent}) {
      BRINE_TRY(ByteSpan record, state_.fetch_some(place, layout::kEnd64Size));
      if (!layout::parse_end64(record)) continue;
      claim(place, place + layout::kEnd64Size, ZipPart::end_record, kNoZipEntry);
    }
    return {};
  }

  ZipArchive::State& state_;
  const RangeSink& out_;
  std::vector<ZipRange>* headers_;
  ZipRange last_;  // what touches it belongs to it; empty at first
};

class GapFinder {
 public:
  GapFinder(ZipArchive::State& state, const std::vector<ZipRange>& ranges)
      : state_(state), ranges_(ranges) {
    for (const ZipRange& range : ranges) {
      if (range.part == ZipPart::local_header) first_ = std::min(first_, range.start);
      if (range.part == ZipPart::end_record) last_ = std::max(last_, range.end);
    }
  }

  Result<std::vector<ZipGap>> run() {
    std::uint64_t reached = 0;
    for (const ZipRange& range : ranges_) {
      if (range.start > reached) BRINE_CHECK_STATUS(gap(reached, range.start));
      reached = std::max(reached, range.end);
    }
    if (reached < state_.size) BRINE_CHECK_STATUS(gap(reached, state_.size));
    return std::move(out_);
  }

 private:
  // Splits unexplained bytes where a header or the archive's comment begins or ends.
  Status gap(std::uint64_t start, std::uint64_t end) {
    while (start < end) {
      std::uint64_t stop = end;
      ZipGapKind kind = kind_at(start, stop);
      BRINE_CHECK_STATUS(add(start, std::min(stop, end), kind));
      start = std::min(stop, end);
    }
    return {};
  }

  ZipGapKind kind_at(std::uint64_t at, std::uint64_t& stop) const {
    if (at >= last_ && last_ != 0) {
      std::uint64_t comment_end = last_ + comment_size();
      if (at < comment_end) {
        stop = std::min(stop, comment_end);
        return ZipGapKind::comment;
      }
      return ZipGapKind::suffix;
    }
    auto next = std::upper_bound(state_.headers.begin(), state_.headers.end(), at,
                                 [](std::uint64_t v, const ZipRange& h) { return v < h.start; });
    if (next != state_.headers.begin() && at < std::prev(next)->end) {
      const ZipRange& header = *std::prev(next);
      stop = std::min(stop, header.end);
      if (header.part != ZipPart::directory) return ZipGapKind::extra_field;
      const ZipCentral& central = state_.entries[header.entry].central;
      std::uint64_t comment = header.end - central.comment.size();
      if (at >= comment) return ZipGapKind::comment;
      stop = std::min(stop, comment);
      return ZipGapKind::extra_field;
    }
    if (next != state_.headers.end()) stop = std::min(stop, next->start);
    return at < first_ ? ZipGapKind::prefix : ZipGapKind::between;
  }

  std::uint64_t comment_size() const {
    if (last_ < layout::kEndSize) return 0;
    auto bytes = state_.fetch(last_ - layout::kEndSize, layout::kEndSize);
    auto end = bytes ? layout::parse_end(*bytes) : std::nullopt;
    return end ? end->comment_size : 0;
  }

  Status add(std::uint64_t start, std::uint64_t end, ZipGapKind kind) {
    if (end - start <= kSmallGap) {
      std::vector<std::uint8_t> bytes(static_cast<std::size_t>(end - start));
      BRINE_CHECK_STATUS(state_.source->read(start, bytes));
      if (bytes[0] == 0 && one_byte_repeated(bytes)) return {};
    }
    out_.push_back({start, end, kind});
    return {};
  }

  ZipArchive::State& state_;
  const std::vector<ZipRange>& ranges_;
  std::uint64_t first_ = UINT64_MAX;
  std::uint64_t last_ = 0;
  std::vector<ZipGap> out_;
};

}  // namespace

Status each_range(ZipArchive::State& state, const RangeSink& out, std::vector<ZipRange>* headers) {
  return Coverage(state, out, headers).run();
}

Status find_ranges(ZipArchive::State& state, std::vector<ZipRange>& out) {
  BRINE_CHECK_STATUS(
      each_range(state, [&](const ZipRange& range) { out.push_back(range); }, &state.headers));
  const auto by_start = [](const ZipRange& a, const ZipRange& b) {
    return std::pair(a.start, a.end) < std::pair(b.start, b.end);
  };
  std::sort(out.begin(), out.end(), by_start);
  std::sort(state.headers.begin(), state.headers.end(), by_start);
  return {};
}

Result<std::vector<ZipGap>> find_gaps(ZipArchive::State& state,
                                      const std::vector<ZipRange>& ranges) {
  return GapFinder(state, ranges).run();
}

}  // namespace brine::archive
