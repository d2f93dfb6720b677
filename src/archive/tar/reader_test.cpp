#include "archive/tar/reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "archive/tar/numbers.h"
#include "archive/tar/pax.h"

namespace brine::archive {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::string octal(std::uint64_t value, int width) {
  char text[32];
  std::snprintf(text, sizeof text, "%0*llo", width, static_cast<unsigned long long>(value));
  return text;
}

// A block with a right checksum, and the data in whole blocks behind it.
std::string part(const std::string& name, char type, const std::string& data,
                 const std::string& size = "", const std::string& link = "") {
  std::string block(512, '\0');
  block.replace(0, name.size(), name);
  block.replace(100, 7, octal(0644, 7));
  const std::string field = size.empty() ? octal(data.size(), 11) : size;
  block.replace(124, field.size(), field);
  block[156] = type;
  block.replace(157, link.size(), link);
  block.replace(148, 8, "        ");
  unsigned sum = 0;
  for (char c : block) sum += static_cast<unsigned char>(c);
  block.replace(148, 6, octal(sum, 6));
  block += data;
  block.append((512 - data.size() % 512) % 512, '\0');
  return block;
}

const std::string kEnd(1024, '\0');

SourcePtr source_of(const std::string& bytes) {
  const ByteSpan span = as_bytes(bytes);
  return std::make_shared<MemorySource>(std::vector<std::uint8_t>(span.begin(), span.end()));
}

TarListing list(const std::string& bytes, const Limits& limits = {}) {
  const auto listing = list_tar(*source_of(bytes), limits);
  EXPECT_TRUE(listing.has_value());
  return listing ? *listing : TarListing{};
}

std::vector<std::string> names(const TarListing& listing) {
  std::vector<std::string> out;
  for (const TarMember& member : listing.members) out.push_back(member.name);
  return out;
}

std::string text(const std::string& bytes, const TarMember& member, TarWay way = TarWay::extract) {
  const SourcePtr content = open_tar_member(source_of(bytes), member, way);
  const auto read = content->read_vector(0, content->size());
  return read ? std::string(as_text(*read)) : "unread";
}

std::optional<std::int64_t> number(std::string field) {
  field.resize(12, '\0');
  return tar_number(as_bytes(field));
}

TEST(TarNumbers, AreReadAsPythonReadsThem) {
  EXPECT_EQ(number("0000017"), 15);
  EXPECT_EQ(number(""), 0);
  EXPECT_EQ(number("  7 "), 7);
  EXPECT_EQ(number("0o1_7"), 15);
  EXPECT_EQ(number("0o_7"), 7);
  EXPECT_EQ(number("-10"), -8);
  EXPECT_EQ(number(std::string("7\0junk", 6)), 7);
  EXPECT_EQ(number("8"), std::nullopt);
  EXPECT_EQ(number("1__0"), std::nullopt);
  EXPECT_EQ(number("0o"), std::nullopt);
  EXPECT_EQ(number("+"), std::nullopt);
  EXPECT_EQ(number(std::string("\x80\0\0\0\0\0\0\0\0\0\2\1", 12)), 513);
  EXPECT_EQ(number("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe"), -2);
  EXPECT_EQ(decimal_text("\xef\xbc\x91\xef\xbc\x92"), 12);  // fullwidth digits
  EXPECT_EQ(decimal_text("\xc2\xa0"
                         "5"),
            5);
  EXPECT_EQ(decimal_bytes("\xc2\xa0"
                          "5"),
            std::nullopt);
  EXPECT_EQ(decimal_text("\x1c"
                         "5"),
            std::nullopt);
  EXPECT_EQ(decimal_text(std::string(4300, '0') + "5"), std::nullopt);
}

TEST(TarReader, ListsMembersInOrderWithEveryDuplicate) {
  const std::string tar =
      part("a", '0', "one") + part("b/", '\0', "") + part("a", 'Z', "two") + kEnd;
  const TarListing listing = list(tar);
  EXPECT_THAT(names(listing), ElementsAre("a", "b", "a"));
  EXPECT_EQ(listing.end, TarEnd::zeros);
  EXPECT_TRUE(listing.members[1].directory());
  EXPECT_EQ(text(tar, listing.members[2]), "two");
}

TEST(TarReader, TakesNamesFromLongAndPaxHeaders) {
  const std::string tar = part("L", 'L', std::string("long\0x", 6)) + part("x", '0', "1") +
                          part("p", 'x', "12 path=pax\n") + part("x", '0', "2") +
                          part("p", 'x', "12 path=pax\n") + part("L", 'L', "inner") +
                          part("x", '0', "3") + part("x", '0', "4") + kEnd;
  EXPECT_THAT(names(list(tar)), ElementsAre("long", "pax", "pax", "x"));
}

TEST(TarReader, GoesOnWhereThePaxSizeSays) {
  const std::string hidden = part("hidden", '0', "");
  const std::string tar =
      part("p", 'x', "10 size=0\n") + part("a", '0', hidden) + part("b", '0', "") + kEnd;
  EXPECT_THAT(names(list(tar)), ElementsAre("a", "hidden", "b"));
}

TEST(TarReader, TellsHowTheArchiveEnds) {
  const std::string one = part("a", '0', "one");
  EXPECT_EQ(list(one).end, TarEnd::zeros);
  EXPECT_EQ(list(one + std::string(512, 'x')).end, TarEnd::bad);
  EXPECT_EQ(list(one + "x").end, TarEnd::bad);
  EXPECT_EQ(list(part("a", '0', "one", "00000777777")).end, TarEnd::error);
  EXPECT_EQ(list(part("p", 'x', "12 path=pax\n") + kEnd).end, TarEnd::error);
}

TEST(TarReader, MarksWhatStandsBehindTheEnd) {
  const TarListing listing = list(part("a", '0', "one") + kEnd + part("b", '0', "two") + kEnd);
  EXPECT_THAT(names(listing), ElementsAre("a", "b"));
  EXPECT_FALSE(listing.members[0].beyond);
  EXPECT_TRUE(listing.members[1].beyond);
  EXPECT_EQ(listing.end_offset, 1024u);
}

TEST(TarReader, EndsWhereASizeLeadsBack) {
  const TarListing listing = list(part("a", '0', "") + part("b", '0', "", "-1000") + kEnd);
  EXPECT_EQ(listing.end, TarEnd::error);
  EXPECT_LE(listing.members.size(), 4u);
  EXPECT_TRUE(listing.members[1].odd);
}

TEST(TarReader, PutsSparseFilesTogether) {
  std::string map = "2\n2\n3\n7\n2\n";
  map.resize(512, '\0');
  const std::string records =
      "22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n26 GNU.sparse.realsize=10\n";
  const std::string tar = part("p", 'x', records) + part("a", '0', map + "abcde") + kEnd;
  const TarListing listing = list(tar);
  ASSERT_EQ(listing.members.size(), 1u);
  EXPECT_EQ(text(tar, listing.members[0]), std::string("\0\0abc\0\0de\0", 10));
  EXPECT_FALSE(listing.members[0].tangled);
}

TEST(TarReader, GivesBothReadingsOfATangledMap) {
  const std::string tar = part("p", 'x', "26 GNU.sparse.map=4,2,0,2\n22 GNU.sparse.size=06\n") +
                          part("a", '0', "abcd") + kEnd;
  const TarListing listing = list(tar);
  ASSERT_EQ(listing.members.size(), 1u);
  EXPECT_TRUE(listing.members[0].tangled);
  EXPECT_EQ(text(tar, listing.members[0]), std::string("cd\0\0ab", 6));
  EXPECT_EQ(text(tar, listing.members[0], TarWay::extractfile), std::string("\0\0\0\0ab", 6));
}

TEST(TarReader, StopsAtItsLimits) {
  Limits limits;
  limits.members = 2;
  std::string tar;
  for (int i = 0; i < 5; ++i) tar += part("a", '0', "");
  EXPECT_EQ(list(tar, limits).end, TarEnd::budget);
  limits = {};
  limits.directory_bytes = 4096;
  EXPECT_EQ(list(part("p", 'x', std::string(8192, 'x')) + tar, limits).problem, "directory_bytes");
}

TEST(TarReader, ReadsAChainOfHeadersWithoutRecursion) {
  std::string tar;
  for (int i = 0; i < 20'000; ++i) tar += part("p", 'x', "");
  tar += part("a", '0', "x") + kEnd;
  EXPECT_THAT(names(list(tar)), ElementsAre("a"));
}

TEST(Pax, ReadsOnWhereOldVersionsDo) {
  PaxHeaders headers;
  EXPECT_TRUE(parse_pax("12 path=pax\n", 100, headers).strict);
  EXPECT_FALSE(parse_pax("11 path=pay\n", 100, headers).strict);
  EXPECT_EQ(*headers.find(PaxKey::path), "pa");
  EXPECT_EQ(parse_pax("0 path=x\n", 100, headers).end, PaxEnd::invalid);
  EXPECT_THAT(PaxHeaders().items(), IsEmpty());
}

TEST(Pax, GivesUpWhereWorkGrowsFaster) {
  PaxHeaders headers;
  std::string text(40'000, '0');
  text += "1 x=";
  EXPECT_NE(parse_pax(text, 100, headers).end, PaxEnd::invalid);
}

}  // namespace
}  // namespace brine::archive
