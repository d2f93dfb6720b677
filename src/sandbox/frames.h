// The messages of a worker: a kind, a length, bytes.
//
// The worker has parsed hostile bytes and may be in anybody's hands, so its parent reads what it
// says as hostile too: lengths are bounded before anything is allocated, kinds must come in order
// (extraction.cpp), and whatever else arrives ends the conversation. One direction only.
#pragma once

#include <cstdint>

namespace brine::sandbox {

enum class FrameKind : std::uint8_t {
  confined = 1,  // nothing: the worker can do no more than answer; comes first
  refused,       // text: the kernel refuses the confinement; nothing was parsed
  entry,         // one byte EntryKind, then the name
  data,          // bytes of the entry
  entry_end,     // text: what went wrong, or empty
  again,         // nothing: from here on the archive is read a second way, by another header
  done,          // text: what went wrong with the archive, or empty; comes last
};

enum class EntryKind : std::uint8_t { file, folder, other };

inline constexpr std::uint32_t kFrameHead = 5;  // kind, and the length in four bytes, little-endian
inline constexpr std::uint32_t kMostFrame = 64u << 10;

}  // namespace brine::sandbox
