// Late changes: a list or dict that a call or a BUILD has taken by value and that changes later.
//
// Problem: the value graph shows containers as they are in the end, but set(list) and an object's
// state took what was in them at that moment. No pickler writes such streams; an attacker can.
// Method: one pass over the opcodes with a stack of container numbers. Invariant: when false comes
// out, no container that stood in arguments or a state was changed behind it.
#pragma once

#include <cstdint>
#include <span>
#include <utility>

#include "io/source.h"

namespace brine::convert {

// The pickle at [start, end). `arrays`: raw bytes in it, which are stepped over.
bool changes_late(ByteSource& source, std::uint64_t start, std::uint64_t end,
                  std::span<const std::pair<std::uint64_t, std::uint64_t>> arrays);

}  // namespace brine::convert
