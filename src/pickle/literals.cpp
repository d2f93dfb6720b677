#include "pickle/literals.h"

#include <algorithm>

#include "base/escape.h"
#include "pickle/decoder.h"

namespace brine::pickle {
namespace {

constexpr char kHexDigits[] = "0123456789abcdef";
constexpr std::size_t kLongBytes = 64;  // of an integer over 64 bits
constexpr std::size_t kFullLongBytes = 1u << 20;

// The end of a literal of which `cut` bytes are left out. Without a limit the text stays Python.
std::string closing(std::uint64_t cut, std::size_t limit) {
  if (cut == 0) return "\"";
  if (limit == std::string_view::npos) return "...\"";
  return "...\" + " + std::to_string(cut) + " more bytes";
}

// The longest part of at most `limit` bytes that cuts no character.
std::string_view cut_text(std::string_view text, std::size_t limit) {
  if (text.size() <= limit) return text;
  std::size_t end = limit;
  while (end > 0 && limit - end < 4 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) {
    --end;
  }
  return text.substr(0, end);
}

}  // namespace

std::string str_literal(std::string_view content, std::uint64_t length, std::size_t limit) {
  const std::string_view kept = cut_text(content, limit);
  std::string out = "\"" + escape_text(kept, '"');
  return out + closing(length - std::min<std::uint64_t>(kept.size(), length), limit);
}

std::string bytes_literal(std::string_view content, std::uint64_t length, std::size_t limit) {
  const std::string_view kept = content.substr(0, limit);
  std::string out = "b\"";
  for (const char c : kept) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\n') {
      out += "\\n";
    } else if (byte < 0x20 || byte >= 0x7f) {
      out += {'\\', 'x', kHexDigits[byte >> 4], kHexDigits[byte & 15]};
    } else {
      if (c == '"' || c == '\\') out += '\\';
      out += c;
    }
  }
  return out + closing(length - std::min<std::uint64_t>(kept.size(), length), limit);
}

std::string float_literal(double value) {
  std::string text = render_float(value);
  const char last = text.back();
  return last == 'n' || last == 'f' ? "float(\"" + text + "\")" : text;
}

std::string written_int_literal(std::string_view text) {
  while (!text.empty() && (text.back() == 'L' || text.back() == ' ')) text.remove_suffix(1);
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  const std::string_view allowed = "0123456789abcdefABCDEFxXoO_+-";
  const bool plain = !text.empty() && text.find_first_not_of(allowed) == std::string_view::npos;
  return plain ? std::string(text) : "...";
}

std::string long_literal(ByteSource& source, std::uint64_t offset, bool full) {
  Decoder decoder(source, offset, full ? kFullLongBytes : kLongBytes);
  const Result<Instruction> in = decoder.next();
  if (!in || (in->opcode->code != op::LONG1 && in->opcode->code != op::LONG4)) return "...";
  if (in->text.size() != in->length) return "...";
  std::string bytes = in->text;
  const bool negative = !bytes.empty() && (static_cast<unsigned char>(bytes.back()) & 0x80) != 0;
  if (negative) {  // invert and add one
    unsigned carry = 1;
    for (char& c : bytes) {
      const unsigned value = (~static_cast<unsigned char>(c) & 0xffU) + carry;
      c = static_cast<char>(value & 0xffU);
      carry = value >> 8;
    }
  }
  std::string digits;
  for (std::size_t i = bytes.size(); i > 0; --i) {
    const auto byte = static_cast<unsigned char>(bytes[i - 1]);
    digits += kHexDigits[byte >> 4];
    digits += kHexDigits[byte & 15];
  }
  const std::size_t first = digits.find_first_not_of('0');
  return (negative ? "-0x" : "0x") + (first == std::string::npos ? "0" : digits.substr(first));
}

std::string outline(Kind kind) {
  switch (kind) {
    case Kind::list: return "[...]";
    case Kind::dict: return "{...: ...}";
    case Kind::set: return "{...}";
    case Kind::frozenset: return "frozenset({...})";
    case Kind::tuple: return "(...,)";
    case Kind::none:
    case Kind::boolean:
    case Kind::integer:
    case Kind::floating:
    case Kind::str:
    case Kind::bytes:
    case Kind::bytearray:
    case Kind::ref:
    case Kind::object:
    case Kind::persistent:
    case Kind::buffer:
    case Kind::unknown: return "...";
  }
  return "...";
}

}  // namespace brine::pickle
