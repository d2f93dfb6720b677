#include "base/text_set.h"

#include <gtest/gtest.h>

#include <string>

namespace brine {
namespace {

TEST(TextSet, HasEachTextOnce) {
  TextSet set;
  EXPECT_FALSE(set.contains(""));
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 3000; ++i) EXPECT_EQ(set.insert(std::to_string(i)), round == 0);
    EXPECT_EQ(set.insert(""), round == 0);
  }
  EXPECT_TRUE(set.contains("2999"));
  EXPECT_FALSE(set.contains("3000"));
}

}  // namespace
}  // namespace brine
