#include "scan/coverage.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace brine::scan {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

TEST(Coverage, NothingIsUnexplainedOfAnEmptySource) {
  const Coverage out = CoverageMap(0).finish();
  EXPECT_EQ(out.total, 0u);
  EXPECT_THAT(out.unexplained, IsEmpty());
}

TEST(Coverage, EverythingIsUnexplainedAtFirst) {
  EXPECT_THAT(CoverageMap(9).finish().unexplained, ElementsAre(Pair(0, 9)));
}

TEST(Coverage, AddsUpWhateverTheOrder) {
  CoverageMap map(100);
  map.data(50, 90);
  map.interpreted(0, 10);
  map.interpreted(10, 20);
  map.interpreted(5, 15);
  map.interpreted(80, 85);
  const Coverage out = map.finish();
  EXPECT_EQ(out.interpreted, 25u);
  EXPECT_EQ(out.data, 35u);
  EXPECT_THAT(out.unexplained, ElementsAre(Pair(20, 50), Pair(90, 100)));
  EXPECT_EQ(out.interpreted + out.data + 30 + 10, out.total);
}

TEST(Coverage, CutsWhatReachesBeyond) {
  CoverageMap map(10);
  map.interpreted(8, ~std::uint64_t{0});
  map.data(20, 30);
  map.data(7, 3);
  const Coverage out = map.finish();
  EXPECT_EQ(out.interpreted, 2u);
  EXPECT_EQ(out.data, 0u);
  EXPECT_THAT(out.unexplained, ElementsAre(Pair(0, 8)));
}

}  // namespace
}  // namespace brine::scan
