#include "codec/streams.h"

#include <bzlib.h>
#include <lz4frame.h>
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <bit>
#include <limits>

namespace brine::codec {

namespace {

constexpr std::size_t kMost = std::size_t{1} << 30;  // the libraries count in 32 bits

bool starts(ByteSpan input, std::string_view magic) {
  return as_text(input.first(std::min(input.size(), magic.size()))) == magic;
}

class Zlib final : public StreamDecoder {
 public:
  explicit Zlib(bool gzip) : gzip_(gzip) {
    ready_ = inflateInit2(&stream_, gzip ? MAX_WBITS + 16 : MAX_WBITS) == Z_OK;
  }
  ~Zlib() override {
    if (ready_) inflateEnd(&stream_);
  }
  Zlib(const Zlib&) = delete;
  Zlib& operator=(const Zlib&) = delete;

  Step step(ByteSpan input, std::span<std::uint8_t> output, bool) override {
    if (!ready_) return {0, 0, StepEnd::broken, "zlib cannot start"};
    const std::size_t in = std::min(input.size(), kMost), room = std::min(output.size(), kMost);
    stream_.next_in = const_cast<Bytef*>(input.data());  // zlib's old interface: it only reads
    stream_.avail_in = static_cast<uInt>(in);
    stream_.next_out = output.data();
    stream_.avail_out = static_cast<uInt>(room);
    const int status = ::inflate(&stream_, Z_NO_FLUSH);
    Step out{in - stream_.avail_in, room - stream_.avail_out, StepEnd::more, {}};
    if (status == Z_STREAM_END) {
      out.end = StepEnd::stream_end;
    } else if (status == Z_NEED_DICT) {
      out.end = StepEnd::broken;
      out.problem = "the data needs a dictionary";
    } else if (status != Z_OK && status != Z_BUF_ERROR) {
      out.end = StepEnd::broken;
      out.problem = stream_.msg != nullptr ? stream_.msg : "the data is not deflate";
    }
    return out;
  }
  bool restart() override { return ready_ && inflateReset(&stream_) == Z_OK; }
  bool begins(ByteSpan input) const override {
    if (gzip_) return starts(input, "\x1f\x8b");
    return input.size() >= 2 && input[0] == 0x78 && (input[0] << 8 | input[1]) % 31 == 0;
  }
  int padding() const override { return gzip_ ? 1 : 0; }

 private:
  bool gzip_;
  bool ready_ = false;
  z_stream stream_{};
};

class Bzip2 final : public StreamDecoder {
 public:
  Bzip2() { ready_ = BZ2_bzDecompressInit(&stream_, 0, 0) == BZ_OK; }
  ~Bzip2() override {
    if (ready_) BZ2_bzDecompressEnd(&stream_);
  }
  Bzip2(const Bzip2&) = delete;
  Bzip2& operator=(const Bzip2&) = delete;

  Step step(ByteSpan input, std::span<std::uint8_t> output, bool) override {
    if (!ready_) return {0, 0, StepEnd::broken, "bzip2 cannot start"};
    const std::size_t in = std::min(input.size(), kMost), room = std::min(output.size(), kMost);
    stream_.next_in = const_cast<char*>(as_text(input).data());  // bzip2 only reads
    stream_.avail_in = static_cast<unsigned>(in);
    stream_.next_out = reinterpret_cast<char*>(output.data());
    stream_.avail_out = static_cast<unsigned>(room);
    const int status = BZ2_bzDecompress(&stream_);
    Step out{in - stream_.avail_in, room - stream_.avail_out, StepEnd::more, {}};
    if (status == BZ_STREAM_END) {
      out.end = StepEnd::stream_end;
    } else if (status != BZ_OK) {
      out.end = StepEnd::broken;
      out.problem =
          status == BZ_DATA_ERROR_MAGIC ? "the data is not bzip2" : "bzip2's data is wrong";
    }
    return out;
  }
  bool restart() override {
    if (ready_) BZ2_bzDecompressEnd(&stream_);
    stream_ = {};
    ready_ = BZ2_bzDecompressInit(&stream_, 0, 0) == BZ_OK;
    return ready_;
  }
  bool begins(ByteSpan input) const override { return starts(input, "BZh"); }

 private:
  bool ready_ = false;
  bz_stream stream_{};
};

class Lzma final : public StreamDecoder {
 public:
  Lzma(bool alone, std::uint64_t window) : alone_(alone), window_(window) { ready_ = start(); }
  ~Lzma() override { lzma_end(&stream_); }
  Lzma(const Lzma&) = delete;
  Lzma& operator=(const Lzma&) = delete;

  Step step(ByteSpan input, std::span<std::uint8_t> output, bool last) override {
    if (!ready_) return {0, 0, StepEnd::broken, "liblzma cannot start"};
    stream_.next_in = input.data();
    stream_.avail_in = input.size();
    stream_.next_out = output.data();
    stream_.avail_out = output.size();
    const lzma_ret status = lzma_code(&stream_, last ? LZMA_FINISH : LZMA_RUN);
    Step out{input.size() - stream_.avail_in, output.size() - stream_.avail_out, StepEnd::more, {}};
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
  bool restart() override {
    ready_ = start();
    return ready_;
  }
  bool begins(ByteSpan input) const override {
    return !alone_ && starts(input, std::string_view("\xfd"
                                                     "7zXZ\0",
                                                     6));
  }
  int padding() const override { return alone_ ? 0 : 4; }

 private:
  bool start() {
    return (alone_ ? lzma_alone_decoder(&stream_, window_)
                   : lzma_stream_decoder(&stream_, window_, 0)) == LZMA_OK;
  }

  bool alone_;
  std::uint64_t window_;
  bool ready_ = false;
  lzma_stream stream_ = LZMA_STREAM_INIT;
};

class Zstd final : public StreamDecoder {
 public:
  explicit Zstd(std::uint64_t window) : stream_(ZSTD_createDCtx()) {
    if (stream_ == nullptr) return;
    const int log = std::clamp(static_cast<int>(std::bit_width(window)) - 1, 10, 31);
    ready_ = ZSTD_isError(ZSTD_DCtx_setParameter(stream_, ZSTD_d_windowLogMax, log)) == 0;
  }
  ~Zstd() override { ZSTD_freeDCtx(stream_); }
  Zstd(const Zstd&) = delete;
  Zstd& operator=(const Zstd&) = delete;

  Step step(ByteSpan input, std::span<std::uint8_t> output, bool) override {
    if (!ready_) return {0, 0, StepEnd::broken, "zstd cannot start"};
    ZSTD_inBuffer in{input.data(), input.size(), 0};
    ZSTD_outBuffer room{output.data(), output.size(), 0};
    const std::size_t status = ZSTD_decompressStream(stream_, &room, &in);
    Step out{in.pos, room.pos, StepEnd::more, {}};
    if (ZSTD_isError(status) != 0) {
      const std::string_view name = ZSTD_getErrorName(status);
      out.end = name.find("too much memory") == std::string_view::npos ? StepEnd::broken
                                                                       : StepEnd::budget;
      out.problem = out.end == StepEnd::budget ? "window_bytes" : name;
    } else if (status == 0) {
      out.end = StepEnd::stream_end;
    }
    return out;
  }
  bool restart() override {
    return ready_ && ZSTD_isError(ZSTD_DCtx_reset(stream_, ZSTD_reset_session_only)) == 0;
  }
  bool begins(ByteSpan input) const override {
    if (input.size() < 4) return false;
    const std::uint32_t magic = load_le32(input.data());
    return magic == ZSTD_MAGICNUMBER ||
           (magic & ZSTD_MAGIC_SKIPPABLE_MASK) == ZSTD_MAGIC_SKIPPABLE_START;
  }

 private:
  ZSTD_DCtx* stream_;
  bool ready_ = false;
};

class Lz4 final : public StreamDecoder {
 public:
  Lz4() { ready_ = LZ4F_isError(LZ4F_createDecompressionContext(&stream_, LZ4F_VERSION)) == 0; }
  ~Lz4() override { LZ4F_freeDecompressionContext(stream_); }
  Lz4(const Lz4&) = delete;
  Lz4& operator=(const Lz4&) = delete;

  Step step(ByteSpan input, std::span<std::uint8_t> output, bool) override {
    if (!ready_) return {0, 0, StepEnd::broken, "lz4 cannot start"};
    std::size_t in = input.size(), room = output.size();
    const std::size_t status =
        LZ4F_decompress(stream_, output.data(), &room, input.data(), &in, nullptr);
    if (LZ4F_isError(status) != 0) return {0, 0, StepEnd::broken, LZ4F_getErrorName(status)};
    Step out{in, room, StepEnd::more, {}};
    if (status == 0) out.end = StepEnd::stream_end;
    return out;
  }
  bool restart() override {
    LZ4F_resetDecompressionContext(stream_);
    return ready_;
  }
  bool begins(ByteSpan input) const override {
    if (input.size() < 4) return false;
    const std::uint32_t magic = load_le32(input.data());
    return magic == 0x184D2204u || (magic & 0xFFFFFFF0u) == 0x184D2A50u;
  }

 private:
  LZ4F_dctx* stream_ = nullptr;
  bool ready_ = false;
};

}  // namespace

std::unique_ptr<StreamDecoder> make_decoder(Codec codec, std::uint64_t window_bytes) {
  switch (codec) {
    case Codec::gzip: return std::make_unique<Zlib>(true);
    case Codec::zlib: return std::make_unique<Zlib>(false);
    case Codec::bzip2: return std::make_unique<Bzip2>();
    case Codec::xz: return std::make_unique<Lzma>(false, window_bytes);
    case Codec::lzma: return std::make_unique<Lzma>(true, window_bytes);
    case Codec::zstd: return std::make_unique<Zstd>(window_bytes);
    case Codec::lz4: return std::make_unique<Lz4>();
  }
  return nullptr;
}

}  // namespace brine::codec
