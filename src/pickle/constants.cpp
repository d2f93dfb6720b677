// Constants: read again from the offset of their opcode.
//
// A handle says where a constant stands and not what it is (value.h); whoever wants the text or the
// number has it read here, at most as much as it asks for. The loop has checked each of them when
// it ran, so what does not parse here was never a value. Invariant: a bytearray that was changed
// has no constant any more.

#include <algorithm>

#include "pickle/binary_args.h"
#include "pickle/machine_impl.h"

namespace brine::pickle {
namespace {

// Unknown for an opcode that pushes no constant.
Kind kind_of(std::uint8_t opcode, Encoding encoding) {
  switch (opcode) {
    case op::NONE: return Kind::none;
    case op::NEWTRUE:
    case op::NEWFALSE: return Kind::boolean;
    case op::BININT1:
    case op::BININT2:
    case op::BININT:
    case op::LONG1:
    case op::LONG4:
    case op::INT:
    case op::LONG: return Kind::integer;
    case op::BINFLOAT:
    case op::FLOAT: return Kind::floating;
    case op::SHORT_BINUNICODE:
    case op::BINUNICODE:
    case op::BINUNICODE8:
    case op::UNICODE:
    case op::PERSID: return Kind::str;
    case op::SHORT_BINBYTES:
    case op::BINBYTES:
    case op::BINBYTES8: return Kind::bytes;
    case op::BYTEARRAY8: return Kind::bytearray;
    case op::SHORT_BINSTRING:
    case op::BINSTRING:
    case op::STRING: return encoding == Encoding::bytes ? Kind::bytes : Kind::str;
    default: return Kind::unknown;
  }
}

}  // namespace

Constant Machine::Impl::constant_at(std::uint64_t offset) {
  Constant out;
  ByteSpan head = window.fetch(offset, std::min(kHead, window.size() - offset), fetch_scratch);
  if (head.empty()) return out;
  out.opcode = head[0];
  const Opcode* row = find_opcode(out.opcode);
  const Kind kind = kind_of(out.opcode, profile.encoding);
  if (row == nullptr || kind == Kind::unknown) return out;
  const std::uint64_t width = width_of(row->arg);
  if (is_counted(row->arg)) {
    if (head.size() < 1 + width) return out;
    out.payload = offset + 1 + width;
    out.length = little_endian(head.data() + 1, width);
  } else {
    out.payload = offset + 1;
    out.length = width;
    if (row->arg == ArgKind::line) out.length = line_length(out);
  }
  out.kind = kind;
  if (out.opcode == op::INT && is_boolean_line(out)) out.kind = Kind::boolean;
  out.length = std::min(out.length, window.size() - std::min(window.size(), out.payload));
  return out;
}

// Of a line that ran once: it has its newline or ends the stream.
std::uint64_t Machine::Impl::line_length(const Constant& constant) {
  std::uint64_t at = constant.payload;
  find_newline(at);
  const std::uint64_t length = at - constant.payload;
  // A last line without newline: Python's unpickler cuts its last byte off all the same.
  const bool cut = at >= window.size() && length != 0 && constant.opcode != op::INT;
  return cut ? length - 1 : length;
}

// I00 and I01.
bool Machine::Impl::is_boolean_line(const Constant& constant) {
  constexpr std::uint64_t kLongest = 8;
  if (constant.length > kLongest) return false;
  const ByteSpan text = window.fetch(constant.payload, constant.length, fetch_scratch);
  const auto value = parse_int_line(as_text(text), python());
  return value && value->boolean;
}

// A bytearray that is not what its opcode made any more: what it holds now is not followed.
bool Machine::Impl::was_changed(const Value& value, const Constant& constant) {
  if (value.kind() != Kind::bytearray) return false;
  return patches.contains(mutable_identity(value)) ||
         (!value.shifted() && value.end > constant.payload + constant.length);
}

// Text or bytes of a constant, at most `limit` bytes of them; `*length` is the whole length.
bool Machine::Impl::constant_text(const Value& handle, std::string& out, std::size_t limit,
                                  std::uint64_t* length) {
  const Value& value = truth(handle);
  if (value.computed()) {
    const Computed& made = computed[value.aux()];
    if (made.kind != Kind::str && made.kind != Kind::bytes) return false;
    *length = made.text.size();
    out = made.text.substr(0, limit);
    return true;
  }
  if (value.kind() != Kind::str && value.kind() != Kind::bytes && value.kind() != Kind::bytearray) {
    return false;
  }
  const Constant constant = constant_at(value.written_at());
  return !was_changed(value, constant) && text_of(constant, out, limit, length);
}

// The first `limit` bytes of the text, and the whole text's length.
bool Machine::Impl::text_of(const Constant& constant, std::string& out, std::size_t limit,
                            std::uint64_t* length) {
  const bool line = constant.opcode == op::STRING || constant.opcode == op::UNICODE;
  std::uint64_t count = line ? constant.length : std::min<std::uint64_t>(constant.length, limit);
  ByteSpan bytes = window.fetch(constant.payload, count, fetch_scratch);
  if (bytes.size() != count) return false;
  std::string_view raw = as_text(bytes);
  switch (constant.opcode) {
    case op::STRING: {
      auto text = parse_string_line(raw);
      if (!text) return false;
      out = constant.kind == Kind::str ? to_utf8(*text, profile.encoding) : *text;
      break;
    }
    case op::UNICODE: {
      auto text = parse_unicode_line(raw);
      if (!text) return false;
      out = *text;
      break;
    }
    case op::BINSTRING:
    case op::SHORT_BINSTRING:
      out = constant.kind == Kind::str ? to_utf8(raw, profile.encoding) : std::string(raw);
      break;
    default: out = std::string(raw); break;
  }
  *length = count == constant.length ? out.size() : constant.length;
  if (out.size() > limit) out.resize(limit);
  return true;
}

bool Machine::Impl::constant_integer(const Value& handle, std::int64_t& out) {
  const Value& value = truth(handle);
  if (value.computed()) {
    out = computed[value.aux()].integer;
    return value.kind() == Kind::integer || value.kind() == Kind::boolean;
  }
  if (value.kind() != Kind::integer && value.kind() != Kind::boolean) return false;
  return integer_of(constant_at(value.written_at()), out);
}

bool Machine::Impl::integer_of(const Constant& constant, std::int64_t& out) {
  std::uint64_t count = constant.length;
  if (count > 8 && (constant.opcode == op::LONG1 || constant.opcode == op::LONG4)) {
    return long_fits(constant, out);
  }
  ByteSpan bytes = window.fetch(constant.payload, count, fetch_scratch);
  if (bytes.size() != count) return false;
  switch (constant.opcode) {
    case op::NEWTRUE: out = 1; return true;
    case op::NEWFALSE: out = 0; return true;
    case op::BININT1: out = bytes[0]; return true;
    case op::BININT2: out = load_le16(bytes.data()); return true;
    case op::BININT: out = static_cast<std::int32_t>(load_le32(bytes.data())); return true;
    case op::LONG1:
    case op::LONG4: out = signed_integer(bytes); return true;
    case op::INT:
    case op::LONG: {
      auto value_of = constant.opcode == op::INT ? parse_int_line(as_text(bytes), python())
                                                 : parse_long_line(as_text(bytes), python());
      if (!value_of || value_of->big) return false;
      out = value_of->value;
      return true;
    }
    default: return false;
  }
}

// A long int of more than eight bytes that is small all the same (its upper bytes only repeat the
// sign).
bool Machine::Impl::long_fits(const Constant& constant, std::int64_t& out) {
  ByteSpan low = window.fetch(constant.payload, 8, fetch_scratch);
  if (low.size() != 8) return false;
  auto bits = static_cast<std::int64_t>(load_le64(low.data()));
  const std::uint8_t fill = bits < 0 ? 0xff : 0x00;
  for (std::uint64_t at = 8; at < constant.length;) {
    std::uint64_t count = std::min<std::uint64_t>(constant.length - at, 4096);
    ByteSpan bytes = window.fetch(constant.payload + at, count, fetch_scratch);
    if (bytes.size() != count) return false;
    for (std::uint8_t byte : bytes) {
      if (byte != fill) return false;
    }
    at += count;
  }
  out = bits;
  return true;
}

// Moves `at` to the next newline; false when there is none up to the stream's end, or to what
// cannot be read, where `at` stands then.
bool Machine::Impl::find_newline(std::uint64_t& at) {
  std::uint64_t piece = 256;
  while (at < window.size()) {
    const std::uint64_t count = std::min(piece, window.size() - at);
    const ByteSpan bytes = window.fetch(at, count, line_scratch);
    if (bytes.empty()) return false;
    if (const void* hit = std::memchr(bytes.data(), '\n', bytes.size())) {
      at += static_cast<std::uint64_t>(static_cast<const std::uint8_t*>(hit) - bytes.data());
      return true;
    }
    at += count;
    piece = std::min<std::uint64_t>(piece * 4, 1u << 20);
  }
  return false;
}

// Behind `lines` newlines from `at` on (or the stream's end).
std::uint64_t Machine::Impl::line_end(std::uint64_t at, int lines) {
  for (; lines > 0; --lines) {
    if (!find_newline(at)) return window.size();
    ++at;
  }
  return at;
}

std::uint8_t Machine::Impl::byte_at(std::uint64_t offset) {
  ByteSpan byte = window.fetch(offset, 1, line_scratch);
  return byte.empty() ? 0 : byte[0];
}

std::optional<std::pair<std::uint64_t, std::uint64_t>> Machine::raw_bytes(const Value& value) {
  const Value& told = impl_->truth(value);
  if (told.computed() || told.kind() != Kind::bytes) return std::nullopt;
  return raw_bytes(told.written_at());
}

std::optional<std::pair<std::uint64_t, std::uint64_t>> Machine::raw_bytes(std::uint64_t offset) {
  if (impl_->tears.contains(offset)) return std::nullopt;
  const Constant constant = impl_->constant_at(offset);
  const bool raw = constant.opcode == op::SHORT_BINBYTES || constant.opcode == op::BINBYTES ||
                   constant.opcode == op::BINBYTES8 || constant.opcode == op::BYTEARRAY8;
  if (!raw) return std::nullopt;
  return std::pair(constant.payload, constant.length);
}

bool Machine::text_of(const Value& value, std::string& out, std::size_t limit) {
  std::uint64_t length = 0;
  return impl_->constant_text(value, out, limit, &length) && length <= limit;
}

bool Machine::text_at(std::uint64_t offset, std::string& out, std::size_t limit) {
  if (impl_->tears.contains(offset)) return false;
  std::uint64_t length = 0;
  return impl_->text_of(impl_->constant_at(offset), out, limit, &length) && length <= limit;
}

bool Machine::integer_of(const Value& value, std::int64_t& out) {
  return impl_->constant_integer(value, out);
}

}  // namespace brine::pickle
