#include "catalogue/codecs.h"

#include <gtest/gtest.h>

namespace brine::catalogue {
namespace {

TEST(Codecs, AreFoundByAnyOfTheirNames) {
  EXPECT_EQ(find_codec("latin-1"), Codec::latin1);
  EXPECT_EQ(find_codec("ISO-8859-1"), Codec::latin1);
  EXPECT_EQ(find_codec("UTF_8"), Codec::utf8);
  EXPECT_EQ(find_codec("rot_13"), Codec::rot13);
  EXPECT_EQ(find_codec("klingon"), std::nullopt);
}

TEST(Codecs, EncodeWhatTheyCan) {
  EXPECT_EQ(encode_text(Codec::latin1, "\xc3\xa9"), "\xe9");
  EXPECT_EQ(encode_text(Codec::latin1, "\xe2\x82\xac"), std::nullopt);
  EXPECT_EQ(encode_text(Codec::ascii, "a"), "a");
  EXPECT_EQ(encode_text(Codec::ascii, "\xc3\xa9"), std::nullopt);
  EXPECT_EQ(encode_text(Codec::rot13, "flfgrz"), "system");
  EXPECT_EQ(encode_text(Codec::zlib, "a"), std::nullopt);
}

TEST(Codecs, DecodeWhatTheyCan) {
  EXPECT_EQ(decode_bytes(Codec::latin1, "\xe9", 10), "\xc3\xa9");
  EXPECT_EQ(decode_bytes(Codec::utf8, "\xe9", 10), std::nullopt);
  EXPECT_EQ(decode_bytes(Codec::unicode_escape, "\\x6f\\163", 10), "os");
  EXPECT_EQ(decode_bytes(Codec::unicode_escape, "\\", 10), std::nullopt);
  EXPECT_EQ(base64_decode("b3M="), "os");
  EXPECT_EQ(base32_decode("N5ZQ===="), "os");
  EXPECT_EQ(hex_decode("6f73"), "os");
  EXPECT_EQ(hex_decode("6f7"), std::nullopt);
  EXPECT_EQ(hex_decode("6f 73"), std::nullopt);
  // What Python's decoders skip, stop or raise at is not computed.
  for (const char* odd : {"=aGk=", "a=Gk=", "aG-k", "aGk", "aGk=aGk=", "aG k=", "aGl=", "a==="}) {
    EXPECT_EQ(base64_decode(odd), std::nullopt) << odd;
  }
  EXPECT_EQ(hex_encode("os"), "6f73");
}

TEST(Codecs, InflateWithinTheLimit) {
  const std::string packed("\x78\x9c\x4b\x4c\x84\x01\x00\x14\xe1\x03\xcb", 11);
  EXPECT_EQ(inflate(packed, false, 100), "aaaaaaaaaa");
  EXPECT_EQ(inflate(packed, false, 9), std::nullopt);
  EXPECT_EQ(inflate("no zlib", false, 100), std::nullopt);
  EXPECT_EQ(inflate(packed + packed, false, 100), std::nullopt);
  EXPECT_EQ(inflate(packed, true, 100), std::nullopt);
}

}  // namespace
}  // namespace brine::catalogue
