// The fields of a tar header as tarfile's nts and nti read them.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/bytes.h"

namespace brine::archive {

// Text up to the first NUL.
std::string_view tar_text(ByteSpan field);
// Octal text as int(text, 8) takes it (signs, 0o, underscores, spaces around), or base 256 behind
// 0x80 or 0xff. Saturated at the ends of int64; nothing when tarfile calls the header invalid.
std::optional<std::int64_t> tar_number(ByteSpan field);
// Decimal text as Python's int(bytes) takes it, and as int(str) does, which also knows the digits
// and spaces of other scripts. More than 4,300 digits are none, as in CPython since 2022.
std::optional<std::int64_t> decimal_bytes(std::string_view text);
std::optional<std::int64_t> decimal_text(std::string_view utf8);

}  // namespace brine::archive
