#include "codec/inflate.h"

#include <gtest/gtest.h>

#include <string>

namespace brine::codec {
namespace {

Inflated run(const std::string& input, std::uint64_t wanted, Inflater inflater,
             const Limits& limits = {}) {
  MemorySource source{as_bytes(input)};
  auto out = inflate(source, 0, input.size(), wanted, limits, inflater);
  EXPECT_TRUE(out);
  return std::move(*out);
}

std::string text(const Inflated& inflated) { return std::string(as_text(inflated.bytes)); }

// A bit at a time, least significant first; codes are given most significant bit first.
class Bits {
 public:
  Bits& value(std::uint32_t bits, unsigned count) {
    for (unsigned i = 0; i < count; ++i) bit(bits >> i & 1);
    return *this;
  }
  Bits& code(std::uint32_t bits, unsigned count) {
    for (unsigned i = count; i > 0; --i) bit(bits >> (i - 1) & 1);
    return *this;
  }
  const std::string& bytes() const { return bytes_; }

 private:
  void bit(std::uint32_t one) {
    if (used_ % 8 == 0) bytes_ += '\0';
    bytes_.back() = static_cast<char>(static_cast<unsigned char>(bytes_.back()) | one << used_ % 8);
    ++used_;
  }
  std::string bytes_;
  unsigned used_ = 0;
};

const std::string kStored(
    "\1\3\0\xfc\xff"
    "abc",
    8);

TEST(Inflate, KnowsHowItEnded) {
  EXPECT_EQ(run(kStored, 3, Inflater::zlib).end, InflateEnd::done);
  EXPECT_EQ(text(run(kStored, 100, Inflater::zlib)), "abc");
  EXPECT_EQ(run(kStored, 2, Inflater::zlib).end, InflateEnd::full);
  EXPECT_EQ(text(run(kStored, 2, Inflater::zlib)), "ab");
  EXPECT_EQ(run(kStored.substr(0, 6), 3, Inflater::zlib).end, InflateEnd::truncated);
  EXPECT_EQ(text(run(kStored.substr(0, 6), 3, Inflater::tinfl)), "a");
  EXPECT_EQ(run("\7", 3, Inflater::zlib).end, InflateEnd::broken);
  EXPECT_EQ(run("", 3, Inflater::zlib).end, InflateEnd::truncated);
}

TEST(Inflate, StopsAtTheLimit) {
  Limits limits;
  limits.member_bytes = 2;
  Inflated out = run(kStored, 3, Inflater::zlib, limits);
  EXPECT_EQ(out.end, InflateEnd::budget);
  EXPECT_EQ(text(out), "ab");
}

TEST(Inflate, TinflCopiesNothingForTheSymbolsThatZlibRefuses) {
  // Fixed codes: "a", then length symbol 286 with distance 1, then "b", then the end.
  std::string data = Bits()
                         .value(1, 1)
                         .value(1, 2)
                         .code(0x30 + 'a', 8)
                         .code(0xc0 + 6, 8)
                         .code(0, 5)
                         .code(0x30 + 'b', 8)
                         .code(0, 7)
                         .bytes();
  EXPECT_EQ(run(data, 2, Inflater::zlib).end, InflateEnd::broken);
  Inflated out = run(data, 2, Inflater::tinfl);
  EXPECT_EQ(out.end, InflateEnd::done);
  EXPECT_EQ(text(out), "ab");
}

TEST(Inflate, BothAgreeOnOrdinaryData) {
  std::string data = Bits()
                         .value(1, 1)
                         .value(1, 2)
                         .code(0x30 + 'a', 8)
                         .code(1, 7)   // length 3
                         .code(0, 5)   // distance 1
                         .code(0, 7)
                         .bytes();
  EXPECT_EQ(text(run(data, 100, Inflater::zlib)), "aaaa");
  Inflated out = inflate_as_tinfl(as_bytes(data), 100);
  EXPECT_EQ(out.end, InflateEnd::done);
  EXPECT_EQ(text(out), "aaaa");
}

}  // namespace
}  // namespace brine::codec
