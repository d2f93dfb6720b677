// Arguments off the hot path: lines, long and rare constants, frames.
//
// The loop (loop.cpp) reads what the window holds; what is longer, is a line of text, or stands in
// a frame of the Python unpickler is read here. Long texts are checked piece by piece and never
// held whole. Invariant: an argument that one of the unpicklers refuses is refused here for it,
// with a note that the other may do otherwise.

#include <algorithm>

#include "pickle/binary_args.h"
#include "pickle/machine_impl.h"

namespace brine::pickle {
namespace {

constexpr std::uint64_t kMaxLine = 32u << 20;

// What a constant of counted bytes is.
Kind kind_of_counted(std::uint8_t code, Encoding encoding) {
  switch (code) {
    case op::BINUNICODE:
    case op::BINUNICODE8: return Kind::str;
    case op::BINSTRING:
    case op::SHORT_BINSTRING: return encoding == Encoding::bytes ? Kind::bytes : Kind::str;
    case op::LONG1:
    case op::LONG4: return Kind::integer;
    case op::BYTEARRAY8: return Kind::bytearray;
    default: return Kind::bytes;
  }
}

}  // namespace

std::string Machine::Impl::short_by(std::uint64_t count) const {
  std::uint64_t left = pos > window.size() ? 0 : window.size() - pos;
  const Opcode* row = find_opcode(op_code);
  return std::string(row != nullptr ? row->name : "?") + " wants " + std::to_string(count) +
         (count == 1 ? " byte, " : " bytes, ") + std::to_string(left) +
         (left == 1 ? " is left" : " are left");
}

// Reads of `count` bytes at `pos`: Python's unframer lets none reach over its frame's end.
bool Machine::Impl::read_arg(std::uint64_t count) {
  if (python() && in_frame && count != 0) {
    if (pos >= frame_end) {
      if (!leave_frame()) return false;
    } else if (count > frame_end - pos) {
      return fail_op("pickle exhausted before end of frame");
    }
  }
  if (pos > window.size() || count > window.size() - pos) return fail_op(short_by(count));
  return true;
}

bool Machine::Impl::read_number(std::uint64_t width, std::uint64_t& number) {
  if (!read_arg(width)) return false;
  if (!window.ensure(pos, width)) return fail_op("cannot be read");
  number = little_endian(window.at(pos), width);
  pos += width;
  return true;
}

bool Machine::Impl::read_line(std::string_view& line, bool& ended) {
  ended = false;
  if (python() && in_frame && pos >= frame_end && !leave_frame()) return false;
  std::uint64_t searched = 0;
  for (;;) {
    std::uint64_t left = window.size() - pos;
    std::uint64_t look = std::min(std::max<std::uint64_t>(searched * 2, 256), left);
    if (look > kMaxLine) return over_budget("text_bytes");
    if (look > searched && !window.ensure(pos, look)) return fail_op("cannot be read");
    const std::uint8_t* first = look == 0 ? nullptr : window.at(pos);
    std::uint64_t seen = look == 0 ? 0 : window.held_end() - pos;
    const void* hit = seen > searched ? std::memchr(first + searched, '\n',
                                                    static_cast<std::size_t>(seen - searched))
                                      : nullptr;
    if (hit != nullptr) {
      auto count = static_cast<std::uint64_t>(static_cast<const std::uint8_t*>(hit) - first);
      if (in_frame && python() && pos + count >= frame_end) {
        return fail_op("pickle exhausted before end of frame");
      }
      line = {reinterpret_cast<const char*>(first), static_cast<std::size_t>(count)};
      pos += count + 1;
      return true;
    }
    looked = std::max(looked, pos + seen);
    if (seen >= left) {
      if (!python() || in_frame) return fail_op("a line without its newline");
      line = {reinterpret_cast<const char*>(first), static_cast<std::size_t>(left)};
      ended = true;  // Python's readline gives the rest, and what follows cuts its last byte off
      result.divergence |= kDivergesByUnpickler;
      pos += left;
      return true;
    }
    searched = seen;
  }
}

bool Machine::Impl::load_text_number(std::uint8_t code) {
  std::string_view line;
  bool ended = false;
  if (!read_line(line, ended)) return false;
  const bool py = python();
  std::string_view whole = line;
  if (ended && code != op::INT && !line.empty()) line.remove_suffix(1);
  if (!py && line.empty() && code != op::UNICODE) return fail_op("an empty line");
  bool ok = false, other = false;
  Kind kind = Kind::integer;
  switch (code) {
    case op::INT: {
      auto value = parse_int_line(whole, py);
      ok = value.has_value();
      other = parse_int_line(whole, !py).has_value();
      if (ok && value->boolean) kind = Kind::boolean;
      break;
    }
    case op::LONG:
      ok = parse_long_line(line, py).has_value();
      other = parse_long_line(line, !py).has_value();
      break;
    case op::FLOAT:
      kind = Kind::floating;
      ok = parse_float_line(line, py).has_value();
      other = parse_float_line(line, !py).has_value();
      break;
    case op::STRING: {
      kind = profile.encoding == Encoding::bytes ? Kind::bytes : Kind::str;
      auto bytes = parse_string_line(line);
      if (bytes && !decodes(*bytes, Encoding::ascii)) result.divergence |= kDivergesByEncoding;
      ok = bytes && decodes(*bytes, profile.encoding);
      other = ok;
      break;
    }
    default:
      kind = Kind::str;
      ok = parse_unicode_line(line).has_value();
      other = ok;
      break;
  }
  if (ok != other) result.divergence |= kDivergesByUnpickler;
  if (!ok) return fail_op("the text of " + std::string(find_opcode(code)->name) + " is refused");
  return push(Value::make(kind, op_offset, pos));
}

bool Machine::Impl::load_counted(std::uint8_t code) {
  std::uint64_t size = 0;
  if (!read_number(width_of(find_opcode(code)->arg), size)) return false;
  bool is_signed = code == op::LONG4 || (code == op::BINSTRING && python());
  if (is_signed && size > 0x7fffffff) return fail_op("a negative byte count");
  if (code == op::BINSTRING && size > 0x7fffffff) result.divergence |= kDivergesByUnpickler;
  if (size >> 63 != 0) return fail_op("a length beyond the system's maximum");
  if (!read_arg(size)) return false;

  const bool text = code == op::BINUNICODE || code == op::BINUNICODE8;
  const bool string = code == op::BINSTRING || code == op::SHORT_BINSTRING;
  if ((text || string) && !check_text(code, size)) return false;
  pos += size;
  return push(Value::make(kind_of_counted(code, profile.encoding), op_offset, pos));
}

// Whether the text at `pos` decodes: piece by piece, each of which ends before a UTF-8 sequence
// that it would cut.
bool Machine::Impl::check_text(std::uint8_t code, std::uint64_t size) {
  const bool string = code == op::BINSTRING || code == op::SHORT_BINSTRING;
  std::uint64_t done = 0;
  bool ascii = true;
  while (done < size) {
    std::uint64_t piece = std::min<std::uint64_t>(size - done, 1u << 16);
    const bool more = piece < size - done;
    if (!window.ensure(pos + done, piece + (more ? 1 : 0))) return fail_op("cannot be read");
    const std::uint8_t* q = window.at(pos + done);
    if (more) {
      for (int back = 0; back < 3 && piece > 1 && (q[piece] & 0xc0) == 0x80; ++back) --piece;
    }
    std::string_view view{reinterpret_cast<const char*>(q), static_cast<std::size_t>(piece)};
    ascii = ascii && decodes(view, Encoding::ascii);
    const bool good = string ? decodes(view, profile.encoding)
                             : valid_utf8(q, static_cast<std::size_t>(piece), true);
    if (!good) {
      if (string) result.divergence |= kDivergesByEncoding;
      return fail_op(std::string(find_opcode(code)->name) + " does not decode");
    }
    done += piece;
  }
  if (string && !ascii) result.divergence |= kDivergesByEncoding;
  return true;
}

bool Machine::Impl::load_frame() {
  std::uint64_t size = 0;
  return read_number(8, size) && begin_frame(size);
}

bool Machine::Impl::begin_frame(std::uint64_t size) {
  std::uint64_t left = window.size() - pos;
  if (size >> 63 != 0) return fail_op("FRAME is larger than the system's maximum");
  if (size > left) result.divergence |= kDivergesByUnpickler;
  if (python()) {
    if (in_frame && pos < frame_end)
      return fail_op("beginning of a new frame before end of current frame");
    in_frame = true;
    frame_end = pos + std::min(size, left);
    return true;
  }
  if (frame_end != kNoFrame && pos < frame_end) {  // a frame in a frame
    result.divergence |= kDivergesByUnpickler;
    if (size <= frame_end - pos) return true;
    if (crosses(size)) drop_piece();
    left = window.size() - pos;
  }
  if (size > left) return fail_op(short_by(size));
  frame_end = pos + size;
  return true;
}

}  // namespace brine::pickle
