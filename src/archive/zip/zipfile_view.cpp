// The zipfile view: which members CPython's zipfile sees.
//
// Problem: zipfile finds the directory by its distance from the end record, counts bytes instead of
// entries, decodes names, cuts them at NUL, and checks more with every release. Method: the rules
// of 3.6 to 3.14 together: a check that only some releases make is no refusal; where releases read
// different records (the zip64 record right in front of its locator, or the one the locator names;
// the name in the header, or the one in a Unicode path field), the members of both are listed.
// Offsets are sums modulo 2^64, which can only add readings.
#include <algorithm>

#include "archive/zip/state.h"
#include "base/escape.h"

namespace brine::archive {
namespace {

constexpr std::uint16_t kNewestVersion = 63;

struct Directory {
  std::uint64_t start = 0;  // in the file
  std::uint64_t size = 0;
  std::uint64_t prefix = 0;  // added to every offset, modulo 2^64
  std::string refusal;
};

// A directory of `size` bytes that ends at `end` and says that it starts at `offset`.
Directory before(std::uint64_t end, std::uint64_t size, std::uint64_t offset) {
  if (size > end) return {0, 0, 0, "the directory would start in front of the file"};
  return {end - size, size, end - size - offset, {}};
}

Result<std::vector<Directory>> find_directories(ZipArchive::State& state, const layout::End& end,
                                                std::uint64_t end_offset) {
  Directory plain = before(end_offset, end.directory_size, end.directory_offset);
  if (end_offset < layout::kLocatorSize) return std::vector{plain};
  std::uint64_t locator_at = end_offset - layout::kLocatorSize;
  BRINE_TRY(ByteSpan bytes, state.fetch(locator_at, layout::kLocatorSize));
  auto locator = layout::parse_locator(bytes);
  if (!locator) return std::vector{plain};

  std::vector<Directory> out;
  auto add_record = [&](std::uint64_t at) -> Status {
    BRINE_TRY(ByteSpan record, state.fetch(at, layout::kEnd64Size));
    if (auto end64 = layout::parse_end64(record)) {
      out.push_back(before(at, end64->directory_size, end64->directory_offset));
    }
    return {};
  };
  std::uint64_t adjacent = locator_at - layout::kEnd64Size;
  if (locator_at >= layout::kEnd64Size) BRINE_CHECK_STATUS(add_record(adjacent));
  if (out.empty()) out.push_back(plain);
  if (locator_at >= layout::kEnd64Size && locator->offset < adjacent) {
    BRINE_CHECK_STATUS(add_record(locator->offset));
  }
  if (locator->disk != 0 || locator->disks > 1) {
    for (Directory& directory : out)
      directory.refusal = "the zip64 locator speaks of several disks";
  }
  return out;
}

// The number of bytes that Python's read() gives: fewer where the directory ends.
ByteSpan take(ByteSpan& bytes, std::size_t count) {
  ByteSpan out = bytes.first(std::min(count, bytes.size()));
  bytes = bytes.subspan(out.size());
  return out;
}

struct Names {
  std::string_view seen;
  std::optional<std::string_view> other;  // from a Unicode path field
};

std::string_view keep(ZipArchive::State& state, std::string text, std::string_view raw) {
  if (text == raw) return raw;
  return state.texts.emplace_back(std::move(text));
}

// Reads extra fields into the header and tells what the whole file is refused for.
std::string read_extra(ZipArchive::State& state, ZipCentral& header, Names& names) {
  layout::ExtraFields fields(header.extra);
  while (auto field = fields.next()) {
    if (field->id == layout::kZip64Field) {
      if (header.uncompressed == UINT64_MAX) header.uncompressed = layout::kNoSize;
      header.zip64 = true;
      if (!layout::apply_zip64(field->data,
                               {&header.uncompressed, &header.compressed, &header.local_offset})) {
        return "a zip64 field is too short";
      }
    }
    if (field->id == layout::kUnicodePathField && field->data.size() > 5 && field->data[0] == 1) {
      std::string path(as_text(field->data.subspan(5)));
      names.other = state.texts.emplace_back(path.substr(0, path.find('\0')));
    }
  }
  if (fields.broken() && header.extra.size() - fields.position() >= 4) {
    return "an extra field is broken";
  }
  return {};
}

// Why zipfile will not open a member although it opens the archive.
std::string entry_refusal(const ZipCentral& header) {
  if ((header.flags & layout::kFlagPatch) != 0) return "compressed patched data";
  if ((header.flags & layout::kFlagStrong) != 0) return "strong encryption";
  if ((header.flags & layout::kFlagEncrypted) != 0) return "encrypted";
  if (header.method == kZipStored || header.method == kZipDeflated || packing_of(header.method)) {
    return {};
  }
  return "compression method " + std::to_string(header.method) + " is not supported";
}

Status read_rows(ZipArchive::State& state, const Directory& directory, std::string& refusal) {
  ZipView& view = state.zipfile;
  std::uint64_t limit = state.limits.directory_bytes;
  if (directory.size > limit && refusal.empty()) {
    return fail(Error::budget(directory.start, "the zip directory exceeds directory_bytes"));
  }
  auto note = [&refusal](std::string reason) {
    if (refusal.empty()) refusal = std::move(reason);
  };
  BRINE_TRY(ByteSpan bytes, state.fetch_some(directory.start, std::min(directory.size, limit)));
  std::size_t all = bytes.size();
  while (!bytes.empty()) {
    std::uint64_t offset = directory.start + (all - bytes.size());
    auto parsed = layout::parse_central(bytes);
    if (!parsed) {
      note("the directory has something else where an entry should be");
      return {};
    }
    if (parsed->name_size > state.limits.name_bytes) {
      return fail(Error::budget(offset, "a name is longer than name_bytes"));
    }
    if (view.members.size() >= state.limits.members) {
      return fail(Error::budget(offset, "more entries than members allows"));
    }
    std::size_t before_header = bytes.size();
    bytes = bytes.subspan(layout::kCentralSize);
    ZipCentral header = parsed->header;
    header.offset = offset;
    header.name = as_text(take(bytes, parsed->name_size));
    header.extra = take(bytes, parsed->extra_size);
    header.comment = take(bytes, parsed->comment_size);
    header.header_size = before_header - bytes.size();

    auto decoded = python_name(header.name, header.flags);
    if (!decoded) note("a name is not the UTF-8 that it claims to be");
    if ((header.version_needed & 0xff) > kNewestVersion) note("an entry needs a newer zip version");
    Names names;
    names.seen = keep(state, decoded.value_or(std::string(header.name)), header.name);
    names.seen = names.seen.substr(0, names.seen.find('\0'));
    note(read_extra(state, header, names));

    ZipMember member;
    member.name = names.seen;
    member.header_offset = header.local_offset + directory.prefix;
    member.method = header.method;
    member.compressed = header.compressed;
    member.uncompressed = header.uncompressed;
    member.refusal = state.keep_text(entry_refusal(header));
    member.entry = state.entry_for(offset, header);
    state.entries[member.entry].in_zipfile = true;
    view.members.push_back(member);
    if (names.other && *names.other != names.seen) {
      member.name = *names.other;
      view.members.push_back(member);
    }
  }
  return {};
}

}  // namespace

Status read_zipfile_view(ZipArchive::State& state, std::uint64_t end_offset) {
  ZipView& view = state.zipfile;
  view.end_found = true;
  view.end_offset = end_offset;
  BRINE_TRY(ByteSpan bytes, state.fetch(end_offset, layout::kEndSize));
  auto end = layout::parse_end(bytes);
  if (!end) return fail({ErrorCode::internal, end_offset, "an end record vanished"});
  BRINE_TRY(std::vector<Directory> choices, find_directories(state, *end, end_offset));
  for (const Directory& choice : choices) {
    std::string refusal = choice.refusal;
    if (view.members.empty()) {
      view.directory_offset = choice.start;
      view.directory_size = choice.size;
      view.prefix = static_cast<std::int64_t>(choice.prefix);
    }
    BRINE_CHECK_STATUS(read_rows(state, choice, refusal));
    if (refusal.empty()) view.opens = true;
    if (view.refusal.empty()) view.refusal = refusal;
  }
  if (view.opens) view.refusal.clear();
  return {};
}

}  // namespace brine::archive
