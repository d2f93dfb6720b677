// Decoder: instructions out of bytes, one after the other, without knowing what they mean.
//
// Problem: the disassembler must show a stream that no loader would accept, and a loader's reading
// of arguments (encodings, numbers as text) is the machine's business. Method: a window over the
// ByteSource and the opcode table; of a long argument only the head is kept, the rest is skipped.
// Invariant: memory is bounded by the window and by `keep`, whatever lengths the stream claims; a
// failed instruction moves nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "io/source.h"
#include "pickle/opcode.h"

namespace brine::pickle {

struct Instruction {
  std::uint64_t offset = 0;        // of the opcode byte
  std::uint64_t end = 0;           // behind the argument
  const Opcode* opcode = nullptr;  // never null in a decoded instruction
  std::int64_t integer = 0;        // u8, u16, i32
  std::uint64_t length = 0;  // counted: bytes of content; line: without its newline; u64: value
  double floating = 0;  // f64be
  std::string text;  // content of line and counted, at most `keep` bytes of it
  std::uint64_t second_length = 0;  // two_lines: the second
  std::string second;
};

class Decoder {
 public:
  static constexpr std::size_t kKeep = 4096;

  explicit Decoder(ByteSource& source, std::uint64_t start = 0, std::size_t keep = kKeep);

  // The instruction at position(), and moves behind it. truncated: "BINUNICODE wants 4 bytes, 1 is
  // left"; malformed: "0xff is no opcode"; at the end of the bytes: truncated.
  Result<Instruction> next();
  std::uint64_t position() const { return position_; }
  void seek(std::uint64_t position) { position_ = position; }
  std::uint64_t left() const;

 private:
  Result<ByteSpan> window(std::uint64_t at, std::uint64_t count);
  Status read_fixed(Instruction& in, std::uint64_t count);
  Status read_counted(Instruction& in, std::uint64_t width);
  Status read_line(Instruction& in, std::string& text, std::uint64_t& length);
  Error short_by(const Instruction& in, std::uint64_t wanted) const;

  ByteSource& source_;
  std::uint64_t position_;
  std::size_t keep_;
  std::vector<std::uint8_t> buffer_;
  std::uint64_t buffer_at_ = 0;
};

// The memo index that the instruction itself names (PUT, GET and their binary forms); none for
// other opcodes and for text that is no number.
std::optional<std::uint64_t> memo_index(const Instruction& in);
bool writes_memo(std::uint8_t code);  // PUT, BINPUT, LONG_BINPUT, MEMOIZE
bool reads_memo(std::uint8_t code);  // GET, BINGET, LONG_BINGET

// A float as Python writes it: "1.0", "1e+22", "inf", "nan".
std::string render_float(double value);

// The argument as people read it: escaped, of at most `limit` bytes of content, "" when there is
// none.
std::string render_argument(const Instruction& in, std::size_t limit = 60);

}  // namespace brine::pickle
