// Compressing: one stream of gzip, zlib, bzip2, xz, lzma, zstd or lz4 around bytes that pass by.
//
// What goes in comes out by the reference libraries, at levels that keep their memory below some
// 40 MB. Invariant: nothing is kept but one buffer; finish() has to be called, or the stream has no
// end.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "codec/decode.h"

namespace brine::codec {

using TakeBytes = std::function<Status(ByteSpan)>;

class Encoder {
 public:
  // An Error for what is only read here: lzip and zip's lzma.
  static Result<Encoder> make(Codec codec, TakeBytes take);
  Encoder(Encoder&&) noexcept;
  Encoder& operator=(Encoder&&) = delete;
  Encoder(const Encoder&) = delete;
  ~Encoder();

  Status write(ByteSpan bytes);
  Status finish();

  // The insides (encode.cpp).
  class Stream;

 private:
  Encoder(std::unique_ptr<Stream> stream, TakeBytes take);

  std::unique_ptr<Stream> stream_;
  TakeBytes take_;
  std::vector<std::uint8_t> buffer_;
};

}  // namespace brine::codec
