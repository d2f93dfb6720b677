#include "pickle/decoder.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>

#include "base/escape.h"
#include "pickle/binary_args.h"
#include "pickle/text_args.h"

namespace brine::pickle {
namespace {

constexpr std::uint64_t kWindow = 64u << 10;
constexpr char kHexDigits[] = "0123456789abcdef";

std::string hex_byte(std::uint8_t byte) {
  return {'0', 'x', kHexDigits[byte >> 4], kHexDigits[byte & 15]};
}

// Memo indices and the lengths are unsigned, BININT and EXT4 are signed.
std::int64_t integer_of(const Opcode& opcode, std::uint64_t raw) {
  if (opcode.arg != ArgKind::i32) return static_cast<std::int64_t>(raw);
  const auto word = static_cast<std::uint32_t>(raw);
  if (opcode.code == op::BININT || opcode.code == op::EXT4) return static_cast<std::int32_t>(word);
  return word;
}

// A long int's decimal digits when it fits 64 bits, else its size.
std::string render_long(const Instruction& in) {
  if (in.length > 8 || in.text.size() != in.length) {
    return "int of " + std::to_string(in.length) + " bytes";
  }
  return std::to_string(signed_integer(as_bytes(in.text)));
}

std::string literal(const Instruction& in, std::size_t limit, bool text) {
  const std::string_view kept = std::string_view(in.text).substr(0, limit);
  std::string out = text ? python_str(kept) : python_bytes(kept);
  if (kept.size() < in.length) out += "... +" + std::to_string(in.length - kept.size()) + " bytes";
  return out;
}

bool is_text(std::uint8_t code) {
  return code == op::BINUNICODE || code == op::SHORT_BINUNICODE || code == op::BINUNICODE8;
}

std::string cut_line(const std::string& text, std::uint64_t length, std::size_t limit) {
  const std::string_view kept = std::string_view(text).substr(0, limit);
  std::string out = escape_text(kept);
  if (kept.size() < length) out += "... +" + std::to_string(length - kept.size()) + " bytes";
  return out;
}

}  // namespace

Decoder::Decoder(ByteSource& source, std::uint64_t start, std::size_t keep)
    : source_(source), position_(start), keep_(keep) {}

std::uint64_t Decoder::left() const {
  return position_ >= source_.size() ? 0 : source_.size() - position_;
}

// At least one and at most `count` bytes at `at`, which must lie within the source.
Result<ByteSpan> Decoder::window(std::uint64_t at, std::uint64_t count) {
  const ByteSpan all = source_.in_memory();
  const std::uint64_t available = source_.size() - at;
  if (all.size() == source_.size() && !all.empty()) {
    return all.subspan(static_cast<std::size_t>(at),
                       static_cast<std::size_t>(std::min(count, available)));
  }
  const std::uint64_t wanted = std::min({count, available, kWindow});
  const bool held = at >= buffer_at_ && at - buffer_at_ <= buffer_.size() &&
                    wanted <= buffer_.size() - (at - buffer_at_);
  if (!held) {
    buffer_.resize(static_cast<std::size_t>(std::min(available, kWindow)));
    if (auto got = source_.read(at, buffer_); !got) {
      buffer_.clear();
      return fail(std::move(got.error()));
    }
    buffer_at_ = at;
  }
  const ByteSpan visible = ByteSpan(buffer_).subspan(static_cast<std::size_t>(at - buffer_at_));
  return visible.first(static_cast<std::size_t>(std::min<std::uint64_t>(count, visible.size())));
}

Error Decoder::short_by(const Instruction& in, std::uint64_t wanted) const {
  const std::uint64_t rest = source_.size() - in.end;
  return {ErrorCode::truncated, in.offset,
          std::string(in.opcode->name) + " wants " + std::to_string(wanted) +
              (wanted == 1 ? " byte, " : " bytes, ") + std::to_string(rest) +
              (rest == 1 ? " is left" : " are left")};
}

Result<Instruction> Decoder::next() {
  Instruction in;
  in.offset = position_;
  if (left() == 0) {
    return fail({ErrorCode::truncated, position_, "the bytes end where an opcode should stand"});
  }
  BRINE_TRY(const ByteSpan first, window(position_, 1));
  in.opcode = find_opcode(first[0]);
  if (in.opcode == nullptr) {
    return fail(Error::malformed(position_, hex_byte(first[0]) + " is no opcode"));
  }
  in.end = position_ + 1;
  const std::uint64_t width = width_of(in.opcode->arg);
  switch (in.opcode->arg) {
    case ArgKind::none: break;
    case ArgKind::u8:
    case ArgKind::u16:
    case ArgKind::i32:
    case ArgKind::u64:
    case ArgKind::f64be: BRINE_CHECK_STATUS(read_fixed(in, width)); break;
    case ArgKind::counted8:
    case ArgKind::counted32:
    case ArgKind::counted64: BRINE_CHECK_STATUS(read_counted(in, width)); break;
    case ArgKind::line: BRINE_CHECK_STATUS(read_line(in, in.text, in.length)); break;
    case ArgKind::two_lines:
      BRINE_CHECK_STATUS(read_line(in, in.text, in.length));
      BRINE_CHECK_STATUS(read_line(in, in.second, in.second_length));
      break;
  }
  position_ = in.end;
  return in;
}

Status Decoder::read_fixed(Instruction& in, std::uint64_t count) {
  if (count > source_.size() - in.end) return fail(short_by(in, count));
  BRINE_TRY(const ByteSpan bytes, window(in.end, count));
  if (bytes.size() < count) return fail({ErrorCode::changed, in.offset, "the bytes changed"});
  if (in.opcode->arg == ArgKind::f64be) {
    in.floating = std::bit_cast<double>(load_be64(bytes.data()));
  } else {
    const std::uint64_t raw = little_endian(bytes.data(), count);
    in.integer = integer_of(*in.opcode, raw);
    in.length = raw;
  }
  in.end += count;
  return {};
}

Status Decoder::read_counted(Instruction& in, std::uint64_t width) {
  BRINE_CHECK_STATUS(read_fixed(in, width));
  if (in.length > source_.size() - in.end) return fail(short_by(in, in.length));
  const std::uint64_t wanted = std::min<std::uint64_t>(in.length, keep_);
  while (in.text.size() < wanted) {
    BRINE_TRY(const ByteSpan bytes, window(in.end + in.text.size(), wanted - in.text.size()));
    in.text.append(as_text(bytes));
  }
  in.end += in.length;
  return {};
}

Status Decoder::read_line(Instruction& in, std::string& text, std::uint64_t& length) {
  length = 0;
  std::uint64_t at = in.end;
  while (at < source_.size()) {
    BRINE_TRY(const ByteSpan bytes, window(at, kWindow));
    const auto* newline =
        static_cast<const std::uint8_t*>(std::memchr(bytes.data(), '\n', bytes.size()));
    const std::size_t taken =
        newline == nullptr ? bytes.size() : static_cast<std::size_t>(newline - bytes.data());
    if (text.size() < keep_) {
      text.append(as_text(bytes.first(std::min(taken, keep_ - text.size()))));
    }
    length += taken;
    at += taken;
    if (newline != nullptr) {
      in.end = at + 1;
      return {};
    }
  }
  return fail({ErrorCode::truncated, in.offset,
               std::string(in.opcode->name) + " wants a line of text, and no newline follows"});
}

std::optional<std::uint64_t> memo_index(const Instruction& in) {
  switch (in.opcode->code) {
    case op::BINPUT:
    case op::BINGET:
    case op::LONG_BINPUT:
    case op::LONG_BINGET: return static_cast<std::uint64_t>(in.integer);
    case op::PUT:
    case op::GET: {
      if (in.text.size() != in.length) return std::nullopt;
      const std::optional<std::int64_t> index = parse_index_line(in.text, false);
      if (!index || *index < 0) return std::nullopt;
      return static_cast<std::uint64_t>(*index);
    }
    default: return std::nullopt;
  }
}

bool writes_memo(std::uint8_t code) {
  return code == op::PUT || code == op::BINPUT || code == op::LONG_BINPUT || code == op::MEMOIZE;
}

bool reads_memo(std::uint8_t code) {
  return code == op::GET || code == op::BINGET || code == op::LONG_BINGET;
}

std::string render_float(double value) {
  if (value != value) return "nan";
  if (value > 1.7976931348623157e308) return "inf";
  if (value < -1.7976931348623157e308) return "-inf";
  std::array<char, 40> buffer{};
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value).ptr;
  std::string out(buffer.data(), end);
  if (out.find_first_of(".e") == std::string::npos) out += ".0";
  return out;
}

std::string render_argument(const Instruction& in, std::size_t limit) {
  switch (in.opcode->arg) {
    case ArgKind::none: return "";
    case ArgKind::u8:
    case ArgKind::u16:
    case ArgKind::i32: return std::to_string(in.integer);
    case ArgKind::u64: return std::to_string(in.length);
    case ArgKind::f64be: return render_float(in.floating);
    case ArgKind::line: return cut_line(in.text, in.length, limit);
    case ArgKind::two_lines:
      return cut_line(in.text, in.length, limit) + " " +
             cut_line(in.second, in.second_length, limit);
    case ArgKind::counted8:
    case ArgKind::counted32:
    case ArgKind::counted64:
      if (in.opcode->code == op::LONG1 || in.opcode->code == op::LONG4) return render_long(in);
      return literal(in, limit, is_text(in.opcode->code));
  }
  return "";
}

}  // namespace brine::pickle
