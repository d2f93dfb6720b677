// brine-worker: unpacks one 7z archive and can do nothing else.
//
//     brine-worker SECONDS   archive on descriptor 0, frames (sandbox/frames.h) on descriptor 1
//
// Problem: libarchive decodes what Brine does not, and parsers of such age have had memory errors;
// and py7zr unpacks archives that libarchive calls damaged, or reads them differently. Method: it
// runs in this program only, which gives up everything before it reads a byte (confine.h); where
// the header may be read in two ways, the archive is unpacked a second time by the header as py7zr
// reads it (archive/sevenzip); what all this says is checked by the parent. No state, no second
// file, no options.

#include <archive.h>
#include <archive_entry.h>
#include <iconv.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <clocale>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "archive/sevenzip/decode.h"
#include "archive/sevenzip/header.h"
#include "sandbox/frames.h"
#include "worker/confine.h"

namespace {

using brine::ByteSpan;
using brine::Result;
namespace sevenzip = brine::archive::sevenzip;
using brine::sandbox::EntryKind;
using brine::sandbox::FrameKind;
using brine::sandbox::kFrameHead;
using brine::sandbox::kMostFrame;

constexpr int kInput = 0, kOutput = 1;
constexpr std::size_t kMostHeader = 64u << 20;

iconv_t conversions[2];
unsigned char frame[kFrameHead + kMostFrame];
unsigned char input[256u << 10];

void write_all(const unsigned char* bytes, std::size_t count) {
  while (count > 0) {
    const ssize_t done = write(kOutput, bytes, count);
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) _exit(1);
    bytes += done;
    count -= static_cast<std::size_t>(done);
  }
}

// Sends what lies in the frame behind its head.
void send(FrameKind kind, std::size_t length) {
  frame[0] = static_cast<unsigned char>(kind);
  for (unsigned i = 0; i < 4; ++i) frame[1 + i] = static_cast<unsigned char>(length >> (8 * i));
  write_all(frame, kFrameHead + length);
}

void send(FrameKind kind, std::string_view text, std::size_t at = 0) {
  const std::size_t count = std::min<std::size_t>(text.size(), kMostFrame - at);
  std::memcpy(frame + kFrameHead + at, text.data(), count);
  send(kind, at + count);
}

// What libarchive reads: the archive on descriptor 0, with another beginning and more behind its
// end when its header was written again.
struct View {
  std::int64_t at = 0;
  std::int64_t file_size = 0;
  const sevenzip::Rewritten* changed = nullptr;
  std::int64_t size() const {
    return file_size + (changed == nullptr ? 0 : static_cast<std::int64_t>(changed->tail.size()));
  }
};

la_ssize_t read_on(archive*, void* data, const void** buffer) {
  auto& view = *static_cast<View*>(data);
  ssize_t count = 0;
  if (view.changed != nullptr && view.at < static_cast<std::int64_t>(sevenzip::kStart)) {
    *buffer = view.changed->head.data() + view.at;
    count = static_cast<ssize_t>(sevenzip::kStart) - view.at;
  } else if (view.at < view.file_size) {
    *buffer = input;
    count = pread(kInput, input, sizeof input, view.at);
  } else if (view.changed != nullptr && view.at < view.size()) {
    *buffer = view.changed->tail.data() + (view.at - view.file_size);
    count = view.size() - view.at;
  }
  if (count > 0) view.at += count;
  return count;
}

la_int64_t skip(archive*, void* data, la_int64_t count) {
  static_cast<View*>(data)->at += count;
  return count;
}

la_int64_t seek(archive*, void* data, la_int64_t offset, int whence) {
  auto& view = *static_cast<View*>(data);
  if (whence == SEEK_CUR) offset += view.at;
  if (whence == SEEK_END) offset += view.size();
  if (offset < 0) return ARCHIVE_FATAL;
  view.at = offset;
  return offset;
}

std::string_view problem_of(archive* from) {
  const char* text = archive_error_string(from);
  return text != nullptr ? text : "the archive cannot be read";
}

// Takes what comes out of an archive.
class Taker {
 public:
  virtual ~Taker() = default;
  virtual void begin(std::string_view name, EntryKind kind) = 0;
  // Whether more is wanted.
  virtual bool data(const unsigned char* bytes, std::size_t count) = 0;
  virtual void end(std::string_view problem) = 0;
};

// Sends all of it, and remembers the size of each file that has bytes.
class Sender final : public Taker {
 public:
  void begin(std::string_view name, EntryKind kind) override {
    frame[kFrameHead] = static_cast<unsigned char>(kind);
    send(FrameKind::entry, name, 1);
    sizes.push_back(0);
  }
  bool data(const unsigned char* bytes, std::size_t count) override {
    sizes.back() += count;
    while (count > 0) {
      const std::size_t piece = std::min<std::size_t>(count, kMostFrame);
      std::memcpy(frame + kFrameHead, bytes, piece);
      send(FrameKind::data, piece);
      bytes += piece;
      count -= piece;
    }
    return true;
  }
  void end(std::string_view problem) override {
    if (sizes.back() == 0) sizes.pop_back();
    send(FrameKind::entry_end, problem);
  }

  std::vector<std::uint64_t> sizes;
};

// Keeps it: a header that was compressed.
class Keeper final : public Taker {
 public:
  void begin(std::string_view, EntryKind) override {}
  bool data(const unsigned char* more, std::size_t count) override {
    count = std::min(count, kMostHeader - bytes.size());
    bytes.insert(bytes.end(), more, more + count);
    return bytes.size() < kMostHeader;
  }
  void end(std::string_view) override {}

  std::vector<std::uint8_t> bytes;
};

// A name of two-byte characters, as archives have them.
std::string in_utf8(const std::string& name) {
  std::string out;
  for (std::size_t i = 0; i + 1 < name.size(); i += 2) {
    const unsigned code = static_cast<unsigned char>(name[i]) |
                          static_cast<unsigned>(static_cast<unsigned char>(name[i + 1])) << 8;
    if (code < 0x80) {
      out.push_back(static_cast<char>(code));
    } else if (code < 0x800) {
      out.push_back(static_cast<char>(0xc0 | code >> 6));
      out.push_back(static_cast<char>(0x80 | (code & 0x3f)));
    } else {  // each half of a pair by itself: the parent spells what is no UTF-8
      out.push_back(static_cast<char>(0xe0 | code >> 12));
      out.push_back(static_cast<char>(0x80 | (code >> 6 & 0x3f)));
      out.push_back(static_cast<char>(0x80 | (code & 0x3f)));
    }
  }
  return out;
}

// Cuts what comes out of a folder into its members.
class Members {
 public:
  Members(const sevenzip::Folder& folder, Taker& taker) : folder_(folder), taker_(taker) {}
  // Whether more is wanted.
  bool data(ByteSpan bytes) {
    while (!bytes.empty() && open()) {
      const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), left_));
      if (!taker_.data(bytes.data(), count)) return false;
      bytes = bytes.subspan(count);
      left_ -= count;
      if (left_ == 0) close("");
    }
    return true;
  }
  void end(std::string_view problem) {
    if (opened_) close(problem.empty() ? "the data ends before the member does" : problem);
  }

 private:
  // Begins the next member that wants bytes; whether there is one.
  bool open() {
    while (!opened_ && next_ < folder_.members.size()) {
      const sevenzip::Member& member = folder_.members[next_++];
      if (member.size == 0) continue;
      taker_.begin(in_utf8(member.name), EntryKind::file);
      left_ = member.size;
      opened_ = true;
    }
    return opened_;
  }
  void close(std::string_view problem) {
    taker_.end(problem);
    opened_ = false;
  }

  const sevenzip::Folder& folder_;
  Taker& taker_;
  std::size_t next_ = 0;
  std::uint64_t left_ = 0;
  bool opened_ = false;
};

void take_entry(archive* from, archive_entry* entry, Taker& taker) {
  const auto type = archive_entry_filetype(entry);
  const EntryKind kind = type == AE_IFREG   ? EntryKind::file
                         : type == AE_IFDIR ? EntryKind::folder
                                            : EntryKind::other;
  const char* name = archive_entry_pathname_utf8(entry);
  if (name == nullptr) name = archive_entry_pathname(entry);
  taker.begin(name != nullptr ? name : "", kind);
  int status = kind == EntryKind::folder ? ARCHIVE_EOF : ARCHIVE_OK;
  while (status == ARCHIVE_OK) {
    const void* block = nullptr;
    std::size_t count = 0;
    la_int64_t offset = 0;
    status = archive_read_data_block(from, &block, &count, &offset);
    // A warning is a wrong checksum: the block is there all the same.
    if (status != ARCHIVE_OK && status != ARCHIVE_WARN) break;
    if (!taker.data(static_cast<const unsigned char*>(block), count)) status = ARCHIVE_EOF;
  }
  taker.end(status == ARCHIVE_EOF ? std::string_view() : problem_of(from));
}

// Names are UTF-16 in the archive. The C library reads a file for its first conversion, which must
// happen while files can still be read.
void warm_up() {
  std::setlocale(LC_ALL, "C.UTF-8");
  for (const char* from : {"UTF-16LE", "UTF-16BE", "UTF-8"}) {
    // Either may fail: then names will be what libarchive makes of them.
    conversions[0] = iconv_open("UTF-8", from);
    conversions[1] = iconv_open(from, "UTF-8");
  }
}

// Everything in an archive; what went wrong, or nothing.
std::string unpack(View view, Taker& taker) {
  archive* from = archive_read_new();
  if (from == nullptr) return "libarchive cannot start";
  archive_read_support_format_7zip(from);
  archive_read_set_read_callback(from, read_on);
  archive_read_set_skip_callback(from, skip);
  archive_read_set_seek_callback(from, seek);
  archive_read_set_callback_data(from, &view);
  int status = archive_read_open1(from);
  while (status == ARCHIVE_OK || status == ARCHIVE_WARN) {
    archive_entry* entry = nullptr;
    status = archive_read_next_header(from, &entry);
    if (status == ARCHIVE_OK || status == ARCHIVE_WARN) take_entry(from, entry, taker);
  }
  const std::string problem(status == ARCHIVE_EOF ? std::string_view() : problem_of(from));
  archive_read_free(from);
  return problem;
}

std::size_t read_at(std::uint64_t at, std::span<std::uint8_t> out) {
  const ssize_t count = pread(kInput, out.data(), out.size(), static_cast<off_t>(at));
  return count > 0 ? static_cast<std::size_t>(count) : 0;
}

std::vector<std::uint8_t> bytes_at(std::uint64_t at, std::uint64_t count) {
  std::vector<std::uint8_t> out(
      static_cast<std::size_t>(std::min<std::uint64_t>(count, kMostHeader)));
  out.resize(read_at(at, out));
  return out;
}

// The members of a folder by our own decoders; by libarchive where it alone knows the method.
void unpack_folder(const sevenzip::Folder& folder, std::int64_t size, Taker& taker) {
  if (!sevenzip::can_decode(folder)) {
    if (!folder.chain || folder.members.empty()) return;
    const sevenzip::Rewritten changed = sevenzip::rewrite(folder, static_cast<std::uint64_t>(size));
    unpack({0, size, &changed}, taker);
    return;
  }
  Members members(folder, taker);
  const std::string problem =
      sevenzip::decode(folder, read_at, [&](ByteSpan bytes) { return members.data(bytes); });
  members.end(problem);
}

// The header as py7zr reads it.
Result<sevenzip::Header> own_header(std::int64_t size) {
  const auto file_size = static_cast<std::uint64_t>(size);
  BRINE_TRY(const sevenzip::Start start,
            sevenzip::read_start(bytes_at(0, sevenzip::kStart), file_size));
  std::vector<std::uint8_t> header = bytes_at(start.header_at, start.header_size);
  if (sevenzip::is_encoded(header)) {
    BRINE_TRY(const std::vector<sevenzip::Folder> folders,
              sevenzip::read_encoded(header, file_size));
    Keeper keeper;
    for (const sevenzip::Folder& folder : folders) unpack_folder(folder, size, keeper);
    header = std::move(keeper.bytes);
  }
  return sevenzip::read_header(header, file_size);
}

// Whether the header says no more than what libarchive made of it.
bool agrees(const sevenzip::Header& header, const Sender& sent) {
  std::vector<std::uint64_t> sizes;
  for (const sevenzip::Folder& folder : header.folders) {
    for (const sevenzip::Member& member : folder.members) {
      if (member.size > 0) sizes.push_back(member.size);
    }
  }
  return header.ordinary && sizes == sent.sizes;
}

// Whether we read all of it and libarchive does not.
bool is_ours_alone(const sevenzip::Header& header) {
  return header.ordinary && std::ranges::all_of(header.folders, sevenzip::can_decode) &&
         std::ranges::any_of(header.folders, sevenzip::is_ours_alone);
}

// What libarchive makes of the archive, and then what py7zr would, where the two may differ.
void answer(std::int64_t size) {
  Sender sender;
  const Result<sevenzip::Header> header = own_header(size);
  std::string problem;
  bool own = header && is_ours_alone(*header);
  if (!own) {
    problem = unpack({0, size, nullptr}, sender);
    own = header && (!problem.empty() || !agrees(*header, sender));
    if (own) send(FrameKind::again, "");
  }
  if (own) {
    for (const sevenzip::Folder& folder : header->folders) unpack_folder(folder, size, sender);
  }
  send(FrameKind::done, problem);
}

}  // namespace

int main(int count, char** arguments) {
  const unsigned long seconds = count > 1 ? std::strtoul(arguments[1], nullptr, 10) : 1;
  warm_up();
  const off_t size = lseek(kInput, 0, SEEK_END);
  if (const char* refused = brine::worker::confine(static_cast<unsigned>(seconds))) {
    send(FrameKind::refused, refused);
    return 1;
  }
  send(FrameKind::confined, "");
  answer(size);
  _exit(0);
}
