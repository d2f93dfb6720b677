#include "pickle/disassembler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pickle/world.h"

namespace brine::pickle {
namespace {

using namespace std::string_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

struct Output {
  DisassemblyEnd end;
  std::vector<std::string> lines;
};

Output run(const std::string& bytes, DisassemblyOptions options = {}) {
  MemorySource source(as_bytes(bytes));
  Output out;
  out.end =
      disassemble(source, options, [&out](std::string_view line) { out.lines.emplace_back(line); });
  return out;
}

TEST(Disassembler, ShowsOffsetCodeNameArgumentAndStack) {
  const Output out = run("cos\nsystem\n(X\x04\0\0\0truetR."s);
  EXPECT_TRUE(out.end.stopped);
  EXPECT_EQ(out.end.instructions, 6U);
  ASSERT_EQ(out.lines.size(), 6U);
  EXPECT_EQ(out.lines[0],
            "       0   c  GLOBAL           os system                               stack 0");
  EXPECT_EQ(
      out.lines[2],
      "      12   X  BINUNICODE       'true'                                  stack 1, 1 mark");
  EXPECT_EQ(out.lines[4],
            "      22   R  REDUCE                                                   stack 2");
}

TEST(Disassembler, SaysWhereTheBytesBreak) {
  const Output out = run("NX."s);
  EXPECT_FALSE(out.end.stopped);
  EXPECT_EQ(out.end.offset, 1U);
  EXPECT_EQ(out.end.remaining, 2U);
  EXPECT_EQ(out.lines.back(),
            "# byte 1: BINUNICODE wants 4 bytes, 1 is left; 2 bytes from here to the end");
}

TEST(Disassembler, CountsWhatIsBehindStop) {
  EXPECT_EQ(run("N.xyz").lines.back(), "# 3 bytes behind STOP");
}

TEST(Disassembler, GoesOnBehindWhatALoaderRefuses) {
  const Output out = run("R(N1tNg5\n.");
  EXPECT_TRUE(out.end.stopped);
  EXPECT_THAT(out.lines[0], HasSubstr("! wants 2 on the stack, has 0"));
  EXPECT_THAT(out.lines[4], HasSubstr("! no mark on the stack"));
  EXPECT_THAT(out.lines[6], HasSubstr("! memo 5 was never stored"));
}

TEST(Disassembler, FollowsTheMemo) {
  const Output out = run("\x80\x04]\x94}\x94q\x09\x94h\x09."s);
  EXPECT_THAT(out.lines[2], HasSubstr("-> memo 0"));
  EXPECT_THAT(out.lines[4], HasSubstr("-> memo 1"));
  EXPECT_THAT(out.lines[5], HasSubstr("-> memo 9"));
  EXPECT_THAT(out.lines[6], HasSubstr("-> memo 3"));
  EXPECT_THAT(out.lines[7], HasSubstr("<- memo 9"));
  EXPECT_THAT(out.lines[7], ::testing::Not(HasSubstr("!")));
}

TEST(Disassembler, PopTakesAMarkAndMarksGuardWhatLiesBelow) {
  const Output out = run("N(0N(a.");
  EXPECT_THAT(out.lines[2], HasSubstr("stack 1, 1 mark"));
  EXPECT_THAT(out.lines[3], HasSubstr("stack 1"));
  EXPECT_THAT(out.lines[5], HasSubstr("! wants 2 on the stack, has 0"));
}

TEST(Disassembler, BoundsItsOutputAndCountsTheRest) {
  DisassemblyOptions options;
  options.max_lines = 2;
  const Output out = run("NNNNN.", options);
  EXPECT_EQ(out.lines.size(), 3U);
  EXPECT_EQ(out.lines.back(), "# ... 4 more instructions");
  EXPECT_EQ(out.end.instructions, 6U);
}

TEST(Disassembler, StartsAnywhereAndTellsTheTable) {
  DisassemblyOptions options;
  options.start = 2;
  options.docs = true;
  const Output out = run("zzN.", options);
  ASSERT_EQ(out.lines.size(), 2U);
  EXPECT_THAT(out.lines[0], HasSubstr("       2   N  NONE"));
  EXPECT_THAT(out.lines[0], HasSubstr("# push None"));
}

TEST(Disassembler, OnAMachineItShowsWhatTheLoaderReaches) {
  const std::string bytes =
      "\x80\x04]\x94(K\x01K\x02"
      "eN0\xff."s;
  MemorySource source(as_bytes(bytes));
  std::vector<std::string> lines;
  DisassemblySink sink(source, {}, [&lines](std::string_view line) { lines.emplace_back(line); });
  OpaqueWorld world;
  const Limits limits;
  Machine machine(source, Profile{}, world, sink, limits);
  const DisassemblyEnd end = sink.finish(machine.run());
  EXPECT_FALSE(end.stopped);
  EXPECT_EQ(end.offset, 12U);
  EXPECT_EQ(end.remaining, 2U);
  ASSERT_GE(lines.size(), 9U);
  EXPECT_THAT(lines[2], HasSubstr("-> memo 0"));
  EXPECT_THAT(lines[6], HasSubstr("APPENDS"));
  EXPECT_THAT(lines[6], HasSubstr("stack 3, 1 mark"));
  EXPECT_THAT(lines[7], HasSubstr("stack 1"));
  EXPECT_THAT(lines.back(), HasSubstr("# byte 12: "));
}

}  // namespace
}  // namespace brine::pickle
