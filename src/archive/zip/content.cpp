// What a reader hands out for a member.
//
// Problem: the same entry gives different bytes to different readers. Method: each reader's steps
// between "found in the directory" and "bytes returned". Refusals are noted and the bytes that the
// member has are given all the same, so that nobody's mistake hides them.
#include <algorithm>

#include "archive/zip/state.h"
#include "codec/decode.h"
#include "codec/inflate.h"

namespace brine::archive {
namespace {

using Reading = ZipReading;

void refuse(Reading& reading, std::string reason) {
  reading.readable = false;
  if (reading.refusal.empty()) reading.refusal = std::move(reason);
}

bool is_directory(const ZipCentral& header) {
  return (!header.name.empty() && header.name.back() == '/') ||
         (header.external & layout::kDirectoryAttribute) != 0;
}

// The member's local header, or nothing and a refusal; an error only when reading fails.
Result<const ZipLocal*> find_local(ZipArchive::State& state, const ZipMember& member,
                                   Reading& reading) {
  auto found = state.local_at(member.header_offset, member.name);
  if (found) return *found;
  if (found.error().code == ErrorCode::malformed || found.error().code == ErrorCode::truncated) {
    refuse(reading, "no local header where the directory points");
    return nullptr;
  }
  return fail(found.error());
}

Result<Reading> locate_miniz(ZipArchive::State& state, const ZipMember& member) {
  Reading reading;
  reading.readable = true;
  if (!member.refusal.empty()) refuse(reading, std::string(member.refusal));
  reading.deflated = member.method == kZipDeflated;
  BRINE_TRY(const ZipLocal* header, find_local(state, member, reading));
  if (header != nullptr) reading.data_offset = header->data_offset;
  if (is_directory(state.entries[member.entry].central) || member.compressed == 0) {
    // miniz succeeds without a look at the local header, and without writing a byte.
    reading.readable = member.refusal.empty();
    reading.refusal = member.refusal;
    reading.deflated = false;
    reading.uninitialised = member.uncompressed != 0;
    reading.output = member.uncompressed;
    return reading;
  }
  if (header == nullptr) return reading;
  std::uint64_t room = state.size - header->data_offset;
  if (header->data_offset + member.compressed > state.size) {
    refuse(reading, "the member reaches behind the file's end");
  }
  if (reading.deflated) {
    reading.input = std::min(member.compressed, room);
    reading.output = member.uncompressed;
    return reading;
  }
  if (member.uncompressed > room) refuse(reading, "the member reaches behind the file's end");
  reading.output = std::min(member.uncompressed, room);
  reading.input = reading.output;
  return reading;
}

// How a member is packed; nothing when its bytes begin otherwise, so that zipfile gets none.
Result<std::optional<codec::Codec>> packing(ZipArchive::State& state, const ZipMember& member,
                                            std::uint64_t data_offset) {
  const std::optional<codec::Codec> packed = packing_of(member.method);
  if (!packed) return packed;
  BRINE_TRY(const ByteSpan head, state.fetch_some(data_offset, 4));
  const bool begins = head.size() == 4 && codec::may_begin(*packed, load_le32(head.data()));
  return begins ? packed : std::nullopt;
}

Result<Reading> locate_zipfile(ZipArchive::State& state, const ZipMember& member) {
  Reading reading;
  reading.readable = true;
  if (!member.refusal.empty()) refuse(reading, std::string(member.refusal));
  reading.deflated = member.method == kZipDeflated;
  BRINE_TRY(const ZipLocal* header, find_local(state, member, reading));
  if (header == nullptr) return reading;
  const ZipCentral& central = state.entries[member.entry].central;
  if (header->name != central.name || header->flags != central.flags) {
    auto here = python_name(header->name, header->flags);
    auto there = python_name(central.name, central.flags);
    if (!here || here != there) refuse(reading, "the names in directory and header differ");
  }
  std::uint64_t room = state.size - header->data_offset;
  reading.data_offset = header->data_offset;
  BRINE_TRY(reading.packed, packing(state, member, reading.data_offset));
  reading.input = std::min(member.compressed, room);
  reading.output =
      reading.stored() ? std::min(member.uncompressed, reading.input) : member.uncompressed;
  return reading;
}

Result<Reading> locate_local(ZipArchive::State& state, const ZipMember& member) {
  Reading reading;
  reading.readable = true;
  if (!member.refusal.empty()) refuse(reading, std::string(member.refusal));
  reading.data_offset = state.walk[member.entry].data_offset;
  BRINE_TRY(reading.packed, packing(state, member, reading.data_offset));
  reading.deflated = member.method == kZipDeflated;
  reading.input = member.compressed;
  reading.output = reading.stored() ? member.compressed : state.limits.member_bytes;
  return reading;
}

ZipContent stored_content(ZipArchive::State& state, const Reading& reading) {
  ZipContent out;
  out.source = std::make_shared<SliceSource>(state.source, reading.data_offset, reading.output);
  out.file_offset = reading.data_offset;
  return out;
}

// Members that share compressed bytes may make the whole cost more than the file is worth.
bool affordable(ZipArchive::State& state, const Reading& reading) {
  std::uint64_t& counted = state.inflated_at[reading.data_offset];
  if (reading.input <= counted) return true;
  if (!state.afford(state.inflated_bytes, reading.input - counted)) return false;
  counted = reading.input;
  return true;
}

Result<ZipContent> inflated_content(ZipArchive::State& state, ZipProfile profile,
                                    const Reading& reading) {
  auto inflater = profile == ZipProfile::zipfile ? codec::Inflater::zlib : codec::Inflater::tinfl;
  BRINE_TRY(codec::Inflated inflated,
            codec::inflate(*state.source, reading.data_offset, reading.input, reading.output,
                           state.limits, inflater));
  ZipContent out;
  bool miniz = profile == ZipProfile::miniz;
  std::uint64_t missing =
      reading.output - std::min<std::uint64_t>(reading.output, inflated.bytes.size());
  switch (inflated.end) {
    case codec::InflateEnd::done: out.whole = !miniz || missing == 0; break;
    case codec::InflateEnd::full: out.whole = profile != ZipProfile::local; break;
    case codec::InflateEnd::truncated:
    case codec::InflateEnd::broken:
      out.whole = false;
      if (miniz) out.unwritten = missing;
      break;
    case codec::InflateEnd::budget:
      out.whole = false;
      out.budget = true;
      break;
  }
  if (!out.whole) {
    out.problem = inflated.problem.empty() ? "the data is shorter than promised"
                                           : std::move(inflated.problem);
  }
  out.source = std::make_shared<MemorySource>(std::move(inflated.bytes));
  return out;
}

// zipfile stops at the promised size, whatever follows.
Result<ZipContent> unpacked_content(ZipArchive::State& state, const Reading& reading) {
  SliceSource input(state.source, reading.data_offset, reading.input);
  BRINE_TRY(codec::Decoded decoded,
            codec::decode(*reading.packed, input, 0, reading.output, state.limits));
  ZipContent out;
  const bool all = decoded.bytes.size() >= reading.output;
  out.whole = all || decoded.end == codec::DecodeEnd::done;
  out.budget = !all && decoded.end == codec::DecodeEnd::budget;
  if (!out.whole) out.problem = std::move(decoded.problem);
  out.source = std::move(decoded.bytes).into_source();
  return out;
}

}  // namespace

std::optional<codec::Codec> packing_of(std::uint16_t method) {
  switch (method) {
    case kZipBzip2: return codec::Codec::bzip2;
    case kZipLzma: return codec::Codec::zip_lzma;
    case kZipZstd: return codec::Codec::zstd;
    default: return std::nullopt;
  }
}

Result<ZipReading> locate_member(ZipArchive::State& state, const ZipView& view,
                                 const ZipMember& member) {
  switch (view.profile) {
    case ZipProfile::miniz: return locate_miniz(state, member);
    case ZipProfile::zipfile: return locate_zipfile(state, member);
    case ZipProfile::local: return locate_local(state, member);
  }
  return fail({ErrorCode::internal, 0, "a zip view of no profile"});
}

Result<ZipContent> member_content(ZipArchive::State& state, const ZipView& view,
                                  const ZipMember& member) {
  BRINE_TRY(Reading reading, locate_member(state, view, member));
  if (reading.uninitialised) {
    ZipContent out;
    out.source = std::make_shared<MemorySource>(std::vector<std::uint8_t>{});
    out.whole = false;
    out.problem = "the reader hands out memory that it never wrote";
    return out;
  }
  bool known = member.method == kZipStored || !reading.stored();
  if (!known && member.compressed != 0) {
    return fail({ErrorCode::unsupported, member.header_offset,
                 "compression method " + std::to_string(member.method)});
  }
  if (reading.data_offset == 0 && !reading.readable) {
    return fail(Error::malformed(member.header_offset, reading.refusal));
  }
  ZipContent out;
  if (!reading.stored() && !affordable(state, reading)) {
    return fail(Error::budget(reading.data_offset, "members overlap beyond salvage_factor"));
  }
  if (reading.deflated) {
    BRINE_TRY(out, inflated_content(state, view.profile, reading));
  } else if (reading.packed) {
    BRINE_TRY(out, unpacked_content(state, reading));
  } else {
    out = stored_content(state, reading);
    bool cut = view.profile == ZipProfile::zipfile && reading.input < member.compressed &&
               reading.input < member.uncompressed;
    if (cut) {
      out.whole = false;
      out.problem = "the file ends inside the member";
    }
  }
  if (!reading.readable && out.whole) {
    out.whole = false;
    out.problem = reading.refusal;
  }
  return out;
}

}  // namespace brine::archive
