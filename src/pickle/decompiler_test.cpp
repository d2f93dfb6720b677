#include "pickle/decompiler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pickle/expression.h"
#include "pickle/literals.h"

namespace brine::pickle {
namespace {

using namespace std::string_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

// Everything is inert but what is called posix.system, and names of `unknown`.
class SmallWorld : public World {
 public:
  bool maps_names() const override { return false; }
  bool maybe_type(Machine&, const Value& value) override { return value.kind() == Kind::ref; }
  void import(Machine&, std::string_view module, std::string_view, Outcome& out) override {
    if (module != "unknown") return;
    out.judgement.level = Level::suspicious;
    out.judgement.what = "imports a module that nobody knows";
  }
  void call(Machine& machine, const Value& callable, const Args&, CallHow, Outcome& out) override {
    const std::string name = machine.render(callable);
    if (name == "posix.system") {
      out.judgement.level = Level::malicious;
      out.judgement.code = 201;
      out.judgement.what = "starts a process: reverse shell";
      out.judgement.evidence = {{"command", "/bin/sh"}, {"address", "c2.invalid:4444"}};
    }
    if (name == "builtins.getattr") {
      ImpliedEvent implied;
      implied.kind = EventKind::getattr;
      implied.module = "os";
      implied.name = "system";
      out.implied.push_back(implied);
    }
    if (name == "pickle.loads") out.nested.push_back({"N.", "pickle.loads", {}});
  }
  void construct(Machine&, const Value&, const Args&, Outcome&) override {}
  StateRule set_state(Machine&, const Value&, const Value&, Outcome&) override {
    return StateRule::setstate;
  }
  void store(Machine&, const Value&, StoreHow, const Value*, const Value&, Outcome&) override {}
  bool hash(Machine&, const Value&, bool&, Outcome&) override { return true; }
  void persistent(Machine&, const Profile&, const Value&, Outcome&) override {}
  bool has_extend(Machine&, const Value&) override { return true; }
  void finish(Machine&, const Value&, Outcome&) override {}
};

struct Printed {
  std::vector<std::string> lines;
  std::string text, sentence;
  Level worst;
};

Printed explain(const std::string& bytes, DecompilerOptions options = {}) {
  MemorySource source(as_bytes(bytes));
  SmallWorld world;
  Decompiler decompiler(source, options);
  const Limits limits;
  Profile profile;
  profile.persistent = PersistentLoad::torch;
  Machine machine(source, profile, world, decompiler, limits);
  decompiler.finish(machine.run(), machine);
  Printed out;
  decompiler.print([&out](std::string_view line) {
    out.lines.emplace_back(line);
    out.text += std::string(line) + "\n";
  });
  out.sentence = decompiler.sentence();
  out.worst = decompiler.worst();
  return out;
}

std::string number(int value) { return "K" + std::string(1, static_cast<char>(value)); }

TEST(Decompiler, ShowsAnAttackAndWhereTheStreamBreaks) {
  const Printed out = explain("cposix\nsystem\n(X\x04\0\0\0truetRX."s);
  EXPECT_THAT(
      out.lines,
      ElementsAre(
          "from posix import system # byte  0",
          "_0 = system(\"true\")      # byte 25  "
          "\u25c0 starts a process: reverse shell",
          "#     address: c2.invalid:4444",
          "# \u2500\u2500 byte 26: the stream breaks (BINUNICODE wants 4 bytes, 1 is left).",
          "#    Python raises an error here, after everything above has run.",
          "# never reached: 2 bytes"));
  EXPECT_EQ(out.worst, Level::malicious);
  EXPECT_EQ(out.sentence,
            "loading this file starts a process: reverse shell (c2.invalid:4444), then fails with "
            "an error that looks like a damaged file.");
}

TEST(Decompiler, AsciiModeIsAscii) {
  DecompilerOptions options;
  options.ascii = true;
  const Printed out = explain("cposix\nsystem\n(X\x02\0\0\0\xc3\xa9tRX."s, options);
  for (const char c : out.text) EXPECT_LT(static_cast<unsigned char>(c), 0x80);
  EXPECT_THAT(out.text, HasSubstr("system(\"\\u00e9\")"));
  EXPECT_THAT(out.text, HasSubstr("<-- starts a process"));
}

TEST(Decompiler, ConstructsStatesAndStoresReadAsPython) {
  const Printed out = explain(
      "\x80\x02"
      "cm\nFoo\n(K\x01K\x02t\x81}b]bK\x05"
      "a(K\x06K\x07"
      "eX\x01\0\0\0kNs.\n"s);
  EXPECT_THAT(
      out.lines,
      ElementsAre("from m import Foo           # byte  2", "_0 = Foo.__new__(Foo, 1, 2) # byte 15",
                  HasSubstr("_0.__setstate__({})"), HasSubstr("_0.__setstate__([])"),
                  HasSubstr("_0.extend([5])"), HasSubstr("_0.extend([6, 7])"),
                  HasSubstr("_0[\"k\"] = None"), HasSubstr("result = _0")));
}

TEST(Decompiler, PersistentLoads) {
  const Printed out = explain("X\x02\0\0\0id\x85Q."s);
  EXPECT_THAT(out.lines[0], HasSubstr("_0 = persistent_load((\"id\",))"));
}

TEST(Decompiler, SharedAndCyclicContainersHaveNames) {
  EXPECT_THAT(explain("](K\x01"
                      "e2\x86."s)
                  .lines,
              ElementsAre("_0 = [1]", HasSubstr("result = (_0, _0)")));
  EXPECT_THAT(explain("]q\0h\0a."s).lines,
              ElementsAre("_0 = []", "_0.append(_0)", HasSubstr("result = _0")));
}

TEST(Decompiler, AListThatGrowsIsBroughtUpToDate) {
  const Printed out = explain(
      "]q\0cm\nf\nh\0\x85R0K\x01"
      "acm\ng\nh\0\x85R\x86."s);
  EXPECT_THAT(out.text, HasSubstr("_0 = []\n"));
  EXPECT_THAT(out.text, HasSubstr("_1 = f(_0)"));
  EXPECT_THAT(out.text, HasSubstr("_0.append(1)\n_2 = g(_0)"));
  EXPECT_THAT(out.text, HasSubstr("result = (_0, _2)"));
}

TEST(Decompiler, NamesThatPythonCannotImportAreAskedFor) {
  EXPECT_THAT(explain("cmod\nclass\n.").text, HasSubstr("_0 = find_class(\"mod\", \"class\")"));
  EXPECT_THAT(explain("ca b\nname\n.").text, HasSubstr("name = find_class(\"a b\", \"name\")"));
  EXPECT_THAT(explain("cmod\n_7\n.").text, HasSubstr("find_class(\"mod\", \"_7\")"));
  const Printed twice = explain("ca\nf\ncb\nf\n\x86.");
  EXPECT_THAT(twice.text, HasSubstr("from b import f as f_2"));
  EXPECT_THAT(twice.text, HasSubstr("result = (f, f_2)"));
}

TEST(Decompiler, WhatACallReachesStandsBeneathIt) {
  const Printed out = explain("cbuiltins\ngetattr\nNN\x86R.");
  EXPECT_THAT(out.text, HasSubstr("_0 = getattr(None, None)"));
  EXPECT_THAT(out.lines[2], HasSubstr("#     reaches os.system"));
}

TEST(Decompiler, ANestedPickleIsPointedAt) {
  const Printed out = explain("cpickle\nloads\nC\x02N.\x85R.");
  EXPECT_THAT(out.text, HasSubstr("a pickle inside (2 bytes at byte 19) goes to pickle.loads"));
}

TEST(Decompiler, SimilarInertStepsAreGroupedAndKeepTheirNames) {
  std::string bytes =
      "]q\0cm\nf\nq\x01"
      "0"s;
  for (int i = 0; i < 50; ++i) bytes += "h\x01" + number(i) + "\x85Ra"s;
  bytes += ".";
  const Printed out = explain(bytes);
  EXPECT_LT(out.lines.size(), 30U);
  EXPECT_THAT(out.text, HasSubstr("# ... 47 more like these (_3 to _49, bytes "));
  EXPECT_THAT(out.text, HasSubstr("#     47 x m.f"));
  EXPECT_THAT(out.text, HasSubstr("_10, _11, ... 38 more]"));
  DecompilerOptions verbose;
  verbose.verbose = true;
  EXPECT_GT(explain(bytes, verbose).lines.size(), 50U);
  DecompilerOptions full;
  full.full = true;
  EXPECT_THAT(explain(bytes, full).text, Not(HasSubstr("more")));
}

TEST(Decompiler, LongDataIsCutAndCounted) {
  const std::string bytes = "B"s + std::string("\x10\x27\0\0", 4) + std::string(10'000, 'x') + ".";
  EXPECT_THAT(explain(bytes).text, HasSubstr("xxx...\" + 9880 more bytes"));
  DecompilerOptions full;
  full.full = true;
  EXPECT_THAT(explain(bytes, full).text, HasSubstr(std::string(10'000, 'x') + "\""));
}

TEST(Decompiler, OutputIsBoundedAndAttacksStayVisible) {
  std::string bytes;
  for (int i = 0; i < 500; ++i) bytes += "cm" + std::to_string(i) + "\nf\n0";
  bytes += "cposix\nsystem\n)R.";
  DecompilerOptions options;
  options.max_statements = 20;
  const Printed out = explain(bytes, options);
  EXPECT_LT(out.lines.size(), 40U);
  EXPECT_THAT(out.text, HasSubstr("481 more like these"));
  EXPECT_THAT(out.text, HasSubstr("starts a process"));
  options = {};
  options.max_bytes = 500;
  EXPECT_LT(explain(bytes, options).text.size(), 800U);
}

TEST(Decompiler, DeepNestingIsToldByNames) {
  std::string bytes;
  constexpr int kDepth = 20'000;
  for (int i = 0; i < kDepth; ++i) bytes += "]";
  for (int i = 1; i < kDepth; ++i) bytes += "a";
  EXPECT_THAT(explain(bytes + ".").text, HasSubstr("result = [[[[[...]]]]]"));
  DecompilerOptions full;
  full.full = true;
  const Printed out = explain(bytes + ".", full);
  for (const std::string& line : out.lines) EXPECT_LT(line.size(), 200U);
}

TEST(Decompiler, TheSentenceSaysWhatCannotBeVouchedFor) {
  EXPECT_EQ(
      explain("cunknown\nf\n.").sentence,
      "loading this file does what Brine cannot vouch for: imports a module that nobody knows.");
  EXPECT_EQ(explain("X.").sentence,
            "loading this file fails with an error that looks like a damaged file; nothing runs "
            "before.");
  EXPECT_EQ(explain("cm\nf\n)R.").sentence,
            "loading this file makes 1 call that is known to do nothing outside, and builds one "
            "value.");
}

TEST(Decompiler, WhatIsTooLargeIsOutlined) {
  std::string bytes = "](";
  for (int i = 0; i < 5'000'000; ++i) bytes += 'N';
  bytes += "e.";
  const Printed out = explain(bytes);
  EXPECT_THAT(out.text, HasSubstr("result = [...]"));
  EXPECT_EQ(out.sentence, "loading this file builds a list that is too large to be shown.");
  EXPECT_EQ(explain("(NNd.").sentence, "loading this file builds a dict of 1 item.");
}

TEST(ViewHeading, NamesTheLoaders) {
  Profile profile;
  const std::vector<std::string> also = {"torch.load", "joblib.load"};
  EXPECT_EQ(view_heading("pickle.load", profile, also),
            "# view: pickle.load (C unpickler) \u00b7 also: torch.load, joblib.load read the same");
  profile.unpickler = Unpickler::py;
  profile.encoding = Encoding::latin1;
  EXPECT_EQ(view_heading("x", profile, {}, true), "# view: x (Python unpickler, encoding latin1)");
}

// --- expressions over hand-made graphs ---

NodeId leaf(NodeGraph& graph, std::int64_t value) {
  const NodeId id = graph.add();
  graph[id].kind = Kind::integer;
  graph[id].integer = value;
  return id;
}

NodeId list(NodeGraph& graph, std::uint64_t offset, std::vector<NodeId> items) {
  const NodeId id = graph.add();
  graph[id].kind = Kind::list;
  graph[id].offset = offset;
  graph[id].items = std::move(items);
  return id;
}

TEST(ExprBook, CopiesAtMostWhatIsShown) {
  NodeGraph graph;
  std::vector<NodeId> items;
  for (int i = 0; i < 1000; ++i) items.push_back(leaf(graph, i));
  const NodeId root = list(graph, 5, items);
  ExprBook book;
  std::vector<ExprStep> steps;
  Elision elision;
  elision.items = 10;
  const ExprId id = book.copy(graph, root, 0, false, elision, steps);
  EXPECT_EQ(book[id].items.size(), 10U);
  EXPECT_EQ(book[id].hidden, 990U);
  EXPECT_FALSE(book.named(id));
}

TEST(ExprBook, NamesWhatTwoPlacesReferTo) {
  NodeGraph graph;
  const NodeId inner = list(graph, 7, {});
  const NodeId root = list(graph, 5, {inner});
  ExprBook book;
  std::vector<ExprStep> steps;
  Elision exact;
  exact.exact = true;
  const ExprId first = book.copy(graph, root, 0, false, exact, steps);
  EXPECT_FALSE(book.named(book[first].items[0]));
  // Once more through the same parent: the parent is shared, the child is not.
  const ExprId second = book.copy(graph, root, 1, false, exact, steps);
  EXPECT_TRUE(book.named(second));
  EXPECT_FALSE(book.named(book[second].items[0]));
  const ExprId third = book.copy(graph, inner, 2, false, exact, steps);
  EXPECT_TRUE(book.named(third));
}

TEST(ExprBook, ABillionLaughsIsALadderOfNames) {
  NodeGraph graph;
  NodeId top = list(graph, 1, {});
  for (std::uint64_t i = 2; i < 64; ++i) top = list(graph, i, {top, top});
  ExprBook book;
  std::vector<ExprStep> steps;
  Elision exact;
  exact.exact = true;
  const ExprId id = book.copy(graph, top, 0, false, exact, steps);
  EXPECT_LT(steps.size(), 200U);
  EXPECT_TRUE(book.named(book[id].items[0]));
  EXPECT_EQ(book[id].items[0], book[id].items[1]);
}

TEST(Literals, AreCutAtCharactersAndEscaped) {
  EXPECT_EQ(str_literal("a\"b\\", 4, 99), "\"a\\\"b\\\\\"");
  EXPECT_EQ(str_literal("\xc3\xa9\xc3\xa9", 4, 3), "\"\u00e9...\" + 2 more bytes");
  EXPECT_EQ(bytes_literal("a\0\n\""s, 4, 99), "b\"a\\x00\\n\\\"\"");
  EXPECT_EQ(str_literal("abc", 9, std::string_view::npos), "\"abc...\"");
  EXPECT_EQ(float_literal(-1.0 / 0.0), "float(\"-inf\")");
  EXPECT_EQ(written_int_literal(" 123L"), "123");
  EXPECT_EQ(written_int_literal("1); evil("), "...");
  EXPECT_EQ(bytes_literal("abc", 100, 2), "b\"ab...\" + 98 more bytes");
}

}  // namespace
}  // namespace brine::pickle
