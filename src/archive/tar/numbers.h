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
// A whole decimal number as Python's int(text) takes it.
std::optional<std::int64_t> python_int(std::string_view text, int base);

}  // namespace brine::archive
