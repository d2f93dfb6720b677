// Value: what the interpreter knows of one object, in 16 bytes.
//
// A pickle has no loops: every opcode runs at most once, so a value is told by the byte range that
// builds it, and looking inside means to run that range again (rebuild.cpp). Constants, and the
// containers and objects made of them, therefore cost nothing but their handle. `start` is always
// the first byte of the range that put the entry on the stack, so that a composite's range begins
// at its first item's `start`. Where the value itself is told depends on the flags:
//
//   none       [start, end) is the range which, run on an empty stack, leaves this value
//   shifted    a constant or name pushed again by GET or DUP: `end` is the offset of its own opcode
//   via memo   `end` is the memo index where the value is told (changes are recorded there)
//   boxed      `end` is the index of a box of the machine (a DUP made two entries of one value)
//   in place   with via memo and boxed: the entry is where the value was built, so `start` is its
//   own computed   a constant or name that a pure function gave: aux is its number in the machine
//
// Offsets have 40 bits: a stream over 1 TiB is not read (incomplete).
#pragma once

#include <cstdint>

namespace brine::pickle {

enum class Kind : std::uint8_t {
  none,
  boolean,
  integer,
  floating,
  str,
  bytes,
  bytearray,
  tuple,
  list,
  dict,
  set,
  frozenset,
  ref,  // an imported name; aux = RefId
  object,  // what a call or construction gave; aux = TypeId of the World
  persistent,  // what persistent_load gave; aux = TypeId of the World
  buffer,  // out-of-band buffer or memoryview
  unknown,  // anything: over budget, or the World could not say
};

using RefId = std::uint32_t;  // index into the machine's table of imported names
using TypeId = std::uint32_t;  // the World's number for what an object is; 0: not known

inline constexpr std::uint64_t kMaxOffset = (std::uint64_t{1} << 40) - 1;

struct Value {
  enum : std::uint8_t { kViaMemo = 1, kBoxed = 2, kComputed = 4, kInPlace = 8, kShifted = 16 };

  std::uint64_t start : 40;
  std::uint64_t kind_ : 5;
  std::uint64_t flags : 5;
  std::uint64_t aux_lo : 14;
  std::uint64_t end : 40;
  std::uint64_t aux_hi : 16;
  std::uint64_t depth : 8;  // object: how many calls begin at the same `start` below this one

  Kind kind() const { return static_cast<Kind>(kind_); }
  // RefId of a ref, TypeId of an object, number of a computed constant, 1 of a buffer that surely
  // has bytes. 30 bits.
  std::uint32_t aux() const {
    return static_cast<std::uint32_t>(aux_lo) | static_cast<std::uint32_t>(aux_hi) << 14;
  }
  void set_aux(std::uint32_t value) {
    aux_lo = value & 0x3fff;
    aux_hi = (value >> 14) & 0xffff;
  }
  std::uint64_t index() const { return end; }
  bool via_memo() const { return (flags & kViaMemo) != 0; }
  bool boxed() const { return (flags & kBoxed) != 0; }
  bool computed() const { return (flags & kComputed) != 0; }
  bool in_place() const { return (flags & kInPlace) != 0; }
  bool shifted() const { return (flags & kShifted) != 0; }
  // Where the opcode of a constant stands: a handle that was copied keeps it behind its own place.
  std::uint64_t written_at() const { return shifted() ? end : start; }
  // Of an integer: its opcode has too few bytes for one that is 2^61 - 1 or more.
  bool is_short() const { return (flags & ~kInPlace) == 0 && end - start < 9; }
  // Whether the value is told by this handle alone.
  bool direct() const { return (flags & (kViaMemo | kBoxed)) == 0; }

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
