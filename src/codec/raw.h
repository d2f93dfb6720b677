// Decoders of raw data: deflate, LZMA, LZMA2 and liblzma's filters as they stand in 7z archives,
// without a container, their properties given beside them.
#pragma once

#include <cstdint>
#include <memory>

#include "base/bytes.h"
#include "codec/streams.h"

namespace brine::codec {

// liblzma's numbers of its decoders and filters (lzma/*.h): LZMA1 is 0x4000000000000001, LZMA2
// 0x21, delta 3, those for machine code 4 to 10.
using LzmaId = std::uint64_t;

// Raw deflate, which may end early.
std::unique_ptr<StreamDecoder> make_raw_deflate();

// LZMA or LZMA2. The dictionary is made no larger than `most_dictionary`: a stream of n bytes never
// looks back further than n. Null when the properties are not the decoder's.
std::unique_ptr<StreamDecoder> make_raw_lzma(LzmaId id, ByteSpan properties,
                                             std::uint64_t most_dictionary);

// A filter that changes bytes and keeps their number. Null like above.
std::unique_ptr<StreamDecoder> make_filter(LzmaId id, ByteSpan properties);

}  // namespace brine::codec
