// Trial: whether bytes are a pickle, by what they do.
#pragma once

#include <cstdint>

#include "base/limits.h"
#include "io/source.h"

namespace brine::scan {

// Whether the bytes at `start` are a pickle by what they do: they import an identifier or use EXT
// (any reader), or reach a STOP behind at least nine tenths of what is left.
struct Trial {
  bool pickle = false;  // by the rule above
  bool imports = false;  // imports an identifier
  bool acts = false;  // imports a name, or has one by EXT, and calls something
  bool stopped = false;  // reaches a STOP
  std::uint64_t reached = 0;  // how far the run came
  std::uint64_t looked = 0;  // and how far it looked, which is what it cost
};
Trial try_pickle(ByteSource& source, std::uint64_t start, const Limits& limits);

}  // namespace brine::scan
