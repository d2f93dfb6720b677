#include "base/small_vector.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <utility>
#include <vector>

namespace brine {
namespace {

using Numbers = SmallVector<std::uint64_t, 2>;

TEST(SmallVector, KeepsWhatItIsGivenHereAndAway) {
  for (std::size_t count = 0; count < 9; ++count) {
    Numbers one;
    std::vector<std::uint64_t> wanted;
    for (std::size_t i = 0; i < count; ++i) {
      one.push_back(i * 7);
      wanted.push_back(i * 7);
    }
    EXPECT_EQ(one.size(), count);
    EXPECT_TRUE(std::ranges::equal(one, wanted));
    const Numbers copy(one), listed(wanted);
    EXPECT_EQ(copy, one);
    EXPECT_EQ(listed, one);
    Numbers moved(std::move(one));
    EXPECT_EQ(moved, copy);
    EXPECT_TRUE(one.empty());
    one = moved;
    EXPECT_EQ(one, copy);
    moved = Numbers{1, 2, 3};
    EXPECT_EQ(moved, (Numbers{1, 2, 3}));
  }
}

TEST(SmallVector, IsAssignedToItself) {
  Numbers one{1, 2, 3};
  Numbers& same = one;
  one = same;
  EXPECT_EQ(one, (Numbers{1, 2, 3}));
}

TEST(SmallVector, GrowsWithZeros) {
  Numbers one{5};
  one.resize(4);
  EXPECT_EQ(one, (Numbers{5, 0, 0, 0}));
  one.resize(1);
  one.resize(2);
  EXPECT_EQ(one, (Numbers{5, 0}));
}

TEST(SmallVector, IsOrderedItemByItem) {
  EXPECT_LT((Numbers{1, 2}), (Numbers{1, 3}));
  EXPECT_LT((Numbers{1}), (Numbers{1, 0}));
  EXPECT_LT((Numbers{}), (Numbers{0}));
}

}  // namespace
}  // namespace brine
