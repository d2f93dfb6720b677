// Short texts of values: names for events, literals for evidence.
//
// These are for reading, bounded by `limit`; whoever needs exact contents rebuilds the value.

#include <algorithm>
#include <charconv>
#include <string>

#include "base/escape.h"
#include "pickle/machine_impl.h"

namespace brine::pickle {
namespace {

std::string float_text(double value) {
  char buffer[40];
  auto [end, error] = std::to_chars(buffer, buffer + sizeof buffer, value);
  (void)error;
  std::string text(buffer, end);
  bool bare = text.find_first_of(".en") == std::string::npos;
  return bare ? text + ".0" : text;
}

// Writes nodes as Python without recursion: a work list of nodes and literal pieces.
class Writer {
 public:
  Writer(const NodeGraph& graph, std::size_t limit) : graph_(graph), limit_(limit) {}

  std::string write(NodeId root) {
    work_.push_back({root, {}, 0});
    while (!work_.empty() && out_.size() < limit_) {
      Piece piece = std::move(work_.back());
      work_.pop_back();
      if (piece.node == kNoNode) {
        out_ += piece.text;
      } else {
        node(piece.node, piece.depth);
      }
    }
    if (!work_.empty()) out_ += "...";
    return std::move(out_);
  }

 private:
  struct Piece {
    NodeId node;
    std::string text;
    int depth;
  };
  static constexpr int kMaxDepth = 12;

  void node(NodeId id, int depth) {
    const Node& n = graph_[id];
    if (depth > kMaxDepth) {
      out_ += "...";
      return;
    }
    switch (n.kind) {
      case Kind::none: out_ += "None"; break;
      case Kind::boolean: out_ += n.integer != 0 ? "True" : "False"; break;
      case Kind::integer:
        out_ += n.big ? (n.text.empty() ? "<large int>" : escape_text(n.text.substr(0, 60)))
                      : std::to_string(n.integer);
        break;
      case Kind::floating: out_ += float_text(n.floating); break;
      case Kind::str: out_ += python_str(n.text, room()); break;
      case Kind::bytes: out_ += python_bytes(n.text, room()); break;
      case Kind::bytearray: out_ += "bytearray(" + python_bytes(n.text, room()) + ")"; break;
      case Kind::tuple: list(n.items, "(", n.items.size() == 1 ? ",)" : ")", depth, 1); break;
      case Kind::list: list(n.items, "[", "]", depth, 1); break;
      case Kind::set:
        list(n.items, n.items.empty() ? "set(" : "{", n.items.empty() ? ")" : "}", depth, 1);
        break;
      case Kind::frozenset: list(n.items, "frozenset([", "])", depth, 1); break;
      case Kind::dict: list(n.items, "{", "}", depth, 2); break;
      case Kind::ref:
        out_ += escape_text(std::string(n.module()) + "." + std::string(n.name()));
        break;
      case Kind::persistent: call("persistent_load", n, depth, false); break;
      case Kind::object:
        if (n.callable != kNoNode && graph_[n.callable].kind == Kind::ref) {
          const Node& ref = graph_[n.callable];
          call(escape_text(std::string(ref.module()) + "." + std::string(ref.name())), n, depth,
               true);
        } else {
          call("?", n, depth, true);
        }
        break;
      case Kind::buffer: out_ += "memoryview(...)"; break;
      case Kind::unknown: out_ += "?"; break;
    }
  }

  void call(const std::string& name, const Node& n, int depth, bool unpack) {
    out_ += name;
    if (n.args == kNoNode) {
      out_ += "()";
      return;
    }
    const Node& args = graph_[n.args];
    if (unpack && args.kind == Kind::tuple) {
      list(args.items, "(", ")", depth, 1);
    } else {
      out_ += '(';
      work_.push_back({kNoNode, ")", depth});
      work_.push_back({n.args, {}, depth + 1});
    }
  }

  void list(const std::vector<NodeId>& items, std::string_view open, std::string_view close,
            int depth, std::size_t group) {
    constexpr std::size_t kMost = 64;
    out_ += open;
    work_.push_back({kNoNode, std::string(close), depth});
    std::size_t count = std::min(items.size(), kMost);
    if (count < items.size()) {
      work_.push_back({kNoNode, ", ... " + std::to_string(items.size() - count) + " more", depth});
    }
    for (std::size_t i = count; i-- > 0;) {
      work_.push_back({items[i], {}, depth + 1});
      if (i != 0) work_.push_back({kNoNode, group == 2 && i % 2 == 1 ? ": " : ", ", depth});
    }
  }

  std::size_t room() const { return limit_ > out_.size() ? limit_ - out_.size() : 1; }

  const NodeGraph& graph_;
  std::size_t limit_;
  std::string out_;
  std::vector<Piece> work_;
};

}  // namespace

std::string Machine::Impl::render(const Value& value, std::size_t limit) {
  const bool fresh = graph.size() == 0;
  NodeId id = rebuild(value);
  std::string out = id == kNoNode ? "?" : Writer(graph, limit).write(id);
  if (fresh) self.clear_nodes();
  return out;
}

// The dotted name that an event is about: a name itself, or the class or callable behind an object.
std::string Machine::Impl::target_name(const Value& handle) {
  const Value value = truth(handle);
  switch (value.kind()) {
    case Kind::ref: return refs[value.aux()].module + "." + refs[value.aux()].name;
    case Kind::persistent: return "persistent_load";
    case Kind::object: {
      std::string name = world.type_name(self, value.aux());
      if (!name.empty()) return name;
      const bool fresh = graph.size() == 0;
      NodeId id = rebuild(value);
      for (int hops = 0; id != kNoNode && hops < 64; ++hops) {
        const Node& node = graph[id];
        if (node.kind == Kind::ref) {
          name = std::string(node.module()) + "." + std::string(node.name());
          break;
        }
        id = node.callable;
      }
      if (fresh) self.clear_nodes();
      return name.empty() ? "?" : name;
    }
    default: return "?";
  }
}

bool Machine::Impl::falsy(const Value& handle) {
  const Value value = truth(handle);
  std::int64_t number = 0;
  switch (value.kind()) {
    case Kind::none: return true;
    case Kind::ref:
    case Kind::object:
    case Kind::persistent: return false;
    case Kind::unknown: return true;
    case Kind::buffer: return value.aux() == 0;
    case Kind::integer:
    case Kind::boolean: return constant_integer(value, number) && number == 0;
    default: break;
  }
  const bool fresh = graph.size() == 0;
  NodeId id = rebuild(value);
  bool empty = true;  // what nobody can tell may be
  if (id != kNoNode) {
    const Node& node = graph[id];
    switch (node.kind) {
      case Kind::floating: empty = node.floating == 0; break;
      case Kind::str:
      case Kind::bytes:
      case Kind::bytearray: empty = node.length == 0; break;
      case Kind::unknown: break;
      default: empty = node.items.empty(); break;
    }
  }
  if (fresh) self.clear_nodes();
  return empty;
}

// The members that stay when equal ones fall together, in the order of their first place. Objects
// are equal only to themselves; numbers compare by value across their kinds, as Python's do.
std::vector<NodeId> Machine::Impl::distinct(const std::vector<NodeId>& members) {
  std::unordered_map<std::string, NodeId> seen;
  std::vector<NodeId> out;
  for (NodeId id : members) {
    const Node& node = graph[id];
    std::string key;
    switch (node.kind) {
      case Kind::none: key = "N"; break;
      case Kind::boolean:
      case Kind::integer:
        key = node.big ? "b" + std::string(node.text) + "@" + std::to_string(node.offset)
                       : "n" + std::to_string(node.integer);
        break;
      case Kind::floating: {
        auto whole = static_cast<std::int64_t>(std::clamp(node.floating, -9e15, 9e15));
        key = static_cast<double>(whole) == node.floating ? "n" + std::to_string(whole)
                                                          : "f" + float_text(node.floating);
        break;
      }
      case Kind::str: key = "s" + std::string(node.text); break;
      case Kind::bytes: key = "y" + std::string(node.text); break;
      case Kind::tuple:
      case Kind::frozenset: key = "t" + Writer(graph, 1u << 16).write(id); break;
      default: key = "o" + std::to_string(id); break;
    }
    if (seen.emplace(std::move(key), id).second) out.push_back(id);
  }
  return out;
}

std::string Machine::render(const Value& value, std::size_t limit) {
  return impl_->render(value, limit);
}

}  // namespace brine::pickle
