// Literals: constants as Python writes them, escaped, of a bounded length.
//
// What is cut is counted: "ab..." + 123 more bytes. A limit of npos means that the text has to stay
// Python: then nothing is cut but what the reader did not keep.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "io/source.h"
#include "pickle/value.h"

namespace brine::pickle {

// `length` is the full length when `content` is already cut.
std::string str_literal(std::string_view content, std::uint64_t length, std::size_t limit);
std::string bytes_literal(std::string_view content, std::uint64_t length, std::size_t limit);
// 1.5, float("inf").
std::string float_literal(double value);
// An integer over 64 bits as the stream writes it, where Python's grammar has it; else "...".
std::string written_int_literal(std::string_view text);
// The integer of a LONG1 or LONG4 at `offset`, in hexadecimal; "..." when it is long and not
// `full`.
std::string long_literal(ByteSource& source, std::uint64_t offset, bool full);
// A value that is too large to be spelled out, as Python: "[...]".
std::string outline(Kind kind);

}  // namespace brine::pickle
