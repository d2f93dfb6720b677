// Deflate as tinfl (the inflater of miniz, and so of PyTorch) reads it.
//
// Problem: tinfl is laxer than zlib: it takes 287 and 288 literal codes, 31 and 32 distance codes,
// code sets with a single code of any length, and the length symbols 286 and 287 (they copy
// nothing). A payload packed that way runs in PyTorch and is unreadable for everything built on
// zlib. Method: a plain canonical-code decoder, a bit at a time, with exactly those liberties: it
// runs only where zlib gave up. Invariant: linear in input plus output; a code that no symbol has
// reads as symbol 0 without using up input, which ends because the output is bounded.
#include <algorithm>
#include <array>

#include "codec/inflate.h"

namespace brine::codec {
namespace {

constexpr std::size_t kLiterals = 288;
constexpr std::size_t kDistances = 32;
constexpr std::size_t kLengthCodes = 19;
constexpr unsigned kLongestCode = 15;

constexpr std::array<std::uint16_t, 31> kLengthBase = {
    3,  4,  5,  6,  7,  8,  9,  10,  11,  13,  15,  17,  19,  23, 27, 31,
    35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258, 0,  0};
constexpr std::array<std::uint8_t, 31> kLengthExtra = {
    0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0, 0, 0};
constexpr std::array<std::uint16_t, 32> kDistanceBase = {
    1,   2,   3,   4,   5,    7,    9,    13,   17,   25,   33,   49,    65,    97,    129, 193,
    257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577, 0,   0};
constexpr std::array<std::uint8_t, 32> kDistanceExtra = {0,  0,  0,  0,  1,  1,  2,  2,  3, 3, 4,
                                                         4,  5,  5,  6,  6,  7,  7,  8,  8, 9, 9,
                                                         10, 10, 11, 11, 12, 12, 13, 13, 0, 0};
constexpr std::array<std::uint8_t, kLengthCodes> kLengthOrder = {16, 17, 18, 0, 8,  7, 9,  6, 10, 5,
                                                                 11, 4,  12, 3, 13, 2, 14, 1, 15};

// A canonical prefix code over at most 288 symbols.
struct Code {
  std::array<std::uint16_t, kLongestCode + 1> count{};
  std::array<std::uint16_t, kLiterals> symbols{};  // by length, then value

  // False for what tinfl refuses: over- or undersubscribed with more than one symbol.
  bool build(std::span<const std::uint8_t> lengths) {
    count.fill(0);
    for (std::uint8_t length : lengths) ++count[length];
    std::uint32_t used = 0;
    std::uint32_t total = 0;
    for (unsigned length = 1; length <= kLongestCode; ++length) {
      used += count[length];
      total = (total + count[length]) << 1;
    }
    if (total != 65536 && used > 1) return false;
    count[0] = 0;
    std::array<std::uint16_t, kLongestCode + 2> next{};
    for (unsigned length = 1; length <= kLongestCode; ++length) {
      next[length + 1] = static_cast<std::uint16_t>(next[length] + count[length]);
    }
    for (std::size_t symbol = 0; symbol < lengths.size(); ++symbol) {
      if (lengths[symbol] != 0)
        symbols[next[lengths[symbol]]++] = static_cast<std::uint16_t>(symbol);
    }
    return true;
  }
};

class Tinfl {
 public:
  Tinfl(ByteSpan input, std::uint64_t wanted) : input_(input), wanted_(wanted) {}

  Inflated run() {
    bool last = false;
    while (!stopped_ && !last) {
      last = bits(1) != 0;
      block(bits(2));
    }
    out_.consumed = std::min<std::uint64_t>((bit_ + 7) / 8, input_.size());
    return std::move(out_);
  }

 private:
  void stop(InflateEnd end, const char* problem) {
    if (stopped_) return;
    stopped_ = true;
    out_.end = end;
    out_.problem = problem;
  }

  std::uint32_t bits(unsigned count) {
    std::uint32_t value = 0;
    for (unsigned i = 0; i < count; ++i, ++bit_) {
      std::uint64_t byte = bit_ >> 3;
      if (byte >= input_.size()) {
        stop(InflateEnd::truncated, "the compressed data ends early");
        return 0;
      }
      value |= static_cast<std::uint32_t>(input_[static_cast<std::size_t>(byte)] >> (bit_ & 7) & 1)
               << i;
    }
    return value;
  }

  std::uint32_t symbol(const Code& code) {
    std::uint64_t start = bit_;
    std::int32_t value = 0;
    std::int32_t first = 0;
    std::int32_t index = 0;
    for (unsigned length = 1; length <= kLongestCode; ++length) {
      std::uint64_t byte = bit_ >> 3;
      if (byte >= input_.size()) break;
      value |= input_[static_cast<std::size_t>(byte)] >> (bit_ & 7) & 1;
      ++bit_;
      std::int32_t count = code.count[length];
      if (value - count < first) {
        return code.symbols[static_cast<std::size_t>(index + (value - first))];
      }
      index += count;
      first = (first + count) << 1;
      value <<= 1;
    }
    if (bit_ - start < kLongestCode) {
      stop(InflateEnd::truncated, "the compressed data ends early");
    }
    bit_ = start;
    return 0;
  }

  void put(std::uint8_t byte) {
    if (out_.bytes.size() >= wanted_) return stop(InflateEnd::full, "there is more than promised");
    out_.bytes.push_back(byte);
  }

  void block(std::uint32_t type) {
    if (stopped_) return;
    if (type == 0) return stored_block();
    if (type == 3) return stop(InflateEnd::broken, "a block of no known type");
    if (type == 1) fixed_codes();
    if (type == 2) dynamic_codes();
    compressed_block();
  }

  void stored_block() {
    bit_ = (bit_ + 7) & ~std::uint64_t{7};
    std::uint32_t length = bits(16);
    std::uint32_t inverse = bits(16);
    if (stopped_) return;
    if ((length ^ 0xffff) != inverse)
      return stop(InflateEnd::broken, "a stored block's lengths differ");
    for (std::uint32_t i = 0; i < length && !stopped_; ++i) {
      std::uint32_t byte = bits(8);
      if (!stopped_) put(static_cast<std::uint8_t>(byte));
    }
  }

  void fixed_codes() {
    std::array<std::uint8_t, kLiterals> lengths;
    for (std::size_t i = 0; i < kLiterals; ++i) {
      lengths[i] = i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8;
    }
    literals_.build(lengths);
    std::array<std::uint8_t, kDistances> distances;
    distances.fill(5);
    distances_.build(distances);
  }

  void dynamic_codes() {
    std::size_t literals = bits(5) + 257;
    std::size_t distances = bits(5) + 1;
    std::size_t codes = bits(4) + 4;
    std::array<std::uint8_t, kLengthCodes> code_lengths{};
    for (std::size_t i = 0; i < codes; ++i) {
      code_lengths[kLengthOrder[i]] = static_cast<std::uint8_t>(bits(3));
    }
    Code code;
    if (stopped_) return;
    if (!code.build(code_lengths))
      return stop(InflateEnd::broken, "a set of code lengths is broken");
    std::array<std::uint8_t, kLiterals + kDistances + 138> lengths{};
    std::size_t count = 0;
    while (count < literals + distances) {
      std::uint32_t next = symbol(code);
      if (stopped_) return;
      if (next < 16) {
        lengths[count++] = static_cast<std::uint8_t>(next);
        continue;
      }
      if (next == 16 && count == 0) return stop(InflateEnd::broken, "a repeat of nothing");
      std::uint8_t value = next == 16 ? lengths[count - 1] : std::uint8_t{0};
      std::size_t repeat = next == 16 ? 3 + bits(2) : next == 17 ? 3 + bits(3) : 11 + bits(7);
      std::fill_n(lengths.begin() + static_cast<std::ptrdiff_t>(count), repeat, value);
      count += repeat;
    }
    if (stopped_) return;
    if (count != literals + distances) return stop(InflateEnd::broken, "a repeat goes too far");
    std::span<const std::uint8_t> all(lengths);
    if (!distances_.build(all.subspan(literals, distances)) ||
        !literals_.build(all.first(literals))) {
      stop(InflateEnd::broken, "a set of codes is broken");
    }
  }

  void compressed_block() {
    while (!stopped_) {
      std::uint32_t next = symbol(literals_);
      if (stopped_ || next == 256) return;
      if (next < 256) {
        put(static_cast<std::uint8_t>(next));
        continue;
      }
      std::uint32_t length = kLengthBase[next - 257] + bits(kLengthExtra[next - 257]);
      std::uint32_t code = symbol(distances_);
      if (stopped_) return;
      std::uint32_t distance = kDistanceBase[code] + bits(kDistanceExtra[code]);
      if (stopped_) return;
      if (distance == 0 || distance > out_.bytes.size()) {
        return stop(InflateEnd::broken, "a distance too far back");
      }
      for (std::uint32_t i = 0; i < length && !stopped_; ++i) {
        put(out_.bytes[out_.bytes.size() - distance]);
      }
    }
  }

  ByteSpan input_;
  std::uint64_t wanted_;
  std::uint64_t bit_ = 0;
  bool stopped_ = false;
  Code literals_;
  Code distances_;
  Inflated out_;
};

}  // namespace

Inflated inflate_as_tinfl(ByteSpan input, std::uint64_t wanted) {
  return Tinfl(input, wanted).run();
}

}  // namespace brine::codec
