// PythonPrinter: the decompiler's statements as lines of Python.
//
// Names are given here, in the order of printing: imports keep their own names where Python allows
// it, results and shared containers are _0, _1, ... A shared container is defined before the first
// statement that mentions it and brought up to date before each later one. Bytes and marks stand in
// a column of comments.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "pickle/expression.h"
#include "pickle/lines.h"
#include "pickle/trace.h"

namespace brine::pickle {

// A piece of a statement's code.
struct Part {
  enum class Form : std::uint8_t {
    text,
    value,  // the expression
    callee,  // the same, in parentheses where Python wants them
    spread,  // the items of a tuple, separated by commas; anything else as *value
    listed,  // the items of a tuple as a list
  };
  Form form = Form::text;
  std::string text;
  ExprId expr = kNoExpr;
};

struct Statement {
  enum class What : std::uint8_t {
    import,  // module and name
    code,  // parts; assigns when `results` has the offset
    group,  // `counts` similar steps that are not spelled out
    words,  // remarks only
  };
  What what = What::code;
  std::uint64_t offset = 0;
  std::uint64_t last_offset = 0;  // group
  std::vector<Part> parts;
  std::vector<ExprStep> steps;
  std::string module, name;  // import
  std::vector<std::uint64_t> results;  // offsets of the values that it names
  std::vector<std::pair<std::string, std::uint64_t>> counts;  // group: label and number
  Level level = Level::inert;
  std::string mark;  // what the mark says; printable
  std::vector<std::string> remarks;  // comment lines beneath; printable, without "# "
};

struct PrintStyle {
  bool exact = false;  // Python only: no marks, no breaking of lines
  bool ascii = false;
  std::uint64_t max_bytes = 0;  // 0: no bound
};

class PythonPrinter {
 public:
  PythonPrinter(const ExprBook& book, PrintStyle style, LineWriter write)
      : book_(book), style_(style), write_(std::move(write)) {}

  void print(const std::vector<Statement>& statements);

 private:
  struct Line {
    std::string code;
    std::string tail;  // a comment's text; a line without code is a comment that stands alone
    bool has_offset = false;
    std::uint64_t offset = 0;
    std::string mark;
  };
  // A container that has a name, and what it held when it was last written.
  struct Defined {
    std::string name;
    std::vector<ExprId> items;
  };

  void print_statement(const Statement& statement);
  void print_import(const Statement& statement);
  void print_group(const Statement& statement);
  void define(const ExprStep& step);
  void update(Defined& defined, const Expr& expr);
  void add_item(const std::string& name, const Expr& expr, std::size_t at);
  void line(std::string code);

  std::string code_of(const Statement& statement, bool broken_up);
  std::string part_text(const Part& part, bool broken_up);
  std::string text(ExprId id);
  std::string broken_text(ExprId id);
  std::string literal(const Expr& expr);
  std::string items_text(const Expr& expr, std::string_view separator);
  std::string name_text(const Expr& expr) const;
  bool same(ExprId a, ExprId b) const;

  std::string next_name();
  std::string import_name(std::string_view module, std::string_view name);
  void layout();
  void emit(const std::string& line);

  const ExprBook& book_;
  PrintStyle style_;
  LineWriter write_;
  std::vector<Line> lines_;
  std::uint64_t next_ = 0;
  std::uint64_t written_ = 0;
  std::unordered_map<std::uint64_t, std::string> results_;  // by offset
  std::unordered_map<std::uint64_t, Defined> defined_;  // by identity
  std::unordered_map<std::string, std::string> imports_;  // module NUL name -> local name
  std::unordered_set<std::string> taken_;
};

}  // namespace brine::pickle
