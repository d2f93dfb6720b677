// codec_bench: how fast codec::decode is beside the library that it stands on, in one process.
//
//   codec_bench CODEC FILE BYTES ROUNDS
//
// FILE holds one stream of CODEC (gzip, zlib, bzip2, xz, lzma, zstd, lz4) of BYTES bytes. Each
// round decodes it with the library's own streaming calls into memory got for it, and then with
// codec::decode; both keep all that comes out. Prints one JSON object with the seconds of each.
#include <bzlib.h>
#include <lz4frame.h>
#include <lzma.h>
#include <time.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/limits.h"
#include "codec/decode.h"
#include "io/source.h"

namespace {

using brine::codec::Codec;
using Octets = std::vector<std::uint8_t>;

struct Memory {
  explicit Memory(std::size_t size) : bytes(static_cast<std::uint8_t*>(std::malloc(size))) {}
  ~Memory() { std::free(bytes); }
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;
  std::uint8_t* bytes;
};

double now() {
  timespec used{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) * 1e-9;
}

// How many bytes came out.
std::size_t by_zlib(int window, Octets& in, std::uint8_t* out, std::size_t room) {
  z_stream stream{};
  if (inflateInit2(&stream, window) != Z_OK) return 0;
  stream.next_in = in.data();
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = out;
  stream.avail_out = static_cast<uInt>(room);
  inflate(&stream, Z_FINISH);
  inflateEnd(&stream);
  return room - stream.avail_out;
}

std::size_t by_bzip2(Octets& in, std::uint8_t* out, std::size_t room) {
  bz_stream stream{};
  if (BZ2_bzDecompressInit(&stream, 0, 0) != BZ_OK) return 0;
  stream.next_in = reinterpret_cast<char*>(in.data());
  stream.avail_in = static_cast<unsigned>(in.size());
  stream.next_out = reinterpret_cast<char*>(out);
  stream.avail_out = static_cast<unsigned>(room);
  while (BZ2_bzDecompress(&stream) == BZ_OK && stream.avail_in > 0) {
  }
  BZ2_bzDecompressEnd(&stream);
  return room - stream.avail_out;
}

std::size_t by_lzma(bool alone, Octets& in, std::uint8_t* out, std::size_t room) {
  lzma_stream stream = LZMA_STREAM_INIT;
  const lzma_ret begun =
      alone ? lzma_alone_decoder(&stream, UINT64_MAX) : lzma_stream_decoder(&stream, UINT64_MAX, 0);
  if (begun != LZMA_OK) return 0;
  stream.next_in = in.data();
  stream.avail_in = in.size();
  stream.next_out = out;
  stream.avail_out = room;
  while (lzma_code(&stream, LZMA_FINISH) == LZMA_OK) {
  }
  const std::size_t left = stream.avail_out;
  lzma_end(&stream);
  return room - left;
}

std::size_t by_zstd(Octets& in, std::uint8_t* out, std::size_t room) {
  ZSTD_DStream* const stream = ZSTD_createDStream();
  ZSTD_inBuffer from{in.data(), in.size(), 0};
  ZSTD_outBuffer into{out, room, 0};
  while (from.pos < from.size) {
    const std::size_t left = ZSTD_decompressStream(stream, &into, &from);
    if (left == 0 || ZSTD_isError(left) != 0) break;
  }
  ZSTD_freeDStream(stream);
  return into.pos;
}

std::size_t by_lz4(Octets& in, std::uint8_t* out, std::size_t room) {
  LZ4F_dctx* context = nullptr;
  if (LZ4F_isError(LZ4F_createDecompressionContext(&context, LZ4F_VERSION)) != 0) return 0;
  std::size_t read = 0, written = 0;
  while (read < in.size()) {
    std::size_t given = in.size() - read, got = room - written;
    const std::size_t left =
        LZ4F_decompress(context, out + written, &got, in.data() + read, &given, nullptr);
    read += given;
    written += got;
    if (left == 0 || LZ4F_isError(left) != 0) break;
  }
  LZ4F_freeDecompressionContext(context);
  return written;
}

std::size_t by_library(Codec codec, Octets& in, std::uint8_t* out, std::size_t room) {
  constexpr int kGzip = 15 + 16, kZlib = 15;
  switch (codec) {
    case Codec::gzip: return by_zlib(kGzip, in, out, room);
    case Codec::zlib: return by_zlib(kZlib, in, out, room);
    case Codec::bzip2: return by_bzip2(in, out, room);
    case Codec::xz: return by_lzma(false, in, out, room);
    case Codec::lzma: return by_lzma(true, in, out, room);
    case Codec::zstd: return by_zstd(in, out, room);
    case Codec::lz4: return by_lz4(in, out, room);
    case Codec::lzip:
    case Codec::zip_lzma: break;
  }
  return 0;
}

std::optional<Codec> find_codec(std::string_view name) {
  for (const Codec codec :
       {Codec::gzip, Codec::zlib, Codec::bzip2, Codec::xz, Codec::lzma, Codec::zstd, Codec::lz4}) {
    if (to_string(codec) == name) return codec;
  }
  return std::nullopt;
}

void print(const char* name, const std::vector<double>& seconds) {
  std::printf("\"%s\": [", name);
  for (std::size_t i = 0; i < seconds.size(); ++i) {
    std::printf("%s%.9f", i == 0 ? "" : ", ", seconds[i]);
  }
  std::printf("]");
}

int compare(Codec codec, const char* path, std::size_t size, int rounds) {
  std::ifstream file(path, std::ios::binary);
  Octets in{std::istreambuf_iterator<char>(file), {}};
  brine::MemorySource source(in);
  const brine::Limits limits;
  std::vector<double> library, ours;
  for (int i = 0; i < rounds; ++i) {
    double begin = now();
    {
      Memory out(size);
      if (by_library(codec, in, out.bytes, size) != size) return 2;
    }
    library.push_back(now() - begin);
    begin = now();
    {
      const auto out = brine::codec::decode(codec, source, 0, size + 1, limits);
      if (!out || out->bytes.size() != size) return 2;
    }
    ours.push_back(now() - begin);
  }
  std::printf("{\"bytes\": %zu, ", size);
  print("library", library);
  std::printf(", ");
  print("ours", ours);
  std::printf("}\n");
  return 0;
}

}  // namespace

int main(int count, char** words) {
  const auto codec = count == 5 ? find_codec(words[1]) : std::nullopt;
  if (codec) {
    return compare(*codec, words[2], std::strtoull(words[3], nullptr, 10), std::atoi(words[4]));
  }
  std::fprintf(stderr, "usage: codec_bench CODEC FILE BYTES ROUNDS\n");
  return 2;
}
