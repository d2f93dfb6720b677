#include "format/baselines/embedded.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "io/source.h"

namespace brine::format::baselines {
namespace {

using Found = std::vector<std::pair<std::string, std::string>>;

Found found_in(std::string_view json, std::size_t most = 100, std::uint64_t most_bytes = 1 << 20) {
  MemorySource source(as_bytes(json));
  const auto all = find_embedded(source, most, most_bytes);
  EXPECT_TRUE(all.has_value());
  Found out;
  for (const Embedded& one : all->pickles) {
    out.emplace_back(one.name, std::string(as_text(one.bytes)));
  }
  if (all->over) out.emplace_back("over", "");
  return out;
}

TEST(Embedded, FindsTheTextsUnderTheKey) {
  EXPECT_EQ(
      found_in(R"({"a": 1, "b": {":type:": "x", ":serialized:": "b3M="}, "c": [":serialized:"]})"),
      (Found{{"b", "os"}}));
  EXPECT_EQ(found_in(R"({"a":{":serialized:":"b3M="},"b":{"c":1,":serialized:" : "bnQ="}})"),
            (Found{{"a", "os"}, {"b", "nt"}}));
}

TEST(Embedded, ReadsEscapesAsJsonDoes) {
  EXPECT_EQ(found_in(R"({"a": {":serialize\u0064:": "\u0062\u0033M="}})"), (Found{{"a", "os"}}));
  EXPECT_EQ(found_in(R"({"a\"": {":\u0073erialized:": "b3M="}})"), (Found{{"a\"", "os"}}));
  EXPECT_EQ(found_in(R"({"a": {"\":serialized:": "b3M="}})"), Found{});
  EXPECT_EQ(found_in(R"({"a": {":serialized:\u0000": "b3M="}})"), Found{});
}

TEST(Embedded, TakesEachOfAKeyThatComesTwice) {
  EXPECT_EQ(found_in(R"({"a": {":serialized:": "b3M=", ":serialized:": "bnQ="}})"),
            (Found{{"a", "os"}, {"a", "nt"}}));
}

TEST(Embedded, LeavesOutWhatBase64DoesNotHave) {
  EXPECT_EQ(found_in("{\"a\": {\":serialized:\": \"b!3\xc3\xa9\\n M=\"}}"), (Found{{"a", "os"}}));
  EXPECT_EQ(found_in(R"({"a": {":serialized:": "=b3=M=="}})"), (Found{{"a", "os"}}));
  EXPECT_EQ(found_in(R"({"a": {":serialized:": "b3M=bnQ="}})"), (Found{{"a", "os"}}));
  EXPECT_EQ(found_in(R"({"a": {":serialized:": "b3Mu"}})"), (Found{{"a", "os."}}));
}

TEST(Embedded, IsNotLedAstrayByOtherValues) {
  EXPECT_EQ(found_in(R"({"a": {":serialized:": 5, "b": "b3M="}})"), Found{});
  EXPECT_EQ(found_in(R"({"a": {":serialized:": {"b": "b3M="}}})"), Found{});
  EXPECT_EQ(found_in(R"({"a": ":serialized:", "b": "b3M="})"), Found{});
}

TEST(Embedded, GoesOnWhereJsonIsBroken) {
  EXPECT_EQ(found_in(R"(}} {"a": [{":serialized:": "b3M=)"), (Found{{"a", "os"}}));
}

TEST(Embedded, SaysThatThereWasMore) {
  const std::string two = R"({"a": {":serialized:": "b3M="}, "b": {":serialized:": "bnQ="}})";
  EXPECT_EQ(found_in(two, 1), (Found{{"a", "os"}, {"over", ""}}));
  EXPECT_EQ(found_in(two, 2), (Found{{"a", "os"}, {"b", "nt"}}));
  EXPECT_EQ(found_in(two, 2, 3), (Found{{"a", "os"}, {"b", "n"}, {"over", ""}}));
  EXPECT_EQ(found_in(two, 2, 4), (Found{{"a", "os"}, {"b", "nt"}}));
}

}  // namespace
}  // namespace brine::format::baselines
