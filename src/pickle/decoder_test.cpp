#include "pickle/decoder.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace brine::pickle {
namespace {

using namespace std::string_literals;

// A source that holds nothing in memory, so that the window is exercised.
class SlowSource final : public ByteSource {
 public:
  explicit SlowSource(std::string bytes) : bytes_(std::move(bytes)) {}
  std::uint64_t size() const override { return bytes_.size(); }
  Status read(std::uint64_t offset, std::span<std::uint8_t> out) override {
    if (offset > bytes_.size() || out.size() > bytes_.size() - offset) {
      return fail(Error::truncated(offset, out.size(), 0));
    }
    std::copy_n(as_bytes(bytes_).begin() + static_cast<std::ptrdiff_t>(offset), out.size(),
                out.begin());
    return {};
  }

 private:
  std::string bytes_;
};

Result<Instruction> first(const std::string& bytes) {
  SlowSource slow(bytes);
  MemorySource fast(as_bytes(bytes));
  const Result<Instruction> a = Decoder(slow).next();
  Result<Instruction> b = Decoder(fast).next();
  EXPECT_EQ(a.has_value(), b.has_value());
  if (a && b) {
    EXPECT_EQ(a->text, b->text);
    EXPECT_EQ(a->end, b->end);
  } else if (!a && !b) {
    EXPECT_EQ(a.error().what, b.error().what);
  }
  return b;
}

std::string shown(const std::string& bytes, std::size_t limit = 60) {
  const Result<Instruction> in = first(bytes);
  return in ? render_argument(*in, limit) : "error: " + in.error().what;
}

TEST(Decoder, ReadsEveryKindOfArgument) {
  EXPECT_EQ(shown("N"), "");
  EXPECT_EQ(shown("K\xff"), "255");
  EXPECT_EQ(shown("M\x01\x02"), "513");
  EXPECT_EQ(shown("J\xff\xff\xff\xff"), "-1");
  EXPECT_EQ(shown("r\xff\xff\xff\xff"), "4294967295");
  EXPECT_EQ(shown("\x95\x01\0\0\0\0\0\0\0"s), "1");
  EXPECT_EQ(shown("G\x3f\xf8\0\0\0\0\0\0"s), "1.5");
  EXPECT_EQ(shown("I42\n"), "42");
  EXPECT_EQ(shown("cos\nsystem\n"), "os system");
  EXPECT_EQ(shown("\x8c\x03"
                  "abc"),
            "'abc'");
  EXPECT_EQ(shown("T\x02\0\0\0\xff\n"s), "b'\\xff\\n'");
  EXPECT_EQ(shown("\x8d\x01\0\0\0\0\0\0\0x"s), "'x'");
  EXPECT_EQ(shown("\x8a\x02\x00\xff"s), "-256");
  EXPECT_EQ(shown("\x8a\x00"s), "0");
  EXPECT_EQ(shown("\x8a\x09"
                  "123456789"),
            "int of 9 bytes");
}

TEST(Decoder, EveryOpcodeOfTheTableDecodes) {
  for (const Opcode& opcode : all_opcodes()) {
    const std::string bytes =
        std::string(1, static_cast<char>(opcode.code)) + std::string(8, '\0') + "\n\n";
    const Result<Instruction> in = first(bytes);
    ASSERT_TRUE(in.has_value()) << opcode.name;
    EXPECT_EQ(in->opcode, &opcode);
    EXPECT_LE(in->end, bytes.size());
  }
}

TEST(Decoder, SaysWhatIsMissing) {
  EXPECT_EQ(shown(""), "error: the bytes end where an opcode should stand");
  EXPECT_EQ(shown("X."), "error: BINUNICODE wants 4 bytes, 1 is left");
  EXPECT_EQ(shown("X\xff\xff\xff\xff"
                  "ab"),
            "error: BINUNICODE wants 4294967295 bytes, 2 are left");
  EXPECT_EQ(shown("K"), "error: BININT1 wants 1 byte, 0 are left");
  EXPECT_EQ(shown("cos\nsystem"), "error: GLOBAL wants a line of text, and no newline follows");
  EXPECT_EQ(shown("\xff"), "error: 0xff is no opcode");
}

TEST(Decoder, AFailureMovesNothing) {
  MemorySource source(as_bytes("NX."));
  Decoder decoder(source);
  ASSERT_TRUE(decoder.next());
  EXPECT_FALSE(decoder.next());
  EXPECT_EQ(decoder.position(), 1U);
  EXPECT_EQ(decoder.left(), 2U);
}

TEST(Decoder, KeepsOnlyTheHeadOfWhatIsLong) {
  const std::string bytes = "B" + std::string("\0\0\x02\0", 4) + std::string(0x20000, 'x') + ".";
  SlowSource source(bytes);
  Decoder decoder(source, 0, 16);
  const Result<Instruction> in = decoder.next();
  ASSERT_TRUE(in);
  EXPECT_EQ(in->text.size(), 16U);
  EXPECT_EQ(in->length, 0x20000U);
  EXPECT_EQ(render_argument(*in, 4), "b'xxxx'... +131068 bytes");
  ASSERT_TRUE(decoder.next());
  EXPECT_EQ(decoder.left(), 0U);
}

TEST(Decoder, ALineMayBeLongerThanTheWindow) {
  SlowSource source("V" + std::string(200'000, 'y') + "\n.");
  Decoder decoder(source, 0, 8);
  const Result<Instruction> in = decoder.next();
  ASSERT_TRUE(in);
  EXPECT_EQ(in->length, 200'000U);
  EXPECT_EQ(in->end, 200'002U);
}

TEST(Decoder, HostileTextIsEscaped) {
  EXPECT_EQ(shown("cos\x1b[2J\nsys\r\n"), "os\\x1b[2J sys\\r");
  EXPECT_EQ(shown("\x8c\x03\xe2\x80\xae"), "'\\u202e'");
}

TEST(Decoder, NamesMemoIndices) {
  EXPECT_EQ(memo_index(*first("q\x07")), 7U);
  EXPECT_EQ(memo_index(*first("p1_0\n")), 10U);
  EXPECT_EQ(memo_index(*first("gx\n")), std::nullopt);
  EXPECT_EQ(memo_index(*first("N")), std::nullopt);
}

TEST(Decoder, FloatsReadAsPythonWritesThem) {
  EXPECT_EQ(render_float(1), "1.0");
  EXPECT_EQ(render_float(-0.0), "-0.0");
  EXPECT_EQ(render_float(1e300), "1e+300");
  EXPECT_EQ(render_float(std::numeric_limits<double>::infinity()), "inf");
  EXPECT_EQ(render_float(std::nan("")), "nan");
}

}  // namespace
}  // namespace brine::pickle
