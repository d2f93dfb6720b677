// Decimal digits of integers that no machine word holds.
//
// Pickles write large ints as two's complement bytes or as text in several bases. Reports and
// evidence show them in decimal. Lengths are bounded by the callers: the work is quadratic.
#pragma once

#include <string>
#include <string_view>

#include "base/bytes.h"

namespace brine::pickle {

// Little-endian two's complement, as LONG1 and LONG4 carry it.
std::string decimal_of_bytes(ByteSpan bytes);
// A literal that int(text, 0) takes: blanks, sign, 0x 0o 0b, underscores, and LONG's final L.
std::string decimal_of_literal(std::string_view text);

}  // namespace brine::pickle
