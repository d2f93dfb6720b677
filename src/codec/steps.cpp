#include "codec/steps.h"

#include <algorithm>

namespace brine::codec {

namespace {

constexpr std::size_t kMost = std::size_t{1} << 30;  // zlib counts in 32 bits

}  // namespace

Step inflate_step(z_stream& stream, ByteSpan input, std::span<std::uint8_t> output) {
  const std::size_t in = std::min(input.size(), kMost), room = std::min(output.size(), kMost);
  stream.next_in = const_cast<Bytef*>(input.data());  // zlib's old interface: it only reads
  stream.avail_in = static_cast<uInt>(in);
  stream.next_out = output.data();
  stream.avail_out = static_cast<uInt>(room);
  const int status = ::inflate(&stream, Z_NO_FLUSH);
  Step out{in - stream.avail_in, room - stream.avail_out, StepEnd::more, {}};
  if (status == Z_STREAM_END) {
    out.end = StepEnd::stream_end;
  } else if (status == Z_NEED_DICT) {
    out.end = StepEnd::broken;
    out.problem = "the data needs a dictionary";
  } else if (status != Z_OK && status != Z_BUF_ERROR) {
    out.end = StepEnd::broken;
    out.problem = stream.msg != nullptr ? stream.msg : "the data is not deflate";
  }
  return out;
}

Step lzma_step(lzma_stream& stream, ByteSpan input, std::span<std::uint8_t> output, bool last) {
  stream.next_in = input.data();
  stream.avail_in = input.size();
  stream.next_out = output.data();
  stream.avail_out = output.size();
  const lzma_ret status = lzma_code(&stream, last ? LZMA_FINISH : LZMA_RUN);
  Step out{input.size() - stream.avail_in, output.size() - stream.avail_out, StepEnd::more, {}};
  if (status == LZMA_STREAM_END) {
    out.end = StepEnd::stream_end;
  } else if (status == LZMA_MEMLIMIT_ERROR) {
    out.end = StepEnd::budget;
    out.problem = "window_bytes";
  } else if (status != LZMA_OK && status != LZMA_BUF_ERROR) {
    out.end = StepEnd::broken;
    out.problem = status == LZMA_OPTIONS_ERROR ? "the stream uses a filter that liblzma lacks"
                                               : "liblzma refuses the data";
  }
  return out;
}

}  // namespace brine::codec
