// Value: what the interpreter knows of one object, in 16 bytes.
//
// A pickle has no loops: every opcode runs at most once, so a value is told by the byte range that
// builds it, and looking inside means to run that range again (rebuild.h). Constants and the
// containers and objects made of them therefore cost nothing but their handle. What a handle says:
//
//   in place    [start, end) is the range whose opcodes, run on an empty stack, leave this value
//               (a container: from the opcode or mark that creates it; a call: from its callable)
//   via memo    start is the offset of the GET, `index` the memo entry it names
//   boxed       the range would not give the value (DUP games, changes after the fact): `index` is
//               a node that the machine keeps explicitly
//
// Offsets have 40 bits: a stream over 1 TiB is not read (incomplete).
#pragma once

#include <cstdint>

namespace brine::pickle {

enum class Kind : std::uint8_t {
  none, boolean, integer, floating,
  str, bytes, bytearray,
  tuple, list, dict, set, frozenset,
  ref,         // an imported name; aux = RefId
  object,      // what a call or construction gave; aux = TypeId of the World
  persistent,  // what persistent_load gave; aux = TypeId of the World
  buffer,      // out-of-band buffer or memoryview
  unknown,     // anything: over budget, or the World could not say
};

using RefId = std::uint32_t;   // index into the machine's table of imported names
using TypeId = std::uint32_t;  // the World's number for what an object is; 0: not known

inline constexpr std::uint64_t kMaxOffset = (std::uint64_t{1} << 40) - 1;

struct Value {
  enum : std::uint8_t { kViaMemo = 1, kBoxed = 2, kComputed = 4 };

  std::uint64_t start : 40;
  std::uint64_t kind_ : 5;
  std::uint64_t flags : 3;
  std::uint64_t aux_lo : 16;
  std::uint64_t end : 40;  // or the index, for via-memo and boxed handles
  std::uint64_t aux_hi : 24;

  Kind kind() const { return static_cast<Kind>(kind_); }
  std::uint32_t aux() const {
    return static_cast<std::uint32_t>(aux_lo) | static_cast<std::uint32_t>(aux_hi & 0xffff) << 16;
  }
  void set_aux(std::uint32_t value) {
    aux_lo = value & 0xffff;
    aux_hi = (aux_hi & 0xff0000) | value >> 16;
  }
  std::uint64_t index() const { return end; }
  bool via_memo() const { return (flags & kViaMemo) != 0; }
  bool boxed() const { return (flags & kBoxed) != 0; }
  bool computed() const { return (flags & kComputed) != 0; }

  static Value make(Kind kind, std::uint64_t start, std::uint64_t end, std::uint32_t aux = 0) {
    Value v{};
    v.start = start & kMaxOffset;
    v.kind_ = static_cast<std::uint8_t>(kind) & 31u;
    v.end = end & kMaxOffset;
    v.set_aux(aux);
    return v;
  }
};
static_assert(sizeof(Value) == 16);

}  // namespace brine::pickle
