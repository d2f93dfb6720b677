#include "convert/late_changes.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace brine::convert {
namespace {

using namespace std::string_literals;

using Jumps = std::map<std::uint64_t, std::uint64_t>;

bool late(std::string_view stream, const Jumps& jumps = {}) {
  MemorySource source(std::vector<std::uint8_t>(stream.begin(), stream.end()));
  return changes_late(source, 0, stream.size(), jumps);
}

// A list is memo 0, a dict memo 1, what takes them memo 2.
constexpr std::string_view kSet = "cbuiltins\nset\n";
constexpr std::string_view kObject = "cargparse\nNamespace\n)\x81q\2";

TEST(LateChanges, SeesAListThatACallTook) {
  const std::string call = std::string(kSet) + "]q\0K\1a\x85R0"s;
  EXPECT_FALSE(late(call + "]q\0K\2a."s));  // another list
  EXPECT_TRUE(late(call + "h\0K\2a."s));
  EXPECT_TRUE(late(call + "h\0(K\2K\3e."s));
}

TEST(LateChanges, SeesAStateThatBuildTook) {
  const std::string build = std::string(kObject) + "}q\1U\1aK\1sb0";
  EXPECT_FALSE(late(build + "h\2."));
  EXPECT_TRUE(late(build + "h\1U\1aK\2s0h\2."));
  EXPECT_TRUE(late(build + "h\1(U\1aK\2u0h\2."));
}

TEST(LateChanges, AllowsWhatPicklersWrite) {
  // A value in a state is the same value behind it, and may be filled then: a ring of objects.
  EXPECT_FALSE(late(std::string(kObject) + "}U\1a]q\0sb0h\0h\2a0h\2."s));
  // Filled before it is taken.
  EXPECT_FALSE(late("]q\0K\1ah\0K\2a0"s + std::string(kSet) + "h\0\x85R."s));
}

TEST(LateChanges, GoesOnBehindWhatStandsInTheStream) {
  // A pickle of its own, with its own memo and its own STOP.
  const std::string before = std::string(kObject) + "}q\1U\1aK\1sb0", inner = "]q\1K\1a.";
  const std::string behind = "h\1U\1aK\2s0h\2.";
  const std::string stream = before + inner + behind;
  EXPECT_TRUE(late(stream, {{before.size(), before.size() + inner.size()}}));
  EXPECT_FALSE(late(before + inner + "h\2.", {{before.size(), before.size() + inner.size()}}));
}

TEST(LateChanges, StepsOverRawBytesOneAfterTheOther) {
  const std::string before = std::string(kObject) + "}q\1U\1aK\1sb0", raw = "\xff\xff..";
  const std::string behind = "h\1U\1aK\2s0h\2.";
  const std::uint64_t first = before.size(), second = first + raw.size();
  EXPECT_TRUE(late(before + raw + raw + behind, {{first, second}, {second, second + raw.size()}}));
}

}  // namespace
}  // namespace brine::convert
