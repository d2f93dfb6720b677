// Text arguments of pickle's older opcodes, read exactly as the unpicklers read them.
//
// Protocol 0 writes numbers, strings and memo indices as lines of text. CPython's C unpickler reads
// them with strtol, PyLong_FromString and its own strtod, the Python one with int() and float();
// the accepted grammars differ (`I010`, `F1_0`, a NUL inside). These functions answer what each
// accepts. `line` is the line without its newline.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "pickle/profile.h"

namespace brine::pickle {

struct TextInteger {
  bool boolean = false;  // I00 and I01
  bool big = false;  // outside int64; `value` is then 0
  std::int64_t value = 0;
  std::string digits;  // big: sign and decimal or prefixed digits as written
};

// INT. C: strtol with base 0 first, then PyLong_FromString; Python: int(line, 0).
std::optional<TextInteger> parse_int_line(std::string_view line, bool python);
// LONG: a trailing L is dropped.
std::optional<TextInteger> parse_long_line(std::string_view line, bool python);
// GET and PUT: int() with base 10 in both; none also when the index is out of range.
std::optional<std::int64_t> parse_index_line(std::string_view line, bool python);
// Whether Python's int() takes the line at all, whatever its size (and it is not negative).
bool parse_big_index(std::string_view line);
// FLOAT.
std::optional<double> parse_float_line(std::string_view line, bool python);
// STRING: quotes taken off, escapes decoded (PyBytes_DecodeEscape). Raw bytes, not yet decoded.
std::optional<std::string> parse_string_line(std::string_view line);
// UNICODE: raw-unicode-escape to UTF-8 (surrogates as three bytes).
std::optional<std::string> parse_unicode_line(std::string_view line);

// Whether bytes decode under the encoding (strict errors).
bool decodes(std::string_view bytes, Encoding encoding);
// The text in UTF-8; only for bytes that decode.
std::string to_utf8(std::string_view bytes, Encoding encoding);

// UTF-8 validity; surrogates allowed when `surrogatepass`.
bool valid_utf8(const std::uint8_t* data, std::size_t size, bool surrogatepass);

// Whether every part between dots is a Python identifier (ASCII rules; non-ASCII letters pass).
bool is_dotted_identifier(std::string_view name);

}  // namespace brine::pickle
