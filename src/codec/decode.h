// Compressed streams, decoded within bounds by the reference libraries.
//
// Problem: a pickle travels in gzip, zlib, bzip2, xz, lzma, zstd and lz4; the readers of Python
// hand on what they decoded before they notice that the rest is cut, changed or has a wrong
// checksum, and a few kilobytes can claim terabytes. Method: the input passes through in chunks,
// the output grows with what really comes out, and streams that follow one another are read on as
// Python's readers do (gzip members with NULs between, bzip2 streams, zstd and lz4 frames; behind
// xz, lzma and lzip whatever liblzma makes something of). Invariant: `bytes` holds all that came
// out before the end, the break or the cap; how it ended is said beside it. No window larger than
// Limits::window_bytes is ever allocated.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/limits.h"
#include "base/result.h"
#include "io/shared_bytes.h"
#include "io/source.h"

namespace brine::codec {

enum class Codec : std::uint8_t {
  gzip,
  zlib,
  bzip2,
  xz,
  lzma,
  zstd,
  lz4,
  lzip,
  zip_lzma,  // zip's method 14: version, size of properties, properties, raw data
};

// "gzip", "zlib", "bzip2", "xz", "lzma", "zstd", "lz4", "lzip", "zip-lzma".
std::string_view to_string(Codec codec);

// Whether the codec's own decoder can make anything of data with this beginning (as a little-endian
// number); true for a codec that has no magic bytes.
bool may_begin(Codec codec, std::uint32_t head);

enum class DecodeEnd : std::uint8_t {
  done,  // the last stream's end was reached; what is behind `consumed` belongs to nobody
  truncated,  // the input ended first
  broken,  // the data or a checksum is wrong
  budget,  // a limit was reached
};

struct Decoded {
  SharedBytes bytes;
  std::uint64_t consumed = 0;  // of the input, from the offset on
  std::uint64_t first = 0;  // of it, up to the end of the first stream; 0 when that has none
  DecodeEnd end = DecodeEnd::done;
  std::string problem;  // in words, when the end is not `done`
};

// Decodes the source from `offset` on; at most `cap` bytes, and at most what the limits allow
// (member_bytes; decoded_floor or inflate_ratio times the input, whichever is more). Fails only
// when the source cannot be read.
Result<Decoded> decode(Codec codec, ByteSource& source, std::uint64_t offset, std::uint64_t cap,
                       const Limits& limits);

}  // namespace brine::codec
