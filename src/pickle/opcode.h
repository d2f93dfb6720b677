// The opcode table: the one truth about pickle's instructions.
//
// Decoder, precondition checks, disassembler and docs read this table; behaviour lives in the
// machine (loop.cpp and what it calls). Source of the facts: CPython's Modules/_pickle.c and
// Lib/pickle.py, 3.8 to 3.13 (the set has not changed since protocol 5), measured where the two
// differ.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace brine::pickle {

// What stands behind the opcode byte.
enum class ArgKind : std::uint8_t {
  none,
  u8,  // one byte
  u16,  // two bytes, little-endian
  i32,  // four bytes, little-endian
  u64,  // eight bytes, little-endian
  f64be,  // eight bytes, big-endian IEEE double
  line,  // text up to and with a newline
  two_lines,  // two such texts: module and name
  counted8,  // length in 1 byte, then that many bytes
  counted32,  // length in 4 bytes, then that many bytes
  counted64,  // length in 8 bytes, then that many bytes
};

// How the top of the stack changes. `mark` means: everything down to the topmost mark.
struct StackEffect {
  std::int8_t pops;  // entries needed and taken (kMark: down to the mark)
  std::int8_t pushes;  // entries put
};
inline constexpr std::int8_t kMark = -1;  // pops down to the mark
inline constexpr std::int8_t kMarkAnd1 = -2;  // down to the mark, and needs one entry below it

struct Opcode {
  std::uint8_t code;
  std::string_view name;
  std::uint8_t protocol;  // the first protocol that writes it
  ArgKind arg;
  StackEffect stack;
  std::string_view doc;  // one line, for inspect and the docs
};

// The row of a byte, or nullptr when no opcode has this code.
const Opcode* find_opcode(std::uint8_t code);
// All rows, ordered by protocol and then as CPython lists them.
const std::array<Opcode, 68>& all_opcodes();

namespace op {
enum : std::uint8_t {
  MARK = '(',
  STOP = '.',
  POP = '0',
  POP_MARK = '1',
  DUP = '2',
  FLOAT = 'F',
  INT = 'I',
  BININT = 'J',
  BININT1 = 'K',
  LONG = 'L',
  BININT2 = 'M',
  NONE = 'N',
  PERSID = 'P',
  BINPERSID = 'Q',
  REDUCE = 'R',
  STRING = 'S',
  BINSTRING = 'T',
  SHORT_BINSTRING = 'U',
  UNICODE = 'V',
  BINUNICODE = 'X',
  APPEND = 'a',
  BUILD = 'b',
  GLOBAL = 'c',
  DICT = 'd',
  EMPTY_DICT = '}',
  APPENDS = 'e',
  GET = 'g',
  BINGET = 'h',
  INST = 'i',
  LONG_BINGET = 'j',
  LIST = 'l',
  EMPTY_LIST = ']',
  OBJ = 'o',
  PUT = 'p',
  BINPUT = 'q',
  LONG_BINPUT = 'r',
  SETITEM = 's',
  TUPLE = 't',
  EMPTY_TUPLE = ')',
  SETITEMS = 'u',
  BINFLOAT = 'G',
  PROTO = 0x80,
  NEWOBJ = 0x81,
  EXT1 = 0x82,
  EXT2 = 0x83,
  EXT4 = 0x84,
  TUPLE1 = 0x85,
  TUPLE2 = 0x86,
  TUPLE3 = 0x87,
  NEWTRUE = 0x88,
  NEWFALSE = 0x89,
  LONG1 = 0x8a,
  LONG4 = 0x8b,
  BINBYTES = 'B',
  SHORT_BINBYTES = 'C',
  SHORT_BINUNICODE = 0x8c,
  BINUNICODE8 = 0x8d,
  BINBYTES8 = 0x8e,
  EMPTY_SET = 0x8f,
  ADDITEMS = 0x90,
  FROZENSET = 0x91,
  NEWOBJ_EX = 0x92,
  STACK_GLOBAL = 0x93,
  MEMOIZE = 0x94,
  FRAME = 0x95,
  BYTEARRAY8 = 0x96,
  NEXT_BUFFER = 0x97,
  READONLY_BUFFER = 0x98,
};
}  // namespace op

}  // namespace brine::pickle
