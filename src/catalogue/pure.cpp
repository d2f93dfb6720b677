// Each function takes the arguments as constants and gives a constant, or nothing when an argument
// is of a kind that it does not take or when Python's own function does more than is done here. A
// result may not have more than `limit` bytes; what would be larger is not made.

#include "catalogue/pure.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <vector>

#include "base/escape.h"
#include "catalogue/codecs.h"
#include "codec/decode.h"
#include "io/source.h"

namespace brine::catalogue {
namespace {

using pickle::Kind;
using Result = std::optional<Constant>;
using Args = std::span<const Constant>;

bool is_text(const Constant& c) { return c.kind == Kind::str || c.kind == Kind::bytes; }
bool both(const Constant& a, const Constant& b, Kind kind) {
  return a.kind == kind && b.kind == kind;
}
bool ascii(const Constant& c) {
  return std::all_of(c.text.begin(), c.text.end(),
                     [](char letter) { return static_cast<unsigned char>(letter) < 0x80; });
}
Constant like(const Constant& model, std::string text) {
  return {model.kind, std::move(text), 0, 0};
}

std::optional<std::string> python_text(const Constant& c) {
  switch (c.kind) {
    case Kind::str: return c.text;
    case Kind::integer: return std::to_string(c.integer);
    case Kind::none: return "None";
    case Kind::boolean: return c.integer != 0 ? "True" : "False";
    case Kind::bytes:
    case Kind::floating:
    case Kind::bytearray:
    case Kind::tuple:
    case Kind::list:
    case Kind::dict:
    case Kind::set:
    case Kind::frozenset:
    case Kind::ref:
    case Kind::object:
    case Kind::persistent:
    case Kind::buffer:
    case Kind::unknown: return std::nullopt;
  }
  return std::nullopt;
}

std::optional<Codec> codec_of(Args args, std::size_t index, Codec otherwise) {
  if (args.size() <= index) return otherwise;
  return args[index].kind == Kind::str ? find_codec(args[index].text) : std::nullopt;
}

Result encoded(Args args, std::size_t /*limit*/) {
  const auto codec = codec_of(args, 1, Codec::utf8);
  if (args.empty() || !codec) return std::nullopt;
  if (args[0].kind != Kind::str) return std::nullopt;
  auto text = encode_text(*codec, args[0].text);
  if (!text) return std::nullopt;
  return *codec == Codec::rot13 ? Constant::of_text(std::move(*text))
                                : Constant::of_bytes(std::move(*text));
}

Result decoded(Args args, std::size_t limit) {
  const auto codec = codec_of(args, 1, Codec::utf8);
  if (args.empty() || !codec || !is_text(args[0])) return std::nullopt;
  auto text = decode_bytes(*codec, args[0].text, limit);
  if (!text) return std::nullopt;
  return decodes_to_bytes(*codec) ? Constant::of_bytes(std::move(*text))
                                  : Constant::of_text(std::move(*text));
}

Result concatenated(Args args, std::size_t limit) {
  if (args.size() != 2) return std::nullopt;
  if (both(args[0], args[1], Kind::integer)) {
    std::int64_t sum = 0;
    if (__builtin_add_overflow(args[0].integer, args[1].integer, &sum)) return std::nullopt;
    return Constant::of_integer(sum);
  }
  if (!is_text(args[0]) || args[0].kind != args[1].kind) return std::nullopt;
  if (args[1].text.size() > limit - std::min(limit, args[0].text.size())) return std::nullopt;
  return like(args[0], args[0].text + args[1].text);
}

Result repeated(Args args, std::size_t limit) {
  if (args.size() != 2 || !is_text(args[0]) || args[1].kind != Kind::integer) return std::nullopt;
  const auto count = static_cast<std::uint64_t>(std::max<std::int64_t>(args[1].integer, 0));
  const std::size_t size = std::max<std::size_t>(args[0].text.size(), 1);
  if (count > limit / size) return std::nullopt;
  std::string out;
  for (std::uint64_t i = 0; i < count; ++i) out += args[0].text;
  return like(args[0], std::move(out));
}

// "%s" and "%d" with the values in order; every other conversion is left alone as not computable.
Result percent(Args args, std::size_t limit) {
  if (args.empty() || args[0].kind != Kind::str) return std::nullopt;
  std::string out;
  std::size_t next = 1;
  const std::string_view format = args[0].text;
  for (std::size_t i = 0; i < format.size(); ++i) {
    if (format[i] != '%') {
      out.push_back(format[i]);
      continue;
    }
    if (++i == format.size()) return std::nullopt;
    if (format[i] == '%') {
      out.push_back('%');
      continue;
    }
    if (next == args.size()) return std::nullopt;
    const Constant& value = args[next++];
    if (format[i] == 'c' && value.kind == Kind::integer) {
      append_utf8(out, static_cast<char32_t>(value.integer));
    } else if (format[i] == 's' || (format[i] == 'd' && value.kind == Kind::integer)) {
      const auto text = python_text(value);
      if (!text) return std::nullopt;
      out += *text;
    } else {
      return std::nullopt;
    }
    if (out.size() > limit) return std::nullopt;
  }
  if (next != args.size()) return std::nullopt;
  return Constant::of_text(std::move(out));
}

// "{}" and "{0}" without conversions.
Result braces(Args args, std::size_t limit) {
  if (args.empty() || args[0].kind != Kind::str) return std::nullopt;
  std::string out;
  std::size_t next = 0;
  const std::string_view format = args[0].text;
  for (std::size_t i = 0; i < format.size(); ++i) {
    const char c = format[i];
    if ((c == '{' || c == '}') && i + 1 < format.size() && format[i + 1] == c) {
      out.push_back(c);
      ++i;
      continue;
    }
    if (c != '{') {
      out.push_back(c);
      continue;
    }
    const std::size_t end = format.find('}', i);
    if (end == std::string_view::npos) return std::nullopt;
    const std::string_view field = format.substr(i + 1, end - i - 1);
    std::size_t index = next++;
    if (!field.empty()) {
      const auto [stop, error] = std::from_chars(field.data(), field.data() + field.size(), index);
      if (error != std::errc{} || stop != field.data() + field.size()) return std::nullopt;
    }
    if (index >= args.size() - 1) return std::nullopt;
    const auto text = python_text(args[index + 1]);
    if (!text || text->size() > limit - std::min(limit, out.size())) return std::nullopt;
    out += *text;
    i = end;
  }
  return Constant::of_text(std::move(out));
}

Result replaced(Args args, std::size_t limit) {
  if (args.size() != 3 || !is_text(args[0]) || args[1].kind != args[0].kind ||
      args[2].kind != args[0].kind || args[1].text.empty()) {
    return std::nullopt;
  }
  std::string out;
  std::string_view rest = args[0].text;
  for (std::size_t at = rest.find(args[1].text); at != std::string_view::npos;
       at = rest.find(args[1].text)) {
    out.append(rest.substr(0, at));
    out += args[2].text;
    rest.remove_prefix(at + args[1].text.size());
    if (out.size() > limit) return std::nullopt;
  }
  out.append(rest);
  return like(args[0], std::move(out));
}

Result stripped(Args args, std::size_t /*limit*/) {
  if (args.empty() || args.size() > 2 || !is_text(args[0])) return std::nullopt;
  if (args.size() > 1 && args[1].kind != args[0].kind) return std::nullopt;
  const bool str = args[0].kind == Kind::str;
  if (str && (!ascii(args[0]) || (args.size() > 1 && !ascii(args[1])))) return std::nullopt;
  const std::string_view blanks = str ? " \t\n\r\f\v\x1c\x1d\x1e\x1f" : " \t\n\r\f\v";
  const std::string_view unwanted = args.size() > 1 ? std::string_view(args[1].text) : blanks;
  const std::size_t first = args[0].text.find_first_not_of(unwanted);
  if (first == std::string::npos) return like(args[0], {});
  const std::size_t last = args[0].text.find_last_not_of(unwanted);
  return like(args[0], args[0].text.substr(first, last - first + 1));
}

Result mapped(Args args, char from, char to, int shift) {
  if (args.size() != 1 || !is_text(args[0])) return std::nullopt;
  std::string out = args[0].text;
  for (char& c : out) {
    if (static_cast<unsigned char>(c) >= 0x80) return std::nullopt;
    if (c >= from && c <= to) c = static_cast<char>(c + shift);
  }
  return like(args[0], std::move(out));
}
Result lowered(Args args, std::size_t /*limit*/) { return mapped(args, 'A', 'Z', 32); }
Result uppered(Args args, std::size_t /*limit*/) { return mapped(args, 'a', 'z', -32); }

Result as_str(Args args, std::size_t limit) {
  if (args.empty()) return Constant::of_text({});
  if (args.size() > 1) return decoded(args, limit);
  auto text = python_text(args[0]);
  if (!text) return std::nullopt;
  return Constant::of_text(std::move(*text));
}

Result as_octets(Args args, std::size_t limit) {
  if (args.empty()) return Constant::of_bytes({});
  if (args[0].kind == Kind::bytes && args.size() == 1) return args[0];
  if (args[0].kind == Kind::str && args.size() > 1) return encoded(args, limit);
  if (args[0].kind != Kind::integer || args[0].integer < 0) return std::nullopt;
  const auto count = static_cast<std::uint64_t>(args[0].integer);
  if (count > limit) return std::nullopt;
  return Constant::of_bytes(std::string(static_cast<std::size_t>(count), '\0'));
}

Result as_integer(Args args, std::size_t /*limit*/) {
  if (args.empty()) return Constant::of_integer(0);
  if (args[0].kind == Kind::integer || args[0].kind == Kind::boolean) {
    return args.size() == 1 ? Result(Constant::of_integer(args[0].integer)) : std::nullopt;
  }
  if (!is_text(args[0]) || args.size() > 2) return std::nullopt;
  int base = 10;
  if (args.size() == 2) {
    if (args[1].kind != Kind::integer || args[1].integer < 2 || args[1].integer > 36) {
      return std::nullopt;
    }
    base = static_cast<int>(args[1].integer);
  }
  std::string_view text = args[0].text;
  if (base == 16 && (text.starts_with("0x") || text.starts_with("0X"))) text.remove_prefix(2);
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return Constant::of_integer(value);
}

Result character(Args args, std::size_t /*limit*/) {
  if (args.size() != 1 || args[0].kind != Kind::integer) return std::nullopt;
  if (args[0].integer < 0 || args[0].integer > 0x10ffff) return std::nullopt;
  std::string out;
  append_utf8(out, static_cast<char32_t>(args[0].integer));
  return Constant::of_text(std::move(out));
}

Result ordinal(Args args, std::size_t /*limit*/) {
  if (args.size() != 1 || !is_text(args[0]) || args[0].text.empty()) return std::nullopt;
  if (args[0].kind == Kind::bytes) {
    if (args[0].text.size() != 1) return std::nullopt;
    return Constant::of_integer(static_cast<unsigned char>(args[0].text[0]));
  }
  const CodePoint point = decode_utf8(args[0].text, true);
  if (point.bytes != args[0].text.size()) return std::nullopt;
  return Constant::of_integer(static_cast<std::int64_t>(point.value));
}

Result octets_of(std::optional<std::string> text) {
  if (!text) return std::nullopt;
  return Constant::of_bytes(std::move(*text));
}
Result from_hex(Args args, std::size_t /*limit*/) {
  if (args.empty() || !is_text(args.back())) return std::nullopt;
  return octets_of(hex_decode(args.back().text));
}
Result to_hex(Args args, std::size_t /*limit*/) {
  if (args.size() != 1 || args[0].kind != Kind::bytes) return std::nullopt;
  return Constant::of_text(hex_encode(args[0].text));
}
// Further arguments (another alphabet, leniency, window bits) change what these give.
Result from_base64(Args args, std::size_t /*limit*/) {
  if (args.size() != 1 || !is_text(args[0])) return std::nullopt;
  return octets_of(base64_decode(args[0].text));
}
Result from_base32(Args args, std::size_t /*limit*/) {
  if (args.size() != 1 || !is_text(args[0])) return std::nullopt;
  return octets_of(base32_decode(args[0].text));
}
Result inflated(Args args, bool gzip, std::size_t limit) {
  if (args.size() != 1 || args[0].kind != Kind::bytes) return std::nullopt;
  return octets_of(inflate(args[0].text, gzip, limit));
}
Result from_zlib(Args args, std::size_t limit) { return inflated(args, false, limit); }
Result from_gzip(Args args, std::size_t limit) { return inflated(args, true, limit); }

Result decoded(Args args, codec::Codec codec, std::size_t limit) {
  if (args.size() != 1 || args[0].kind != Kind::bytes) return std::nullopt;
  MemorySource packed(as_bytes(args[0].text));
  auto out = codec::decode(codec, packed, 0, limit, Limits{});
  if (!out || out->end != codec::DecodeEnd::done) return std::nullopt;
  return Constant::of_bytes(std::string(as_text(out->bytes.view())));
}
Result from_bz2(Args args, std::size_t limit) { return decoded(args, codec::Codec::bzip2, limit); }
Result from_lz4(Args args, std::size_t limit) { return decoded(args, codec::Codec::lz4, limit); }
Result from_zstd(Args args, std::size_t limit) { return decoded(args, codec::Codec::zstd, limit); }
Result from_lzma(Args args, std::size_t limit) {
  auto out = decoded(args, codec::Codec::xz, limit);
  return out ? std::move(out) : decoded(args, codec::Codec::lzma, limit);
}

// separator.join(parts), or of the characters of one text.
Result joined(Args args, bool listed) {
  if (args.empty() || !is_text(args[0])) return std::nullopt;
  const Constant& separator = args[0];
  std::vector<Constant> letters;
  std::span<const Constant> parts = args.subspan(1);
  if (!listed) {
    if (args.size() != 2 || !both(args[0], args[1], Kind::str)) return std::nullopt;
    for (const char c : args[1].text) {
      if (static_cast<unsigned char>(c) >= 0x80) return std::nullopt;
      letters.push_back(Constant::of_text(std::string(1, c)));
    }
    parts = letters;
  }
  std::string out;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (parts[i].kind != separator.kind) return std::nullopt;
    if (i != 0) out += separator.text;
    out += parts[i].text;
  }
  return like(separator, std::move(out));
}

Result octets_from(Args numbers) {
  std::string out;
  for (const Constant& number : numbers) {
    if (number.kind != Kind::integer || number.integer < 0 || number.integer > 255) {
      return std::nullopt;
    }
    out.push_back(static_cast<char>(number.integer));
  }
  return Constant::of_bytes(std::move(out));
}

// items[index] of a tuple or list (`listed`), or text[index]; the index stands last.
Result item_of(Args args, bool listed) {
  if (args.empty() || args.back().kind != Kind::integer) return std::nullopt;
  const Args items = args.first(args.size() - 1);
  if (!listed && (items.size() != 1 || !is_text(items[0]))) return std::nullopt;
  if (!listed && items[0].kind == Kind::str && !ascii(items[0])) return std::nullopt;
  const std::size_t count = listed ? items.size() : items[0].text.size();
  std::int64_t index = args.back().integer;
  if (index < 0) index += static_cast<std::int64_t>(count);
  if (index < 0 || static_cast<std::uint64_t>(index) >= count) return std::nullopt;
  const auto at = static_cast<std::size_t>(index);
  if (listed) return items[at];
  if (items[0].kind == Kind::bytes) {
    return Constant::of_integer(static_cast<unsigned char>(items[0].text[at]));
  }
  return Constant::of_text(std::string(1, items[0].text[at]));
}

Result reversed(Args args, std::size_t /*limit*/) {
  if (args.size() != 1 || !is_text(args[0])) return std::nullopt;
  if (args[0].kind == Kind::str && !ascii(args[0])) return std::nullopt;
  return like(args[0], std::string(args[0].text.rbegin(), args[0].text.rend()));
}

struct Pure {
  Behaviour behaviour;
  Result (*function)(Args, std::size_t limit);
};
constexpr std::array kPure = {
    Pure{Behaviour::codec_encode, encoded},
    Pure{Behaviour::codec_decode, decoded},
    Pure{Behaviour::str_encode, encoded},
    Pure{Behaviour::bytes_decode, decoded},
    Pure{Behaviour::concat, concatenated},
    Pure{Behaviour::repeat, repeated},
    Pure{Behaviour::mod, percent},
    Pure{Behaviour::format, braces},
    Pure{Behaviour::replace, replaced},
    Pure{Behaviour::strip, stripped},
    Pure{Behaviour::lower, lowered},
    Pure{Behaviour::upper, uppered},
    Pure{Behaviour::reverse, reversed},
    Pure{Behaviour::make_str, as_str},
    Pure{Behaviour::make_bytes, as_octets},
    Pure{Behaviour::make_int, as_integer},
    Pure{Behaviour::chr, character},
    Pure{Behaviour::ord, ordinal},
    Pure{Behaviour::fromhex, from_hex},
    Pure{Behaviour::tohex, to_hex},
    Pure{Behaviour::base64_decode, from_base64},
    Pure{Behaviour::base32_decode, from_base32},
    Pure{Behaviour::zlib_decompress, from_zlib},
    Pure{Behaviour::gzip_decompress, from_gzip},
    Pure{Behaviour::bz2_decompress, from_bz2},
    Pure{Behaviour::lzma_decompress, from_lzma},
    Pure{Behaviour::lz4_decompress, from_lz4},
    Pure{Behaviour::zstd_decompress, from_zstd},
};

const Pure* find_pure(Behaviour behaviour) {
  const auto* found = std::find_if(kPure.begin(), kPure.end(),
                                   [&](const Pure& row) { return row.behaviour == behaviour; });
  return found == kPure.end() ? nullptr : &*found;
}

}  // namespace

bool is_pure(Behaviour behaviour) {
  return find_pure(behaviour) != nullptr || behaviour == Behaviour::join ||
         behaviour == Behaviour::getitem;
}

Result pure_result(Behaviour behaviour, const PureArgs& args, std::size_t limit) {
  if (behaviour == Behaviour::join) {
    return args.count == 2 ? joined(args.constants, args.listed) : std::nullopt;
  }
  if (behaviour == Behaviour::getitem) {
    return args.count == 2 ? item_of(args.constants, args.listed) : std::nullopt;
  }
  if (behaviour == Behaviour::make_bytes && args.listed) {
    return args.count == 1 ? octets_from(args.constants) : std::nullopt;
  }
  const Pure* pure = find_pure(behaviour);
  return pure != nullptr ? pure->function(args.constants, limit) : std::nullopt;
}

}  // namespace brine::catalogue
