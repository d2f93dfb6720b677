#include "codec/encode.h"

#include <bzlib.h>
#include <lz4frame.h>
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <utility>

namespace brine::codec {

class Encoder::Stream {
 public:
  struct Step {
    std::size_t taken = 0, made = 0;
    bool done = false;  // finishing, and nothing more comes out
    bool failed = false;
  };
  virtual ~Stream() = default;
  virtual Step step(ByteSpan input, std::span<std::uint8_t> output, bool last) = 0;
};

namespace {

using Stream = Encoder::Stream;

constexpr std::size_t kBuffer = 256u << 10;
constexpr std::size_t kPiece = 1u << 20;  // input of one step
constexpr int kZlibLevel = 3;  // joblib's own
constexpr std::uint32_t kLzmaPreset = 3;  // 32 MB

class Zlib final : public Stream {
 public:
  explicit Zlib(int window) {
    ready_ = deflateInit2(&stream_, kZlibLevel, Z_DEFLATED, window, 8, Z_DEFAULT_STRATEGY) == Z_OK;
  }
  ~Zlib() override {
    if (ready_) deflateEnd(&stream_);
  }
  Zlib(const Zlib&) = delete;
  Zlib& operator=(const Zlib&) = delete;

  Step step(ByteSpan input, std::span<std::uint8_t> output, bool last) override {
    if (!ready_) return {.failed = true};
    stream_.next_in = const_cast<Bytef*>(input.data());  // zlib's old interface: it only reads
    stream_.avail_in = static_cast<uInt>(input.size());
    stream_.next_out = output.data();
    stream_.avail_out = static_cast<uInt>(output.size());
    const int status = ::deflate(&stream_, last ? Z_FINISH : Z_NO_FLUSH);
    return {input.size() - stream_.avail_in, output.size() - stream_.avail_out,
            status == Z_STREAM_END, status == Z_STREAM_ERROR};
  }

 private:
  bool ready_ = false;
  z_stream stream_{};
};

class Bzip2 final : public Stream {
 public:
  Bzip2() { ready_ = BZ2_bzCompressInit(&stream_, 9, 0, 0) == BZ_OK; }
  ~Bzip2() override {
    if (ready_) BZ2_bzCompressEnd(&stream_);
  }
  Bzip2(const Bzip2&) = delete;
  Bzip2& operator=(const Bzip2&) = delete;

  Step step(ByteSpan input, std::span<std::uint8_t> output, bool last) override {
    if (!ready_) return {.failed = true};
    if (input.empty() && !last) return {};
    stream_.next_in = const_cast<char*>(reinterpret_cast<const char*>(input.data()));
    stream_.avail_in = static_cast<unsigned>(input.size());
    stream_.next_out = reinterpret_cast<char*>(output.data());
    stream_.avail_out = static_cast<unsigned>(output.size());
    const int status = BZ2_bzCompress(&stream_, last ? BZ_FINISH : BZ_RUN);
    return {input.size() - stream_.avail_in, output.size() - stream_.avail_out,
            status == BZ_STREAM_END, status < 0};
  }

 private:
  bool ready_ = false;
  bz_stream stream_{};
};

class Lzma final : public Stream {
 public:
  explicit Lzma(bool xz) {
    lzma_options_lzma options{};
    ready_ = xz ? lzma_easy_encoder(&stream_, kLzmaPreset, LZMA_CHECK_CRC64) == LZMA_OK
                : !lzma_lzma_preset(&options, kLzmaPreset) &&
                      lzma_alone_encoder(&stream_, &options) == LZMA_OK;
  }
  ~Lzma() override { lzma_end(&stream_); }
  Lzma(const Lzma&) = delete;
  Lzma& operator=(const Lzma&) = delete;

  Step step(ByteSpan input, std::span<std::uint8_t> output, bool last) override {
    if (!ready_) return {.failed = true};
    stream_.next_in = input.data();
    stream_.avail_in = input.size();
    stream_.next_out = output.data();
    stream_.avail_out = output.size();
    const lzma_ret status = lzma_code(&stream_, last ? LZMA_FINISH : LZMA_RUN);
    return {input.size() - stream_.avail_in, output.size() - stream_.avail_out,
            status == LZMA_STREAM_END,
            status != LZMA_OK && status != LZMA_STREAM_END && status != LZMA_BUF_ERROR};
  }

 private:
  bool ready_ = false;
  lzma_stream stream_ = LZMA_STREAM_INIT;
};

class Zstd final : public Stream {
 public:
  Zstd() : context_(ZSTD_createCCtx(), &ZSTD_freeCCtx) {}

  Step step(ByteSpan input, std::span<std::uint8_t> output, bool last) override {
    if (context_ == nullptr) return {.failed = true};
    ZSTD_inBuffer in{input.data(), input.size(), 0};
    ZSTD_outBuffer out{output.data(), output.size(), 0};
    const std::size_t left =
        ZSTD_compressStream2(context_.get(), &out, &in, last ? ZSTD_e_end : ZSTD_e_continue);
    return {in.pos, out.pos, last && left == 0, ZSTD_isError(left) != 0};
  }

 private:
  std::unique_ptr<ZSTD_CCtx, std::size_t (*)(ZSTD_CCtx*)> context_;
};

// The library wants room for the worst case of a piece, so what it made waits here.
class Lz4 final : public Stream {
 public:
  Lz4() { ready_ = LZ4F_isError(LZ4F_createCompressionContext(&context_, LZ4F_VERSION)) == 0; }
  ~Lz4() override {
    if (ready_) LZ4F_freeCompressionContext(context_);
  }
  Lz4(const Lz4&) = delete;
  Lz4& operator=(const Lz4&) = delete;

  Step step(ByteSpan input, std::span<std::uint8_t> output, bool last) override {
    if (!ready_) return {.failed = true};
    Step out;
    if (sent_ == waiting_.size()) {
      const ByteSpan piece = input.first(std::min<std::size_t>(input.size(), 64u << 10));
      if (!make(piece, last && piece.size() == input.size())) return {.failed = true};
      out.taken = piece.size();
    }
    out.made = std::min(output.size(), waiting_.size() - sent_);
    std::copy_n(waiting_.begin() + static_cast<std::ptrdiff_t>(sent_), out.made, output.begin());
    sent_ += out.made;
    out.done = ended_ && sent_ == waiting_.size();
    return out;
  }

 private:
  bool make(ByteSpan piece, bool last) {
    waiting_.resize(LZ4F_compressBound(piece.size(), nullptr) + 2 * LZ4F_HEADER_SIZE_MAX);
    sent_ = 0;
    std::size_t made = 0;
    const auto add = [&](std::size_t count) {
      if (LZ4F_isError(count) != 0) return false;
      made += count;
      return true;
    };
    if (!begun_ && !add(LZ4F_compressBegin(context_, waiting_.data(), waiting_.size(), nullptr))) {
      return false;
    }
    begun_ = true;
    if (!piece.empty() &&
        !add(LZ4F_compressUpdate(context_, waiting_.data() + made, waiting_.size() - made,
                                 piece.data(), piece.size(), nullptr))) {
      return false;
    }
    if (last && !ended_) {
      if (!add(LZ4F_compressEnd(context_, waiting_.data() + made, waiting_.size() - made,
                                nullptr))) {
        return false;
      }
      ended_ = true;
    }
    waiting_.resize(made);
    return true;
  }

  LZ4F_cctx* context_ = nullptr;
  bool ready_ = false, begun_ = false, ended_ = false;
  std::vector<std::uint8_t> waiting_;
  std::size_t sent_ = 0;
};

std::unique_ptr<Stream> make_stream(Codec codec) {
  constexpr int kGzip = 16;  // zlib's flag in the window's size
  switch (codec) {
    case Codec::gzip: return std::make_unique<Zlib>(MAX_WBITS + kGzip);
    case Codec::zlib: return std::make_unique<Zlib>(MAX_WBITS);
    case Codec::bzip2: return std::make_unique<Bzip2>();
    case Codec::xz: return std::make_unique<Lzma>(true);
    case Codec::lzma: return std::make_unique<Lzma>(false);
    case Codec::zstd: return std::make_unique<Zstd>();
    case Codec::lz4: return std::make_unique<Lz4>();
    case Codec::lzip:
    case Codec::zip_lzma: break;
  }
  return nullptr;
}

std::unexpected<Error> cannot_compress() {
  return fail({ErrorCode::internal, 0, "the compressor failed"});
}

}  // namespace

Encoder::Encoder(std::unique_ptr<Stream> stream, TakeBytes take)
    : stream_(std::move(stream)), take_(std::move(take)), buffer_(kBuffer) {}
Encoder::Encoder(Encoder&&) noexcept = default;
Encoder::~Encoder() = default;

Result<Encoder> Encoder::make(Codec codec, TakeBytes take) {
  std::unique_ptr<Stream> stream = make_stream(codec);
  if (stream == nullptr) {
    return fail({ErrorCode::unsupported, 0,
                 "compression with " + std::string(to_string(codec)) + " is only read"});
  }
  return Encoder(std::move(stream), std::move(take));
}

Status Encoder::write(ByteSpan bytes) {
  while (!bytes.empty()) {
    const Stream::Step step =
        stream_->step(bytes.first(std::min(bytes.size(), kPiece)), buffer_, false);
    if (step.failed) return cannot_compress();
    BRINE_CHECK_STATUS(take_(ByteSpan(buffer_).first(step.made)));
    bytes = bytes.subspan(step.taken);
  }
  return {};
}

Status Encoder::finish() {
  while (true) {
    const Stream::Step step = stream_->step({}, buffer_, true);
    if (step.failed) return cannot_compress();
    BRINE_CHECK_STATUS(take_(ByteSpan(buffer_).first(step.made)));
    if (step.done) return {};
  }
}

}  // namespace brine::codec
