// Expressions: what the decompiler keeps of the values that it prints.
//
// Problem: nodes live for one event, but only at the end of the stream is it known which containers
// are shared, grow later or contain themselves, and so must be told by a name. Method: the part of
// a node graph that will be shown is copied; every container keeps its identity (kind and offset of
// its creation), and the book notes when a second place refers to it. The steps of a copy say in
// which order containers have to be defined. Invariant: no recursion; what is copied is bounded by
// Elision (in full mode by the nodes themselves); the height between two named containers is
// bounded.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "pickle/node.h"

namespace brine::pickle {

using ExprId = std::uint32_t;
inline constexpr ExprId kNoExpr = 0xffffffff;

struct Expr {
  enum class Shape : std::uint8_t {
    atom,  // `text` is Python
    name,  // an imported name: `module`, `text`
    variable,  // the result of the statement at `offset`
    call,  // an object without a statement: items are callable and arguments
    tuple,
    list,
    dict,
    set,
    frozenset,
  };
  Shape shape = Shape::atom;
  std::uint8_t height = 0;  // containers on the longest way down to an atom or a name
  std::uint64_t offset = 0;  // identity of a container or variable
  std::uint64_t hidden = 0;  // items that are not shown
  std::string text;
  std::string module;
  std::vector<ExprId> items;  // dict: key, value, ...
};

bool is_container(Expr::Shape shape);
bool is_mutable(Expr::Shape shape);

// How much of a value is shown.
struct Elision {
  std::size_t text_bytes = 120;  // of one str or bytes
  std::size_t items = 8;  // of one container
  std::size_t depth = 5;  // containers in containers
  std::size_t expressions = 200;  // all together
  bool exact = false;  // everything; the numbers above do not count
};

// Before a statement stands: containers are begun and completed in this order.
struct ExprStep {
  ExprId expr = kNoExpr;
  bool complete = false;
};

class ExprBook {
 public:
  static constexpr std::uint8_t kMaxHeight = 30;
  // The Python of an integer over 64 bits that stands in bytes at an offset.
  using BigInteger = std::function<std::string(std::uint64_t offset)>;

  explicit ExprBook(BigInteger big = nullptr) : big_(std::move(big)) {}

  const Expr& operator[](ExprId id) const { return exprs_[id]; }
  ExprId atom(std::string text);

  // Copies what is shown of `root`; appends to `steps`. `site` tells one place of reference from
  // another: the statement's number. `spread`: the root is a tuple whose items will stand in its
  // place (f(a, b)), so that the tuple itself needs no name.
  ExprId copy(const NodeGraph& nodes, NodeId root, std::uint64_t site, bool spread,
              const Elision& elision, std::vector<ExprStep>& steps);
  // From now on a value created at `offset` is the variable that the statement there assigns.
  void add_variable(std::uint64_t offset) { variables_.insert(offset); }
  bool is_variable(std::uint64_t offset) const { return variables_.contains(offset); }

  // Whether the container has to be told by a name, and whether it contains itself.
  bool named(ExprId id) const;
  bool cyclic(ExprId id) const;
  static std::uint64_t identity(const Expr& expr);

 private:
  struct Sharing {
    std::uint64_t site = 0;
    bool shared = false;
    bool cyclic = false;
  };
  struct Copy;  // one copy() under way

  ExprId add(Expr expr);
  void refer(ExprId container, std::uint64_t site);
  bool small(const Expr& expr) const;
  std::string leaf_text(const Node& node, const Elision& elision) const;

  std::string integer_text(const Node& node) const;

  BigInteger big_;
  std::vector<Expr> exprs_;
  std::unordered_set<std::uint64_t> variables_;
  std::unordered_map<std::uint64_t, Sharing> sharing_;
};

}  // namespace brine::pickle
