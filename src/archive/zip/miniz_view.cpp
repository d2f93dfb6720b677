// The miniz view: which members PyTorchStreamReader sees.
//
// Problem: PyTorch's zip reader is miniz 3.0.2 with changes of its own; what it refuses and what it
// ignores is not what the format says. Method: its checks in its order, on its fields, with its
// unsigned wrap-around (`wrapped` is where a sum may overflow in miniz and is meant to). The first
// check that fails is the refusal; reading goes on as far as the directory can be followed, because
// another version may be less strict. Newer miniz prefers the zip64 record right in front of its
// locator over the one that the locator points to: both are followed where they differ.
#include <algorithm>

#include "archive/zip/state.h"

namespace brine::archive {
namespace {

using layout::End;
using layout::End64;

struct Directory {
  std::uint64_t entries = 0;
  std::uint64_t entries_on_disk = 0;
  std::uint64_t disk = 0;
  std::uint64_t directory_disk = 0;
  std::uint64_t size = 0;
  std::uint64_t offset = 0;
  std::string refusal;
};

// Sums as miniz forms them, in 64 bits.
std::uint64_t wrapped(std::uint64_t a, std::uint64_t b) { return a + b; }

Directory from_end(const End& end) {
  return {end.entries,        end.entries_on_disk,  end.disk, end.directory_disk,
          end.directory_size, end.directory_offset, {}};
}

Directory from_end64(const End64& end, std::uint32_t disks) {
  Directory out{end.entries,        end.entries_on_disk,  end.disk, end.directory_disk,
                end.directory_size, end.directory_offset, {}};
  if (end.record_size < layout::kEnd64Size - 12) {
    out.refusal = "the zip64 record says that it is too short";
  } else if (disks != 1) {
    out.refusal = "the zip64 locator speaks of several disks";
  } else if (end.entries > UINT32_MAX || end.entries_on_disk > UINT32_MAX) {
    out.refusal = "too many entries";
  } else if (end.directory_size > UINT32_MAX) {
    out.refusal = "the directory is too large";
  }
  return out;
}

void check_directory(Directory& directory, std::uint64_t file_size) {
  if (!directory.refusal.empty()) return;
  bool first = directory.disk == 0 && directory.directory_disk == 0;
  bool second = directory.disk == 1 && directory.directory_disk == 1;
  if (directory.entries != directory.entries_on_disk || (!first && !second)) {
    directory.refusal = "several disks";
  } else if (directory.size / layout::kCentralSize < directory.entries) {
    directory.refusal = "the directory is too small for its number of entries";
  } else if (wrapped(directory.offset, directory.size) > file_size) {
    directory.refusal = "the directory reaches behind the file's end";
  }
}

// What a central header says to miniz. Opening the archive reads the zip64 field as far as the
// whole extra field goes; extracting an entry keeps to the field and refuses a short one.
struct Row {
  ZipCentral header;
  std::uint64_t compressed = 0;  // as the checks on opening see them
  std::uint64_t uncompressed = 0;
  std::uint64_t local_offset = 0;
  std::string refusal;  // of the whole file
  std::string entry_refusal;
};

void take_if_there(std::uint64_t& value, ByteSpan& bytes) {
  if (value != layout::kNoSize || bytes.size() < 8) return;
  value = load_le64(bytes.data());
  bytes = bytes.subspan(8);
}

void read_zip64(Row& row) {
  ZipCentral& header = row.header;
  bool needed =
      std::max({header.compressed, header.uncompressed, header.local_offset}) == layout::kNoSize;
  if (!needed) return;
  layout::ExtraFields fields(header.extra);
  while (auto field = fields.next()) {
    if (field->id != layout::kZip64Field) continue;
    ByteSpan rest = header.extra.subspan(field->start + 4);
    take_if_there(row.uncompressed, rest);
    take_if_there(row.compressed, rest);
    take_if_there(row.local_offset, rest);
    header.zip64 = layout::apply_zip64(
        field->data, {&header.uncompressed, &header.compressed, &header.local_offset});
    if (!header.zip64) row.entry_refusal = "a zip64 field is too short";
    return;
  }
  if (fields.broken()) row.refusal = "an extra field is broken";
}

void check_row(Row& row, const Directory& directory, std::uint64_t file_size) {
  if (!row.refusal.empty()) return;
  const ZipCentral& header = row.header;
  bool sizes_known = row.compressed != layout::kNoSize && row.uncompressed != layout::kNoSize;
  // miniz reads method and time together here, so any time hides a stored entry from this check.
  bool plain = header.method == kZipStored && header.time == 0;
  bool differ = row.compressed != row.uncompressed;
  bool from_nothing = row.uncompressed != 0 && row.compressed == 0;
  if (sizes_known && ((plain && differ) || from_nothing)) {
    row.refusal = "an entry's sizes contradict each other";
  } else if (header.disk == UINT16_MAX || (header.disk != directory.disk && header.disk != 1)) {
    row.refusal = "an entry lies on another disk";
  } else if (row.compressed != layout::kNoSize &&
             wrapped(wrapped(row.local_offset, layout::kLocalSize), row.compressed) > file_size) {
    row.refusal = "an entry reaches behind the file's end";
  } else if ((header.flags & layout::kFlagMasked) != 0) {
    row.refusal = "an entry's local header is masked";
  }
}

// Why miniz will not extract an entry; the rest of the archive is not touched by it.
std::string entry_refusal(const Row& row) {
  if (!row.entry_refusal.empty()) return row.entry_refusal;
  const ZipCentral& header = row.header;
  if (header.method != kZipStored && header.method != kZipDeflated) {
    return "compression method " + std::to_string(header.method) + " is not supported";
  }
  if ((header.flags & (layout::kFlagEncrypted | layout::kFlagStrong)) != 0) return "encrypted";
  if ((header.flags & layout::kFlagPatch) != 0) return "a patch, not data";
  return {};
}

Status read_rows(ZipArchive::State& state, const Directory& directory, std::string& refusal) {
  ZipView& view = state.miniz;
  std::uint64_t limit = state.limits.directory_bytes;
  if (directory.size > limit && refusal.empty()) {
    return fail(Error::budget(directory.offset, "the zip directory exceeds directory_bytes"));
  }
  BRINE_TRY(ByteSpan bytes, state.fetch_some(directory.offset, std::min(directory.size, limit)));
  std::size_t at = 0;
  for (std::uint64_t i = 0; i < directory.entries; ++i) {
    auto parsed = layout::parse_central(bytes.subspan(at));
    std::size_t left = bytes.size() - at;
    std::size_t variable =
        parsed ? std::size_t{parsed->name_size} + parsed->extra_size + parsed->comment_size : 0;
    if (!parsed || variable > left - layout::kCentralSize) {
      if (refusal.empty()) refusal = "the directory ends before its entries do";
      return {};
    }
    if (parsed->name_size > state.limits.name_bytes) {
      return fail(Error::budget(directory.offset + at, "a name is longer than name_bytes"));
    }
    if (view.members.size() >= state.limits.members) {
      return fail(Error::budget(directory.offset + at, "more entries than members allows"));
    }
    Row row{parsed->header,
            parsed->header.compressed,
            parsed->header.uncompressed,
            parsed->header.local_offset,
            {},
            {}};
    ByteSpan rest = bytes.subspan(at + layout::kCentralSize, variable);
    row.header.offset = directory.offset + at;
    row.header.header_size = layout::kCentralSize + variable;
    row.header.name = as_text(rest.first(parsed->name_size));
    row.header.extra = rest.subspan(parsed->name_size, parsed->extra_size);
    row.header.comment = rest.last(parsed->comment_size);
    read_zip64(row);
    check_row(row, directory, state.size);
    if (refusal.empty()) refusal = row.refusal;

    ZipMember member;
    member.name = row.header.name;
    member.header_offset = row.header.local_offset;
    member.method = row.header.method;
    member.compressed = row.header.compressed;
    member.uncompressed = row.header.uncompressed;
    member.refusal = state.keep_text(entry_refusal(row));
    member.entry = state.entry_for(row.header.offset, row.header);
    state.entries[member.entry].in_miniz = true;
    view.members.push_back(member);
    at += layout::kCentralSize + variable;
  }
  return {};
}

// The directories that versions of miniz would use: PyTorch's first.
Result<std::vector<Directory>> find_directories(ZipArchive::State& state, const End& end,
                                                std::uint64_t end_offset) {
  std::vector<Directory> out;
  constexpr std::uint64_t kBefore = layout::kLocatorSize + layout::kEnd64Size;
  if (end_offset < kBefore) return std::vector{from_end(end)};
  BRINE_TRY(ByteSpan bytes, state.fetch(end_offset - kBefore, kBefore));
  auto locator = layout::parse_locator(bytes.last(layout::kLocatorSize));
  if (!locator) return std::vector{from_end(end)};

  if (locator->offset > state.size - layout::kEnd64Size) {
    out.push_back(from_end(end));
    out.back().refusal = "the zip64 locator points behind the file's end";
  } else {
    BRINE_TRY(ByteSpan record, state.fetch(locator->offset, layout::kEnd64Size));
    auto end64 = layout::parse_end64(record);
    out.push_back(end64 ? from_end64(*end64, locator->disks) : from_end(end));
  }
  auto adjacent = layout::parse_end64(bytes);
  if (adjacent && locator->offset != end_offset - kBefore) {
    out.push_back(from_end64(*adjacent, locator->disks));
  }
  return out;
}

}  // namespace

Status read_miniz_view(ZipArchive::State& state, std::uint64_t end_offset) {
  ZipView& view = state.miniz;
  view.end_found = true;
  view.end_offset = end_offset;
  BRINE_TRY(ByteSpan bytes, state.fetch(end_offset, layout::kEndSize));
  auto end = layout::parse_end(bytes);
  if (!end) return fail({ErrorCode::internal, end_offset, "an end record vanished"});
  BRINE_TRY(std::vector<Directory> choices, find_directories(state, *end, end_offset));
  for (Directory& choice : choices) {
    check_directory(choice, state.size);
    std::string refusal = choice.refusal;
    if (view.members.empty()) {
      view.directory_offset = choice.offset;
      view.directory_size = choice.size;
    }
    BRINE_CHECK_STATUS(read_rows(state, choice, refusal));
    if (refusal.empty()) view.opens = true;
    if (view.refusal.empty()) view.refusal = refusal;
  }
  if (view.opens) view.refusal.clear();
  return {};
}

}  // namespace brine::archive
