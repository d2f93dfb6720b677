// Search: pickles in bytes that no directory points to.
//
// A payload can lie behind a STOP, between an archive's members or in its comment, where some
// reader, or some program that unpacks the file, finds it. Every offset that could start a pickle
// (PROTO, or a GLOBAL or INST that names two identifiers) is tried; a hit is a stream that imports
// a name and uses it, so that random bytes are none. All trials of a file share one budget, because
// each may read far.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "base/limits.h"
#include "base/result.h"
#include "io/source.h"

namespace brine::scan {

struct SearchBudget {
  std::uint64_t left = 0;  // bytes that may still be read
  bool exhausted = false;

  // False, and exhausted from then on, when `count` is more than is left.
  bool spend(std::uint64_t count) {
    if (count > left) {
      left = 0;
      exhausted = true;
      return false;
    }
    left -= count;
    return true;
  }
};

// The first byte in [start, end) at which an archive or compressed data begins: magic bytes that
// `accepts` then confirms by a closer look, whose reading is charged to the budget. Only a zip's
// look needs the end of the bytes as well.
enum class Magic : std::uint8_t { zip, other };
Result<std::optional<std::uint64_t>> find_container(
    ByteSource& source, std::uint64_t start, std::uint64_t end, SearchBudget& budget,
    const std::function<bool(std::uint64_t, Magic)>& accepts);

// The first pickle that starts in [start, end) of the source, or nothing.
Result<std::optional<std::uint64_t>> find_pickle(ByteSource& source, std::uint64_t start,
                                                 std::uint64_t end, const Limits& limits,
                                                 SearchBudget& budget);

// What all leftovers of a file may cost: trials run to their ends and overlap.
inline constexpr std::uint64_t kLeftoverBytes = 64u << 20;

// Whether no pickle that begins at any byte of [start, end) imports a name, or uses one that EXT
// gives it, before `end`. Nobody writes much of what this is asked for: of a long range, and over
// the budget, false.
Result<bool> imports_nowhere(ByteSource& source, std::uint64_t start, std::uint64_t end,
                             const Limits& limits, SearchBudget& budget);

}  // namespace brine::scan
