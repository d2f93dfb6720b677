// Codecs: Python's text and byte encodings, as far as attacks use them to hide what they name.
//
// Bounded pure functions; none of them trusts a length that the input states.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace brine::catalogue {

enum class Codec : std::uint8_t {
  utf8,
  ascii,
  latin1,
  unicode_escape,
  rot13,
  hex,
  base64,
  zlib,
};

// By any of Python's names for it ("latin-1", "L1", "iso8859_1"); none for a codec we do not
// compute.
std::optional<Codec> find_codec(std::string_view name);

// str.encode(codec): text becomes bytes (rot13: text). None when Python would raise.
std::optional<std::string> encode_text(Codec codec, std::string_view utf8);
// bytes.decode(codec) and codecs.decode(bytes, codec).
std::optional<std::string> decode_bytes(Codec codec, std::string_view bytes, std::size_t limit);
// Whether decoding gives bytes (hex, base64, zlib) or text.
bool decodes_to_bytes(Codec codec);

std::optional<std::string> base64_decode(std::string_view text);
std::optional<std::string> base32_decode(std::string_view text);
std::optional<std::string> hex_decode(std::string_view text);
std::string hex_encode(std::string_view bytes);
std::string rot13(std::string_view text);
// One whole zlib stream or gzip member; none when it is broken, larger than the limit, or followed
// by anything.
std::optional<std::string> inflate(std::string_view bytes, bool gzip, std::size_t limit);

}  // namespace brine::catalogue
