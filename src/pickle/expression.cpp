#include "pickle/expression.h"

#include <algorithm>

#include "pickle/literals.h"

namespace brine::pickle {
namespace {

constexpr std::size_t kSmallTuple = 4;  // items of a tuple that is repeated rather than named
constexpr std::size_t kSmallText = 24;
constexpr std::uint8_t kForcedHeight = ExprBook::kMaxHeight;

bool is_container_kind(Kind kind) {
  return kind == Kind::tuple || kind == Kind::list || kind == Kind::dict || kind == Kind::set ||
         kind == Kind::frozenset;
}

Expr::Shape shape_of(Kind kind) {
  if (kind == Kind::list) return Expr::Shape::list;
  if (kind == Kind::dict) return Expr::Shape::dict;
  if (kind == Kind::set) return Expr::Shape::set;
  if (kind == Kind::frozenset) return Expr::Shape::frozenset;
  return Expr::Shape::tuple;
}

}  // namespace

bool is_container(Expr::Shape shape) {
  return shape == Expr::Shape::tuple || shape == Expr::Shape::frozenset || is_mutable(shape);
}

bool is_mutable(Expr::Shape shape) {
  return shape == Expr::Shape::list || shape == Expr::Shape::dict || shape == Expr::Shape::set;
}

ExprId ExprBook::add(Expr expr) {
  exprs_.push_back(std::move(expr));
  return static_cast<ExprId>(exprs_.size() - 1);
}

ExprId ExprBook::atom(std::string text) {
  Expr expr;
  expr.text = std::move(text);
  return add(std::move(expr));
}

std::uint64_t ExprBook::identity(const Expr& expr) {
  return expr.offset << 4 | static_cast<std::uint64_t>(expr.shape);
}

bool ExprBook::small(const Expr& expr) const {
  if (is_mutable(expr.shape) || expr.hidden != 0) return false;
  if (expr.items.size() > kSmallTuple) return false;
  return std::all_of(expr.items.begin(), expr.items.end(), [this](ExprId item) {
    const Expr& inner = exprs_[item];
    return !is_container(inner.shape) && inner.shape != Expr::Shape::call &&
           inner.text.size() <= kSmallText;
  });
}

bool ExprBook::named(ExprId id) const {
  const Expr& expr = exprs_[id];
  if (!is_container(expr.shape)) return false;
  if (expr.height >= kForcedHeight) return true;
  const auto found = sharing_.find(identity(expr));
  return found != sharing_.end() && found->second.shared && !small(expr);
}

bool ExprBook::cyclic(ExprId id) const {
  const auto found = sharing_.find(identity(exprs_[id]));
  return found != sharing_.end() && found->second.cyclic;
}

void ExprBook::refer(ExprId container, std::uint64_t site) {
  const auto [entry, fresh] = sharing_.try_emplace(identity(exprs_[container]));
  if (fresh) {
    entry->second.site = site;
  } else if (entry->second.site != site) {
    entry->second.shared = true;
  }
}

std::string ExprBook::integer_text(const Node& node) const {
  if (!node.big) return std::to_string(node.integer);
  if (!node.text.empty()) return written_int_literal(node.text);
  return big_ ? big_(node.offset) : "...";
}

std::string ExprBook::leaf_text(const Node& node, const Elision& elision) const {
  const std::size_t limit = elision.exact ? std::string_view::npos : elision.text_bytes;
  switch (node.kind) {
    case Kind::none: return "None";
    case Kind::boolean: return node.integer != 0 ? "True" : "False";
    case Kind::integer: return integer_text(node);
    case Kind::floating: return float_literal(node.floating);
    case Kind::str: return str_literal(node.text, node.length, limit);
    case Kind::bytes: return bytes_literal(node.text, node.length, limit);
    case Kind::bytearray: return "bytearray(" + bytes_literal(node.text, node.length, limit) + ")";
    case Kind::buffer: return "next_buffer()";
    case Kind::tuple:
    case Kind::list:
    case Kind::dict:
    case Kind::set:
    case Kind::frozenset:
    case Kind::ref:
    case Kind::object:
    case Kind::persistent:
    case Kind::unknown: break;
  }
  return "...";
}

// One copy under way: a walk with its own stack. Each frame is a container whose items are visited.
struct ExprBook::Copy {
  struct Frame {
    ExprId expr;
    std::vector<NodeId> children;
    std::size_t next;
  };
  struct Seen {
    ExprId expr;
    int open;  // frames of this container that are on the stack
  };

  ExprBook& book;
  const NodeGraph& nodes;
  const Elision& elision;
  std::vector<ExprStep>& steps;
  std::uint64_t site;
  bool spread;
  std::vector<Frame> frames;
  std::unordered_map<std::uint64_t, Seen> seen;
  std::size_t copied = 0;

  bool at_spread_root() const { return spread && frames.empty(); }

  std::uint64_t current_site() const {
    if (frames.empty() || (spread && frames.size() == 1)) return site << 4 | 15;
    return identity(book.exprs_[frames.back().expr]);
  }

  ExprId leaf(const Node& node) {
    Expr expr;
    expr.offset = node.offset;
    if (book.is_variable(node.offset)) {
      expr.shape = Expr::Shape::variable;
    } else if (node.kind == Kind::ref) {
      expr.shape = Expr::Shape::name;
      expr.module = node.module();
      expr.text = node.name();
    } else {
      expr.text = book.leaf_text(node, elision);
    }
    return book.add(std::move(expr));
  }

  // What an object without a statement shows: its callable, then its arguments.
  std::vector<NodeId> object_children(const Node& node) const {
    std::vector<NodeId> children;
    if (node.callable != kNoNode) children.push_back(node.callable);
    if (node.args == kNoNode) return children;
    const Node& args = nodes[node.args];
    if (node.kind == Kind::object && args.kind == Kind::tuple) {
      children.insert(children.end(), args.items.begin(), args.items.end());
    } else {
      children.push_back(node.args);
    }
    return children;
  }

  bool too_much() const {
    if (elision.exact) return false;
    return copied > elision.expressions || frames.size() >= elision.depth;
  }

  // Shows `node`; a container with items is entered instead, and kNoExpr returned.
  ExprId visit(NodeId id) {
    ++copied;
    if (id == kNoNode || id >= nodes.size()) return book.atom("...");
    const Node& node = nodes[id];
    const bool container = is_container_kind(node.kind);
    const bool object = !book.is_variable(node.offset) &&
                        (node.kind == Kind::object || node.kind == Kind::persistent) &&
                        (node.callable != kNoNode || node.args != kNoNode);
    if (!container && !object) return leaf(node);
    Expr expr;
    expr.shape = container ? shape_of(node.kind) : Expr::Shape::call;
    expr.offset = node.offset;
    if (node.kind == Kind::persistent) expr.text = "persistent_load";
    const bool spread_root = at_spread_root() && container;
    const std::uint64_t key = identity(expr);
    const auto known = seen.find(key);
    if (known != seen.end()) {
      const bool reenter = known->second.open == 1 && container && !is_mutable(expr.shape);
      if (!reenter) return again(key, known->second);
    }
    std::vector<NodeId> children = container ? node.items : object_children(node);
    if (too_much() && !children.empty()) return book.atom("...");
    cut(expr, children);
    const ExprId made = book.add(std::move(expr));
    if (container && !spread_root) {
      book.refer(made, current_site());
      steps.push_back({made, false});
    }
    if (!spread_root) {
      Seen& entry = seen[key];
      entry.expr = made;
      ++entry.open;
    }
    frames.push_back({made, std::move(children), 0});
    return kNoExpr;
  }

  ExprId again(std::uint64_t key, const Seen& known) {
    const Expr& expr = book.exprs_[known.expr];
    if (!is_container(expr.shape)) return known.open != 0 ? book.atom("...") : known.expr;
    Sharing& sharing = book.sharing_[key];
    sharing.shared = true;
    if (known.open == 0) return known.expr;
    if (!is_mutable(expr.shape)) return book.atom("...");
    sharing.cyclic = true;
    return known.expr;
  }

  void cut(Expr& expr, std::vector<NodeId>& children) const {
    if (elision.exact || expr.shape == Expr::Shape::call) return;
    const std::size_t step = expr.shape == Expr::Shape::dict ? 2 : 1;
    const std::size_t limit = elision.items * step;
    if (children.size() <= limit) return;
    expr.hidden = (children.size() - limit) / step;
    children.resize(limit);
  }

  void put(ExprId child) {
    Expr& parent = book.exprs_[frames.back().expr];
    parent.items.push_back(child);
    const Expr& inner = book.exprs_[child];
    const bool counts = is_container(inner.shape) || inner.shape == Expr::Shape::call;
    if (!counts || (is_container(inner.shape) && inner.height >= kForcedHeight)) return;
    parent.height =
        std::max<std::uint8_t>(parent.height, static_cast<std::uint8_t>(inner.height + 1));
  }

  ExprId run(NodeId root) {
    ExprId done = visit(root);
    while (!frames.empty()) {
      Frame& top = frames.back();
      if (top.next < top.children.size()) {
        const ExprId child = visit(top.children[top.next++]);
        if (child != kNoExpr) put(child);
        continue;
      }
      done = top.expr;
      const Expr& expr = book.exprs_[done];
      if (frames.size() > 1 || !spread || !is_container(expr.shape)) {
        if (is_container(expr.shape)) steps.push_back({done, true});
        --seen[identity(expr)].open;
      }
      frames.pop_back();
      if (!frames.empty()) put(done);
    }
    return done;
  }
};

ExprId ExprBook::copy(const NodeGraph& nodes, NodeId root, std::uint64_t site, bool spread,
                      const Elision& elision, std::vector<ExprStep>& steps) {
  Copy copy{*this, nodes, elision, steps, site, spread, {}, {}, 0};
  return copy.run(root);
}

}  // namespace brine::pickle
