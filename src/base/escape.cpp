#include "base/escape.h"

#include <algorithm>
#include <array>
#include <cstdint>

namespace brine {
namespace {

struct Range {
  char32_t first, last;
};

// Code points that are never printed as they are: controls, bidirectional and other format
// characters, blanks that look like a space or like nothing, variation selectors, tags, private use
// and noncharacters of the first plane. Ascending.
constexpr std::array kHidden = {
    Range{0x00, 0x1f},        Range{0x7f, 0xa0},       Range{0xad, 0xad},
    Range{0x34f, 0x34f},      Range{0x600, 0x605},     Range{0x61c, 0x61c},
    Range{0x6dd, 0x6dd},      Range{0x70f, 0x70f},     Range{0x890, 0x891},
    Range{0x8e2, 0x8e2},      Range{0x115f, 0x1160},   Range{0x1680, 0x1680},
    Range{0x17b4, 0x17b5},    Range{0x180b, 0x180f},   Range{0x2000, 0x200f},
    Range{0x2028, 0x202f},    Range{0x205f, 0x206f},   Range{0x2800, 0x2800},
    Range{0x3000, 0x3000},    Range{0x3164, 0x3164},   Range{0xd800, 0xf8ff},
    Range{0xfdd0, 0xfdef},    Range{0xfe00, 0xfe0f},   Range{0xfeff, 0xfeff},
    Range{0xffa0, 0xffa0},    Range{0xfff0, 0xfffb},   Range{0xfffe, 0xffff},
    Range{0x110bd, 0x110bd},  Range{0x110cd, 0x110cd}, Range{0x13430, 0x1343f},
    Range{0x1bca0, 0x1bca3},  Range{0x1d173, 0x1d17a}, Range{0x1fffe, 0x1ffff},
    Range{0xe0000, 0x10ffff},
};

// Marks that are drawn over the character before them.
constexpr std::array kCombining = {
    Range{0x300, 0x36f},   Range{0x483, 0x489},   Range{0x591, 0x5bd},   Range{0x610, 0x61a},
    Range{0x64b, 0x65f},   Range{0x1ab0, 0x1aff}, Range{0x1dc0, 0x1dff}, Range{0x20d0, 0x20ff},
    Range{0x302a, 0x302f}, Range{0x3099, 0x309a}, Range{0xfe20, 0xfe2f},
};

// Characters that take two cells of a terminal.
constexpr std::array kWide = {
    Range{0x1100, 0x115f},   Range{0x2e80, 0x303e},   Range{0x3041, 0x33ff},
    Range{0x3400, 0x4dbf},   Range{0x4e00, 0x9fff},   Range{0xa000, 0xa4cf},
    Range{0xac00, 0xd7a3},   Range{0xf900, 0xfaff},   Range{0xfe30, 0xfe6f},
    Range{0xff00, 0xff60},   Range{0xffe0, 0xffe6},   Range{0x1f300, 0x1f64f},
    Range{0x1f900, 0x1f9ff}, Range{0x20000, 0x3fffd},
};

template <std::size_t N>
bool in_ranges(const std::array<Range, N>& ranges, char32_t c) {
  const auto it = std::lower_bound(ranges.begin(), ranges.end(), c,
                                   [](const Range& range, char32_t v) { return range.last < v; });
  return it != ranges.end() && it->first <= c;
}

constexpr char kHexDigits[] = "0123456789abcdef";

void append_hex(std::string& out, std::uint32_t value, int digits) {
  for (int shift = 4 * (digits - 1); shift >= 0; shift -= 4)
    out += kHexDigits[value >> shift & 15u];
}

void append_byte(std::string& out, unsigned char byte) {
  out += "\\x";
  append_hex(out, byte, 2);
}

// \n, \t, \r and \xNN below 0x80, \uNNNN and \UNNNNNNNN above: what Python writes, but that \xNN
// above 0x7f is kept for bytes that are no text.
void append_escape(std::string& out, char32_t c) {
  if (c == '\n') {
    out += "\\n";
  } else if (c == '\t') {
    out += "\\t";
  } else if (c == '\r') {
    out += "\\r";
  } else if (c < 0x80) {
    append_byte(out, static_cast<unsigned char>(c));
  } else if (c < 0x10000) {
    out += "\\u";
    append_hex(out, static_cast<std::uint32_t>(c), 4);
  } else {
    out += "\\U";
    append_hex(out, static_cast<std::uint32_t>(c), 8);
  }
}

// Walks `text` and appends its escaped form; stops before a code point that would pass `limit`
// bytes of text. Returns the bytes consumed.
std::size_t append_escaped(std::string& out, std::string_view text, char quote, std::size_t limit) {
  bool may_combine = false;  // the character before is one that a mark may sit on
  std::size_t at = 0;
  while (at < text.size()) {
    const auto byte = static_cast<unsigned char>(text[at]);
    if (byte >= 0x20 && byte < 0x7f) {
      if (at >= limit) break;
      if (quote != '\0' && (text[at] == '\\' || text[at] == quote)) out += '\\';
      out += text[at++];
      may_combine = true;
      continue;
    }
    const CodePoint point = decode_utf8(text.substr(at), quote != '\0');
    const std::size_t step = std::max<std::size_t>(point.bytes, 1);
    if (step > limit || at > limit - step) break;
    const bool combining = in_ranges(kCombining, point.value);
    if (point.bytes == 0) {
      append_byte(out, byte);
      may_combine = false;
    } else if (is_hidden(point.value) || (combining && !may_combine)) {
      append_escape(out, point.value);
      may_combine = false;
    } else {
      out.append(text.substr(at, step));
      may_combine = !combining;
    }
    at += step;
  }
  return at;
}

// Python prefers ' and takes " when only that spares backslashes.
char literal_quote(std::string_view text) {
  return text.find('\'') != std::string_view::npos && text.find('"') == std::string_view::npos
             ? '"'
             : '\'';
}

void close_literal(std::string& out, char quote, std::size_t cut) {
  if (cut != 0) out += "...";
  out += quote;
  if (cut != 0) out += "+" + std::to_string(cut) + " bytes";
}

}  // namespace

bool is_hidden(char32_t code_point) { return in_ranges(kHidden, code_point); }

std::size_t display_width(std::string_view printable) {
  std::size_t cells = 0;
  while (!printable.empty()) {
    const CodePoint point = decode_utf8(printable);
    printable.remove_prefix(std::max<std::size_t>(point.bytes, 1));
    if (in_ranges(kCombining, point.value)) continue;
    cells += in_ranges(kWide, point.value) ? 2 : 1;
  }
  return cells;
}

CodePoint decode_utf8(std::string_view text, bool surrogates) {
  if (text.empty()) return {};
  const auto byte = [text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return {lead, 1};
  const std::size_t bytes = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < bytes) return {};
  char32_t value = lead & (0x7fu >> bytes);
  for (std::size_t i = 1; i < bytes; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return {};
    value = value << 6 | (byte(i) & 0x3fu);
  }
  constexpr char32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
  if (value < kLeast[bytes] || value > 0x10ffff) return {};
  if (!surrogates && value >= 0xd800 && value <= 0xdfff) return {};
  return {value, bytes};
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const std::size_t bytes = decode_utf8(text).bytes;
    if (bytes == 0) return false;
    text.remove_prefix(bytes);
  }
  return true;
}

void append_utf8(std::string& out, char32_t c) {
  const auto put = [&out](char32_t byte) { out += static_cast<char>(byte); };
  if (c < 0x80) {
    put(c);
  } else if (c < 0x800) {
    put(0xc0 | c >> 6);
    put(0x80 | (c & 0x3f));
  } else if (c < 0x10000) {
    put(0xe0 | c >> 12);
    put(0x80 | (c >> 6 & 0x3f));
    put(0x80 | (c & 0x3f));
  } else {
    put(0xf0 | c >> 18);
    put(0x80 | (c >> 12 & 0x3f));
    put(0x80 | (c >> 6 & 0x3f));
    put(0x80 | (c & 0x3f));
  }
}

std::string escape_text(std::string_view text, char quote) {
  std::string out;
  out.reserve(text.size());
  append_escaped(out, text, quote, std::string_view::npos);
  return out;
}

std::string python_str(std::string_view utf8, std::size_t limit) {
  const char quote = literal_quote(utf8);
  std::string out(1, quote);
  const std::size_t taken = append_escaped(out, utf8, quote, limit);
  close_literal(out, quote, utf8.size() - taken);
  return out;
}

std::string python_bytes(std::string_view bytes, std::size_t limit) {
  const char quote = literal_quote(bytes);
  std::string out = "b";
  out += quote;
  const std::string_view kept = bytes.substr(0, limit);
  for (const char c : kept) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x80) {
      append_byte(out, byte);
    } else if (byte < 0x20 || byte == 0x7f) {
      append_escape(out, byte);
    } else {
      if (c == '\\' || c == quote) out += '\\';
      out += c;
    }
  }
  close_literal(out, quote, bytes.size() - kept.size());
  return out;
}

std::string path_text(std::string_view path) {
  std::string out;
  out.reserve(path.size());
  for (std::size_t at = 0; at < path.size();) {
    const CodePoint point = decode_utf8(path.substr(at));
    if (point.bytes == 0) {
      append_byte(out, static_cast<unsigned char>(path[at++]));
    } else {
      out.append(path.substr(at, point.bytes));
      at += point.bytes;
    }
  }
  return out;
}

}  // namespace brine
