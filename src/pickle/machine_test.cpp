#include "pickle/machine.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "pickle/opcode.h"

namespace brine::pickle {
namespace {

using namespace std::string_literals;

// A source that never shows its memory, so that the machine has to read through its window.
class ColdSource final : public ByteSource {
 public:
  explicit ColdSource(std::string bytes) : bytes_(std::move(bytes)) {}
  std::uint64_t size() const override { return bytes_.size(); }
  Status read(std::uint64_t offset, std::span<std::uint8_t> out) override {
    if (offset > bytes_.size() || out.size() > bytes_.size() - offset) {
      return fail(Error::truncated(offset, out.size(), 0));
    }
    std::copy_n(bytes_.begin() + static_cast<std::ptrdiff_t>(offset), out.size(), out.begin());
    read_ += out.size();
    return {};
  }
  std::uint64_t bytes_read() const override { return read_; }

 private:
  std::string bytes_;
  std::uint64_t read_ = 0;
};

class Events final : public TraceSink {
 public:
  bool wants_inert() const override { return true; }
  void on_event(const Event& event, Machine& machine) override {
    std::string line(to_string(event.kind));
    if (event.kind == EventKind::import) {
      line += " " + std::string(event.module) + "." + std::string(event.name);
    } else if (event.kind == EventKind::store) {
      line += " " + std::string(to_string(event.how)) + " " + std::string(event.callable);
    } else if (event.kind != EventKind::persistent) {
      line += " " + std::string(event.callable);
    }
    if (event.nargs >= 0) line += " " + std::to_string(event.nargs);
    if (event.has_argument) line += " " + machine.render(event.argument);
    lines.push_back(line);
    machine.clear_nodes();  // as whoever looks on may at any event
  }
  std::vector<std::string> lines;
};

struct Ran {
  RunResult result;
  std::vector<std::string> events;
  std::string value;
};

Ran run(ByteSource& source, Profile profile = {}, Limits limits = {}, bool collapse = true) {
  OpaqueWorld world;
  Events events;
  Machine machine(source, profile, world, events, limits, {.collapse = collapse, .start = 0});
  Ran out;
  out.result = machine.run();
  out.events = events.lines;
  if (out.result.end.kind == EndKind::stop) out.value = machine.render(out.result.result, 4096);
  return out;
}

Ran run(const std::string& stream, Profile profile = {}, Limits limits = {}) {
  MemorySource source(as_bytes(stream));
  return run(source, profile, limits);
}

const Profile kPython{.unpickler = Unpickler::py};

TEST(Machine, ReportsACallBeforeTheBreakBehindIt) {
  Ran ran = run("cposix\nsystem\n(S'true'\ntRX");
  EXPECT_EQ(ran.result.end.kind, EndKind::broken);
  EXPECT_EQ(ran.result.end.offset, 25u);
  EXPECT_EQ(ran.result.end.error, "BINUNICODE wants 4 bytes, 0 are left");
  EXPECT_EQ(ran.events,
            (std::vector<std::string>{"import posix.system", "call posix.system 1 ('true',)"}));
}

TEST(Machine, SeesAChangeThroughAnAliasInWhatHoldsTheList) {
  // l = []; memo 0; t = ([l], ); then l.append(7) through the memo; the result is the tuple.
  EXPECT_EQ(run("]q\0]q\1h\0a\x85q\2h\0K\7a0."s).value, "([[7]],)");
  // The alias is changed while the list is still being filled in place.
  EXPECT_EQ(run("]q\0K\1ah\0K\2a0K\3a."s).value, "[1, 2, 3]");
}

TEST(Machine, DecodesALongTextWhereverThePiecesEnd) {
  for (std::size_t before = 0; before < 5; ++before) {
    std::string text(before, 'a');
    for (std::uint32_t seed = 1; text.size() < 1'300'000; seed = seed * 1664525 + 1013904223) {
      text += seed >> 30 == 0 ? "a" : seed >> 31 == 0 ? "\xc3\xa9" : "\xe2\x82\xac";
    }
    std::string stream = "X";
    for (int shift = 0; shift < 32; shift += 8) {
      stream += static_cast<char>(text.size() >> shift & 0xff);
    }
    ColdSource source(stream + text + ".");
    EXPECT_EQ(run(source).result.end.kind, EndKind::stop) << before;
    stream += text;
    stream[stream.size() - 1] = 'a';  // the last sequence is cut
    ColdSource cut(stream + ".");
    EXPECT_EQ(run(cut).result.end.kind, EndKind::broken) << before;
  }
}

TEST(Machine, WhatIsTooLargeIsNotSpelledOutAgainForWhatHoldsIt) {
  std::string stream;
  for (int i = 0; i < 40; ++i) stream += "cx\ny\n)\x81";
  stream += "](";
  for (int i = 0; i < 600'000; ++i) stream += "K\1";
  stream += "e";
  for (int i = 0; i < 40; ++i)
    stream +=
        "\x85"
        "b";
  ColdSource source(stream + ".");
  Limits limits;
  limits.nodes = 400'000;
  EXPECT_EQ(run(source, {}, limits).result.end.kind, EndKind::stop);
  EXPECT_LT(source.bytes_read(), 4 * source.size());
}

TEST(Machine, AMemoIndexMeansWhatItMeantAtEachUse) {
  EXPECT_EQ(run("(K\1\x85q\0h\0K\2\x85q\0h\0l."s).value, "[(1,), (1,), (2,), (2,)]");
  EXPECT_EQ(run("(]q\0h\0]q\0h\0K\5a0l."s).value, "[[], [], [5]]");
}

TEST(Machine, DupSharesOneValue) {
  EXPECT_EQ(run("]2K\1a0."s).value, "[1]");
  EXPECT_EQ(run("(]2l."s).value, "[[], []]");
  EXPECT_EQ(run("K\1\x85"
                "2\x86."s)
                .value,
            "((1,), (1,))");
}

TEST(Machine, PopGamesDoNotHideACall) {
  Ran ran = run("(K\1cos\nsystem\n(S'a'\ntR1."s);
  EXPECT_EQ(ran.events.size(), 2u);
  EXPECT_EQ(ran.result.end.kind, EndKind::broken);
}

TEST(Machine, NamesComeFromTheMemoAndTheStack) {
  Ran ran =
      run("\x8c\2os\x94\x8c\6systemh\0h\0\x86"
          "0\x93)R."s);
  ASSERT_FALSE(ran.events.empty());
  EXPECT_EQ(ran.events[0], "import os.system");
}

TEST(Machine, UnpicklersDifferWhereTheyDo) {
  // A list in the place of the arguments: C raises, Python calls.
  std::string list_args = "cm\nf\n(K\1K\2lR."s;
  EXPECT_EQ(run(list_args).events.size(), 1u);
  EXPECT_EQ(run(list_args, kPython).events.back(), "call m.f 2 [1, 2]");
  EXPECT_NE(run(list_args).result.divergence & kDivergesByUnpickler, 0);
  // APPEND on something that is no list.
  std::string append = "cm\nf\n)RK\1a."s;
  EXPECT_EQ(run(append).events.back(), "store extend m.f (1,)");
  EXPECT_EQ(run(append, kPython).events.back(), "store append m.f 1");
  // Text numbers.
  EXPECT_EQ(run("I010\n.").value, "8");
  EXPECT_EQ(run("I010\n.", kPython).result.end.kind, EndKind::broken);
  EXPECT_EQ(run("F1_0\n.", kPython).value, "10.0");
  EXPECT_EQ(run("F1_0\n.").result.end.kind, EndKind::broken);
  // INST without a mark: Python has imported by then.
  EXPECT_TRUE(run("im\nf\n.").events.empty());
  EXPECT_EQ(run("im\nf\n.", kPython).events.size(), 1u);
  // A frame longer than the data.
  std::string frame = "\x80\4\x95\xff\0\0\0\0\0\0\0cm\nf\n)R."s;
  EXPECT_TRUE(run(frame).events.empty());
  EXPECT_EQ(run(frame, kPython).events.size(), 2u);
}

TEST(Machine, EncodingDecidesWhetherAStringStopsTheStream) {
  std::string stream =
      "U\1\xff"
      "0cm\nf\n)R."s;
  EXPECT_TRUE(run(stream).events.empty());
  EXPECT_NE(run(stream).result.divergence & kDivergesByEncoding, 0);
  EXPECT_EQ(run(stream, {.encoding = Encoding::latin1}).events.size(), 2u);
}

TEST(Machine, ReadsTheSameThroughAWindow) {
  std::string stream = "\x80\3(";
  for (int i = 0; i < 60000; ++i) {
    stream += "X"s + '\x1e' + "\0\0\0"s + std::string(30, 'x');
    if (i % 1000 == 0) stream += "cm\nf\nX\2\0\0\0ab\x85R"s;
  }
  stream += "t.";
  MemorySource warm(as_bytes(stream));
  ColdSource cold(stream);
  Ran a = run(warm), b = run(cold);
  EXPECT_EQ(a.result.end.kind, EndKind::stop);
  EXPECT_EQ(b.result.end.offset, a.result.end.offset);
  EXPECT_EQ(a.events, b.events);
  EXPECT_EQ(a.result.opcodes, b.result.opcodes);
}

TEST(Machine, SkipsLargeBytesWithoutReadingThem) {
  std::string stream = "\x80\4\x8e"s;
  std::uint64_t size = 32u << 20;
  for (int shift = 0; shift < 64; shift += 8) stream += static_cast<char>(size >> shift & 0xff);
  stream += std::string(size, '\0') + "\x85."s;
  ColdSource source(stream);
  Ran ran;
  OpaqueWorld world;
  Events events;
  Machine machine(source, {}, world, events, Limits{});
  EXPECT_EQ(machine.run().end.kind, EndKind::stop);
  EXPECT_LT(source.bytes_read(), 1u << 20);
}

TEST(Machine, CollapsingOffGivesTheSame) {
  std::string stream = "cm\nf\n(K\1]q\0(K\2K\3etRq\1(h\0h\1l."s;
  MemorySource source(as_bytes(stream));
  Ran on = run(source), off = run(source, {}, {}, false);
  EXPECT_EQ(on.events, off.events);
  EXPECT_EQ(on.value, off.value);
}

TEST(MachineLimits, EachEndsTheRunWithItsName) {
  auto limited = [](const std::string& stream, std::uint64_t Limits::* which,
                    std::uint64_t number) {
    Limits limits;
    limits.*which = number;
    Ran ran = run(stream, {}, limits);
    EXPECT_EQ(ran.result.end.kind, EndKind::budget);
    return ran.result.end.error;
  };
  EXPECT_EQ(limited(std::string(200, 'N') + ".", &Limits::stack_entries, 100), "stack_entries");
  EXPECT_EQ(limited(std::string(200, '(') + ".", &Limits::stack_entries, 100), "stack_entries");
  std::string memoize = "N";
  for (int i = 0; i < 200; ++i) memoize += '\x94';
  EXPECT_EQ(limited(memoize + ".", &Limits::memo_entries, 100), "memo_entries");
  EXPECT_EQ(limited("Nr\0\0\0\x10r\0\0\0\x11."s, &Limits::memo_entries, 5), "memo_entries");
  EXPECT_EQ(limited("c" + std::string(200, 'm') + "\nf\n.", &Limits::text_bytes, 100),
            "text_bytes");
  EXPECT_EQ(limited("cm\na\ncm\nb\ncm\nc\n.", &Limits::references, 2), "references");
  EXPECT_EQ(limited("cm\na\ncm\nb\ncm\nc\n.", &Limits::reference_bytes, 2), "references");
  EXPECT_EQ(limited("]q\0h\0K\1a0h\0K\1a0h\0K\1a0."s, &Limits::aliases, 2), "aliases");
  EXPECT_EQ(limited("]222."s, &Limits::aliases, 2), "aliases");
  // A tuple of 50 items as a key has to be looked into.
  std::string key = "}(" + std::string(50, 'N') + "tNs.";
  EXPECT_EQ(limited(key, &Limits::nodes, 20), "nodes");
}

TEST(MachineLimits, HashingASharedTupleIsBounded) {
  std::string bomb = ")";
  for (int i = 0; i < 60; ++i) bomb += "2\x86";
  EXPECT_EQ(run("}" + bomb + "Ns.").result.end.kind, EndKind::budget);
  EXPECT_EQ(run(bomb + ".").result.end.kind, EndKind::stop);  // only nested, never hashed
}

TEST(Machine, EachPlaceOfATupleIsHashed) {
  const Ran ran =
      run("})2\x86(cmod\nThing\no\x86"
          "2\x86"
          "2\x86"
          "2\x86"
          "Ns.");
  EXPECT_EQ(ran.result.end.kind, EndKind::stop);
  EXPECT_EQ(std::ranges::count_if(ran.events,
                                  [](const std::string& line) { return line.starts_with("hash"); }),
            8);
}

TEST(MachineLimits, DeepNestingNeedsNoStackOfOurs) {
  std::string deep(100000, ']');
  deep += std::string(99999, 'a') + ".";
  EXPECT_EQ(run(deep).result.end.kind, EndKind::stop);
}

TEST(Machine, WeightsOnlyRefusesByItsLists) {
  Profile weights_only{.unpickler = Unpickler::torch_weights_only,
                       .persistent = PersistentLoad::torch};
  Ran refused = run("cos\nsystem\n(X\1\0\0\0atR."s, weights_only);
  EXPECT_EQ(refused.result.end.kind, EndKind::refused);
  EXPECT_TRUE(refused.events.empty());
  EXPECT_EQ(run("\x80\2"
                "ccollections\nOrderedDict\n)RX\1\0\0\0aK\1s."s,
                weights_only)
                .result.end.kind,
            EndKind::stop);
  EXPECT_EQ(run("\x80\4\x8c\1a.", weights_only).result.end.kind, EndKind::refused);
}

}  // namespace
}  // namespace brine::pickle
