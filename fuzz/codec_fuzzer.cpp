// Every decoder over any bytes: the first byte chooses one, the rest is its input.

#include "codec/decode.h"
#include "target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace brine;
  if (size == 0) return 0;
  Limits limits;
  limits.decoded_floor = 1u << 20;
  limits.window_bytes = 16u << 20;
  const auto which = static_cast<codec::Codec>(data[0] % 9);
  MemorySource source(ByteSpan(data + 1, size - 1));
  const auto out = codec::decode(which, source, 0, 2u << 20, limits);
  fuzz::check(out.has_value(), "bytes in memory cannot be read");
  fuzz::check(out->bytes.size() <= 2u << 20, "more output than allowed");
  fuzz::check(out->consumed <= size - 1, "more input than there is");
  fuzz::check(out->problem.empty() == (out->end == codec::DecodeEnd::done),
              "an end without a word");
  return 0;
}
