// Late changes: a list or dict that a call or a BUILD has taken by value and that changes later.
//
// Problem: the value graph shows containers as they are in the end, but set(list) and an object's
// state took what was in them at that moment. No pickler writes such streams; an attacker can.
// Method: one pass over the opcodes with a stack of container numbers. Invariant: when false comes
// out, no container that stood in arguments or a state was changed behind it.
#pragma once

#include <cstdint>
#include <map>

#include "io/source.h"

namespace brine::convert {

// The pickle at [start, end). `jumps`: where reading goes on elsewhere, behind arrays and pickles
// that stand in it (pickle::Machine::jumps). A pickle in it is looked at by a call of its own.
bool changes_late(ByteSource& source, std::uint64_t start, std::uint64_t end,
                  const std::map<std::uint64_t, std::uint64_t>& jumps);

}  // namespace brine::convert
