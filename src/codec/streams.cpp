#include "codec/streams.h"

#include <bzlib.h>
#include <lz4frame.h>
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdlib>
#include <limits>
#include <vector>

#include "codec/steps.h"

namespace brine::codec {

namespace {

constexpr std::size_t kMost = std::size_t{1} << 30;  // libbz2 counts in 32 bits

bool starts(ByteSpan input, std::string_view magic) {
  return as_text(input.first(std::min(input.size(), magic.size()))) == magic;
}

Follows follows(bool begins) { return begins ? Follows::yes : Follows::no; }

class Zlib final : public StreamDecoder {
 public:
  Zlib() { ready_ = inflateInit2(&stream_, MAX_WBITS) == Z_OK; }
  ~Zlib() override {
    if (ready_) inflateEnd(&stream_);
  }
  Zlib(const Zlib&) = delete;
  Zlib& operator=(const Zlib&) = delete;

  Step step(ByteSpan input, std::span<std::uint8_t> output, bool) override {
    if (!ready_) return {0, 0, StepEnd::broken, "zlib cannot start"};
    return inflate_step(stream_, input, output);
  }
  bool restart() override { return ready_ && inflateReset(&stream_) == Z_OK; }
  Follows begins(ByteSpan input) const override {
    return follows(input.size() >= 2 && input[0] == 0x78 && (input[0] << 8 | input[1]) % 31 == 0);
  }

 private:
  bool ready_ = false;
  z_stream stream_{};
};

// A gzip member as gzip.py reads it: zlib's own reader of headers refuses reserved flags and wrong
// header checksums, which gzip.py does not look at.
class Gzip final : public StreamDecoder {
 public:
  Gzip() { ready_ = inflateInit2(&stream_, -MAX_WBITS) == Z_OK; }
  ~Gzip() override {
    if (ready_) inflateEnd(&stream_);
  }
  Gzip(const Gzip&) = delete;
  Gzip& operator=(const Gzip&) = delete;

  Step step(ByteSpan input, std::span<std::uint8_t> output, bool) override {
    if (!ready_) return {0, 0, StepEnd::broken, "zlib cannot start"};
    std::size_t taken = 0;
    while (part_ != Part::data) {
      if (taken == input.size()) return {taken, 0, StepEnd::more, {}};
      const bool complete = text() ? pass_text(input, taken) : gather(input, taken);
      if (!complete) continue;
      const bool last = part_ == Part::trailer;
      if (const char* problem = leave()) return {taken, 0, StepEnd::broken, problem};
      if (last) return {taken, 0, StepEnd::stream_end, {}};
    }
    Step out = inflate_step(stream_, input.subspan(taken), output);
    out.taken += taken;
    checksum_ = ::crc32_z(checksum_, output.data(), out.made);
    length_ += static_cast<std::uint32_t>(out.made);
    if (out.end == StepEnd::stream_end) {
      out.end = StepEnd::more;
      enter(Part::trailer, 8);
    }
    return out;
  }
  bool restart() override {
    checksum_ = length_ = 0;
    enter(Part::header, 10);
    return ready_ && inflateReset(&stream_) == Z_OK;
  }
  Follows begins(ByteSpan input) const override { return follows(starts(input, "\x1f\x8b")); }
  int padding() const override { return 1; }

 private:
  enum class Part : std::uint8_t { header, extra_size, extra, name, comment, check, data, trailer };

  bool text() const { return part_ == Part::name || part_ == Part::comment; }
  void enter(Part part, std::size_t size) {
    part_ = part;
    wanted_ = size;
    held_ = 0;
  }
  // Takes up to and with a NUL.
  static bool pass_text(ByteSpan input, std::size_t& taken) {
    const ByteSpan rest = input.subspan(taken);
    const auto nul = std::ranges::find(rest, std::uint8_t{0});
    taken += static_cast<std::size_t>(nul - rest.begin());
    if (nul == rest.end()) return false;
    ++taken;
    return true;
  }
  // Takes what is wanted and keeps its beginning.
  bool gather(ByteSpan input, std::size_t& taken) {
    const std::size_t count = std::min(wanted_ - held_, input.size() - taken);
    for (std::size_t i = 0; i < count && held_ + i < kept_.size(); ++i) {
      kept_[held_ + i] = input[taken + i];
    }
    taken += count;
    held_ += count;
    return held_ == wanted_;
  }
  // Goes on behind a complete part; a problem, or nullptr.
  const char* leave() {
    std::size_t extra = 0;
    switch (part_) {
      case Part::header:
        if (!starts(kept_, "\x1f\x8b\x08")) return "the data is not gzip";
        flags_ = kept_[3];
        break;
      case Part::extra_size: extra = kept_[0] | static_cast<std::size_t>(kept_[1]) << 8; break;
      case Part::trailer:
        if (load_le32(kept_.data()) != checksum_) return "incorrect data check";
        return load_le32(kept_.data() + 4) != length_ ? "incorrect length check" : nullptr;
      default: break;
    }
    if (extra > 0) {
      enter(Part::extra, extra);
    } else if (wants(4)) {
      enter(Part::extra_size, 2);
    } else if (wants(8)) {
      enter(Part::name, 0);
    } else if (wants(16)) {
      enter(Part::comment, 0);
    } else if (wants(2)) {
      enter(Part::check, 2);
    } else {
      enter(Part::data, 0);
    }
    return nullptr;
  }
  // Whether the header says that a part comes, which is then no longer to come.
  bool wants(unsigned flag) {
    const bool wanted = (flags_ & flag) != 0;
    flags_ &= ~flag;
    return wanted;
  }

  bool ready_ = false;
  z_stream stream_{};
  Part part_ = Part::header;
  std::size_t wanted_ = 10, held_ = 0;
  std::array<std::uint8_t, 10> kept_{};
  unsigned flags_ = 0;
  uLong checksum_ = 0;
  std::uint32_t length_ = 0;
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
  Follows begins(ByteSpan input) const override { return follows(starts(input, "BZh")); }

 private:
  bool ready_ = false;
  bz_stream stream_{};
};

// The first stream may be of a known kind; behind it liblzma chooses, as for lzma.LZMAFile, which
// leaves aside what is no stream.
class Lzma final : public StreamDecoder {
 public:
  Lzma(bool alone, std::uint64_t window) : window_(window) { ready_ = start(alone); }
  ~Lzma() override { lzma_end(&stream_); }
  Lzma(const Lzma&) = delete;
  Lzma& operator=(const Lzma&) = delete;

  Step step(ByteSpan input, std::span<std::uint8_t> output, bool last) override {
    if (!ready_) return {0, 0, StepEnd::broken, "liblzma cannot start"};
    return lzma_step(stream_, input, output, last);
  }
  bool restart() override {
    ready_ = start(false);
    return ready_;
  }
  Follows begins(ByteSpan input) const override {
    constexpr std::string_view kXz(
        "\xfd"
        "7zXZ\0",
        6);
    if (starts(input, kXz)) return Follows::yes;
    return input.empty() ? Follows::no : Follows::maybe;
  }
  int padding() const override { return 4; }

 private:
  bool start(bool alone) {
    return (alone ? lzma_alone_decoder(&stream_, window_)
                  : lzma_auto_decoder(&stream_, window_, 0)) == LZMA_OK;
  }

  std::uint64_t window_;
  bool ready_ = false;
  lzma_stream stream_ = LZMA_STREAM_INIT;
};

// As zipfile's LZMADecompressor reads it: two bytes of version, two with the size of the
// properties, the properties, then LZMA without a container. The end mark may be missing.
class ZipLzma final : public StreamDecoder {
 public:
  explicit ZipLzma(std::uint64_t window) : window_(window) {}
  ~ZipLzma() override { lzma_end(&stream_); }
  ZipLzma(const ZipLzma&) = delete;
  ZipLzma& operator=(const ZipLzma&) = delete;

  Step step(ByteSpan input, std::span<std::uint8_t> output, bool last) override {
    if (started_) return lzma_step(stream_, input, output, last);
    std::size_t taken = 0;
    while (taken < input.size() && head_.size() < head_size()) head_.push_back(input[taken++]);
    if (head_.size() < head_size()) return {taken, 0, StepEnd::more, {}};
    const char* problem = start();
    if (problem != nullptr) return {taken, 0, StepEnd::broken, problem};
    if (options_ > window_) return {taken, 0, StepEnd::budget, "window_bytes"};
    return {taken, 0, StepEnd::more, {}};
  }
  bool restart() override { return false; }
  Follows begins(ByteSpan) const override { return Follows::no; }

 private:
  std::size_t head_size() const {
    return head_.size() < 4 ? 4 : 4 + (head_[2] | static_cast<std::size_t>(head_[3]) << 8);
  }
  // A problem, or nullptr.
  const char* start() {
    std::array<lzma_filter, 2> filters{{{LZMA_FILTER_LZMA1, nullptr}, {LZMA_VLI_UNKNOWN, nullptr}}};
    const ByteSpan properties = ByteSpan(head_).subspan(4);
    if (lzma_properties_decode(filters.data(), nullptr, properties.data(), properties.size()) !=
        LZMA_OK) {
      return "the properties are not LZMA's";
    }
    auto* options = static_cast<lzma_options_lzma*>(filters[0].options);
    options_ = options->dict_size;
    started_ = options_ > window_ || lzma_raw_decoder(&stream_, filters.data()) == LZMA_OK;
    std::free(options);  // NOLINT(cppcoreguidelines-no-malloc): liblzma's default allocator
    return started_ ? nullptr : "liblzma refuses the properties";
  }

  std::uint64_t window_, options_ = 0;
  std::vector<std::uint8_t> head_;
  bool started_ = false;
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
  Follows begins(ByteSpan input) const override {
    if (input.size() < 4) return Follows::no;
    const std::uint32_t magic = load_le32(input.data());
    return follows(magic == ZSTD_MAGICNUMBER ||
                   (magic & ZSTD_MAGIC_SKIPPABLE_MASK) == ZSTD_MAGIC_SKIPPABLE_START);
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
  Follows begins(ByteSpan input) const override {
    if (input.size() < 4) return Follows::no;
    const std::uint32_t magic = load_le32(input.data());
    return follows(magic == 0x184D2204u || (magic & 0xFFFFFFF0u) == 0x184D2A50u);
  }

 private:
  LZ4F_dctx* stream_ = nullptr;
  bool ready_ = false;
};

}  // namespace

std::unique_ptr<StreamDecoder> make_decoder(Codec codec, std::uint64_t window_bytes) {
  switch (codec) {
    case Codec::gzip: return std::make_unique<Gzip>();
    case Codec::zlib: return std::make_unique<Zlib>();
    case Codec::bzip2: return std::make_unique<Bzip2>();
    case Codec::xz:
    case Codec::lzip: return std::make_unique<Lzma>(false, window_bytes);
    case Codec::lzma: return std::make_unique<Lzma>(true, window_bytes);
    case Codec::zstd: return std::make_unique<Zstd>(window_bytes);
    case Codec::lz4: return std::make_unique<Lz4>();
    case Codec::zip_lzma: return std::make_unique<ZipLzma>(window_bytes);
  }
  return nullptr;
}

}  // namespace brine::codec
