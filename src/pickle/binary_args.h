// Binary arguments: how many bytes stand behind an opcode, and the numbers in them.
#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "pickle/opcode.h"

namespace brine::pickle {

inline constexpr std::uint64_t kHead = 9;  // an opcode and the longest argument of fixed size

// Bytes of the argument, or of the length before it; 0 where it is text or nothing.
inline std::uint64_t width_of(ArgKind kind) {
  switch (kind) {
    case ArgKind::u8:
    case ArgKind::counted8: return 1;
    case ArgKind::u16: return 2;
    case ArgKind::i32:
    case ArgKind::counted32: return 4;
    case ArgKind::u64:
    case ArgKind::f64be:
    case ArgKind::counted64: return 8;
    case ArgKind::none:
    case ArgKind::line:
    case ArgKind::two_lines: return 0;
  }
  return 0;
}

inline bool is_counted(ArgKind kind) {
  return kind == ArgKind::counted8 || kind == ArgKind::counted32 || kind == ArgKind::counted64;
}

// Lines of text that the argument has.
inline int lines_of(ArgKind kind) {
  return kind == ArgKind::two_lines ? 2 : kind == ArgKind::line ? 1 : 0;
}

// At most eight bytes.
inline std::uint64_t little_endian(const std::uint8_t* bytes, std::uint64_t width) {
  switch (width) {
    case 0: return 0;
    case 1: return bytes[0];
    case 2: return load_le16(bytes);
    case 4: return load_le32(bytes);
    case 8: return load_le64(bytes);
    default: break;
  }
  std::uint64_t value = 0;
  for (std::uint64_t i = width; i > 0; --i) value = value << 8 | bytes[i - 1];
  return value;
}

// The two's complement number of LONG1 and LONG4 when it has at most eight bytes.
inline std::int64_t signed_integer(ByteSpan bytes) {
  std::uint64_t bits = little_endian(bytes.data(), bytes.size());
  const bool negative = !bytes.empty() && (bytes.back() & 0x80) != 0;
  if (negative && bytes.size() < 8) bits |= ~std::uint64_t{0} << (8 * bytes.size());
  return static_cast<std::int64_t>(bits);
}

}  // namespace brine::pickle
