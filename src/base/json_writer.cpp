#include "base/json_writer.h"

#include <array>
#include <charconv>
#include <cmath>

#include "base/escape.h"

namespace brine {
namespace {

void append_u(std::string& out, char32_t unit) {
  constexpr char kHex[] = "0123456789abcdef";
  out += "\\u";
  for (int shift = 12; shift >= 0; shift -= 4) out += kHex[unit >> shift & 15u];
}

void append_hidden(std::string& out, char32_t c) {
  if (c == '\n') {
    out += "\\n";
  } else if (c == '\t') {
    out += "\\t";
  } else if (c == '\r') {
    out += "\\r";
  } else if (c < 0x10000) {
    append_u(out, c);
  } else {
    append_u(out, 0xd800 + ((c - 0x10000) >> 10));
    append_u(out, 0xdc00 + ((c - 0x10000) & 0x3ff));
  }
}

bool is_plain(char c) { return c >= 0x20 && c < 0x7f && c != '"' && c != '\\'; }

}  // namespace

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  std::size_t at = 0;
  while (at < text.size()) {
    std::size_t plain = at;
    while (plain < text.size() && is_plain(text[plain])) ++plain;
    out.append(text.substr(at, plain - at));
    at = plain;
    if (at == text.size()) break;
    if (text[at] == '"' || text[at] == '\\') {
      out += '\\';
      out += text[at++];
      continue;
    }
    const CodePoint point = decode_utf8(text.substr(at));
    if (point.bytes == 0) {
      // A byte that is no text stands as the four characters \xNN.
      constexpr char kHex[] = "0123456789abcdef";
      const auto byte = static_cast<unsigned char>(text[at++]);
      out += "\\\\x";
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    } else if (is_hidden(point.value)) {
      append_hidden(out, point.value);
      at += point.bytes;
    } else {
      out.append(text.substr(at, point.bytes));
      at += point.bytes;
    }
  }
  out += '"';
}

void JsonWriter::new_line() {
  *out_ += '\n';
  out_->append(std::size_t{2} * depth_, ' ');
}

void JsonWriter::before_value() {
  if (after_key_) {
    after_key_ = false;
    return;
  }
  if (!first_) *out_ += indent_ && inline_ ? ", " : ",";
  if (indent_ && !inline_ && depth_ != 0) new_line();
  first_ = false;
}

void JsonWriter::raw(std::string_view text) {
  before_value();
  *out_ += text;
}

void JsonWriter::open(char bracket) {
  before_value();
  *out_ += bracket;
  ++depth_;
  first_ = true;
}

void JsonWriter::close(char bracket) {
  --depth_;
  if (indent_ && !inline_ && !first_) new_line();
  *out_ += bracket;
  first_ = false;
}

void JsonWriter::key(std::string_view name) {
  before_value();
  *out_ += '"';
  *out_ += name;
  *out_ += indent_ ? "\": " : "\":";
  after_key_ = true;
}

void JsonWriter::string(std::string_view text) {
  before_value();
  append_json_string(*out_, text);
}

void JsonWriter::number(std::uint64_t value) {
  std::array<char, 24> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value);
  raw({text.data(), end.ptr});
}

void JsonWriter::number(std::int64_t value) {
  std::array<char, 24> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value);
  raw({text.data(), end.ptr});
}

void JsonWriter::number(double value) {
  if (!std::isfinite(value)) return null();
  std::array<char, 40> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value);
  raw({text.data(), end.ptr});
}

void JsonWriter::field(std::string_view name, std::string_view text) {
  key(name);
  string(text);
}

void JsonWriter::field(std::string_view name, std::uint64_t value) {
  key(name);
  number(value);
}

void JsonWriter::field(std::string_view name, const std::optional<std::uint64_t>& value) {
  key(name);
  if (value) {
    number(*value);
  } else {
    null();
  }
}

void JsonWriter::field(std::string_view name, std::span<const std::string> texts) {
  key(name);
  const bool was_inline = inline_;
  inline_ = true;
  begin_array();
  for (const std::string& text : texts) string(text);
  end_array();
  inline_ = was_inline;
}

void JsonWriter::field_or_null(std::string_view name, std::string_view text) {
  key(name);
  if (text.empty()) {
    null();
  } else {
    string(text);
  }
}

}  // namespace brine
