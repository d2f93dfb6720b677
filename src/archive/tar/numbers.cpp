#include "archive/tar/numbers.h"

#include <algorithm>
#include <array>
#include <string>

namespace brine::archive {

namespace {

constexpr std::size_t kMostDigits = 4300;

// Zeros of all scripts with decimal digits beyond ASCII (Unicode 15.1, as in CPython 3.13); the
// other nine follow each of them.
constexpr auto kZeros = std::to_array<char32_t>({
    0x660,   0x6f0,   0x7c0,   0x966,   0x9e6,   0xa66,   0xae6,   0xb66,   0xbe6,   0xc66,
    0xce6,   0xd66,   0xde6,   0xe50,   0xed0,   0xf20,   0x1040,  0x1090,  0x17e0,  0x1810,
    0x1946,  0x19d0,  0x1a80,  0x1a90,  0x1b50,  0x1bb0,  0x1c40,  0x1c50,  0xa620,  0xa8d0,
    0xa900,  0xa9d0,  0xa9f0,  0xaa50,  0xabf0,  0xff10,  0x104a0, 0x10d30, 0x11066, 0x110f0,
    0x11136, 0x111d0, 0x112f0, 0x11450, 0x114d0, 0x11650, 0x116c0, 0x11730, 0x118e0, 0x11950,
    0x11c50, 0x11d50, 0x11da0, 0x11f50, 0x16a60, 0x16ac0, 0x16b50, 0x1d7ce, 0x1d7d8, 0x1d7e2,
    0x1d7ec, 0x1d7f6, 0x1e140, 0x1e2f0, 0x1e4f0, 0x1e950, 0x1fbf0,
});
constexpr auto kSpaces = std::to_array<char32_t>({
    0x85,   0xa0,   0x1680, 0x2000, 0x2001, 0x2002, 0x2003, 0x2004, 0x2005, 0x2006,
    0x2007, 0x2008, 0x2009, 0x200a, 0x2028, 0x2029, 0x202f, 0x205f, 0x3000,
});

bool is_ascii(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

// What C calls white space, and what str.strip takes away besides.
bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
bool is_stripped(char c) { return is_space(c) || (c >= '\x1c' && c <= '\x1f'); }

template <class Space>
std::string_view trimmed(std::string_view text, Space space) {
  while (!text.empty() && space(text.front())) text.remove_prefix(1);
  while (!text.empty() && space(text.back())) text.remove_suffix(1);
  return text;
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

// int(text, base) of ASCII text; single underscores may stand between digits and behind 0o.
std::optional<std::int64_t> python_int(std::string_view text, unsigned base) {
  text = trimmed(text, is_space);
  bool negative = false;
  if (!text.empty() && (text[0] == '+' || text[0] == '-')) {
    negative = text[0] == '-';
    text.remove_prefix(1);
  }
  bool digit = false;  // the last one was a digit, or the prefix
  if (base == 8 && text.size() >= 2 && text[0] == '0' && (text[1] == 'o' || text[1] == 'O')) {
    text.remove_prefix(2);
    digit = text.starts_with('_');
  }
  std::uint64_t value = 0;
  std::size_t digits = 0;
  for (char c : text) {
    if (c == '_') {
      if (!digit) return std::nullopt;
      digit = false;
      continue;
    }
    const auto number = static_cast<unsigned>(static_cast<unsigned char>(c)) - '0';
    if (number >= base) return std::nullopt;
    value = value < std::uint64_t{1} << 59 ? value * base + number : UINT64_MAX;
    digit = true;
    ++digits;
  }
  if (!digit || digits == 0 || (base == 10 && digits > kMostDigits)) return std::nullopt;
  return saturated(value, negative);
}

// One code point from the front of UTF-8 text; nothing where it is none.
std::optional<char32_t> take_code_point(std::string_view& text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned first = byte(0);
  const std::size_t more = first < 0x80   ? 0
                           : first < 0xc2 ? 4
                           : first < 0xe0 ? 1
                           : first < 0xf0 ? 2
                                          : 3;
  if (more >= text.size() || first > 0xf4) return std::nullopt;
  char32_t value = more == 0 ? first : first & (0x3fu >> more);
  for (std::size_t i = 1; i <= more; ++i) {
    if ((byte(i) & 0xc0u) != 0x80) return std::nullopt;
    value = value << 6 | (byte(i) & 0x3fu);
  }
  text.remove_prefix(more + 1);
  return value;
}

}  // namespace

std::string_view tar_text(ByteSpan field) {
  const std::string_view text = as_text(field);
  return text.substr(0, text.find('\0'));
}

std::optional<std::int64_t> tar_number(ByteSpan field) {
  if (field[0] == 0x80 || field[0] == 0xff) return base256(field);
  const std::string_view text = tar_text(field);
  if (!is_ascii(text)) return std::nullopt;
  const std::string_view bare = trimmed(text, is_stripped);
  if (bare.empty()) return 0;
  return python_int(bare, 8);
}

std::optional<std::int64_t> decimal_bytes(std::string_view text) { return python_int(text, 10); }

std::optional<std::int64_t> decimal_text(std::string_view utf8) {
  if (is_ascii(utf8)) return python_int(utf8, 10);
  // Each digit takes four bytes at most, and there may be spaces around.
  std::string plain;
  while (!utf8.empty()) {
    const std::optional<char32_t> point = take_code_point(utf8);
    if (!point) return std::nullopt;
    const auto zero = std::ranges::upper_bound(kZeros, *point);
    if (*point < 0x80) {
      plain.push_back(static_cast<char>(*point));
    } else if (std::ranges::find(kSpaces, *point) != kSpaces.end()) {
      plain.push_back(' ');
    } else if (zero != kZeros.begin() && *point - *(zero - 1) < 10) {
      plain.push_back(static_cast<char>('0' + (*point - *(zero - 1))));
    } else {
      return std::nullopt;
    }
  }
  return python_int(plain, 10);
}

}  // namespace brine::archive
