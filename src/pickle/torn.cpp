// Arguments that lie across the end of a frame, as the C unpickler reads them from a file.
//
// The C unpickler holds one piece of its file at a time, and a frame is such a piece. A read that
// wants more than the piece has left forgets the rest of it and takes all it wants from the file
// behind (only bytes and bytearray are put together from both). So the same bytes are another
// program for it than for `loads`, which holds everything, and for the Python unpickler, which
// raises. No pickler writes such frames. Method: an opcode whose argument would be parted leaves
// the usual paths and is read here; what it gives is kept as a computed value, since its range does
// not tell it, and rebuilding steps over it by the table of tears.

#include <algorithm>
#include <bit>

#include "pickle/binary_args.h"
#include "pickle/machine_impl.h"

namespace brine::pickle {

bool Machine::Impl::crosses(std::uint64_t count) const {
  return !python() && !profile.whole && pos < frame_end && frame_end != kNoFrame &&
         count > frame_end - pos;
}

// What is left of the piece is forgotten.
void Machine::Impl::drop_piece() {
  result.divergence |= kDivergesByUnpickler | kDivergesByFraming;
  pos = frame_end;
  frame_end = kNoFrame;
}

// bytes and bytearray: the rest of the piece first, then the file.
void Machine::Impl::join_pieces(std::uint64_t count) {
  if (!crosses(count)) return;
  result.divergence |= kDivergesByUnpickler;
  frame_end = kNoFrame;
}

namespace {

bool reads_into_place(std::uint8_t code) {
  return code == op::BINBYTES || code == op::BINBYTES8 || code == op::BYTEARRAY8 ||
         code == op::SHORT_BINBYTES;
}

}  // namespace

// Whether the argument of the opcode before `pos` is parted. Bytes are joined on the way.
bool Machine::Impl::torn_ahead(std::uint8_t code) {
  const Opcode* row = find_opcode(code);
  if (row == nullptr || !crosses(~std::uint64_t{0})) return false;
  const std::uint64_t left = frame_end - pos;
  const std::uint64_t prefix = width_of(row->arg);
  if (prefix > left) return true;
  if (is_counted(row->arg)) {
    if (!window.ensure(pos, prefix)) return false;
    std::uint64_t size = little_endian(window.at(pos), prefix);
    if (size <= left - prefix) return false;
    if (!reads_into_place(code)) return true;
    join_pieces(left + 1);
    return false;
  }
  return line_end(pos, lines_of(row->arg)) > frame_end;
}

bool Machine::Impl::take(std::uint64_t count, std::string& out) {
  if (crosses(count)) drop_piece();
  if (pos > window.size() || count > window.size() - pos) return fail_op(short_by(count));
  if (count > limits.text_bytes) return over_budget("text_bytes");
  ByteSpan bytes = window.fetch(pos, count, fetch_scratch);
  if (bytes.size() != count) return fail_op("cannot be read");
  out = std::string(as_text(bytes));
  pos += count;
  return true;
}

bool Machine::Impl::take_line(std::string& out) {
  if (crosses(line_end(pos, 1) - pos)) drop_piece();
  std::string_view line;
  bool ended = false;
  if (!read_line(line, ended)) return false;
  out = std::string(line);
  return true;
}

// The opcode before op_offset + 1, whose argument is parted.
bool Machine::Impl::load_torn(std::uint8_t code) {
  pos = op_offset + 1;
  const Opcode* row = find_opcode(code);
  const ArgKind arg = row->arg;
  std::string text, second;
  std::uint64_t index = 0;
  if (arg == ArgKind::line || arg == ArgKind::two_lines) {
    if (!take_line(text)) return false;
    if (arg == ArgKind::two_lines && !take_line(second)) return false;
  } else {
    const std::uint64_t prefix = width_of(arg);
    if (!take(prefix, text)) return false;
    index = little_endian(as_bytes(text).data(), prefix);
    if (is_counted(arg)) {
      const bool is_signed = code == op::LONG4;
      if (is_signed && index > 0x7fffffff) return fail_op("a negative byte count");
      if (index >> 63 != 0) return fail_op("a length beyond the system's maximum");
      if (reads_into_place(code)) join_pieces(index);
      if (!take(index, text)) return false;
    }
  }
  if (tears.size() >= limits.references) return over_budget("references");
  if (!give_torn(code, text, second, index)) return false;
  tears[op_offset] = {pos, index};
  return true;
}

// Does what the opcode does with the argument that load_torn put together.
bool Machine::Impl::give_torn(std::uint8_t code, const std::string& text, const std::string& second,
                              std::uint64_t& index) {
  Computed made;
  const Kind string = profile.encoding == Encoding::bytes ? Kind::bytes : Kind::str;
  switch (code) {
    case op::BININT2:
      made.kind = Kind::integer;
      made.integer = static_cast<std::int64_t>(index);
      return push_computed(std::move(made), op_offset);
    case op::BININT:
      made.kind = Kind::integer;
      made.integer = static_cast<std::int32_t>(index);
      return push_computed(std::move(made), op_offset);
    case op::BINFLOAT:
      made.kind = Kind::floating;
      made.floating =
          std::bit_cast<double>(load_be64(reinterpret_cast<const std::uint8_t*>(text.data())));
      return push_computed(std::move(made), op_offset);
    case op::LONG1:
    case op::LONG4:
      if (text.size() <= 8) {
        made.kind = Kind::integer;
        made.integer = signed_integer(as_bytes(text));
      }
      return push_computed(std::move(made), op_offset);
    case op::SHORT_BINUNICODE:
    case op::BINUNICODE:
    case op::BINUNICODE8:
      if (!valid_utf8(reinterpret_cast<const std::uint8_t*>(text.data()), text.size(), true)) {
        return fail_op("the text is not UTF-8");
      }
      made.kind = Kind::str;
      made.text = text;
      return push_computed(std::move(made), op_offset);
    case op::SHORT_BINSTRING:
    case op::BINSTRING:
      if (!decodes(text, Encoding::ascii)) result.divergence |= kDivergesByEncoding;
      if (!decodes(text, profile.encoding)) return fail_op("the text does not decode");
      made.kind = string;
      made.text = string == Kind::str ? to_utf8(text, profile.encoding) : text;
      return push_computed(std::move(made), op_offset);
    case op::SHORT_BINBYTES:
    case op::BINBYTES:
    case op::BINBYTES8:
      made.kind = Kind::bytes;
      made.text = text;
      return push_computed(std::move(made), op_offset);
    case op::BYTEARRAY8: return push(Value::make(Kind::unknown, op_offset, pos));
    case op::INT:
    case op::LONG: {
      if (text.empty()) return fail_op("an empty line");
      auto value = code == op::INT ? parse_int_line(text, false) : parse_long_line(text, false);
      if (!value) return fail_op("the number is refused");
      if (!value->big) {
        made.kind = value->boolean ? Kind::boolean : Kind::integer;
        made.integer = value->value;
      }
      return push_computed(std::move(made), op_offset);
    }
    case op::FLOAT: {
      auto value = text.empty() ? std::nullopt : parse_float_line(text, false);
      if (!value) return fail_op("the number is refused");
      made.kind = Kind::floating;
      made.floating = *value;
      return push_computed(std::move(made), op_offset);
    }
    case op::STRING: {
      auto bytes = parse_string_line(text);
      if (bytes && !decodes(*bytes, Encoding::ascii)) result.divergence |= kDivergesByEncoding;
      if (!bytes || !decodes(*bytes, profile.encoding)) return fail_op("the text is refused");
      made.kind = string;
      made.text = string == Kind::str ? to_utf8(*bytes, profile.encoding) : *bytes;
      return push_computed(std::move(made), op_offset);
    }
    case op::UNICODE: {
      auto utf8 = parse_unicode_line(text);
      if (!utf8) return fail_op("the text is refused");
      made.kind = Kind::str;
      made.text = *utf8;
      return push_computed(std::move(made), op_offset);
    }
    case op::GET:
    case op::PUT: {
      if (text.empty()) return fail_op("an empty line");
      if (code == op::PUT && height <= fence()) return underflow();
      auto parsed = index_of_line(text);
      if (!parsed) return fail_op("the memo index is refused");
      index = *parsed;
      return code == op::GET ? memo_get(index) : memo_put(index);
    }
    case op::LONG_BINGET: return memo_get(index);
    case op::LONG_BINPUT: return height <= fence() ? underflow() : memo_put(index);
    case op::EXT2: return load_extension(static_cast<std::int64_t>(index));
    case op::EXT4: return load_extension(static_cast<std::int32_t>(index));
    case op::FRAME: return begin_frame(index);
    case op::PERSID:
      if (profile.persistent == PersistentLoad::none) return fail_op("no persistent_load");
      if (!decodes(text, Encoding::ascii)) return fail_op("persistent IDs must be ASCII");
      made.kind = Kind::str;
      made.text = text;
      if (!push_computed(std::move(made), op_offset)) return false;
      return call_persistent(stack[--height], false);
    case op::GLOBAL:
    case op::INST: return name_torn(code == op::INST, text, second);
    default: return fail_op("the argument is parted");
  }
}

bool Machine::Impl::name_torn(bool inst, const std::string& module, const std::string& name) {
  if (inst && marks.empty()) return fail_op("could not find MARK");
  const Encoding encoding = inst ? Encoding::ascii : Encoding::utf8;
  if (module.empty() || name.empty()) return fail_op("an empty name");
  if (!decodes(module, encoding) || !decodes(name, encoding)) {
    return fail_op("a name that does not decode");
  }
  Mark mark{};
  if (inst && !take_mark(mark)) return false;
  Value ref{};
  if (!do_import(module, name, op_offset, &ref)) return false;
  if (!inst) {
    Computed made;
    made.offset = op_offset;
    made.kind = Kind::ref;
    made.ref = ref.aux();
    computed.push_back(std::move(made));
    return push(ref);
  }
  return instantiate(ref, mark, mark.height, CallHow::inst);
}

}  // namespace brine::pickle
