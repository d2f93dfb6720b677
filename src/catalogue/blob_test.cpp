#include "catalogue/blob.h"

#include <gtest/gtest.h>

#include <array>

namespace brine::catalogue {
namespace {

TEST(Blob, FindsEveryNameItHolds) {
  const Blob& blob = Blob::embedded();
  ASSERT_GT(blob.name_count(), 1000u);
  for (Rank rank = 0; rank < blob.name_count(); ++rank) {
    const std::string name = blob.name(rank);
    const std::size_t colon = name.find(':');
    ASSERT_NE(colon, std::string::npos) << name;
    const std::string module = name.substr(0, colon);
    const std::string rest = name.substr(colon + 1);
    const Rank found = rest.empty() ? blob.find_module(module) : blob.find_name(module, rest);
    ASSERT_EQ(found, rank) << name;
  }
}

TEST(Blob, NamesAreSorted) {
  const Blob& blob = Blob::embedded();
  for (Rank rank = 1; rank < blob.name_count(); ++rank) {
    ASSERT_LT(blob.name(rank - 1), blob.name(rank));
  }
}

TEST(Blob, NearMissesAreNotFound) {
  const Blob& blob = Blob::embedded();
  EXPECT_NE(blob.find_name("collections", "OrderedDict"), kNoRank);
  EXPECT_EQ(blob.find_name("collections", "OrderedDic"), kNoRank);
  EXPECT_EQ(blob.find_name("collections", "OrderedDict "), kNoRank);
  EXPECT_EQ(blob.find_name("collections", "OrderedDict.x"), kNoRank);
  EXPECT_EQ(blob.find_name("collection", "sOrderedDict"), kNoRank);
  EXPECT_EQ(blob.find_name("collections.OrderedDict", "x"), kNoRank);
  EXPECT_EQ(blob.find_name("", "OrderedDict"), kNoRank);
  EXPECT_EQ(blob.find_name("", ""), kNoRank);
  EXPECT_EQ(blob.find_module(""), kNoRank);
  EXPECT_EQ(blob.find_name("\xff\xff", "\xff"), kNoRank);
}

// A module's own fact is filed under an empty name, which no stream may ask for.
TEST(Blob, AnEmptyNameIsNoName) {
  const Blob& blob = Blob::embedded();
  EXPECT_NE(blob.find_module("collections"), kNoRank);
  EXPECT_EQ(blob.find_name("collections", ""), kNoRank);
}

TEST(Blob, AColonInANameCannotImitateAnother) {
  const Blob& blob = Blob::embedded();
  EXPECT_EQ(blob.find_name("collections:OrderedDict", ""), kNoRank);
  EXPECT_EQ(blob.find_module("collections:OrderedDict"), kNoRank);
  EXPECT_EQ(blob.find_name("collections", ":OrderedDict"), kNoRank);
}

TEST(Blob, AliasesShareAFact) {
  const Blob& blob = Blob::embedded();
  const Rank home = blob.find_name("os", "system");
  const Rank alias = blob.find_name("posix", "system");
  ASSERT_NE(home, kNoRank);
  ASSERT_NE(alias, kNoRank);
  EXPECT_EQ(blob.fact(alias).canonical, home);
  EXPECT_EQ(blob.fact(home).canonical, home);
  EXPECT_TRUE(blob.fact(alias).danger);
  EXPECT_EQ(blob.fact(alias).caps, pickle::kProcess);
  EXPECT_EQ(blob.dotted(alias), "posix.system");
}

TEST(Blob, ClassesKnowTheirNames) {
  const Blob& blob = Blob::embedded();
  for (std::uint32_t number = 1; number <= blob.type_count(); ++number) {
    const ClassFact type = blob.type(number);
    ASSERT_NE(type.name, kNoRank);
    const Fact fact = blob.fact(type.name);
    EXPECT_EQ(fact.kind, FactKind::type);
    EXPECT_EQ(fact.type, number);
  }
  EXPECT_EQ(blob.type(0).name, kNoRank);
  EXPECT_EQ(blob.type(blob.type_count() + 1).name, kNoRank);
}

TEST(Blob, RefusesWhatIsNoBlob) {
  EXPECT_FALSE(Blob::over({}));
  std::array<std::uint8_t, 64> zeros{};
  EXPECT_FALSE(Blob::over(zeros));
}

TEST(Blob, OffsetsOutOfRangeGiveNothing) {
  const Blob& blob = Blob::embedded();
  EXPECT_EQ(blob.text(0xfffffff0), "");
  EXPECT_EQ(blob.word(0xfffffff0), 0u);
  EXPECT_EQ(blob.name(0xfffffff0), "");
  EXPECT_EQ(blob.fact(0xfffffff0).canonical, kNoRank);
}

}  // namespace
}  // namespace brine::catalogue
