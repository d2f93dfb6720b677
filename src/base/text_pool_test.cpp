#include "base/text_pool.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace brine {
namespace {

TEST(TextPool, KeepsTextsWhereTheyAre) {
  TextPool pool;
  std::vector<std::string> expected;
  std::vector<std::string_view> kept;
  for (int i = 0; i < 5000; ++i) {
    expected.push_back(std::string(static_cast<std::size_t>(i % 97), 'a') + std::to_string(i));
    kept.push_back(pool.add(expected.back()));
  }
  expected.push_back(std::string(1u << 20, 'x'));
  kept.push_back(pool.add(expected.back()));
  for (std::size_t i = 0; i < kept.size(); ++i) ASSERT_EQ(kept[i], expected[i]);
}

TEST(TextPool, GivesBackWhatStandsBehindAMark) {
  TextPool pool;
  const TextPool::Mark empty = pool.mark();
  const std::string_view first = pool.add("first");
  const TextPool::Mark mark = pool.mark();
  for (int round = 0; round < 3; ++round) {
    const std::string_view second = pool.add("second");
    EXPECT_EQ(second.data(), first.data() + first.size());
    EXPECT_EQ(pool.add(std::string(100'000, 'y')).size(), 100'000u);
    pool.cut(mark);
    EXPECT_EQ(first, "first");
  }
  pool.cut(empty);
  EXPECT_EQ(pool.add("again"), "again");
  pool.clear();
  EXPECT_EQ(pool.mark().used, 0u);
}

}  // namespace
}  // namespace brine
