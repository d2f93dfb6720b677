#include "pickle/opcode.h"

namespace brine::pickle {
namespace {

using enum ArgKind;

constexpr std::array<Opcode, 68> kOpcodes = {{
    {op::MARK, "MARK", 0, none, {0, 0}, "put a mark on the stack"},
    {op::STOP, "STOP", 0, none, {1, 0}, "end; the top of the stack is the result"},
    {op::POP, "POP", 0, none, {1, 0}, "drop the top of the stack (or the mark on top)"},
    {op::POP_MARK, "POP_MARK", 1, none, {kMark, 0}, "drop everything down to the mark"},
    {op::DUP, "DUP", 0, none, {1, 2}, "push the top of the stack once more"},
    {op::FLOAT, "FLOAT", 0, line, {0, 1}, "push a float written as text"},
    {op::INT, "INT", 0, line, {0, 1}, "push an int or bool written as text"},
    {op::BININT, "BININT", 1, i32, {0, 1}, "push a signed 4-byte int"},
    {op::BININT1, "BININT1", 1, u8, {0, 1}, "push an unsigned 1-byte int"},
    {op::LONG, "LONG", 0, line, {0, 1}, "push a long int written as text"},
    {op::BININT2, "BININT2", 1, u16, {0, 1}, "push an unsigned 2-byte int"},
    {op::NONE, "NONE", 0, none, {0, 1}, "push None"},
    {op::PERSID, "PERSID", 0, line, {0, 1}, "ask persistent_load for the id written as text"},
    {op::BINPERSID, "BINPERSID", 1, none, {1, 1}, "ask persistent_load for the id on the stack"},
    {op::REDUCE, "REDUCE", 0, none, {2, 1}, "call a callable with a tuple of arguments"},
    {op::STRING, "STRING", 0, line, {0, 1}, "push a quoted Python 2 str"},
    {op::BINSTRING, "BINSTRING", 1, counted32, {0, 1}, "push a Python 2 str"},
    {op::SHORT_BINSTRING, "SHORT_BINSTRING", 1, counted8, {0, 1}, "push a short Python 2 str"},
    {op::UNICODE, "UNICODE", 0, line, {0, 1}, "push text in raw-unicode-escape"},
    {op::BINUNICODE, "BINUNICODE", 1, counted32, {0, 1}, "push text in UTF-8"},
    {op::APPEND, "APPEND", 0, none, {2, 1}, "append the top to the list below it"},
    {op::BUILD, "BUILD", 0, none, {2, 1}, "give the state on top to the object below it"},
    {op::GLOBAL, "GLOBAL", 0, two_lines, {0, 1}, "import a module and take a name from it"},
    {op::DICT, "DICT", 0, none, {kMark, 1}, "make a dict of all down to the mark"},
    {op::EMPTY_DICT, "EMPTY_DICT", 1, none, {0, 1}, "push an empty dict"},
    {op::APPENDS, "APPENDS", 1, none, {kMarkAnd1, 1}, "extend the list below the mark"},
    {op::GET, "GET", 0, line, {0, 1}, "push a memo entry, index written as text"},
    {op::BINGET, "BINGET", 1, u8, {0, 1}, "push a memo entry, 1-byte index"},
    {op::INST, "INST", 0, two_lines, {kMark, 1}, "import a class and call it"},
    {op::LONG_BINGET, "LONG_BINGET", 1, i32, {0, 1}, "push a memo entry, 4-byte index"},
    {op::LIST, "LIST", 0, none, {kMark, 1}, "make a list of all down to the mark"},
    {op::EMPTY_LIST, "EMPTY_LIST", 1, none, {0, 1}, "push an empty list"},
    {op::OBJ, "OBJ", 1, none, {kMark, 1}, "call the class that lies on the mark"},
    {op::PUT, "PUT", 0, line, {1, 1}, "store the top in the memo, index written as text"},
    {op::BINPUT, "BINPUT", 1, u8, {1, 1}, "store the top in the memo, 1-byte index"},
    {op::LONG_BINPUT, "LONG_BINPUT", 1, i32, {1, 1}, "store the top in the memo, 4-byte index"},
    {op::SETITEM, "SETITEM", 0, none, {3, 1}, "set one item of the dict below"},
    {op::TUPLE, "TUPLE", 0, none, {kMark, 1}, "make a tuple of all down to the mark"},
    {op::EMPTY_TUPLE, "EMPTY_TUPLE", 1, none, {0, 1}, "push an empty tuple"},
    {op::SETITEMS, "SETITEMS", 1, none, {kMarkAnd1, 1}, "set items of the dict below the mark"},
    {op::BINFLOAT, "BINFLOAT", 1, f64be, {0, 1}, "push an 8-byte float"},
    {op::PROTO, "PROTO", 2, u8, {0, 0}, "say which protocol follows"},
    {op::NEWOBJ, "NEWOBJ", 2, none, {2, 1}, "call cls.__new__(cls, *args)"},
    {op::EXT1, "EXT1", 2, u8, {0, 1}, "push a registered extension, 1-byte code"},
    {op::EXT2, "EXT2", 2, u16, {0, 1}, "push a registered extension, 2-byte code"},
    {op::EXT4, "EXT4", 2, i32, {0, 1}, "push a registered extension, 4-byte code"},
    {op::TUPLE1, "TUPLE1", 2, none, {1, 1}, "make a tuple of the top entry"},
    {op::TUPLE2, "TUPLE2", 2, none, {2, 1}, "make a tuple of the two top entries"},
    {op::TUPLE3, "TUPLE3", 2, none, {3, 1}, "make a tuple of the three top entries"},
    {op::NEWTRUE, "NEWTRUE", 2, none, {0, 1}, "push True"},
    {op::NEWFALSE, "NEWFALSE", 2, none, {0, 1}, "push False"},
    {op::LONG1, "LONG1", 2, counted8, {0, 1}, "push a long int of up to 255 bytes"},
    {op::LONG4, "LONG4", 2, counted32, {0, 1}, "push a long int"},
    {op::BINBYTES, "BINBYTES", 3, counted32, {0, 1}, "push bytes"},
    {op::SHORT_BINBYTES, "SHORT_BINBYTES", 3, counted8, {0, 1}, "push short bytes"},
    {op::SHORT_BINUNICODE, "SHORT_BINUNICODE", 4, counted8, {0, 1}, "push short text in UTF-8"},
    {op::BINUNICODE8, "BINUNICODE8", 4, counted64, {0, 1}, "push text in UTF-8, 8-byte length"},
    {op::BINBYTES8, "BINBYTES8", 4, counted64, {0, 1}, "push bytes, 8-byte length"},
    {op::EMPTY_SET, "EMPTY_SET", 4, none, {0, 1}, "push an empty set"},
    {op::ADDITEMS, "ADDITEMS", 4, none, {kMarkAnd1, 1}, "add items to the set below the mark"},
    {op::FROZENSET, "FROZENSET", 4, none, {kMark, 1}, "make a frozenset of all down to the mark"},
    {op::NEWOBJ_EX, "NEWOBJ_EX", 4, none, {3, 1}, "call cls.__new__(cls, *args, **kwargs)"},
    {op::STACK_GLOBAL, "STACK_GLOBAL", 4, none, {2, 1}, "import; module and name from the stack"},
    {op::MEMOIZE, "MEMOIZE", 4, none, {1, 1}, "store the top in the next memo entry"},
    {op::FRAME, "FRAME", 4, u64, {0, 0}, "say how many bytes the next frame has"},
    {op::BYTEARRAY8, "BYTEARRAY8", 5, counted64, {0, 1}, "push a bytearray"},
    {op::NEXT_BUFFER, "NEXT_BUFFER", 5, none, {0, 1}, "push the next out-of-band buffer"},
    {op::READONLY_BUFFER, "READONLY_BUFFER", 5, none, {1, 1}, "make the buffer on top read-only"},
}};

constexpr std::array<std::uint8_t, 256> index_by_code() {
  std::array<std::uint8_t, 256> index{};
  for (auto& slot : index) slot = 0xff;
  for (std::size_t i = 0; i < kOpcodes.size(); ++i) {
    index[kOpcodes[i].code] = static_cast<std::uint8_t>(i);
  }
  return index;
}
constexpr auto kIndex = index_by_code();

}  // namespace

const Opcode* find_opcode(std::uint8_t code) {
  return kIndex[code] == 0xff ? nullptr : &kOpcodes[kIndex[code]];
}

const std::array<Opcode, 68>& all_opcodes() { return kOpcodes; }

}  // namespace brine::pickle
