#include "codec/encode.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace brine::codec {
namespace {

using Octets = std::vector<std::uint8_t>;

Octets compress(Codec codec, ByteSpan bytes, std::size_t piece) {
  Octets out;
  auto encoder = Encoder::make(codec, [&](ByteSpan part) -> Status {
    out.insert(out.end(), part.begin(), part.end());
    return {};
  });
  EXPECT_TRUE(encoder.has_value());
  for (; !bytes.empty(); bytes = bytes.subspan(std::min(piece, bytes.size()))) {
    EXPECT_TRUE(encoder->write(bytes.first(std::min(piece, bytes.size()))));
  }
  EXPECT_TRUE(encoder->finish());
  return out;
}

Octets some_bytes(std::size_t size) {
  std::mt19937 random(7);
  Octets out(size);
  for (std::size_t i = 0; i < size; ++i) {
    out[i] = static_cast<std::uint8_t>(i / 3000 % 2 == 0 ? random() : i / 50);
  }
  return out;
}

constexpr Codec kCodecs[] = {Codec::gzip, Codec::zlib, Codec::bzip2, Codec::xz,
                             Codec::lzma, Codec::zstd, Codec::lz4};

TEST(Encode, WhatIsCompressedDecodesToTheSame) {
  for (const Codec codec : kCodecs) {
    for (const std::size_t size : {0u, 1u, 5000u, 3u << 20}) {
      const Octets bytes = some_bytes(size);
      for (const std::size_t piece : {std::size_t{777}, std::size_t{2} << 20}) {
        if (size > 10'000 && piece < 1000 && codec == Codec::xz) continue;
        MemorySource source(compress(codec, bytes, piece));
        const auto back = decode(codec, source, 0, 8u << 20, Limits{});
        ASSERT_TRUE(back.has_value());
        EXPECT_EQ(back->end, DecodeEnd::done) << to_string(codec) << ' ' << size;
        EXPECT_EQ(back->consumed, source.size());
        EXPECT_EQ(Octets(back->bytes.view().begin(), back->bytes.view().end()), bytes);
      }
    }
  }
}

TEST(Encode, WhatIsOnlyReadIsAnError) {
  const auto nothing = [](ByteSpan) -> Status { return {}; };
  EXPECT_FALSE(Encoder::make(Codec::lzip, nothing).has_value());
  EXPECT_FALSE(Encoder::make(Codec::zip_lzma, nothing).has_value());
}

TEST(Encode, AnErrorOfTheTakerIsHandedOn) {
  auto encoder = Encoder::make(Codec::gzip,
                               [](ByteSpan) -> Status { return fail({ErrorCode::io, 0, "full"}); });
  ASSERT_TRUE(encoder.has_value());
  EXPECT_FALSE(encoder->finish().has_value());
}

}  // namespace
}  // namespace brine::codec
