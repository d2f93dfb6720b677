// brine-worker: unpacks one 7z archive and can do nothing else.
//
//     brine-worker SECONDS   archive on descriptor 0, frames (sandbox/frames.h) on descriptor 1
//
// Problem: libarchive reads formats that Brine does not, and parsers of such age have had memory
// errors. Method: it runs in this program only, which gives up everything before it reads a byte
// (confine.h); what it says is checked by the parent. No state, no second file, no options.

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
#include <string_view>

#include "sandbox/frames.h"
#include "worker/confine.h"

namespace {

using brine::sandbox::EntryKind;
using brine::sandbox::FrameKind;
using brine::sandbox::kFrameHead;
using brine::sandbox::kMostFrame;

constexpr int kInput = 0, kOutput = 1;

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

struct Place {
  std::int64_t at = 0;
  std::int64_t size = 0;
};

la_ssize_t read_on(archive*, void* data, const void** buffer) {
  auto* place = static_cast<Place*>(data);
  const ssize_t count = pread(kInput, input, sizeof input, place->at);
  if (count > 0) place->at += count;
  *buffer = input;
  return count;
}

la_int64_t skip(archive*, void* data, la_int64_t count) {
  static_cast<Place*>(data)->at += count;
  return count;
}

la_int64_t seek(archive*, void* data, la_int64_t offset, int whence) {
  auto* place = static_cast<Place*>(data);
  if (whence == SEEK_CUR) offset += place->at;
  if (whence == SEEK_END) offset += place->size;
  if (offset < 0) return ARCHIVE_FATAL;
  place->at = offset;
  return offset;
}

std::string_view problem_of(archive* from) {
  const char* text = archive_error_string(from);
  return text != nullptr ? text : "the archive cannot be read";
}

void send_data(const unsigned char* bytes, std::size_t count) {
  while (count > 0) {
    const std::size_t piece = std::min<std::size_t>(count, kMostFrame);
    std::memcpy(frame + kFrameHead, bytes, piece);
    send(FrameKind::data, piece);
    bytes += piece;
    count -= piece;
  }
}

void send_entry(archive* from, archive_entry* entry) {
  const auto type = archive_entry_filetype(entry);
  const EntryKind kind = type == AE_IFREG   ? EntryKind::file
                         : type == AE_IFDIR ? EntryKind::folder
                                            : EntryKind::other;
  const char* name = archive_entry_pathname_utf8(entry);
  if (name == nullptr) name = archive_entry_pathname(entry);
  frame[kFrameHead] = static_cast<unsigned char>(kind);
  send(FrameKind::entry, name != nullptr ? name : "", 1);
  int status = kind == EntryKind::folder ? ARCHIVE_EOF : ARCHIVE_OK;
  while (status == ARCHIVE_OK) {
    const void* block = nullptr;
    std::size_t count = 0;
    la_int64_t offset = 0;
    status = archive_read_data_block(from, &block, &count, &offset);
    // A warning is a wrong checksum: the block is there all the same.
    if (status == ARCHIVE_OK || status == ARCHIVE_WARN) {
      send_data(static_cast<const unsigned char*>(block), count);
    }
  }
  send(FrameKind::entry_end, status == ARCHIVE_EOF ? std::string_view() : problem_of(from));
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

int unpack(std::int64_t size) {
  archive* from = archive_read_new();
  if (from == nullptr) return 1;
  Place place{0, size};
  archive_read_support_format_7zip(from);
  archive_read_set_read_callback(from, read_on);
  archive_read_set_skip_callback(from, skip);
  archive_read_set_seek_callback(from, seek);
  archive_read_set_callback_data(from, &place);
  int status = archive_read_open1(from);
  while (status == ARCHIVE_OK || status == ARCHIVE_WARN) {
    archive_entry* entry = nullptr;
    status = archive_read_next_header(from, &entry);
    if (status == ARCHIVE_OK || status == ARCHIVE_WARN) send_entry(from, entry);
  }
  send(FrameKind::done, status == ARCHIVE_EOF ? std::string_view() : problem_of(from));
  return 0;
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
  _exit(unpack(size));
}
