#include "format/words.h"

#include <gtest/gtest.h>

namespace brine::format {
namespace {

TEST(Words, SaysSizesAsPeopleDo) {
  EXPECT_EQ(human_size(0), "0 B");
  EXPECT_EQ(human_size(999), "999 B");
  EXPECT_EQ(human_size(1000), "1.0 kB");
  EXPECT_EQ(human_size(1536), "1.5 kB");
  EXPECT_EQ(human_size(438'000'000), "438 MB");
  EXPECT_EQ(human_size(2'100'000'000), "2.1 GB");
  EXPECT_EQ(human_size(~std::uint64_t{0}), "18 EB");
}

TEST(Words, Counts) {
  EXPECT_EQ(counted(0, "tensor"), "0 tensors");
  EXPECT_EQ(counted(1, "tensor"), "1 tensor");
  EXPECT_EQ(counted(1024, "byte"), "1,024 bytes");
  EXPECT_EQ(counted(1234567, "byte"), "1,234,567 bytes");
}

}  // namespace
}  // namespace brine::format
