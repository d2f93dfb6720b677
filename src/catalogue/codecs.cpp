#include "catalogue/codecs.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstdint>

#include "base/escape.h"

namespace brine::catalogue {
namespace {

struct CodecName {
  std::string_view name;
  Codec codec;
};
constexpr std::array kNames = {
    CodecName{"utf8", Codec::utf8},          CodecName{"u8", Codec::utf8},
    CodecName{"cp65001", Codec::utf8},       CodecName{"ascii", Codec::ascii},
    CodecName{"usascii", Codec::ascii},      CodecName{"646", Codec::ascii},
    CodecName{"latin1", Codec::latin1},      CodecName{"latin", Codec::latin1},
    CodecName{"l1", Codec::latin1},          CodecName{"iso88591", Codec::latin1},
    CodecName{"88591", Codec::latin1},       CodecName{"8859", Codec::latin1},
    CodecName{"cp819", Codec::latin1},       CodecName{"unicodeescape", Codec::unicode_escape},
    CodecName{"rot13", Codec::rot13},        CodecName{"hex", Codec::hex},
    CodecName{"hexcodec", Codec::hex},       CodecName{"base64", Codec::base64},
    CodecName{"base64codec", Codec::base64}, CodecName{"zlib", Codec::zlib},
    CodecName{"zip", Codec::zlib},           CodecName{"zlibcodec", Codec::zlib},
};

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::optional<std::string> to_latin1(std::string_view utf8) {
  std::string out;
  out.reserve(utf8.size());
  while (!utf8.empty()) {
    const CodePoint point = decode_utf8(utf8, true);
    if (point.bytes == 0 || point.value > 0xff) return std::nullopt;
    out.push_back(static_cast<char>(point.value));
    utf8.remove_prefix(point.bytes);
  }
  return out;
}

std::string from_latin1(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) append_utf8(out, static_cast<unsigned char>(c));
  return out;
}

bool valid_utf8(std::string_view bytes) {
  while (!bytes.empty()) {
    const CodePoint point = decode_utf8(bytes);
    if (point.bytes == 0) return false;
    bytes.remove_prefix(point.bytes);
  }
  return true;
}

struct SimpleEscape {
  char letter, value;
};
constexpr std::array kEscapes = {
    SimpleEscape{'\\', '\\'}, SimpleEscape{'\'', '\''}, SimpleEscape{'"', '"'},
    SimpleEscape{'a', '\a'},  SimpleEscape{'b', '\b'},  SimpleEscape{'f', '\f'},
    SimpleEscape{'n', '\n'},  SimpleEscape{'r', '\r'},  SimpleEscape{'t', '\t'},
    SimpleEscape{'v', '\v'},
};

// One escape at the front of `text`, behind its backslash; 0 consumed when it is none that we read.
std::size_t read_escape(std::string_view text, std::string& out) {
  if (text.empty()) return 0;
  const auto* simple = std::find_if(kEscapes.begin(), kEscapes.end(),
                                    [&](const SimpleEscape& row) { return row.letter == text[0]; });
  if (simple != kEscapes.end()) {
    out.push_back(simple->value);
    return 1;
  }
  std::size_t digits = 0;
  if (text[0] == 'x') digits = 2;
  if (text[0] == 'u') digits = 4;
  if (text[0] == 'U') digits = 8;
  char32_t value = 0;
  if (digits == 0) {
    std::size_t used = 0;
    while (used < 3 && used < text.size() && text[used] >= '0' && text[used] <= '7') {
      value = value * 8 + static_cast<char32_t>(text[used++] - '0');
    }
    if (used != 0) append_utf8(out, value);
    return used;
  }
  if (text.size() < digits + 1) return 0;
  for (std::size_t i = 1; i <= digits; ++i) {
    const int digit = hex_digit(text[i]);
    if (digit < 0) return 0;
    value = value << 4 | static_cast<char32_t>(digit);
  }
  if (value > 0x10ffff) return 0;
  append_utf8(out, value);
  return digits + 1;
}

std::optional<std::string> unescape(std::string_view bytes) {
  std::string out;
  std::size_t at = 0;
  while (at < bytes.size()) {
    if (bytes[at] != '\\') {
      append_utf8(out, static_cast<unsigned char>(bytes[at++]));
      continue;
    }
    const std::size_t used = read_escape(bytes.substr(at + 1), out);
    if (used == 0) return std::nullopt;
    at += used + 1;
  }
  return out;
}

// How many padding characters stand behind so many decoded bytes.
std::size_t padding_of(std::size_t bytes, unsigned bits, std::size_t quantum) {
  const std::size_t digits = (bytes * 8 + bits - 1) / bits;
  return (quantum - digits % quantum) % quantum;
}

// Groups of `bits` from an alphabet, as the strictest reader takes them: whole quanta, padding only
// at the end, nothing else in between. Python's decoders skip, stop or raise at anything else, each
// in its own way and version, so what is not canonical is not computed.
std::optional<std::string> decode_digits(std::string_view text, std::string_view alphabet,
                                         unsigned bits, std::size_t quantum) {
  if (text.size() % quantum != 0) return std::nullopt;
  std::size_t digits = text.size();
  while (digits > 0 && text.size() - digits < quantum && text[digits - 1] == '=') --digits;
  std::string out;
  std::uint32_t buffer = 0;
  unsigned held = 0;
  for (const char c : text.substr(0, digits)) {
    const std::size_t value = alphabet.find(c);
    if (value == std::string_view::npos) return std::nullopt;
    buffer = buffer << bits | static_cast<std::uint32_t>(value);
    held += bits;
    if (held >= 8) {
      held -= 8;
      out.push_back(static_cast<char>(buffer >> held & 0xff));
    }
  }
  const bool fits = held < bits && (text.size() - digits) == padding_of(out.size(), bits, quantum);
  const bool zero = (buffer & ((1u << held) - 1)) == 0;
  return fits && zero ? std::optional(std::move(out)) : std::nullopt;
}

constexpr std::string_view kBase64 =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view kBase32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

}  // namespace

std::optional<Codec> find_codec(std::string_view name) {
  std::string plain;
  for (const char c : name.substr(0, 32)) {
    if (c == '-' || c == '_' || c == ' ') continue;
    plain.push_back(c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c);
  }
  const auto* found = std::find_if(kNames.begin(), kNames.end(),
                                   [&](const CodecName& row) { return row.name == plain; });
  if (found == kNames.end()) return std::nullopt;
  return found->codec;
}

std::optional<std::string> encode_text(Codec codec, std::string_view utf8) {
  switch (codec) {
    case Codec::utf8: return valid_utf8(utf8) ? std::optional(std::string(utf8)) : std::nullopt;
    case Codec::ascii: return is_ascii(utf8) ? std::optional(std::string(utf8)) : std::nullopt;
    case Codec::latin1: return to_latin1(utf8);
    case Codec::rot13: return rot13(utf8);
    case Codec::unicode_escape:
    case Codec::hex:
    case Codec::base64:
    case Codec::zlib: return std::nullopt;
  }
  return std::nullopt;
}

bool decodes_to_bytes(Codec codec) {
  return codec == Codec::hex || codec == Codec::base64 || codec == Codec::zlib;
}

std::optional<std::string> decode_bytes(Codec codec, std::string_view bytes, std::size_t limit) {
  switch (codec) {
    case Codec::utf8: return valid_utf8(bytes) ? std::optional(std::string(bytes)) : std::nullopt;
    case Codec::ascii: return is_ascii(bytes) ? std::optional(std::string(bytes)) : std::nullopt;
    case Codec::latin1: return from_latin1(bytes);
    case Codec::unicode_escape: return unescape(bytes);
    case Codec::rot13: return rot13(bytes);
    case Codec::hex: return hex_decode(bytes);
    case Codec::base64: return base64_decode(bytes);
    case Codec::zlib: return inflate(bytes, false, limit);
  }
  return std::nullopt;
}

std::optional<std::string> base64_decode(std::string_view text) {
  return decode_digits(text, kBase64, 6, 4);
}

std::optional<std::string> base32_decode(std::string_view text) {
  return decode_digits(text, kBase32, 5, 8);
}

std::optional<std::string> hex_decode(std::string_view text) {
  std::string out;
  int high = -1;
  for (const char c : text) {
    const int digit = hex_digit(c);
    if (digit < 0) return std::nullopt;
    if (high < 0) {
      high = digit;
    } else {
      out.push_back(static_cast<char>(high << 4 | digit));
      high = -1;
    }
  }
  if (high >= 0) return std::nullopt;
  return out;
}

std::string hex_encode(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    out.push_back(kDigits[byte >> 4]);
    out.push_back(kDigits[byte & 15]);
  }
  return out;
}

std::string rot13(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>('a' + (c - 'a' + 13) % 26);
    if (c >= 'A' && c <= 'Z') c = static_cast<char>('A' + (c - 'A' + 13) % 26);
  }
  return out;
}

std::optional<std::string> inflate(std::string_view bytes, bool gzip, std::size_t limit) {
  constexpr int kZlib = 15;
  constexpr int kGzip = 15 + 16;
  z_stream stream{};
  if (bytes.size() > limit || inflateInit2(&stream, gzip ? kGzip : kZlib) != Z_OK)
    return std::nullopt;
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  std::string out;
  std::array<char, 4096> chunk{};
  int status = Z_OK;
  while (status == Z_OK && out.size() <= limit) {
    stream.next_out = reinterpret_cast<Bytef*>(chunk.data());
    stream.avail_out = chunk.size();
    status = ::inflate(&stream, Z_NO_FLUSH);
    out.append(chunk.data(), chunk.size() - stream.avail_out);
  }
  const bool all = stream.avail_in == 0;
  inflateEnd(&stream);
  // What lies behind is another gzip member, padding or an error: Python's readers go on.
  if (status != Z_STREAM_END || !all || out.size() > limit) return std::nullopt;
  return out;
}

}  // namespace brine::catalogue
