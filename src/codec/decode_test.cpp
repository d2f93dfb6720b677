#include "codec/decode.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace brine::codec {
namespace {

using namespace std::string_literals;

// Made with Python's gzip (mtime 0), zlib, bz2, lzma, zstandard and lz4.frame from b"brine " * 20.
struct Vector {
  Codec codec;
  std::string bytes;
};

std::string hex(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
    out.push_back(static_cast<char>(std::stoi(std::string(text.substr(i, 2)), nullptr, 16)));
  }
  return out;
}

const std::vector<Vector>& vectors() {
  static const std::vector<Vector> all = {
      {Codec::gzip, hex("1f8b08000000000002034b2acacc4b5548a23b0900ca4c735378000000")},
      {Codec::zlib, hex("789c4b2acacc4b5548a23b090066262bc1")},
      {Codec::bzip2,
       hex("425a6839314159265359bda83fec0000139180400012211000200030c002950c9d270984d269"
           "349f177245385090bda83fec")},
      {Codec::xz,
       hex("fd377a585a000004e6d6b4460200210116000000742fe5a3e00077000d5d00311c89568b34a7"
           "6cd4cba40000000000007f19c927f9d4d05800012978ced31e3a1fb6f37d010000000004595a")},
      {Codec::lzma, hex("5d00008000ffffffffffffffff00311c89568b34a76cd5368a1bffffcdbe0000")},
      {Codec::zstd, hex("28b52ffd24786d0000306272696e652001002f6929020faad33c")},
      {Codec::lz4,
       hex("04224d186c40780000000000000001100000006f6272696e652006005a5072696e6520000000"
           "00515df9c7")},
  };
  return all;
}

std::string plain() {
  std::string out;
  for (int i = 0; i < 20; ++i) out += "brine ";
  return out;
}

Decoded decoded(Codec codec, const std::string& bytes, std::uint64_t cap = UINT64_MAX,
                const Limits& limits = {}) {
  MemorySource source(as_bytes(bytes));
  auto out = decode(codec, source, 0, cap, limits);
  EXPECT_TRUE(out.has_value());
  return std::move(*out);
}

std::string text(const Decoded& out) { return std::string(as_text(out.bytes)); }

TEST(Decode, GivesWhatWasPacked) {
  for (const Vector& row : vectors()) {
    const Decoded out = decoded(row.codec, row.bytes);
    EXPECT_EQ(text(out), plain()) << to_string(row.codec);
    EXPECT_EQ(out.end, DecodeEnd::done) << to_string(row.codec) << out.problem;
    EXPECT_EQ(out.consumed, row.bytes.size());
  }
}

TEST(Decode, LeavesWhatStandsBehind) {
  for (const Vector& row : vectors()) {
    const Decoded out = decoded(row.codec, row.bytes + "junk behind");
    EXPECT_EQ(text(out), plain()) << to_string(row.codec);
    EXPECT_EQ(out.end, DecodeEnd::done) << to_string(row.codec) << out.problem;
    EXPECT_EQ(out.consumed, row.bytes.size()) << to_string(row.codec);
  }
}

TEST(Decode, ReadsStreamsThatFollow) {
  for (const Vector& row : vectors()) {
    const Decoded out = decoded(row.codec, row.bytes + row.bytes);
    EXPECT_EQ(text(out), plain() + plain()) << to_string(row.codec);
    EXPECT_EQ(out.consumed, 2 * row.bytes.size());
  }
  const std::string& gzip = vectors()[0].bytes;
  EXPECT_EQ(text(decoded(Codec::gzip, gzip + "\0\0\0"s + gzip)), plain() + plain());
}

// gzip.py neither looks at reserved flags nor at the header's checksum.
TEST(Decode, ReadsGzipHeadersAsPythonDoes) {
  const std::string& gzip = vectors()[0].bytes;
  const auto with = [&](char flags, const std::string& more) {
    return gzip.substr(0, 3) + flags + gzip.substr(4, 6) + more + gzip.substr(10);
  };
  for (const std::string& bytes :
       {with('\xe0', ""), with('\x02', "ab"), with('\x04', "\3\0abc"s), with('\x04', "\0\0"s),
        with('\x1e', "\1\0xname\0comment\0cc"s)}) {
    const Decoded out = decoded(Codec::gzip, bytes);
    EXPECT_EQ(text(out), plain());
    EXPECT_EQ(out.end, DecodeEnd::done) << out.problem;
    EXPECT_EQ(out.consumed, bytes.size());
    for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
      EXPECT_EQ(decoded(Codec::gzip, bytes.substr(0, cut)).end, DecodeEnd::truncated);
    }
  }
  std::string wrong = gzip;
  wrong.back() = 1;
  EXPECT_EQ(text(decoded(Codec::gzip, wrong)), plain());
  EXPECT_EQ(decoded(Codec::gzip, wrong).end, DecodeEnd::broken);
}

// lzma.LZMAFile lets liblzma choose anew behind each stream and leaves aside what is none.
TEST(Decode, MixesXzAndLzmaAsPythonDoes) {
  const std::string &xz = vectors()[3].bytes, &lzma = vectors()[4].bytes;
  for (const auto& [codec, bytes] : {std::pair(Codec::xz, xz + lzma),
                                     {Codec::lzma, lzma + xz},
                                     {Codec::lzma, lzma + lzma},
                                     {Codec::xz, xz + "\0\0\0\0"s + xz}}) {
    for (const std::string& behind : {""s, "junk"s, "more junk behind the streams"s}) {
      const Decoded out = decoded(codec, bytes + behind);
      EXPECT_EQ(text(out), plain() + plain());
      EXPECT_EQ(out.end, DecodeEnd::done) << out.problem;
      EXPECT_EQ(out.consumed, bytes.size());
    }
  }
}

TEST(Decode, LosesNothingBeforeABreakFarBehind) {
  // Frames of their own, more than are handed over at a time.
  for (const Vector& row : vectors()) {
    std::string bytes, expected;
    for (int i = 0; i < 3000; ++i) {
      bytes += row.bytes;
      expected += plain();
    }
    const std::size_t cut = bytes.size() - 1;
    bytes[cut] = static_cast<char>(bytes[cut] ^ 1);
    const Decoded out = decoded(row.codec, bytes);
    EXPECT_GE(out.bytes.size(), expected.size() - plain().size()) << to_string(row.codec);
    EXPECT_EQ(text(out), expected.substr(0, out.bytes.size())) << to_string(row.codec);
  }
}

TEST(Decode, EveryCutIsTruncatedAndKeepsItsOutput) {
  for (const Vector& row : vectors()) {
    std::size_t most = 0;
    for (std::size_t cut = 0; cut < row.bytes.size(); ++cut) {
      const Decoded out = decoded(row.codec, row.bytes.substr(0, cut));
      EXPECT_EQ(out.end, DecodeEnd::truncated) << to_string(row.codec) << " " << cut;
      EXPECT_EQ(text(out), plain().substr(0, out.bytes.size()));
      EXPECT_GE(out.bytes.size(), most);
      most = out.bytes.size();
    }
  }
}

TEST(Decode, EveryChangedByteEndsSomehow) {
  for (const Vector& row : vectors()) {
    for (std::size_t at = 0; at < row.bytes.size(); ++at) {
      std::string changed = row.bytes;
      changed[at] = static_cast<char>(changed[at] ^ 0x55);
      const Decoded out = decoded(row.codec, changed);
      EXPECT_LE(out.consumed, changed.size());
      EXPECT_EQ(out.end == DecodeEnd::done, out.problem.empty());
    }
  }
}

TEST(Decode, StopsAtTheCapAndTheLimits) {
  for (const Vector& row : vectors()) {
    EXPECT_EQ(decoded(row.codec, row.bytes, 100).end, DecodeEnd::budget);
    EXPECT_EQ(decoded(row.codec, row.bytes, 100).bytes.size(), 100u);
    EXPECT_EQ(decoded(row.codec, row.bytes, 120).end, DecodeEnd::done) << to_string(row.codec);
    Limits limits;
    limits.decoded_floor = 7;
    limits.inflate_ratio = 1;
    EXPECT_EQ(decoded(row.codec, row.bytes, UINT64_MAX, limits).bytes.size(),
              std::min<std::size_t>(row.bytes.size(), 120));
  }
}

}  // namespace
}  // namespace brine::codec
