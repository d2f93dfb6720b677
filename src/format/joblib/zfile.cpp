#include "format/joblib/zfile.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "codec/decode.h"
#include "format/codes.h"
#include "format/compressed/compressed.h"
#include "format/profiles.h"
#include "format/words.h"

namespace brine::format::zfile {

namespace {

constexpr std::string_view kMagic = "ZF";
constexpr std::size_t kLengthBytes = 19;  // as long as hex(2**64)
constexpr std::size_t kHeader = kMagic.size() + kLengthBytes;
constexpr std::string_view kRawArray = ".npy.z";

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

struct Length {
  std::uint64_t value = 0;  // saturated
};

// What int(text, 16) makes of the field: spaces around it, a sign, 0x, underscores between digits.
std::optional<Length> parse_length(std::string_view text) {
  static constexpr std::string_view kSpaces = " \t\n\r\v\f";
  const std::size_t first = text.find_first_not_of(kSpaces);
  if (first == std::string_view::npos) return std::nullopt;
  text = text.substr(first, text.find_last_not_of(kSpaces) - first + 1);
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  if (text.starts_with("0x") || text.starts_with("0X")) text.remove_prefix(2);
  Length out;
  bool digit_before = false;
  for (const char c : text) {
    const int digit = hex_digit(c);
    if (digit < 0 && c != '_') return std::nullopt;
    digit_before = digit >= 0;
    if (digit < 0) continue;
    constexpr std::uint64_t kRoom = UINT64_MAX >> 4;
    out.value = out.value > kRoom ? UINT64_MAX : out.value << 4 | static_cast<unsigned>(digit);
  }
  if (!digit_before) return std::nullopt;
  // zlib refuses a length below zero before it unpacks anything.
  if (negative && out.value != 0) return std::nullopt;
  return out;
}

// Where zlib's bytes begin: joblib on Python 2 wrote one space more.
std::size_t content_start(ByteSpan head) { return head[kHeader] == ' ' ? kHeader + 1 : kHeader; }

bool begins_zlib(ByteSpan bytes) {
  return bytes.size() >= 2 && (bytes[0] & 0x0f) == 8 && (bytes[0] << 8 | bytes[1]) % 31 == 0;
}

void tell(Sink& sink, std::uint16_t code, std::string title, std::uint64_t offset) {
  Finding finding;
  finding.code = code;
  finding.title = std::move(title);
  finding.offset = offset;
  sink.finding(std::move(finding));
}

}  // namespace

bool accepts(Probe& probe) {
  const ByteSpan head = probe.head();
  if (!probe.starts_with(kMagic) || head.size() < kHeader + 2) return false;
  return parse_length(as_text(head.subspan(kMagic.size(), kLengthBytes))).has_value() &&
         begins_zlib(head.subspan(content_start(head)));
}

void read(Probe& probe, std::span<const std::string_view>, Sink& sink) {
  const ByteSpan head = probe.head();
  const std::size_t start = content_start(head);
  const auto said = parse_length(as_text(head.subspan(kMagic.size(), kLengthBytes)));
  auto decoded =
      codec::decode(codec::Codec::zlib, *probe.source(), start, sink.may_decode(), sink.limits());
  if (!said || !decoded) return;  // the source cannot be read, which the scan sees for itself
  const bool raw = probe.lower().ends_with(kRawArray);
  sink.describe(raw ? "joblib Z-file of an array" : "joblib Z-file");
  if (decoded->end == codec::DecodeEnd::budget) {
    tell(sink, code::kLimit,
         "the limit `" + decoded->problem + "` was reached: not decompressed to its end", start);
  } else if (decoded->end != codec::DecodeEnd::done) {
    tell(sink, code::kCompressed, "zlib data that cannot be read to its end: " + decoded->problem,
         start + decoded->consumed);
  } else if (decoded->bytes.size() != said->value) {
    tell(sink, code::kCompressed,
         "a Z-file whose length in front is not that of its content, " +
             counted(decoded->bytes.size(), "byte") + ": joblib refuses it",
         kMagic.size());
  }
  sink.interpreted(0, start + decoded->consumed);
  if (decoded->bytes.empty()) return;
  Stream stream;
  stream.source = std::move(decoded->bytes).into_source();
  stream.member = {compressed::inner_name(probe.name())};
  stream.loaders = joblib_compat_loaders();
  stream.certainty = raw ? Certainty::guessed : Certainty::sure;
  sink.stream(std::move(stream));
}

}  // namespace brine::format::zfile
