#include "format/pickle/carried.h"

#include <algorithm>

#include "archive/zip/reader.h"
#include "format/pickle/bare.h"
#include "pickle/decoder.h"

namespace brine::format::bare_pickle {

namespace {

constexpr std::size_t kSignature = 4;  // bytes of a zip's first header that are looked at

bool is_bytes(std::uint8_t code) {
  return code == pickle::op::BINBYTES || code == pickle::op::SHORT_BINBYTES ||
         code == pickle::op::BINBYTES8 || code == pickle::op::BYTEARRAY8;
}

}  // namespace

std::optional<std::pair<std::uint64_t, std::uint64_t>> carried_zip(Probe& probe) {
  if (!starts_with_proto(probe.head())) return std::nullopt;
  const auto miniz = archive::miniz_end_record(probe.tail(), probe.size());
  const auto zipfile = archive::zipfile_end_record(probe.tail(), probe.size());
  if (!miniz && !zipfile) return std::nullopt;
  // The two look for it in windows of different size: one may find none.
  const std::uint64_t one = miniz ? *miniz : *zipfile, other = zipfile ? *zipfile : *miniz;
  const std::uint64_t first = std::min(one, other), last = std::max(one, other);
  pickle::Decoder decoder(*probe.source(), 0, kSignature);
  while (decoder.position() <= first) {
    const auto in = decoder.next();
    if (!in || in->opcode->code == pickle::op::STOP) return std::nullopt;
    if (in->end <= first) continue;
    const std::uint64_t start = in->end - in->length;
    const bool held = is_bytes(in->opcode->code) && start <= first && last < in->end;
    if (!held || !archive::starts_like_zip(as_bytes(in->text))) return std::nullopt;
    return std::pair(start, in->length);
  }
  return std::nullopt;
}

}  // namespace brine::format::bare_pickle
