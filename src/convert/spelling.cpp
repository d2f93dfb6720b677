#include "convert/spelling.h"

#include <algorithm>
#include <bit>
#include <vector>

namespace brine::convert::spell {

namespace op = pickle::op;

std::string little(std::uint64_t value, unsigned bytes) {
  std::string out;
  for (unsigned i = 0; i < bytes; ++i) out += static_cast<char>(value >> (8 * i) & 0xff);
  return out;
}

std::string code(std::uint8_t opcode) { return std::string(1, static_cast<char>(opcode)); }

std::string global(std::string_view module, std::string_view name) {
  return code(op::GLOBAL) + std::string(module) + "\n" + std::string(name) + "\n";
}

std::string text(std::string_view utf8) {
  return code(op::BINUNICODE) + little(utf8.size(), 4) + std::string(utf8);
}

std::string integer(std::int64_t value) {
  if (value >= 0 && value < 256) {
    return code(op::BININT1) + little(static_cast<std::uint64_t>(value), 1);
  }
  if (value >= INT32_MIN && value <= INT32_MAX) {
    return code(op::BININT) + little(static_cast<std::uint64_t>(value), 4);
  }
  return code(op::LONG1) + code(8) + little(static_cast<std::uint64_t>(value), 8);
}

std::optional<std::string> big_integer(std::string_view digits, std::size_t most) {
  const bool negative = digits.starts_with('-');
  if (negative) digits.remove_prefix(1);
  if (digits.empty() || digits.size() > most * 5 / 2) return std::nullopt;
  std::vector<std::uint8_t> bytes;  // of the magnitude, lowest first
  for (const char digit : digits) {
    if (digit < '0' || digit > '9') return std::nullopt;
    unsigned carry = static_cast<unsigned>(digit - '0');
    for (std::uint8_t& byte : bytes) {
      carry += byte * 10u;
      byte = static_cast<std::uint8_t>(carry);
      carry >>= 8;
    }
    if (carry != 0) bytes.push_back(static_cast<std::uint8_t>(carry));
  }
  bytes.push_back(0);  // the sign
  if (negative) {
    unsigned carry = 1;
    for (std::uint8_t& byte : bytes) {
      carry += static_cast<std::uint8_t>(~byte);
      byte = static_cast<std::uint8_t>(carry);
      carry >>= 8;
    }
  }
  if (bytes.size() > most) return std::nullopt;
  std::string out = bytes.size() < 256 ? code(op::LONG1) + little(bytes.size(), 1)
                                       : code(op::LONG4) + little(bytes.size(), 4);
  for (const std::uint8_t byte : bytes) out += static_cast<char>(byte);
  return out;
}

std::string floating(double value) {
  const auto bits = std::byteswap(std::bit_cast<std::uint64_t>(value));
  return code(op::BINFLOAT) + little(bits, 8);
}

std::string boolean(bool value) { return code(value ? op::NEWTRUE : op::NEWFALSE); }

std::string put(std::uint64_t index) {
  return index < 256 ? code(op::BINPUT) + little(index, 1)
                     : code(op::LONG_BINPUT) + little(index, 4);
}

std::string get(std::uint64_t index) {
  return index < 256 ? code(op::BINGET) + little(index, 1)
                     : code(op::LONG_BINGET) + little(index, 4);
}

std::string bytes_head(std::uint64_t size) {
  if (size < 256) return code(op::SHORT_BINBYTES) + little(size, 1);
  if (size <= UINT32_MAX) return code(op::BINBYTES) + little(size, 4);
  return code(op::BINBYTES8) + little(size, 8);
}

std::string latin1(std::string_view bytes) {
  std::string utf8;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x80) {
      utf8 += c;
    } else {
      utf8 += static_cast<char>(0xc0 | byte >> 6);
      utf8 += static_cast<char>(0x80 | (byte & 0x3f));
    }
  }
  return global("_codecs", "encode") + text(utf8) + text("latin1") + code(op::TUPLE2) +
         code(op::REDUCE);
}

}  // namespace brine::convert::spell
