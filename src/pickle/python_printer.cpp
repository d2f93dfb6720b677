#include "pickle/python_printer.h"

#include <algorithm>
#include <array>

#include "base/escape.h"
#include "pickle/literals.h"

namespace brine::pickle {
namespace {

constexpr char kHexDigits[] = "0123456789abcdef";
constexpr std::size_t kCodeColumns = 64;   // wider code pushes its comment out of the column
constexpr std::size_t kBreakColumns = 92;  // a result that is wider gets one line for each item

// Python's keywords, and the names that printed programs use themselves.
constexpr std::array<std::string_view, 51> kReserved = {"False",
                                                        "None",
                                                        "True",
                                                        "and",
                                                        "as",
                                                        "assert",
                                                        "async",
                                                        "await",
                                                        "break",
                                                        "class",
                                                        "continue",
                                                        "def",
                                                        "del",
                                                        "elif",
                                                        "else",
                                                        "except",
                                                        "finally",
                                                        "for",
                                                        "from",
                                                        "global",
                                                        "if",
                                                        "import",
                                                        "in",
                                                        "is",
                                                        "lambda",
                                                        "nonlocal",
                                                        "not",
                                                        "or",
                                                        "pass",
                                                        "raise",
                                                        "return",
                                                        "try",
                                                        "while",
                                                        "with",
                                                        "yield",
                                                        "__debug__",
                                                        "persistent_load",
                                                        "find_class",
                                                        "next_buffer",
                                                        "unknown",
                                                        "result",
                                                        "set",
                                                        "frozenset",
                                                        "bytearray",
                                                        "float",
                                                        "setattr",
                                                        "print",
                                                        "match",
                                                        "case",
                                                        "type",
                                                        "_"};

bool reserved(std::string_view name) {
  return std::find(kReserved.begin(), kReserved.end(), name) != kReserved.end();
}

bool identifier(std::string_view name) {
  if (name.empty() || (name[0] >= '0' && name[0] <= '9')) return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  });
}

// _0, _1, ...: the names of results.
bool numbered(std::string_view name) {
  return name.size() > 1 && name[0] == '_' &&
         std::all_of(name.begin() + 1, name.end(), [](char c) { return c >= '0' && c <= '9'; });
}

bool importable(std::string_view name) { return identifier(name) && !reserved(name); }

// Whether `from module import ...` can be written.
bool importable_module(std::string_view module) {
  if (module == "__future__") return false;
  while (true) {
    const std::size_t dot = module.find('.');
    const std::string_view part = module.substr(0, dot);
    if (!identifier(part) || (reserved(part) && part != "type" && part != "print")) return false;
    if (dot == std::string_view::npos) return true;
    module.remove_prefix(dot + 1);
  }
}

std::string import_key(std::string_view module, std::string_view name) {
  std::string key(module);
  key += '\0';
  key += name;
  return key;
}

std::string quoted(std::string_view text) {
  return str_literal(text, text.size(), std::string_view::npos);
}

std::string to_ascii(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint point = decode_utf8(text.substr(at), true);
    const std::size_t step = std::max<std::size_t>(point.bytes, 1);
    if (point.value < 0x80) {
      out += text[at];
    } else {
      const int digits = point.value < 0x10000 ? 4 : 8;
      out += digits == 4 ? "\\u" : "\\U";
      for (int shift = 4 * (digits - 1); shift >= 0; shift -= 4) {
        out += kHexDigits[point.value >> shift & 15U];
      }
    }
    at += step;
  }
  return out;
}

std::size_t digits_of(std::uint64_t value) { return std::to_string(value).size(); }

}  // namespace

void PythonPrinter::print(const std::vector<Statement>& statements) {
  for (const Statement& statement : statements) print_statement(statement);
  layout();
}

void PythonPrinter::line(std::string code) {
  lines_.push_back({std::move(code), {}, false, 0, {}});
}

void PythonPrinter::print_statement(const Statement& statement) {
  switch (statement.what) {
    case Statement::What::import: print_import(statement); break;
    case Statement::What::group: print_group(statement); break;
    case Statement::What::words: break;
    case Statement::What::code: {
      for (const ExprStep& step : statement.steps) define(step);
      std::string code = code_of(statement, false);
      if (!style_.exact && display_width(code) > kBreakColumns) {
        code = code_of(statement, true);
      }
      if (!statement.results.empty()) {
        const std::string name = next_name();
        results_[statement.results.front()] = name;
        code = name + " = " + code;
      }
      lines_.push_back({std::move(code), {}, true, statement.offset, statement.mark});
      break;
    }
  }
  for (const std::string& remark : statement.remarks) {
    lines_.push_back({{}, remark, false, 0, {}});
  }
}

void PythonPrinter::print_import(const Statement& statement) {
  const std::string& module = statement.module;
  const std::string& name = statement.name;
  const std::size_t dot = name.find('.');
  const std::string first = name.substr(0, dot);
  const bool plain = importable_module(module) && importable(first) && !numbered(first);
  std::string code;
  if (plain && dot == std::string::npos) {
    const std::string local = import_name(module, name);
    code = "from " + module + " import " + name;
    if (local != name) code += " as " + local;
  } else {
    const std::string local = import_name(module, name);
    code = local + " = find_class(" + quoted(module) + ", " + quoted(name) + ")";
  }
  lines_.push_back({std::move(code), {}, true, statement.offset, statement.mark});
}

// The local name of an import: its own last part where that is free.
std::string PythonPrinter::import_name(std::string_view module, std::string_view name) {
  std::string& local = imports_[import_key(module, name)];
  if (!local.empty()) return local;
  const std::size_t dot = name.rfind('.');
  const std::string last(dot == std::string_view::npos ? name : name.substr(dot + 1));
  if (!importable(last) || numbered(last)) {
    local = next_name();
    return local;
  }
  local = last;
  for (std::uint64_t i = 2; !taken_.insert(local).second; ++i) {
    local = last + "_" + std::to_string(i);
  }
  return local;
}

void PythonPrinter::print_group(const Statement& statement) {
  std::string first, last;
  for (const std::uint64_t offset : statement.results) {
    last = next_name();
    if (first.empty()) first = last;
    results_[offset] = last;
  }
  std::uint64_t total = 0;
  std::string what;
  for (const auto& [label, count] : statement.counts) {
    total += count;
    if (!what.empty()) what += ", ";
    what += std::to_string(count) + " x " + label;
  }
  std::string head = "... " + std::to_string(total) + " more like these (";
  if (!first.empty()) head += (first == last ? first : first + " to " + last) + ", ";
  head += "bytes " + std::to_string(statement.offset) + " to " +
          std::to_string(statement.last_offset) + "):";
  lines_.push_back({{}, std::move(head), false, 0, {}});
  lines_.push_back({{}, "    " + what, false, 0, {}});
}

// Defines or brings up to date what has to be told by a name.
void PythonPrinter::define(const ExprStep& step) {
  if (!book_.named(step.expr)) return;
  const Expr& expr = book_[step.expr];
  const std::uint64_t identity = ExprBook::identity(expr);
  const auto found = defined_.find(identity);
  if (found != defined_.end()) {
    if (step.complete && is_mutable(expr.shape)) update(found->second, expr);
    return;
  }
  if (!step.complete) {
    if (!is_mutable(expr.shape) || !book_.cyclic(step.expr)) return;
    Expr empty;
    empty.shape = expr.shape;
    const std::string name = next_name();
    line(name + " = " + literal(empty));
    defined_[identity] = {name, {}};
    return;
  }
  std::string content = literal(expr);
  std::string name = next_name();
  line(name + " = " + content);
  defined_[identity] = {std::move(name), expr.items};
}

void PythonPrinter::update(Defined& defined, const Expr& expr) {
  const std::string name = defined.name;
  const bool dict = expr.shape == Expr::Shape::dict;
  const bool list = expr.shape == Expr::Shape::list;
  const std::size_t step = dict ? 2 : 1;
  const std::vector<ExprId> before = std::move(defined.items);
  defined.items = expr.items;
  for (std::size_t i = 0; i + step <= expr.items.size(); i += step) {
    const bool old = i + step <= before.size();
    if (old && !dict && !list) continue;
    const bool changed = !old || !same(expr.items[i], before[i]) ||
                         (dict && !same(expr.items[i + 1], before[i + 1]));
    if (!changed) continue;
    if (old && list) {
      line(name + "[" + std::to_string(i) + "] = " + text(expr.items[i]));
    } else {
      add_item(name, expr, i);
    }
  }
}

void PythonPrinter::add_item(const std::string& name, const Expr& expr, std::size_t at) {
  switch (expr.shape) {
    case Expr::Shape::dict:
      line(name + "[" + text(expr.items[at]) + "] = " + text(expr.items[at + 1]));
      break;
    case Expr::Shape::set: line(name + ".add(" + text(expr.items[at]) + ")"); break;
    case Expr::Shape::list: line(name + ".append(" + text(expr.items[at]) + ")"); break;
    case Expr::Shape::tuple:
    case Expr::Shape::frozenset:
    case Expr::Shape::atom:
    case Expr::Shape::name:
    case Expr::Shape::variable:
    case Expr::Shape::call: break;
  }
}

// Whether two expressions surely tell the same value; looks no deeper than one level.
bool PythonPrinter::same(ExprId a, ExprId b) const {
  if (a == b) return true;
  const Expr& x = book_[a];
  const Expr& y = book_[b];
  return x.shape == y.shape && x.text == y.text && x.module == y.module &&
         (x.shape == Expr::Shape::atom || x.offset == y.offset);
}

std::string PythonPrinter::next_name() { return "_" + std::to_string(next_++); }

std::string PythonPrinter::code_of(const Statement& statement, bool broken_up) {
  std::string out;
  for (const Part& part : statement.parts) out += part_text(part, broken_up);
  return out;
}

std::string PythonPrinter::part_text(const Part& part, bool broken_up) {
  if (part.form == Part::Form::text) return part.text;
  const Expr& expr = book_[part.expr];
  switch (part.form) {
    case Part::Form::text: break;
    case Part::Form::value: return broken_up ? broken_text(part.expr) : text(part.expr);
    case Part::Form::callee: {
      const bool simple = expr.shape == Expr::Shape::name || expr.shape == Expr::Shape::variable ||
                          expr.shape == Expr::Shape::call || book_.named(part.expr);
      return simple ? text(part.expr) : "(" + text(part.expr) + ")";
    }
    case Part::Form::spread:
      if (broken_up && expr.shape == Expr::Shape::tuple && expr.items.size() > 1) {
        return "\n    " + items_text(expr, ",\n    ") + ",\n";
      }
      if (expr.shape == Expr::Shape::tuple) return items_text(expr, ", ");
      return expr.text == "..." ? "*unknown()" : "*" + text(part.expr);
    case Part::Form::listed:
      return expr.shape == Expr::Shape::tuple ? "[" + items_text(expr, ", ") + "]"
                                              : text(part.expr);
  }
  return "";
}

// One line for each item.
std::string PythonPrinter::broken_text(ExprId id) {
  const Expr& expr = book_[id];
  const bool breakable = expr.shape == Expr::Shape::tuple || expr.shape == Expr::Shape::list ||
                         expr.shape == Expr::Shape::dict;
  if (!breakable || book_.named(id) || expr.items.empty()) return text(id);
  const std::string_view brackets = expr.shape == Expr::Shape::tuple  ? "()"
                                    : expr.shape == Expr::Shape::list ? "[]"
                                                                      : "{}";
  return std::string(1, brackets[0]) + "\n    " + items_text(expr, ",\n    ") + ",\n" + brackets[1];
}

std::string PythonPrinter::text(ExprId id) {
  const Expr& expr = book_[id];
  switch (expr.shape) {
    case Expr::Shape::atom: return expr.text;
    case Expr::Shape::name: return name_text(expr);
    case Expr::Shape::variable: {
      const auto found = results_.find(expr.offset);
      return found == results_.end() ? "..." : found->second;
    }
    case Expr::Shape::call:
    case Expr::Shape::tuple:
    case Expr::Shape::list:
    case Expr::Shape::dict:
    case Expr::Shape::set:
    case Expr::Shape::frozenset: break;
  }
  if (is_container(expr.shape) && book_.named(id)) {
    const auto found = defined_.find(ExprBook::identity(expr));
    return found == defined_.end() ? "..." : found->second.name;
  }
  return literal(expr);
}

std::string PythonPrinter::literal(const Expr& expr) {
  const bool empty = expr.items.empty() && expr.hidden == 0;
  switch (expr.shape) {
    case Expr::Shape::list: return "[" + items_text(expr, ", ") + "]";
    case Expr::Shape::dict: return "{" + items_text(expr, ", ") + "}";
    case Expr::Shape::set: return empty ? "set()" : "{" + items_text(expr, ", ") + "}";
    case Expr::Shape::frozenset:
      return empty ? "frozenset()" : "frozenset({" + items_text(expr, ", ") + "})";
    case Expr::Shape::tuple: {
      const bool one = expr.items.size() == 1 && expr.hidden == 0;
      return "(" + items_text(expr, ", ") + (one ? ",)" : ")");
    }
    case Expr::Shape::call: {
      if (!expr.text.empty()) return expr.text + "(" + items_text(expr, ", ") + ")";
      if (expr.items.empty()) return "...";
      Expr rest = expr;
      rest.items.erase(rest.items.begin());
      return text(expr.items.front()) + "(" + items_text(rest, ", ") + ")";
    }
    case Expr::Shape::atom:
    case Expr::Shape::name:
    case Expr::Shape::variable: break;
  }
  return "...";
}

std::string PythonPrinter::items_text(const Expr& expr, std::string_view separator) {
  std::string out;
  const std::size_t step = expr.shape == Expr::Shape::dict ? 2 : 1;
  for (std::size_t i = 0; i + step <= expr.items.size(); i += step) {
    if (i != 0) out += separator;
    out += text(expr.items[i]);
    if (step == 2) out += ": " + text(expr.items[i + 1]);
  }
  if (expr.hidden != 0) {
    if (!out.empty()) out += separator;
    out += "... " + std::to_string(expr.hidden) + " more";
  }
  return out;
}

std::string PythonPrinter::name_text(const Expr& expr) const {
  const auto found = imports_.find(import_key(expr.module, expr.text));
  if (found != imports_.end()) return found->second;
  if (style_.exact || !importable_module(expr.module)) {
    return "find_class(" + quoted(expr.module) + ", " + quoted(expr.text) + ")";
  }
  return expr.module + "." + escape_text(expr.text);
}

// Bytes in one column of comments, right-aligned, marks behind them.
void PythonPrinter::layout() {
  std::size_t column = 0, digits = 1;
  for (const Line& line : lines_) {
    const std::size_t width = display_width(line.code);
    if (line.has_offset && line.code.find('\n') == std::string::npos && width <= kCodeColumns) {
      column = std::max(column, width);
    }
    if (line.has_offset) digits = std::max(digits, digits_of(line.offset));
  }
  const std::string mark = style_.ascii ? "  <-- " : "  \u25c0 ";
  for (const Line& line : lines_) {
    if (style_.max_bytes != 0 && written_ > style_.max_bytes) {
      emit("# ... cut here: the text is longer than " + std::to_string(style_.max_bytes) +
           " bytes");
      return;
    }
    if (line.code.empty()) {
      emit(line.tail.empty() ? "" : "# " + line.tail);
      continue;
    }
    std::string code = line.code, rest;
    if (const std::size_t end = code.find('\n'); end != std::string::npos) {
      rest = code.substr(end);
      code.resize(end);
    }
    if (line.has_offset) {
      const std::size_t width = display_width(code);
      code.append(width < column ? column - width : 0, ' ');
      const std::string offset = std::to_string(line.offset);
      code += " # byte " + std::string(digits - offset.size(), ' ') + offset;
      if (!line.mark.empty()) code += mark + line.mark;
    }
    emit(code + rest);
  }
}

void PythonPrinter::emit(const std::string& line) {
  const std::string shown = style_.ascii ? to_ascii(line) : line;
  std::size_t at = 0;
  while (true) {
    const std::size_t end = shown.find('\n', at);
    write_(std::string_view(shown).substr(at, end == std::string::npos ? end : end - at));
    if (end == std::string::npos) break;
    at = end + 1;
  }
  written_ += shown.size() + 1;
}

}  // namespace brine::pickle
