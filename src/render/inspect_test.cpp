#include "render/inspect.h"

#include <gtest/gtest.h>

#include "render/sample_reports.h"

namespace brine::render {
namespace {

TEST(Inspection, HexDump) {
  EXPECT_EQ(hex_dump(as_bytes("Hello"), 64, 2),
            "  00000040  48 65 6c 6c 6f                                    |Hello|\n");
  const std::string two = hex_dump(as_bytes("0123456789abcdef\x1b\xff"), 0, 0);
  EXPECT_EQ(two,
            "00000000  30 31 32 33 34 35 36 37  38 39 61 62 63 64 65 66  |0123456789abcdef|\n"
            "00000010  1b ff                                             |..|\n");
  EXPECT_EQ(hex_dump({}, 0, 0), "");
}

TEST(Inspection, TellsMembersViewsAndOddBytes) {
  MemorySource source(std::vector<std::uint8_t>(12'345, 'x'));
  Inspection inspection(InspectOptions{});
  inspection.member({{"ballr7/data.pkl"}, 118, 64, "pickle"});
  inspection.member({{"ballr7/data/0"}, 12'000, 345, "storage"});
  const std::string text = inspection.text(malicious_file(), source);
  EXPECT_NE(text.find("torch zip, 12345 bytes, MALICIOUS"), std::string::npos) << text;
  EXPECT_NE(text.find("118   64  pickle   ballr7/data.pkl"), std::string::npos) << text;
  EXPECT_NE(text.find("torch.load(weights_only)"), std::string::npos) << text;
  EXPECT_NE(text.find("bytes 182 to 345"), std::string::npos) << text;
  EXPECT_NE(text.find("|xxxxxxxxxxxxxxxx|"), std::string::npos) << text;
}

TEST(Inspection, UnreadableOddBytesAreSaid) {
  MemorySource source(std::vector<std::uint8_t>(100, 'x'));
  const std::string text = Inspection(InspectOptions{}).text(malicious_file(), source);
  EXPECT_NE(text.find("bytes 182 to 345\n    "), std::string::npos) << text;
}

}  // namespace
}  // namespace brine::render
