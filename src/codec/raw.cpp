#include "codec/raw.h"

#include <lzma.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <optional>
#include <vector>

#include "codec/steps.h"

namespace brine::codec {

namespace {

// One stream, and nothing behind it.
class Once : public StreamDecoder {
 public:
  bool restart() override { return false; }
  Follows begins(ByteSpan) const override { return Follows::no; }
};

class RawDeflate final : public Once {
 public:
  RawDeflate() { ready_ = inflateInit2(&stream_, -MAX_WBITS) == Z_OK; }
  ~RawDeflate() override {
    if (ready_) inflateEnd(&stream_);
  }
  RawDeflate(const RawDeflate&) = delete;
  RawDeflate& operator=(const RawDeflate&) = delete;

  Step step(ByteSpan input, std::span<std::uint8_t> output, bool) override {
    if (!ready_) return {0, 0, StepEnd::broken, "zlib cannot start"};
    return inflate_step(stream_, input, output);
  }

 private:
  bool ready_ = false;
  z_stream stream_{};
};

// What liblzma makes of a filter's properties; owns them.
class Filter {
 public:
  Filter(LzmaId id, ByteSpan properties) : filter_{id, nullptr} {
    known_ =
        lzma_properties_decode(&filter_, nullptr, properties.data(), properties.size()) == LZMA_OK;
  }
  ~Filter() {
    std::free(filter_.options);  // NOLINT(cppcoreguidelines-no-malloc): liblzma's own allocator
  }
  Filter(const Filter&) = delete;
  Filter& operator=(const Filter&) = delete;

  bool known() const { return known_; }
  lzma_filter get() const { return filter_; }
  lzma_options_lzma& lzma() { return *static_cast<lzma_options_lzma*>(filter_.options); }

 private:
  lzma_filter filter_;
  bool known_ = false;
};

constexpr lzma_filter kEnd{LZMA_VLI_UNKNOWN, nullptr};

class RawLzma final : public Once {
 public:
  explicit RawLzma(const lzma_filter& filter) {
    const std::array<lzma_filter, 2> chain{filter, kEnd};
    ready_ = lzma_raw_decoder(&stream_, chain.data()) == LZMA_OK;
  }
  ~RawLzma() override { lzma_end(&stream_); }
  RawLzma(const RawLzma&) = delete;
  RawLzma& operator=(const RawLzma&) = delete;

  Step step(ByteSpan input, std::span<std::uint8_t> output, bool last) override {
    if (!ready_) return {0, 0, StepEnd::broken, "liblzma cannot start"};
    return lzma_step(stream_, input, output, last);
  }

 private:
  bool ready_ = false;
  lzma_stream stream_ = LZMA_STREAM_INIT;
};

// liblzma runs its filters behind LZMA2 only, so the bytes are handed to it as LZMA2's uncompressed
// chunks: a control byte (1 for the first, which empties the dictionary, then 2), the length less
// one in two bytes, the bytes; 0 ends it.
class Filtered final : public Once {
 public:
  explicit Filtered(const lzma_filter& filter) {
    lzma_options_lzma options{};
    options.dict_size = LZMA_DICT_SIZE_MIN;
    const std::array<lzma_filter, 3> chain{filter, {LZMA_FILTER_LZMA2, &options}, kEnd};
    ready_ = lzma_raw_decoder(&stream_, chain.data()) == LZMA_OK;
  }
  ~Filtered() override { lzma_end(&stream_); }
  Filtered(const Filtered&) = delete;
  Filtered& operator=(const Filtered&) = delete;

  Step step(ByteSpan input, std::span<std::uint8_t> output, bool last) override {
    if (!ready_) return {0, 0, StepEnd::broken, "liblzma cannot start"};
    std::size_t taken = 0;
    if (held_.empty()) {
      taken = std::min<std::size_t>(input.size(), kMostChunk);
      if (taken == 0 && !last) return {};
      hold(input.first(taken));
    }
    Step out = lzma_step(stream_, ByteSpan(held_), output, ended_);
    held_.erase(held_.begin(), held_.begin() + static_cast<std::ptrdiff_t>(out.taken));
    out.taken = taken;
    return out;
  }

 private:
  static constexpr std::size_t kMostChunk = 1u << 12;

  void hold(ByteSpan bytes) {
    if (bytes.empty()) {
      held_ = {0};
      ended_ = true;
      return;
    }
    const std::size_t size = bytes.size() - 1;
    held_ = {static_cast<std::uint8_t>(first_ ? 1 : 2), static_cast<std::uint8_t>(size >> 8),
             static_cast<std::uint8_t>(size)};
    held_.insert(held_.end(), bytes.begin(), bytes.end());
    first_ = false;
  }

  bool ready_ = false, first_ = true, ended_ = false;
  std::vector<std::uint8_t> held_;
  lzma_stream stream_ = LZMA_STREAM_INIT;
};

}  // namespace

std::unique_ptr<StreamDecoder> make_raw_deflate() { return std::make_unique<RawDeflate>(); }

std::unique_ptr<StreamDecoder> make_raw_lzma(LzmaId id, ByteSpan properties,
                                             std::uint64_t most_dictionary) {
  Filter filter(id, properties);
  if (!filter.known()) return nullptr;
  const std::uint64_t most = std::max<std::uint64_t>(most_dictionary, LZMA_DICT_SIZE_MIN);
  lzma_options_lzma& options = filter.lzma();
  options.dict_size = static_cast<std::uint32_t>(std::min<std::uint64_t>(options.dict_size, most));
  return std::make_unique<RawLzma>(filter.get());
}

std::unique_ptr<StreamDecoder> make_filter(LzmaId id, ByteSpan properties) {
  const Filter filter(id, properties);
  return filter.known() ? std::make_unique<Filtered>(filter.get()) : nullptr;
}

}  // namespace brine::codec
