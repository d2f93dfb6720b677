// A folded graph shows, wherever it is read, what the whole graph shows.
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <unordered_map>

#include "pickle/machine.h"
#include "pickle/opcode.h"

namespace brine::pickle {
namespace {

using namespace std::string_literals;

bool gives_tensor(std::string_view module, std::string_view name) {
  return module == "t" && name.starts_with("make");
}

class NoSink final : public TraceSink {
 public:
  bool wants_inert() const override { return false; }
  void on_event(const Event&, Machine&) override {}
};

// A graph as text. `back`: what was opened for a node is folded again behind it.
class Printer {
 public:
  Printer(const NodeGraph& nodes, bool back, bool numbers)
      : nodes_(nodes), back_(back), numbers_(numbers) {}

  std::string print(NodeId id, int depth = 0) {
    if (id == kNoNode) return "-";
    if (depth > 7) return "...";
    const NodeGraph::Mark mark = nodes_.mark();
    std::string out = show(id, depth);
    if (back_) nodes_.fold_back(mark);
    return out;
  }

 private:
  std::string show(NodeId id, int depth) {
    const Node& node = nodes_[id];
    std::string out = std::to_string(static_cast<int>(node.kind)) + "@" +
                      std::to_string(node.offset) + ":" + std::to_string(node.type);
    const bool shared = !node.items.empty() || node.callable != kNoNode || !node.states().empty();
    if (numbers_ && shared) {
      const auto [number, fresh] = seen_.emplace(id, seen_.size());
      out += "#" + std::to_string(number->second);
      if (!fresh) return out;
    }
    const std::int64_t number = node.kind == Kind::ref ? 0 : node.integer;
    out += "=" + std::to_string(number) + std::string(node.text) + "." +
           std::string(node.module()) + "." + std::string(node.name()) +
           std::to_string(static_cast<int>(node.made));
    out += "(" + print(node.callable, depth + 1) + " " + print(node.args, depth + 1) + " " +
           print(node.kwargs(), depth + 1);
    for (const auto* items : {&node.items, &node.states(), &node.appended(), &node.stored()}) {
      out += "[";
      for (const NodeId item : *items) out += print(item, depth + 1) + ",";
      out += "]";
    }
    return out + ")";
  }

  const NodeGraph& nodes_;
  bool back_, numbers_;
  std::unordered_map<NodeId, std::size_t> seen_;
};

// A stream that runs to its end; it keeps what kind of value lies where: (l)ist, (o)bject, (v)alue.
std::string random_stream(std::mt19937& random) {
  const auto below = [&](std::size_t count) { return random() % count; };
  const auto byte = [](std::size_t value) { return std::string(1, static_cast<char>(value)); };
  std::string out, stack, memo;
  const auto put = [&](char kind) {
    out += "q" + byte(memo.size());
    memo += kind;
  };
  const auto get = [&] {
    const std::size_t index = below(memo.size());
    out += "h" + byte(index);
    return memo[index];
  };
  const bool in_place = below(3) != 0;  // as picklers do
  for (int step = 0; step < 40; ++step) {
    const std::size_t what = stack.empty() ? 0 : below(15);
    const char under = stack.size() > 1 ? stack[stack.size() - 2] : 'v';
    if (what < 4) {
      const std::size_t kind = below(5);
      out += kind == 0   ? "]"
             : kind == 1 ? "K" + byte(below(100))
             : kind == 2 ? "X\1\0\0\0"s + byte('a' + below(20))
             : kind == 3 ? "ct\nmake" + std::to_string(below(2)) + "\n)R"
                         : ")";
      stack += kind == 0 ? 'l' : kind == 3 ? 'o' : 'v';
    } else if (what == 4 && memo.size() < 60) {
      put(stack.back());
    } else if (what == 5 && !memo.empty()) {
      stack += get();
    } else if (what == 6 && stack.size() > 1) {
      out += "\x86";
      stack.pop_back();
      stack.back() = 'v';
    } else if (what == 7) {
      out += "\x85";
      stack.back() = 'v';
    } else if (what < 10 && !in_place && !memo.empty()) {  // something changes elsewhere
      const char kind = get();
      if (kind != 'v') out += below(2) == 0 && kind == 'o' ? "K\7b" : "K\7a";
      out += "0";
    } else if (what == 10 && under == 'o') {
      out += "b";
      stack.pop_back();
    } else if (what == 11 && under != 'v') {
      out += "a";
      stack.pop_back();
    } else if (what == 12 && !in_place) {
      out += "2";
      stack += stack.back();
    } else if (what == 13 && memo.size() < 60) {  // a call of what lies on top
      out += "\x85";
      put('v');
      out += "ct\n" + std::string(below(3) == 0 ? "other" : "make0") + "\nh" +
             byte(memo.size() - 1) + "R";
      stack.back() = 'v';
      stack += 'o';
    } else if (what == 14 && memo.size() < 60) {  // a call with arguments of its own
      out += "ct\nmake1\n";
      if (below(2) == 0 && !memo.empty()) {
        get();
      } else {
        out += "]";
        put('l');
        out += "K\1a";
      }
      out += "\x85R";
      stack += 'o';
      if (below(2) == 0) put('o');
    }
  }
  for (; stack.size() > 1; stack.pop_back()) out += "\x86";
  return out + ".";
}

struct Shown {
  std::string numbered, tree;
  std::size_t nodes = 0;
};

Shown show(const std::string& stream, bool fold) {
  MemorySource source(as_bytes(stream));
  OpaqueWorld world;
  NoSink sink;
  Machine machine(source, {}, world, sink, {});
  const RunResult result = machine.run();
  if (result.end.kind != EndKind::stop) return {};
  if (fold) machine.fold_calls(gives_tensor);
  Shown out;
  NodeId root = machine.rebuild(result.result);
  out.nodes = machine.nodes().size();
  out.tree = Printer(machine.nodes(), true, false).print(root);
  machine.clear_nodes();
  root = machine.rebuild(result.result);
  out.numbered = Printer(machine.nodes(), false, true).print(root);
  return out;
}

TEST(Folding, ShowsWhatTheWholeGraphShows) {
  std::mt19937 random(7);
  std::size_t ran = 0, fewer = 0;
  for (int i = 0; i < 30'000; ++i) {
    const std::string stream = random_stream(random);
    const Shown whole = show(stream, false);
    if (whole.nodes == 0) continue;
    const Shown folded = show(stream, true);
    ++ran;
    fewer += folded.nodes < whole.nodes ? 1 : 0;
    ASSERT_EQ(folded.tree, whole.tree) << ::testing::PrintToString(stream);
    ASSERT_EQ(folded.numbered, whole.numbered) << ::testing::PrintToString(stream);
  }
  EXPECT_GT(ran, 5'000u);
  EXPECT_GT(fewer, 1'000u);
}

TEST(Folding, AThousandTensorsTakeTwoNodesEach) {
  std::string stream = "}(";
  for (int i = 0; i < 1000; ++i) {
    stream += "K" + std::string(1, static_cast<char>(i % 100)) + "ct\nmake\n(K\1K\2K\3K\4tK\5\x86R";
  }
  stream += "u.";
  MemorySource source(as_bytes(stream));
  OpaqueWorld world;
  NoSink sink;
  Machine machine(source, {}, world, sink, {});
  const RunResult result = machine.run();
  machine.fold_calls(gives_tensor);
  const NodeId root = machine.rebuild(result.result);
  const NodeGraph& nodes = machine.nodes();
  EXPECT_LT(nodes.size(), 2010u);
  for (int round = 0; round < 2; ++round) {
    for (std::size_t i = 1; i < nodes[root].items.size(); i += 2) {
      const NodeGraph::Mark mark = nodes.mark();
      EXPECT_EQ(nodes[nodes[nodes[root].items[i]].args].items.size(), 2u);
      nodes.fold_back(mark);
    }
    // What is read a second time stays.
    EXPECT_EQ(nodes.size() < 2010u, round == 0);
  }
}

}  // namespace
}  // namespace brine::pickle
