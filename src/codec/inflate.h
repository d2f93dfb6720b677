// Raw deflate data, inflated within bounds.
//
// Problem: a few bytes of deflate can claim gigabytes, data is often cut or broken on purpose, and
// PyTorch's inflater (tinfl) accepts streams that zlib refuses, so what a checker cannot inflate a
// loader may well run. Method: zlib inflates, into memory that grows with what really comes out and
// never beyond the cap; where zlib gives up, `tinfl` reads the data as PyTorch's inflater does.
// Invariant: whatever came out before the end, the break or the cap is returned; how it ended is
// said beside it. Output is at most cap bytes and at most inflate_ratio per byte of input (plus a
// block).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/limits.h"
#include "base/result.h"
#include "io/source.h"

namespace brine::codec {

enum class InflateEnd : std::uint8_t {
  done,  // the final block's end was reached
  full,  // `wanted` bytes came out and there is more
  truncated,  // the input ended first
  broken,  // the data is not deflate from there on
  budget,  // a limit was reached
};

struct Inflated {
  std::vector<std::uint8_t> bytes;
  std::uint64_t consumed = 0;  // bytes of input, as far as is known
  InflateEnd end = InflateEnd::done;
  std::string problem;  // in words, when the end is not `done`
};

enum class Inflater : std::uint8_t {
  zlib,  // CPython and nearly everybody
  tinfl,  // miniz: also takes what zlib takes
};

// Inflates [offset, offset + count) of `source` (cut at its end); stops after `wanted` bytes.
// Fails only when the source cannot be read.
Result<Inflated> inflate(ByteSource& source, std::uint64_t offset, std::uint64_t count,
                         std::uint64_t wanted, const Limits& limits, Inflater inflater);

// The same for bytes in memory, read as tinfl reads them.
Inflated inflate_as_tinfl(ByteSpan input, std::uint64_t wanted);

}  // namespace brine::codec
