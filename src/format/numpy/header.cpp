#include "format/numpy/header.h"

#include <algorithm>

#include "base/typestr.h"

namespace brine::format::numpy {

namespace {

constexpr int kMostDepth = 16;       // records in records
constexpr std::size_t kMostDims = 64;  // NumPy's own limit

std::uint64_t times(std::uint64_t a, std::uint64_t b) {
  std::uint64_t out = 0;
  return __builtin_mul_overflow(a, b, &out) ? UINT64_MAX : out;
}

std::uint64_t plus(std::uint64_t a, std::uint64_t b) {
  return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

struct Element {
  std::uint64_t size = 0;
  bool objects = false;
};

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  std::optional<Header> header() {
    std::optional<Element> element;
    std::optional<std::uint64_t> count;
    bool order = false;
    if (!take('{')) return std::nullopt;
    while (!take('}')) {
      const auto key = string();
      if (!key || !take(':')) return std::nullopt;
      if (*key == "descr") {
        type_ = {};
        element = descr(0);  // of records it leaves no type behind
        if (!element) return std::nullopt;
      } else if (*key == "fortran_order") {
        fortran_ = word("True");
        order = fortran_ || word("False");
        if (!order) return std::nullopt;
      } else if (*key == "shape") {
        count = peek('(') ? shape() : std::nullopt;
        if (!count) return std::nullopt;
        shape_ = extents_;
      } else {
        return std::nullopt;
      }
      if (!take(',') && !peek('}')) return std::nullopt;
    }
    skip_space();
    if (!text_.empty() || !element || !count || !order) return std::nullopt;
    return Header{element->objects, times(element->size, *count), std::string(type_), shape_,
                  fortran_};
  }

 private:
  void skip_space() {
    const std::size_t count = text_.find_first_not_of(" \t\n\r\f");
    text_.remove_prefix(std::min(count, text_.size()));
  }
  bool peek(char c) {
    skip_space();
    return !text_.empty() && text_.front() == c;
  }
  bool take(char c) {
    if (!peek(c)) return false;
    text_.remove_prefix(1);
    return true;
  }
  bool word(std::string_view name) {
    skip_space();
    if (!text_.starts_with(name)) return false;
    text_.remove_prefix(name.size());
    return true;
  }

  // A plain text without escapes, which is all that numpy needs for types.
  std::optional<std::string_view> string() {
    skip_space();
    if (text_.empty() || (text_.front() != '\'' && text_.front() != '"')) return std::nullopt;
    const std::size_t end = text_.find(text_.front(), 1);
    if (end == std::string_view::npos) return std::nullopt;
    const std::string_view out = text_.substr(1, end - 1);
    if (out.find('\\') != std::string_view::npos || out.find('\n') != std::string_view::npos) {
      return std::nullopt;
    }
    text_.remove_prefix(end + 1);
    return out;
  }

  std::optional<std::uint64_t> number() {
    skip_space();
    std::uint64_t value = 0;
    std::size_t digits = 0;
    while (digits < text_.size() && text_[digits] >= '0' && text_[digits] <= '9') {
      value = plus(times(value, 10), static_cast<std::uint64_t>(text_[digits++] - '0'));
    }
    if (digits == 0 || (value != 0 && text_.front() == '0')) return std::nullopt;
    text_.remove_prefix(digits);
    if (!text_.empty() && text_.front() == 'L') text_.remove_prefix(1);  // Python 2's long
    return value;
  }

  // A tuple of sizes, or (in a field) one number: how many elements that are.
  std::optional<std::uint64_t> shape() {
    if (!take('(')) return number();
    std::uint64_t count = 1;
    extents_.clear();
    while (!take(')')) {
      const auto extent = number();
      if (!extent || extents_.size() == kMostDims) return std::nullopt;
      extents_.push_back(*extent);
      count = times(count, *extent);
      const bool comma = take(',');
      if (!comma && (!peek(')') || extents_.size() == 1)) return std::nullopt;
    }
    return count;
  }

  // NOLINTNEXTLINE(misc-no-recursion): to kMostDepth
  std::optional<Element> descr(int depth) {
    if (peek('[')) return depth < kMostDepth ? fields(depth + 1) : std::nullopt;
    const auto text = string();
    if (!text) return std::nullopt;
    const auto type = parse_typestr(*text);
    if (!type) return std::nullopt;
    if (depth == 0) type_ = *text;
    return Element{type->size, type->object()};
  }

  // [(name, descr), ((title, name), descr, shape), ...]
  // NOLINTNEXTLINE(misc-no-recursion): to kMostDepth
  std::optional<Element> fields(int depth) {
    Element out;
    if (!take('[')) return std::nullopt;
    while (!take(']')) {
      if (!take('(') || !field_name() || !take(',')) return std::nullopt;
      const auto inner = descr(depth);
      if (!inner) return std::nullopt;
      std::uint64_t count = 1;
      if (take(',') && !peek(')')) {
        const auto extents = shape();
        if (!extents) return std::nullopt;
        count = *extents;
        take(',');
      }
      if (!take(')')) return std::nullopt;
      out.size = plus(out.size, times(inner->size, count));
      out.objects = out.objects || inner->objects;
      if (!take(',') && !peek(']')) return std::nullopt;
    }
    return out;
  }

  bool field_name() {
    if (!take('(')) return string().has_value();
    return string() && take(',') && string() && take(')');
  }

  std::string_view text_, type_;
  std::vector<std::uint64_t> extents_, shape_;
  bool fortran_ = false;
};

}  // namespace

std::optional<Header> parse_header(std::string_view text) { return Parser(text).header(); }

}  // namespace brine::format::numpy
