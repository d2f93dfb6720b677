#include "catalogue/trust.h"

#include <gtest/gtest.h>

namespace brine::catalogue {
namespace {

TEST(Trust, TakesNamesAndPrefixes) {
  Trust trust;
  EXPECT_TRUE(trust.add("mypkg.models.*"));
  EXPECT_TRUE(trust.add("other.Net"));
  EXPECT_TRUE(trust.covers("mypkg.models", "Net"));
  EXPECT_TRUE(trust.covers("mypkg.models.deep", "Net"));
  EXPECT_TRUE(trust.covers("other", "Net"));
  EXPECT_FALSE(trust.covers("other", "Net2"));
  EXPECT_FALSE(trust.covers("mypkg.modelsx", "Net"));
  EXPECT_FALSE(trust.covers("mypkg", "models"));
}

TEST(Trust, RefusesWhatWouldCoverEverything) {
  Trust trust;
  for (const char* pattern : {"*", ".*", "", "Net", "a.*.b", "a..b", "1a.b", "a.b*", "*.a"}) {
    EXPECT_FALSE(trust.add(pattern)) << pattern;
  }
  EXPECT_TRUE(trust.empty());
}

}  // namespace
}  // namespace brine::catalogue
