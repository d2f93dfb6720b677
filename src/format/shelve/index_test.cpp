#include "format/shelve/index.h"

#include <gtest/gtest.h>

#include <string>

namespace brine::format::shelve {
namespace {

using namespace std::string_view_literals;

TEST(ShelveIndex, ReadsWhatDumbWrites) {
  const auto records = parse_index(
      "'weights', (0, 113)\n\"it's\", (512, 5)\n'a\\\\b\\'\"\\n\\xff\xe9', (1024, 0)\n", 100);
  ASSERT_TRUE(records);
  ASSERT_EQ(records->size(), 3u);
  EXPECT_EQ((*records)[0].key, "weights");
  EXPECT_EQ((*records)[0].size, 113u);
  EXPECT_EQ((*records)[1].key, "it's");
  EXPECT_EQ((*records)[1].position, 512u);
  EXPECT_EQ((*records)[2].key, "a\\b'\"\n\xff\xe9");
}

TEST(ShelveIndex, EndsLinesAsTextFilesDo) {
  const auto records = parse_index("'a', (0, 1)\r'b', (512, 1)\r\n'c', (1024, 1)", 100);
  ASSERT_TRUE(records);
  EXPECT_EQ(records->size(), 3u);
  EXPECT_TRUE(parse_index("", 100)->empty());
}

// literal_eval makes something of the first ones; what it makes is not for a guess.
TEST(ShelveIndex, KnowsNothingElse) {
  for (const std::string_view text : {"('a', (0, 1))\n"sv,
                                      "'a', [0, 1]\n"sv,
                                      "'a', (0x10, 1)\n"sv,
                                      "'a', (1_0, 1)\n"sv,
                                      "'a' 'b', (0, 1)\n"sv,
                                      "'\\u0061', (0, 1)\n"sv,
                                      "'\\101', (0, 1)\n"sv,
                                      "b'a', (0, 1)\n"sv,
                                      " 'a', (0, 1)\n"sv,
                                      "'a', (0, 1),\n"sv,
                                      "'a',(0, 1)\n"sv,
                                      "'a', (-1, 1)\n"sv,
                                      "'a', (+1, 1)\n"sv,
                                      "'a', (00, 1)\n"sv,
                                      "'a', (0, 1) # x\n"sv,
                                      "\n"sv,
                                      "'a', (0, 1)\n\n"sv,
                                      "'a', (0, 1000000000000000000000)\n"sv,
                                      "'a"sv,
                                      "'a\\"sv,
                                      "'a\\x4"sv,
                                      "'a', (0"sv,
                                      "'a\0', (0, 1)\n"sv,
                                      "'a', (0, 1)\x0c\n"sv}) {
    EXPECT_FALSE(parse_index(text, 100)) << text;
  }
}

TEST(ShelveIndex, IsBounded) {
  EXPECT_TRUE(parse_index("'a', (0, 1)\n'b', (0, 1)\n", 2));
  EXPECT_FALSE(parse_index("'a', (0, 1)\n'b', (0, 1)\n", 1));
}

}  // namespace
}  // namespace brine::format::shelve
