// Spelling: the opcodes of the pickles that are written here, and no others.
//
// Everything a written pickle can do stands in this file: constants, containers, marks, memo, the
// restricted unpickler's persistent id, and a call (global) of a name that the caller spells.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "pickle/opcode.h"

namespace brine::convert::spell {

std::string little(std::uint64_t value, unsigned bytes);
std::string code(std::uint8_t opcode);
std::string global(std::string_view module, std::string_view name);
// BINUNICODE: less than 4 GiB of UTF-8, surrogates as three bytes.
std::string text(std::string_view utf8);
std::string integer(std::int64_t value);
// Of decimal digits; none when it is longer than `most` bytes. Above 255 bytes LONG4 is written.
std::optional<std::string> big_integer(std::string_view digits, std::size_t most);
std::string floating(double value);
std::string boolean(bool value);
std::string put(std::uint64_t index);
std::string get(std::uint64_t index);
// What stands in front of that many raw bytes.
std::string bytes_head(std::uint64_t size);
// _codecs.encode(text, 'latin1'), which is how protocol 2 has bytes.
std::string latin1(std::string_view bytes);

}  // namespace brine::convert::spell
