#include "convert/casts.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <vector>

#include "base/bytes.h"

namespace brine::convert {
namespace {

constexpr std::uint64_t kElements = 8u << 10;  // cast at one time
constexpr std::array<std::string_view, 4> kFloats = {"float64", "float32", "float16", "bfloat16"};

constexpr std::uint32_t kHalfBias = (127u - 15u) << 23;  // between the exponents' zeros

float float_of_half(std::uint16_t half) {
  const std::uint32_t sign = (half & 0x8000u) << 16, rest = half & 0x7fffu;
  const std::uint32_t exponent = rest >> 10;
  std::uint32_t bits = 0;
  if (exponent == 0) {
    bits = std::bit_cast<std::uint32_t>(static_cast<float>(rest) * 0x1p-24f);
  } else if (exponent == 31) {
    bits = 0x7f800000u | (rest & 0x3ffu) << 13;
  } else {
    bits = (rest << 13) + kHalfBias;
  }
  return std::bit_cast<float>(sign | bits);
}

std::uint16_t half_of(float number) {
  const auto bits = std::bit_cast<std::uint32_t>(number);
  const std::uint32_t sign = bits >> 16 & 0x8000u, size = bits & 0x7fffffffu;
  std::uint32_t half = 0;
  if (size >= std::bit_cast<std::uint32_t>(0x1p16f)) {
    half = 0x7c00;  // infinite
  } else if (size < std::bit_cast<std::uint32_t>(0x1p-14f)) {
    // Beside 0.5 the last bit of a float is the last one of a half that is subnormal.
    half = std::bit_cast<std::uint32_t>(std::bit_cast<float>(size) + 0.5f) -
           std::bit_cast<std::uint32_t>(0.5f);
  } else {
    half = (size - kHalfBias + 0xfffu + (size >> 13 & 1u)) >> 13;
  }
  return static_cast<std::uint16_t>(sign | half);
}

std::uint16_t bfloat_of(float number) {
  const auto bits = std::bit_cast<std::uint32_t>(number);
  return static_cast<std::uint16_t>((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}

double load(const std::uint8_t* at, const tensor::Dtype& type) {
  if (type.itemsize == 8) return std::bit_cast<double>(load_le64(at));
  if (type.itemsize == 4) return std::bit_cast<float>(load_le32(at));
  const std::uint16_t bits = load_le16(at);
  return type.name == "float16" ? float_of_half(bits)
                                : std::bit_cast<float>(std::uint32_t{bits} << 16);
}

void store(double number, const tensor::Dtype& type, std::uint8_t* at) {
  std::uint64_t bits = std::bit_cast<std::uint64_t>(number);
  const auto narrow = static_cast<float>(number);
  if (type.itemsize == 4) bits = std::bit_cast<std::uint32_t>(narrow);
  if (type.itemsize == 2) bits = type.name == "float16" ? half_of(narrow) : bfloat_of(narrow);
  for (std::size_t i = 0; i < type.itemsize; ++i) {
    at[i] = static_cast<std::uint8_t>(bits >> (8 * i) & 0xff);
  }
}

}  // namespace

bool can_cast(const tensor::Dtype& from, const tensor::Dtype& to) {
  return std::ranges::find(kFloats, from.name) != kFloats.end() &&
         std::ranges::find(kFloats, to.name) != kFloats.end();
}

Status CastSource::read(std::uint64_t offset, std::span<std::uint8_t> out) {
  const std::uint64_t most = size();
  if (offset > most || out.size() > most - offset) {
    return fail(Error::truncated(offset, out.size(), offset > most ? 0 : most - offset));
  }
  const std::uint64_t end = offset + out.size(), wide = to_.itemsize;
  std::vector<std::uint8_t> from, to;
  for (std::uint64_t at = offset / wide * wide; at < end;) {
    const std::uint64_t count = std::min((end - at + wide - 1) / wide, kElements);
    from.resize(static_cast<std::size_t>(count * from_.itemsize));
    to.resize(static_cast<std::size_t>(count * wide));
    BRINE_CHECK_STATUS(elements_->read(at / wide * from_.itemsize, from));
    for (std::size_t i = 0; i < count; ++i) {
      const double number = load(from.data() + i * from_.itemsize, from_);
      if (std::isnan(number)) {
        return fail({ErrorCode::unsupported, at,
                     "a NaN is cast to " + std::string(to_.name) + ": its bits depend on torch"});
      }
      store(number, to_, to.data() + i * wide);
    }
    const std::uint64_t first = std::max(at, offset), last = std::min(at + count * wide, end);
    std::memcpy(out.data() + (first - offset), to.data() + (first - at),
                static_cast<std::size_t>(last - first));
    at += count * wide;
  }
  return {};
}

}  // namespace brine::convert
