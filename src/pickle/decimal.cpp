#include "pickle/decimal.h"

#include <cstdint>
#include <vector>

namespace brine::pickle {
namespace {

// An unsigned number in base 10^9, lowest limb first.
class Limbs {
 public:
  // Both up to 2^32.
  void multiply_add(std::uint64_t factor, std::uint64_t addend) {
    std::uint64_t carry = addend;
    for (std::uint32_t& limb : limbs_) {
      std::uint64_t value = std::uint64_t{limb} * factor + carry;
      limb = static_cast<std::uint32_t>(value % kBase);
      carry = value / kBase;
    }
    for (; carry != 0; carry /= kBase) limbs_.push_back(static_cast<std::uint32_t>(carry % kBase));
  }

  std::string digits(bool negative) const {
    if (limbs_.empty()) return "0";
    std::string out = (negative ? "-" : "") + std::to_string(limbs_.back());
    for (std::size_t i = limbs_.size() - 1; i-- > 0;) {
      std::string part = std::to_string(limbs_[i]);
      out.append(9 - part.size(), '0').append(part);
    }
    return out;
  }

 private:
  static constexpr std::uint64_t kBase = 1'000'000'000;
  std::vector<std::uint32_t> limbs_;
};

}  // namespace

std::string decimal_of_bytes(ByteSpan bytes) {
  const bool negative = !bytes.empty() && (bytes.back() & 0x80) != 0;
  // The magnitude of a negative number: inverted, plus one.
  std::vector<std::uint8_t> magnitude(bytes.begin(), bytes.end());
  if (negative) {
    unsigned carry = 1;
    for (std::uint8_t& byte : magnitude) {
      unsigned value = static_cast<std::uint8_t>(~byte) + carry;
      byte = static_cast<std::uint8_t>(value & 0xff);
      carry = value >> 8;
    }
    if (carry != 0) magnitude.push_back(1);
  }
  Limbs limbs;
  // Four bytes at a time, the highest first.
  while (magnitude.size() % 4 != 0) magnitude.push_back(0);
  for (std::size_t i = magnitude.size(); i > 0; i -= 4) {
    limbs.multiply_add(std::uint64_t{1} << 32, load_le32(magnitude.data() + i - 4));
  }
  return limbs.digits(negative);
}

std::string decimal_of_literal(std::string_view text) {
  bool negative = false;
  std::uint32_t base = 10;
  Limbs limbs;
  std::uint64_t part = 0, scale = 1;  // digits that are still to be added, and base to their number
  const auto add = [&](int digit) {
    constexpr std::uint64_t kEnough = 1u << 27;
    part = part * base + static_cast<std::uint64_t>(digit);
    scale *= base;
    if (scale < kEnough) return;
    limbs.multiply_add(scale, part);
    part = 0;
    scale = 1;
  };
  bool leading = true;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '-') negative = true;
    if (leading && c == '0' && i + 1 < text.size()) {
      const char next = static_cast<char>(text[i + 1] | 0x20);
      base = next == 'x' ? 16 : next == 'o' ? 8 : next == 'b' ? 2 : base;
      if (base != 10) {
        ++i;
        leading = false;
        continue;
      }
    }
    const char lower = static_cast<char>(c | 0x20);
    if (c >= '0' && c <= '9') {
      add(c - '0');
      leading = false;
    } else if (base == 16 && lower >= 'a' && lower <= 'f') {
      add(lower - 'a' + 10);
    }
  }
  limbs.multiply_add(scale, part);
  return limbs.digits(negative);
}

}  // namespace brine::pickle
