// One call of a library's decoder; shared by the decoders of whole streams and of raw data.
#pragma once

#include <lzma.h>
#include <zlib.h>

#include <cstdint>
#include <span>

#include "base/bytes.h"
#include "codec/streams.h"

namespace brine::codec {

// zlib's inflate.
Step inflate_step(z_stream& stream, ByteSpan input, std::span<std::uint8_t> output);

// liblzma's lzma_code.
Step lzma_step(lzma_stream& stream, ByteSpan input, std::span<std::uint8_t> output, bool last);

}  // namespace brine::codec
