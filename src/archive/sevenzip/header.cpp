#include "archive/sevenzip/header.h"

#include <zlib.h>

#include <algorithm>
#include <utility>

namespace brine::archive::sevenzip {

namespace {

// 7zFormat.txt of the LZMA SDK.
enum Id : std::uint8_t {
  kEnd = 0x00,
  kHeader = 0x01,
  kMainStreams = 0x04,
  kFiles = 0x05,
  kPackInfo = 0x06,
  kUnpackInfo = 0x07,
  kSubStreams = 0x08,
  kSize = 0x09,
  kCrc = 0x0a,
  kFolder = 0x0b,
  kUnpackSize = 0x0c,
  kStreamCount = 0x0d,
  kEmptyStream = 0x0e,
  kName = 0x11,
  kDummy = 0x19,
  kEncodedHeader = 0x17,
};

constexpr std::array<std::uint8_t, 8> kMagic = {'7', 'z', 0xbc, 0xaf, 0x27, 0x1c, 0, 4};
constexpr std::uint64_t kMostStreams =
    64;  // of a folder; 7-Zip's k_Scan_NumCodersStreams_in_Folder_MAX
constexpr std::uint64_t kMostSize = std::uint64_t{1} << 40;  // of a member that is written again

Error malformed(const Bytes& at, std::string what) {
  return Error::malformed(at.offset(), std::move(what));
}

// 7-Zip's number: the first byte's leading ones tell how many bytes follow.
Result<std::uint64_t> number(Bytes& from) {
  BRINE_TRY(const std::uint8_t first, from.u8());
  std::uint64_t value = 0;
  std::uint8_t mask = 0x80;
  for (unsigned i = 0; i < 8; ++i, mask = static_cast<std::uint8_t>(mask >> 1)) {
    if ((first & mask) == 0) {
      return value | static_cast<std::uint64_t>(first & (mask - 1)) << (8 * i);
    }
    BRINE_TRY(const std::uint8_t byte, from.u8());
    value |= static_cast<std::uint64_t>(byte) << (8 * i);
  }
  return value;
}

// A number of things each of which takes at least one byte of what is left.
Result<std::uint64_t> count(Bytes& from, const char* what) {
  BRINE_TRY(const std::uint64_t value, number(from));
  if (value > from.left()) return fail(malformed(from, std::string("too many ") + what));
  return value;
}

Status expect(Bytes& from, Id id, const char* what) {
  BRINE_TRY(const std::uint8_t found, from.u8());
  if (found != id) return fail(malformed(from, std::string(what) + " expected"));
  return {};
}

struct Output {
  std::uint64_t size = 0;
  bool bound = false;  // feeds another coder
};

struct ReadFolder : Folder {
  std::vector<Output> outputs;
};

std::uint64_t together(std::uint64_t a, std::uint64_t b) {
  return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

// What the streams' part of a header says, as it says it.
struct Streams {
  std::uint64_t position = 0;
  std::vector<std::uint64_t> packed;
  std::vector<ReadFolder> folders;
  std::vector<bool> summed;           // folders that have a sum
  std::vector<std::uint64_t> counts;  // members of each folder
  std::vector<std::uint64_t> sizes;   // of the members
  bool sizes_told = false;
  bool ordinary = true;
};

// Which of `most` things have a sum, and behind that the sums. py7zr reads `most` of them for
// folders and members, and as many as are defined for packed streams, as 7-Zip does everywhere.
Result<std::vector<bool>> read_sums(Bytes& from, std::uint64_t most, bool each, Streams& out) {
  BRINE_TRY(const std::uint8_t all, from.u8());
  if (all != 1) out.ordinary = false;
  if (most > together(from.left(), from.left()) * 4) return fail(malformed(from, "too many sums"));
  std::vector<bool> defined(static_cast<std::size_t>(most), true);
  if (all == 0) {
    BRINE_TRY(const ByteSpan bits, from.take((most + 7) / 8));
    for (std::size_t i = 0; i < defined.size(); ++i)
      defined[i] = (bits[i / 8] >> (7 - i % 8) & 1) != 0;
  }
  const std::uint64_t sums =
      each ? most : static_cast<std::uint64_t>(std::ranges::count(defined, true));
  if (sums > from.left() / 4) return fail(malformed(from, "too many sums"));
  BRINE_CHECK_STATUS(from.skip(4 * sums));
  return defined;
}

Status read_pack_info(Bytes& from, Streams& out) {
  BRINE_TRY(out.position, number(from));
  if (out.position != 0) out.ordinary = false;
  BRINE_TRY(const std::uint64_t streams, count(from, "packed streams"));
  BRINE_TRY(std::uint8_t id, from.u8());
  if (id == kSize) {
    for (std::uint64_t i = 0; i < streams; ++i) {
      BRINE_TRY(const std::uint64_t size, number(from));
      out.packed.push_back(size);
    }
    BRINE_TRY(id, from.u8());
    if (id == kCrc) {
      BRINE_CHECK_STATUS(read_sums(from, streams, false, out));
      BRINE_TRY(id, from.u8());
    }
  }
  if (id != kEnd) return fail(malformed(from, "end of the packed streams expected"));
  return {};
}

struct CoderStreams {
  std::uint64_t in = 1, out = 1;
};

Result<CoderStreams> read_coder(Bytes& from, Coder& coder) {
  BRINE_TRY(const std::uint8_t flags, from.u8());
  CoderStreams streams;
  const std::uint8_t length = flags & 0x0f;
  BRINE_TRY(const ByteSpan method, from.take(length));
  coder.method.assign(method.begin(), method.end());
  if (length == 0) coder.method = {0};
  if ((flags & 0x10) != 0) {
    BRINE_TRY(streams.in, number(from));
    BRINE_TRY(streams.out, number(from));
    if (streams.in > kMostStreams || streams.out > kMostStreams) {
      return fail(malformed(from, "too many streams of a coder"));
    }
  }
  coder.has_properties = (flags & 0x20) != 0;
  if (coder.has_properties) {
    BRINE_TRY(const std::uint64_t size, number(from));
    BRINE_TRY(const ByteSpan properties, from.take(size));
    coder.properties.assign(properties.begin(), properties.end());
  }
  return streams;
}

Result<ReadFolder> read_folder(Bytes& from, Streams& out) {
  BRINE_TRY(const std::uint64_t coders, number(from));
  if (coders == 0 || coders > kMostStreams) return fail(malformed(from, "a number of coders"));
  ReadFolder folder;
  std::uint64_t in = 0, made = 0;
  for (std::uint64_t i = 0; i < coders; ++i) {
    Coder coder;
    BRINE_TRY(const CoderStreams streams, read_coder(from, coder));
    if (streams.in != 1 || streams.out != 1) folder.chain = false;
    in += streams.in;
    made += streams.out;
    folder.streams = std::max(folder.streams, streams.in);
    folder.coders.push_back(std::move(coder));
  }
  if (made == 0 || in < made || in > kMostStreams) {
    return fail(malformed(from, "the streams of the coders"));
  }
  folder.outputs.assign(static_cast<std::size_t>(made), {});
  for (std::uint64_t i = 1; i < made; ++i) {
    BRINE_TRY(const std::uint64_t to, number(from));
    BRINE_TRY(const std::uint64_t of, number(from));
    if (of < made) folder.outputs[of].bound = true;
    // py7zr goes by the order of the coders, whatever the bonds say.
    if (folder.chain && (to != i || of != i - 1)) out.ordinary = false;
  }
  const std::uint64_t packed = in - (made - 1);
  for (std::uint64_t i = 0; packed > 1 && i < packed; ++i) BRINE_CHECK_STATUS(number(from));
  return folder;
}

Status read_unpack_info(Bytes& from, Streams& out) {
  BRINE_CHECK_STATUS(expect(from, kFolder, "folders"));
  BRINE_TRY(const std::uint64_t folders, count(from, "folders"));
  BRINE_TRY(const std::uint8_t external, from.u8());
  if (external != 0) return fail(malformed(from, "folders somewhere else"));
  for (std::uint64_t i = 0; i < folders; ++i) {
    BRINE_TRY(ReadFolder folder, read_folder(from, out));
    out.folders.push_back(std::move(folder));
  }
  out.summed.assign(out.folders.size(), false);
  BRINE_CHECK_STATUS(expect(from, kUnpackSize, "sizes of the folders"));
  for (ReadFolder& folder : out.folders) {
    for (Output& output : folder.outputs) {
      BRINE_TRY(output.size, number(from));
      if (!output.bound) folder.unpacked = output.size;
    }
    folder.last = folder.outputs.back().size;
    if (std::ranges::all_of(folder.outputs, &Output::bound)) folder.unpacked = folder.last;
  }
  BRINE_TRY(std::uint8_t id, from.u8());
  if (id == kCrc) {
    BRINE_TRY(out.summed, read_sums(from, folders, true, out));
    BRINE_TRY(id, from.u8());
  }
  if (id != kEnd) return fail(malformed(from, "end of the folders expected"));
  return {};
}

Status read_sub_streams(Bytes& from, Streams& out) {
  BRINE_TRY(std::uint8_t id, from.u8());
  if (id == kStreamCount) {
    out.counts.clear();
    std::uint64_t total = 0;
    for (std::size_t i = 0; i < out.folders.size(); ++i) {
      BRINE_TRY(const std::uint64_t members, number(from));
      total = together(total, members);
      // A member takes a byte at least: of its size, its name or its sum.
      if (total > together(from.left(), out.folders.size())) {
        return fail(malformed(from, "too many members"));
      }
      if (members == 0) out.ordinary = false;
      out.counts.push_back(members);
    }
    BRINE_TRY(id, from.u8());
  }
  if (id == kSize) {
    out.sizes_told = true;
    for (std::size_t i = 0; i < out.folders.size(); ++i) {
      std::uint64_t before = 0;
      for (std::uint64_t j = 1; j < out.counts[i]; ++j) {
        BRINE_TRY(const std::uint64_t size, number(from));
        before = together(before, size);
        out.sizes.push_back(size);
      }
      const std::uint64_t all = out.folders[i].unpacked;
      if (before > all) out.ordinary = false;
      out.sizes.push_back(before > all ? 0 : all - before);
    }
    BRINE_TRY(id, from.u8());
  }
  if (id == kCrc) {
    std::uint64_t sums = 0;
    for (std::size_t i = 0; i < out.counts.size(); ++i) {
      if (out.counts[i] != 1 || !out.summed[i]) sums = together(sums, out.counts[i]);
    }
    BRINE_CHECK_STATUS(read_sums(from, sums, true, out));
    BRINE_TRY(id, from.u8());
  }
  if (id != kEnd) return fail(malformed(from, "end of the members' sizes expected"));
  return {};
}

Result<Streams> read_streams(Bytes& from) {
  Streams out;
  BRINE_TRY(std::uint8_t id, from.u8());
  if (id == kPackInfo) {
    BRINE_CHECK_STATUS(read_pack_info(from, out));
    BRINE_TRY(id, from.u8());
  }
  if (id == kUnpackInfo) {
    BRINE_CHECK_STATUS(read_unpack_info(from, out));
    BRINE_TRY(id, from.u8());
  }
  out.counts.assign(out.folders.size(), 1);
  if (id == kSubStreams) {
    BRINE_CHECK_STATUS(read_sub_streams(from, out));
    BRINE_TRY(id, from.u8());
  }
  if (id != kEnd) return fail(malformed(from, "end of the streams expected"));
  return out;
}

// Gives each folder its packed stream, as far as the file goes: py7zr counts positions by folders
// and sizes by streams.
void place(Streams& streams, std::uint64_t at, std::uint64_t file_size) {
  std::size_t stream = 0;
  const auto size_of = [&](std::size_t i) {
    return i < streams.packed.size() ? streams.packed[i] : 0;
  };
  for (std::size_t i = 0; i < streams.folders.size(); ++i) {
    ReadFolder& folder = streams.folders[i];
    folder.at = std::min(at, file_size);
    folder.packed = std::min(size_of(stream), file_size - folder.at);
    at = together(at, size_of(i));
    stream += static_cast<std::size_t>(folder.streams);
  }
}

// What the files' part of a header says of each file.
struct Files {
  std::uint64_t number = 0;
  std::vector<bool> empty;
  std::vector<std::string> names;
  bool ordinary = true;
};

// Names of two-byte characters, each with a NUL behind it.
void read_names(ByteSpan text, Files& out) {
  std::string name;
  for (std::size_t i = 0; i + 1 < text.size() && out.names.size() < out.number; i += 2) {
    if (text[i] == 0 && text[i + 1] == 0) {
      out.names.push_back(std::exchange(name, {}));
    } else {
      name.append(as_text(text.subspan(i, 2)));
    }
  }
}

Result<Files> read_files(Bytes& from) {
  Files out;
  BRINE_TRY(out.number, count(from, "files"));
  out.empty.assign(static_cast<std::size_t>(out.number), false);
  std::array<bool, 256> seen{};
  for (;;) {
    BRINE_TRY(const std::uint8_t id, from.u8());
    if (id == kEnd) return out;
    BRINE_TRY(const std::uint64_t size, number(from));
    BRINE_TRY(const ByteSpan property, from.take(size));
    if (std::exchange(seen[id], true) && id != kDummy) out.ordinary = false;
    if (id == kEmptyStream) {
      if (property.size() < (out.empty.size() + 7) / 8) {
        return fail(malformed(from, "too few flags of empty files"));
      }
      for (std::size_t i = 0; i < out.empty.size(); ++i) {
        out.empty[i] = (property[i / 8] >> (7 - i % 8) & 1) != 0;
      }
    } else if (id == kName && !property.empty()) {
      if (property[0] != 0) return fail(malformed(from, "names somewhere else"));
      out.names.clear();
      read_names(property.subspan(1), out);
    }
  }
}

// Files and folders walk side by side, as SevenZipFile._real_get_contents does.
Status assign(Streams& streams, const Files& files, const Bytes& from) {
  std::size_t folder = 0, stream = 0;
  for (std::size_t i = 0; i < files.empty.size(); ++i) {
    if (files.empty[i] || streams.folders.empty()) continue;
    if (folder >= streams.folders.size()) return fail(malformed(from, "a file without a folder"));
    Member member;
    if (i < files.names.size()) member.name = files.names[i];
    if (!streams.sizes_told) {
      member.size = stream < streams.folders.size() ? streams.folders[stream].last : 0;
    } else if (stream < streams.sizes.size()) {
      member.size = streams.sizes[stream];
    }
    ++stream;
    std::vector<Member>& members = streams.folders[folder].members;
    members.push_back(std::move(member));
    if (members.size() >= streams.counts[folder]) ++folder;
  }
  if (folder != streams.folders.size() || files.names.size() != files.number) {
    streams.ordinary = false;
  }
  return {};
}

std::vector<Folder> plain(std::vector<ReadFolder> folders) {
  std::vector<Folder> out;
  out.reserve(folders.size());
  for (ReadFolder& folder : folders) out.push_back(std::move(folder));
  return out;
}

// --- writing -------------------------------------------------------------------------------------

using Out = std::vector<std::uint8_t>;

void put(Out& out, std::uint64_t value, std::size_t bytes) {
  for (std::size_t i = 0; i < bytes; ++i)
    out.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
}

void put_number(Out& out, std::uint64_t value) {
  if (value < 0x80) return put(out, value, 1);
  out.push_back(0xff);
  put(out, value, 8);
}

void put_coders(Out& out, const Folder& folder) {
  put_number(out, folder.coders.size());
  for (const Coder& coder : folder.coders) {
    out.push_back(
        static_cast<std::uint8_t>(coder.method.size() | (coder.has_properties ? 0x20 : 0)));
    out.insert(out.end(), coder.method.begin(), coder.method.end());
    if (!coder.has_properties) continue;
    put_number(out, coder.properties.size());
    out.insert(out.end(), coder.properties.begin(), coder.properties.end());
  }
  for (std::size_t i = 1; i < folder.coders.size(); ++i) {
    put_number(out, i);
    put_number(out, i - 1);
  }
}

void put_name(Out& out, const std::string& name, std::size_t number) {
  for (const char byte : name) out.push_back(static_cast<std::uint8_t>(byte));
  if (name.empty()) {
    for (const char byte : "member " + std::to_string(number)) {
      put(out, static_cast<std::uint8_t>(byte), 2);
    }
  }
  put(out, 0, 2);
}

Out header_of(const Folder& folder) {
  Out out = {kHeader, kMainStreams, kPackInfo};
  put_number(out, folder.at - kStart);
  put_number(out, 1);
  out.push_back(kSize);
  put_number(out, folder.packed);
  out.insert(out.end(), {kEnd, kUnpackInfo, kFolder, 1, 0});
  put_coders(out, folder);
  std::vector<std::uint64_t> sizes;
  std::uint64_t all = 0;
  for (const Member& member : folder.members) {
    sizes.push_back(std::min(member.size, kMostSize));
    all = together(all, sizes.back());
  }
  out.push_back(kUnpackSize);
  for (std::size_t i = 0; i < folder.coders.size(); ++i) put_number(out, all);
  out.insert(out.end(), {kEnd, kSubStreams, kStreamCount});
  put_number(out, sizes.size());
  if (sizes.size() > 1) out.push_back(kSize);
  for (std::size_t i = 0; i + 1 < sizes.size(); ++i) put_number(out, sizes[i]);
  out.insert(out.end(), {kEnd, kEnd, kFiles});
  put_number(out, sizes.size());
  Out names = {0};
  for (std::size_t i = 0; i < sizes.size(); ++i) put_name(names, folder.members[i].name, i + 1);
  out.push_back(kName);
  put_number(out, names.size());
  out.insert(out.end(), names.begin(), names.end());
  out.insert(out.end(), {kEnd, kEnd});
  return out;
}

std::uint32_t sum_of(ByteSpan bytes) {
  return static_cast<std::uint32_t>(::crc32_z(0, bytes.data(), bytes.size()));
}

Rewritten with_start(Out tail, std::uint64_t file_size) {
  Out told;
  put(told, file_size - kStart, 8);
  put(told, tail.size(), 8);
  put(told, sum_of(tail), 4);
  Out head(kMagic.begin(), kMagic.end());
  put(head, sum_of(told), 4);
  head.insert(head.end(), told.begin(), told.end());
  Rewritten out;
  std::ranges::copy(head, out.head.begin());
  out.tail = std::move(tail);
  return out;
}

}  // namespace

Result<Start> read_start(ByteSpan head, std::uint64_t size) {
  if (head.size() < kStart || size < kStart) return fail(Error::truncated(0, kStart, head.size()));
  const std::uint64_t offset = load_le64(head.data() + 12);
  const std::uint64_t length = load_le64(head.data() + 20);
  if (offset > size - kStart || length > size - kStart - offset) {
    return fail(Error::malformed(12, "the header is not within the file"));
  }
  return Start{kStart + offset, length};
}

bool is_encoded(ByteSpan header) { return !header.empty() && header[0] == kEncodedHeader; }

Result<std::vector<Folder>> read_encoded(ByteSpan header, std::uint64_t file_size) {
  Bytes from(header);
  BRINE_CHECK_STATUS(expect(from, kEncodedHeader, "a compressed header"));
  BRINE_TRY(Streams streams, read_streams(from));
  // Header._read takes the first packed stream's size for every folder, and goes on by the position
  // and by that size.
  std::uint64_t at = kStart;
  const std::uint64_t packed = streams.packed.empty() ? 0 : streams.packed.front();
  for (ReadFolder& folder : streams.folders) {
    at = together(at, streams.position);
    folder.at = std::min(at, file_size);
    folder.packed = std::min(packed, file_size - folder.at);
    folder.members.push_back({{}, folder.last});
    at = together(at, packed);
  }
  return plain(std::move(streams.folders));
}

Result<Header> read_header(ByteSpan header, std::uint64_t file_size) {
  Bytes from(header);
  BRINE_CHECK_STATUS(expect(from, kHeader, "a header"));
  Streams streams;
  Files files;
  BRINE_TRY(std::uint8_t id, from.u8());
  if (id == kMainStreams) {
    BRINE_TRY(streams, read_streams(from));
    BRINE_TRY(id, from.u8());
  }
  if (id == kFiles) {
    BRINE_TRY(files, read_files(from));
    BRINE_TRY(id, from.u8());
  }
  if (id != kEnd) return fail(malformed(from, "end of the header expected"));
  Header out;
  BRINE_CHECK_STATUS(assign(streams, files, from));
  if (streams.packed.size() != streams.folders.size()) streams.ordinary = false;
  out.ordinary = streams.ordinary && files.ordinary && from.empty();
  // SevenZipFile takes the packed streams from behind the start header on, wherever they are said
  // to be.
  place(streams, kStart, file_size);
  out.folders = plain(std::move(streams.folders));
  return out;
}

Rewritten rewrite(const Folder& folder, std::uint64_t file_size) {
  return with_start(header_of(folder), file_size);
}

}  // namespace brine::archive::sevenzip
