// The header of a 7z archive, read as py7zr reads it and written again as every reader wants it.
//
// Problem: py7zr and libarchive do not read the same archives. py7zr checks no sum of a compressed
// header, takes packed streams from byte 32 on whatever their position says, and passes over what
// libarchive calls damaged: one changed byte, and a person unpacks what a scanner refused. Method:
// the rules of py7zr (archiveinfo.py, py7zr.py of 1.1) without its sums, into plain rows, from
// which decode.h decodes. A folder with a method that libarchive alone knows becomes an archive of
// its own (`rewrite`): a new header behind the packed streams as they are. Invariant: everything is
// bounded by the bytes of the header that is read; no number of it is added to another unchecked.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace brine::archive::sevenzip {

inline constexpr std::size_t kStart = 32;  // bytes of the start header, in front of everything

// What the start header says; its own sums are not asked.
struct Start {
  std::uint64_t header_at = 0;  // offset in the file
  std::uint64_t header_size = 0;
};

// `head` is the first 32 bytes of a file of `size` bytes. Fails when the header is not within it.
Result<Start> read_start(ByteSpan head, std::uint64_t size);

struct Coder {
  std::vector<std::uint8_t> method;  // 7-Zip's number, 1 to 15 bytes
  std::vector<std::uint8_t> properties;
  bool has_properties = false;
};

struct Member {
  std::string name;  // UTF-16LE, without its end; may be empty
  std::uint64_t size = 0;
};

// One chain of coders, the first of which takes the packed stream; its members lie in what comes
// out, one behind the other.
struct Folder {
  std::vector<Coder> coders;
  bool chain = true;  // each coder has one stream in and one out
  std::uint64_t streams = 1;  // packed ones, as py7zr counts them
  std::uint64_t unpacked = 0;  // bytes that come out of the coder that feeds no other
  std::uint64_t last = 0;  // bytes that come out of the last coder
  std::uint64_t at = 0, packed = 0;  // where its packed stream is in the file
  std::vector<Member> members;  // those that have bytes
};

struct Header {
  std::vector<Folder> folders;
  // Whether every reader takes it so: nothing in it that readers take differently.
  bool ordinary = true;
};

// Whether a header is compressed itself: then these folders hold it, one behind the other, and each
// has one member.
bool is_encoded(ByteSpan header);
Result<std::vector<Folder>> read_encoded(ByteSpan header, std::uint64_t file_size);

Result<Header> read_header(ByteSpan header, std::uint64_t file_size);

// A new beginning and a new end for the same file, an archive of this folder alone: its first 32
// bytes, and what stands behind its last byte. Between them the file of `file_size` bytes stays as
// it is. `folder` is a chain.
struct Rewritten {
  std::array<std::uint8_t, kStart> head{};
  std::vector<std::uint8_t> tail;
};
Rewritten rewrite(const Folder& folder, std::uint64_t file_size);

}  // namespace brine::archive::sevenzip
