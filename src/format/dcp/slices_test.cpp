#include "format/dcp/slices.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "format/dcp/metadata.h"

namespace brine::format::dcp {
namespace {

using namespace std::string_literals;
using namespace std::string_view_literals;

std::string le(std::uint64_t value, int bytes) {
  std::string out;
  for (int i = 0; i < bytes; ++i) out.push_back(static_cast<char>(value >> (8 * i)));
  return out;
}

// A zip of one empty member.
std::string archive(std::string_view name) {
  const std::string sizes(12, '\0');
  const std::string local =
      "PK\3\4" + std::string(10, '\0') + sizes + le(name.size(), 2) + le(0, 2) + std::string(name);
  const std::string central = "PK\1\2" + std::string(12, '\0') + sizes + le(name.size(), 2) +
                              std::string(16, '\0') + std::string(name);
  return local + central + "PK\5\6" + le(0, 4) + le(1, 2) + le(1, 2) + le(central.size(), 4) +
         le(local.size(), 4) + le(0, 2);
}

Split split_text(const std::string& text) {
  MemorySource source(std::vector<std::uint8_t>(text.begin(), text.end()));
  return split(source, Limits{});
}

TEST(DcpSlices, TakesArchivesApart) {
  const std::string one = archive("a/data.pkl"), two = archive("b/data.pkl.longer");
  const Split found = split_text(one + two + one);
  EXPECT_TRUE(found.whole);
  EXPECT_EQ(found.slices,
            (std::vector<Slice>{{0, one.size()},
                                {one.size(), one.size() + two.size()},
                                {one.size() + two.size(), 2 * one.size() + two.size()}}));
}

TEST(DcpSlices, SaysWhatIsLeft) {
  const std::string one = archive("a/data.pkl");
  const Split found = split_text("x" + one + one);
  EXPECT_FALSE(found.whole);
  EXPECT_EQ(found.slices,
            (std::vector<Slice>{{1, 1 + one.size()}, {1 + one.size(), 1 + 2 * one.size()}}));
  EXPECT_TRUE(split_text(one + "x").slices.empty());
  EXPECT_FALSE(split_text("").whole);
}

TEST(DcpMetadata, KnowsDcpsNames) {
  EXPECT_EQ(rank_of("__3_12.distcp"), "3");
  for (std::string_view name : {"__3.distcp"sv, "_3_1.distcp"sv, "__3_1.distcp/x"sv,
                                "../__0_0.distcp"sv, "__x_1.distcp"sv, "__0_.distcp"sv, ""sv}) {
    EXPECT_EQ(rank_of(name), std::nullopt) << name;
  }
  EXPECT_EQ(rank_of_index(".metadata"), "");
  EXPECT_EQ(rank_of_index("__7.metadata"), "7");
  EXPECT_EQ(rank_of_index("x.metadata"), std::nullopt);
}

Index index_of(std::string_view pickle) {
  MemorySource source(std::vector<std::uint8_t>(pickle.begin(), pickle.end()));
  return read_index(source, Limits{});
}

constexpr std::string_view kInfo =
    "ctorch.distributed.checkpoint.filesystem\n_StorageInfo\n)\x81}("
    "X\x0d\0\0\0relative_pathX\x0c\0\0\0__0_0.distcpX\x06\0\0\0offsetK\x07X\x06\0\0\0lengthK\x09ub"sv;

TEST(DcpMetadata, TakesSlicesFromStates) {
  const Index index = index_of("\x80\x02" + std::string(kInfo) + ".");
  EXPECT_TRUE(index.known);
  ASSERT_EQ(index.slices.size(), 1u);
  EXPECT_EQ(index.slices[0].path, "__0_0.distcp");
  EXPECT_EQ(index.slices[0].offset, 7u);
  EXPECT_EQ(index.slices[0].length, 9u);
}

TEST(DcpMetadata, DoubtsWhatDcpDoesNotWrite) {
  const std::string info(kInfo);
  EXPECT_FALSE(index_of("\x80\x02" + info).known);  // no STOP
  // Made by a call, by another class, and changed later.
  EXPECT_FALSE(index_of("\x80\x02" + info +
                        "0ctorch.distributed.checkpoint.filesystem\n_StorageInfo\n"
                        "(X\x01\0\0\0aK\0K\1tR."s)
                   .known);
  EXPECT_FALSE(index_of("\x80\x02" + info + "0cm\nc\n)\x81.").known);
  EXPECT_FALSE(index_of("\x80\x02" + info + "X\x01\0\0\0aK\1s."s).known);
  EXPECT_FALSE(index_of("\x80\x02]."sv).checkpoint);
}

}  // namespace
}  // namespace brine::format::dcp
