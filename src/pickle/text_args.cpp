#include "pickle/text_args.h"

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <limits>

#include "base/escape.h"

namespace brine::pickle {
namespace {

constexpr std::size_t kMaxDigits = 4300;  // CPython's sys.int_info.default_max_str_digits

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\v' || c == '\f' || c == '\r';
}
bool is_digit(char c) { return c >= '0' && c <= '9'; }

int digit_value(char c) {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'z') return c - 'a' + 10;
  if (c >= 'A' && c <= 'Z') return c - 'A' + 10;
  return 99;
}

std::string_view strip(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

// The C functions see the line up to its first NUL; Python's int() and float() refuse a NUL.
std::optional<std::string_view> visible(std::string_view line, bool python) {
  std::size_t nul = line.find('\0');
  if (nul == std::string_view::npos) return line;
  if (python) return std::nullopt;
  return line.substr(0, nul);
}

struct Radix {
  int base;
  bool prefixed;
};

// Takes the base's prefix off `body`, as PyLong_FromString does.
Radix take_prefix(std::string_view& body, int base) {
  if (body.size() < 2 || body[0] != '0') return {base == 0 ? 10 : base, false};
  int named = 0;
  switch (body[1]) {
    case 'x':
    case 'X': named = 16; break;
    case 'o':
    case 'O': named = 8; break;
    case 'b':
    case 'B': named = 2; break;
    default: break;
  }
  if (named == 0 || (base != 0 && base != named)) return {base == 0 ? 10 : base, false};
  body.remove_prefix(2);
  if (!body.empty() && body.front() == '_') body.remove_prefix(1);
  return {named, true};
}

// PyLong_FromString(text, NULL, base): whitespace around, sign, prefix, single underscores.
std::optional<TextInteger> python_int(std::string_view text, int base) {
  text = strip(text);
  std::string_view whole = text;
  bool negative = false;
  if (!text.empty() && (text.front() == '+' || text.front() == '-')) {
    negative = text.front() == '-';
    text.remove_prefix(1);
  }
  std::string_view body = text;
  Radix radix = take_prefix(body, base);
  bool zero_only = base == 0 && !radix.prefixed && !body.empty() && body.front() == '0';
  if (body.empty() || body.front() == '_' || body.back() == '_') return std::nullopt;

  std::uint64_t value = 0;
  bool overflow = false;
  std::size_t digits = 0;
  char previous = '\0';
  for (char c : body) {
    if (c == '_') {
      if (previous == '_') return std::nullopt;
      previous = c;
      continue;
    }
    int digit = digit_value(c);
    if (digit >= radix.base) return std::nullopt;
    if (zero_only && digit != 0) return std::nullopt;  // 010 is no int literal in base 0
    ++digits;
    previous = c;
    auto wide_base = static_cast<std::uint64_t>(radix.base);
    if (value >
        (std::numeric_limits<std::uint64_t>::max() - static_cast<unsigned>(digit)) / wide_base) {
      overflow = true;
    } else {
      value = value * wide_base + static_cast<unsigned>(digit);
    }
  }
  bool power_of_two = (radix.base & (radix.base - 1)) == 0;
  if (!power_of_two && digits > kMaxDigits) return std::nullopt;

  TextInteger out;
  constexpr std::uint64_t kMax = std::uint64_t{1} << 63;
  if (overflow || value > kMax || (value == kMax && !negative)) {
    out.big = true;
    out.digits = std::string(whole);
  } else {
    out.value = negative ? static_cast<std::int64_t>(0 - value) : static_cast<std::int64_t>(value);
  }
  return out;
}

// strtol(text, &end, 0) that must end at the line's end; none when it overflows or leaves a rest.
std::optional<std::int64_t> c_strtol(std::string_view text) {
  std::string copy(text);
  char* end = nullptr;
  errno = 0;
  long value = std::strtol(copy.c_str(), &end, 0);
  if (errno != 0 || *end != '\0') return std::nullopt;
  return value;
}

// The body of a float as _Py_dg_strtod takes it: digits, point, exponent; or inf, infinity, nan.
bool float_grammar(std::string_view text) {
  std::string_view body = text;
  if (!body.empty() && (body.front() == '+' || body.front() == '-')) body.remove_prefix(1);
  std::string lower;
  for (char c : body) lower += static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  if (lower == "inf" || lower == "infinity" || lower == "nan") return true;
  std::size_t i = 0;
  std::size_t mantissa = 0;
  while (i < body.size() && is_digit(body[i])) ++i, ++mantissa;
  if (i < body.size() && body[i] == '.') {
    ++i;
    while (i < body.size() && is_digit(body[i])) ++i, ++mantissa;
  }
  if (mantissa == 0) return false;
  if (i < body.size() && (body[i] == 'e' || body[i] == 'E')) {
    ++i;
    if (i < body.size() && (body[i] == '+' || body[i] == '-')) ++i;
    std::size_t first = i;
    while (i < body.size() && is_digit(body[i])) ++i;
    if (i == first) return false;
  }
  return i == body.size();
}

bool underscores_between_digits(std::string_view text, std::string& without) {
  char previous = '\0';
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '_') {
      if (!is_digit(previous) || i + 1 >= text.size() || !is_digit(text[i + 1])) return false;
    } else {
      without += c;
    }
    previous = c;
  }
  return true;
}

int hex_value(char c) {
  int v = digit_value(c);
  return v < 16 ? v : -1;
}

}  // namespace

std::optional<TextInteger> parse_int_line(std::string_view line, bool python) {
  if (python) {
    if (line == "00" || line == "01") return TextInteger{true, false, line[1] == '1', {}};
    auto text = visible(line, true);
    return text ? python_int(*text, 0) : std::nullopt;
  }
  auto text = visible(line, false);
  if (auto value = c_strtol(*text)) {
    bool boolean = line.size() == 2 && (*value == 0 || *value == 1);
    return TextInteger{boolean, false, *value, {}};
  }
  return python_int(*text, 0);
}

std::optional<TextInteger> parse_long_line(std::string_view line, bool python) {
  if (!line.empty() && line.back() == 'L') line.remove_suffix(1);
  auto text = visible(line, python);
  return text ? python_int(*text, 0) : std::nullopt;
}

std::optional<std::int64_t> parse_index_line(std::string_view line, bool python) {
  auto text = visible(line, python);
  if (!text) return std::nullopt;
  auto value = python_int(*text, 10);
  if (!value || value->big) return std::nullopt;
  return value->value;
}

bool parse_big_index(std::string_view line) {
  auto text = visible(line, true);
  if (!text) return false;
  auto value = python_int(*text, 10);
  return value && (value->big ? value->digits.front() != '-' : value->value >= 0);
}

std::optional<double> parse_float_line(std::string_view line, bool python) {
  auto text = visible(line, python);
  if (!text) return std::nullopt;
  std::string body;
  if (python) {
    if (!underscores_between_digits(strip(*text), body)) return std::nullopt;
  } else {
    body = std::string(*text);
  }
  if (!float_grammar(body)) return std::nullopt;
  std::string_view digits = body;
  if (digits.front() == '+') digits.remove_prefix(1);
  double value = 0;
  auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error == std::errc::result_out_of_range) {
    // Too small gives 0 in both; too large gives inf in Python and an OverflowError in C.
    value = std::strtod(body.c_str(), nullptr);
    bool large = value > 1 || value < -1;
    if (large && !python) return std::nullopt;
  }
  return value;
}

std::optional<std::string> parse_string_line(std::string_view line) {
  if (line.size() < 2 || line.front() != line.back() ||
      (line.front() != '\'' && line.front() != '"')) {
    return std::nullopt;
  }
  std::string_view body = line.substr(1, line.size() - 2);
  std::string out;
  for (std::size_t i = 0; i < body.size(); ++i) {
    if (body[i] != '\\') {
      out += body[i];
      continue;
    }
    if (++i >= body.size()) return std::nullopt;  // a backslash at the end
    char c = body[i];
    switch (c) {
      case '\n': break;
      case '\\':
      case '\'':
      case '"': out += c; break;
      case 'a': out += '\a'; break;
      case 'b': out += '\b'; break;
      case 'f': out += '\f'; break;
      case 'n': out += '\n'; break;
      case 'r': out += '\r'; break;
      case 't': out += '\t'; break;
      case 'v': out += '\v'; break;
      case 'x': {
        int high = i + 1 < body.size() ? hex_value(body[i + 1]) : -1;
        int low = i + 2 < body.size() ? hex_value(body[i + 2]) : -1;
        if (high < 0 || low < 0) return std::nullopt;
        out += static_cast<char>(high * 16 + low);
        i += 2;
        break;
      }
      case '0':
      case '1':
      case '2':
      case '3':
      case '4':
      case '5':
      case '6':
      case '7': {
        int value = c - '0';
        for (int n = 0; n < 2 && i + 1 < body.size() && body[i + 1] >= '0' && body[i + 1] <= '7';
             ++n) {
          value = value * 8 + (body[++i] - '0');
        }
        out += static_cast<char>(value & 0xff);
        break;
      }
      default:
        out += '\\';
        out += c;
        break;
    }
  }
  return out;
}

std::optional<std::string> parse_unicode_line(std::string_view line) {
  std::string out;
  for (std::size_t i = 0; i < line.size(); ++i) {
    auto byte = static_cast<unsigned char>(line[i]);
    bool escape = byte == '\\' && i + 1 < line.size() && (line[i + 1] == 'u' || line[i + 1] == 'U');
    if (!escape) {
      if (byte == '\\' && i + 1 < line.size()) {  // another escape stands as it is
        out += '\\';
        append_utf8(out, static_cast<unsigned char>(line[++i]));
        continue;
      }
      append_utf8(out, byte);
      continue;
    }
    int count = line[i + 1] == 'u' ? 4 : 8;
    char32_t value = 0;
    for (int n = 0; n < count; ++n) {
      std::size_t at = i + 2 + static_cast<std::size_t>(n);
      int digit = at < line.size() ? hex_value(line[at]) : -1;
      if (digit < 0) return std::nullopt;
      value = value * 16 + static_cast<char32_t>(digit);
    }
    if (value > 0x10ffff) return std::nullopt;
    append_utf8(out, value);
    i += 1 + static_cast<std::size_t>(count);
  }
  return out;
}

bool valid_utf8(const std::uint8_t* data, std::size_t size, bool surrogatepass) {
  const std::uint8_t* p = data;
  const std::uint8_t* end = data + size;
  while (p < end) {
    if (end - p >= 8) {
      std::uint64_t word;
      std::memcpy(&word, p, 8);
      if ((word & 0x8080808080808080u) == 0) {
        p += 8;
        continue;
      }
    }
    if (*p < 0x80) {
      ++p;
      continue;
    }
    CodePoint point = decode_utf8(
        {reinterpret_cast<const char*>(p), static_cast<std::size_t>(end - p)}, surrogatepass);
    if (point.bytes == 0) return false;
    p += point.bytes;
  }
  return true;
}

bool decodes(std::string_view bytes, Encoding encoding) {
  const auto* data = reinterpret_cast<const std::uint8_t*>(bytes.data());
  switch (encoding) {
    case Encoding::ascii:
      for (char c : bytes) {
        if (static_cast<unsigned char>(c) >= 0x80) return false;
      }
      return true;
    case Encoding::utf8: return valid_utf8(data, bytes.size(), false);
    case Encoding::latin1:
    case Encoding::bytes: return true;
  }
  return true;
}

std::string to_utf8(std::string_view bytes, Encoding encoding) {
  if (encoding != Encoding::latin1) return std::string(bytes);
  std::string out;
  for (char c : bytes) append_utf8(out, static_cast<unsigned char>(c));
  return out;
}

bool is_dotted_identifier(std::string_view name) {
  if (name.empty()) return false;
  bool first = true;
  for (char raw : name) {
    auto c = static_cast<unsigned char>(raw);
    if (c == '.') {
      if (first) return false;
      first = true;
      continue;
    }
    bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c >= 0x80;
    if (!letter && (first || !is_digit(raw))) return false;
    first = false;
  }
  return !first;
}

std::string_view to_string(Unpickler unpickler) {
  switch (unpickler) {
    case Unpickler::c: return "c";
    case Unpickler::py: return "py";
    case Unpickler::torch_weights_only: return "torch_weights_only";
    case Unpickler::libtorch: return "libtorch";
  }
  return "c";
}

std::string_view to_string(Encoding encoding) {
  switch (encoding) {
    case Encoding::ascii: return "ASCII";
    case Encoding::utf8: return "utf-8";
    case Encoding::latin1: return "latin1";
    case Encoding::bytes: return "bytes";
  }
  return "ASCII";
}

}  // namespace brine::pickle
