#include "archive/tar/numbers.h"

#include <algorithm>

namespace brine::archive {

namespace {

bool is_space(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r') || (c >= '\x1c' && c <= '\x1f');
}

std::int64_t saturated(std::uint64_t value, bool negative) {
  if (value > INT64_MAX) return negative ? INT64_MIN : INT64_MAX;
  const auto magnitude = static_cast<std::int64_t>(value);
  return negative ? -magnitude : magnitude;
}

std::int64_t base256(ByteSpan field) {
  const bool negative = field[0] == 0xff;
  std::int64_t value = negative ? -1 : 0;
  for (std::uint8_t byte : field.subspan(1)) {
    if (value > INT64_MAX / 256 || value < INT64_MIN / 256) {
      return negative ? INT64_MIN : INT64_MAX;
    }
    value = value * 256 + byte;
  }
  return value;
}

}  // namespace

std::string_view tar_text(ByteSpan field) {
  const std::string_view text = as_text(field);
  return text.substr(0, text.find('\0'));
}

std::optional<std::int64_t> python_int(std::string_view text, int base) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  bool negative = false;
  if (!text.empty() && (text[0] == '+' || text[0] == '-')) {
    negative = text[0] == '-';
    text.remove_prefix(1);
  }
  bool underscore = false;  // one may stand between digits and behind the prefix
  bool digit = false;
  if (base == 8 && text.size() >= 2 && text[0] == '0' && (text[1] == 'o' || text[1] == 'O')) {
    text.remove_prefix(2);
    digit = text.starts_with('_');
  }
  std::uint64_t value = 0;
  for (char c : text) {
    if (c == '_') {
      if (!digit) return std::nullopt;
      digit = false;
      underscore = true;
      continue;
    }
    const int number = c - '0';
    if (number < 0 || number >= base) return std::nullopt;
    if (value < std::uint64_t{1} << 59) {
      value = value * static_cast<unsigned>(base) + static_cast<unsigned>(number);
    } else {
      value = UINT64_MAX;
    }
    digit = true;
    underscore = false;
  }
  if (!digit || underscore) return std::nullopt;
  return saturated(value, negative);
}

std::optional<std::int64_t> tar_number(ByteSpan field) {
  if (field[0] == 0x80 || field[0] == 0xff) return base256(field);
  std::string_view text = tar_text(field);
  if (std::ranges::any_of(text, [](char c) { return static_cast<unsigned char>(c) >= 0x80; })) {
    return std::nullopt;
  }
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  if (text.empty()) return 0;
  return python_int(text, 8);
}

}  // namespace brine::archive
