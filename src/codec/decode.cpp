#include "codec/decode.h"

#include <algorithm>
#include <cstdint>
#include <memory>

#include "codec/streams.h"

namespace brine::codec {

namespace {

constexpr std::size_t kChunk = 64u << 10;
constexpr std::uint64_t kUsualRatio = 8;  // what memory is got for before anything comes out
constexpr int kMostStalls = 8;  // steps that neither take nor make anything

// The input, a chunk at a time, with a look at what follows the place that was reached.
class Feed {
 public:
  Feed(ByteSource& source, std::uint64_t offset)
      : source_(source), begin_(std::min(offset, source.size())), at_(begin_) {}

  // At least `count` bytes from here on unless the source ends before.
  Result<ByteSpan> look(std::size_t count) {
    const std::uint64_t left = source_.size() - at_;
    const ByteSpan all = source_.in_memory();
    if (!all.empty()) return all.subspan(static_cast<std::size_t>(at_));
    if (held_ - used_ < count && left > held_ - used_) {
      chunk_.resize(static_cast<std::size_t>(std::min<std::uint64_t>(left, kChunk)));
      BRINE_CHECK_STATUS(source_.read(at_, chunk_));
      used_ = 0;
      held_ = chunk_.size();
    }
    return ByteSpan(chunk_).subspan(used_, held_ - used_);
  }
  void take(std::size_t count) {
    at_ += count;
    if (source_.in_memory().empty()) used_ += count;
  }
  // Back to where `taken` bytes were taken.
  void back_to(std::uint64_t taken) {
    at_ = begin_ + taken;
    used_ = held_ = 0;
  }
  std::uint64_t taken() const { return at_ - begin_; }
  std::uint64_t left() const { return source_.size() - at_; }

 private:
  ByteSource& source_;
  std::uint64_t begin_, at_;
  std::vector<std::uint8_t> chunk_;
  std::size_t used_ = 0, held_ = 0;
};

std::uint64_t allowed(std::uint64_t input, std::uint64_t cap, const Limits& limits) {
  const std::uint64_t ratio = std::max<std::uint64_t>(limits.inflate_ratio, 1);
  const std::uint64_t by_ratio = input > UINT64_MAX / ratio ? UINT64_MAX : input * ratio;
  return std::min({cap, limits.member_bytes, std::max(by_ratio, limits.decoded_floor)});
}

// Takes the NULs that may stand behind a stream; false when nothing can follow them.
Result<bool> skip_padding(Feed& feed, int unit) {
  if (unit == 0) return feed.left() > 0;
  std::uint64_t skipped = 0;
  while (true) {
    BRINE_TRY(const ByteSpan ahead, feed.look(1));
    if (ahead.empty()) return false;
    const auto nul = static_cast<std::size_t>(
        std::ranges::find_if(ahead, [](std::uint8_t byte) { return byte != 0; }) - ahead.begin());
    feed.take(nul);
    skipped += nul;
    if (nul < ahead.size()) return skipped % static_cast<unsigned>(unit) == 0;
  }
}

// How a pass hands out the input: up to `careful` bytes in pieces of `large`, then of `small`. The
// pass moves `careful` to the place of its last step.
struct Pieces {
  std::size_t large, small;
  std::uint64_t careful;
};

// One pass over the input.
Result<Decoded> decode_once(Codec codec, ByteSource& source, std::uint64_t offset,
                            std::uint64_t cap, const Limits& limits, Pieces& pieces) {
  const std::unique_ptr<StreamDecoder> decoder = make_decoder(codec, limits.window_bytes);
  if (decoder == nullptr) return fail({ErrorCode::internal, offset, "no such codec"});
  Feed feed(source, offset);
  const std::uint64_t most = allowed(feed.left(), cap, limits);
  const std::uint64_t careful = pieces.careful;
  Decoded out;
  out.bytes.reserve(std::min(most, feed.left() * kUsualRatio));
  std::uint64_t complete = 0;  // input up to the last stream's end
  const auto ended = [&](DecodeEnd end, std::string problem) {
    out.end = end;
    out.problem = std::move(problem);
    out.consumed = end == DecodeEnd::done ? complete : feed.taken();
    return std::move(out);
  };
  // Another stream behind the NULs that may stand there?
  const auto begins_behind_padding = [&]() -> Result<bool> {
    BRINE_TRY(const bool follows, skip_padding(feed, decoder->padding()));
    if (feed.left() == 0) complete = feed.taken();
    BRINE_TRY(const ByteSpan ahead, feed.look(8));
    return follows && decoder->begins(ahead) == Follows::yes;
  };
  int stalls = 0;
  bool guessed = false;  // the stream may be none; then nothing comes out of it
  std::uint64_t size_before = 0;
  std::uint8_t beyond = 0;  // asks whether anything comes behind the cap
  while (true) {
    BRINE_TRY(ByteSpan input, feed.look(1));
    const std::uint64_t before = feed.taken();
    input = input.first(std::min(input.size(), before < careful ? pieces.large : pieces.small));
    const bool full = out.bytes.size() >= most;
    const std::span<std::uint8_t> output = full ? std::span(&beyond, 1) : out.bytes.room(most);
    if (output.empty()) return ended(DecodeEnd::budget, "member_bytes");
    Step step = decoder->step(input, output, input.size() == feed.left());
    feed.take(step.taken);
    if (full && step.made > 0) return ended(DecodeEnd::budget, "inflate_ratio");
    if (!full) out.bytes.add(step.made);
    if (step.end == StepEnd::budget) return ended(DecodeEnd::budget, std::move(step.problem));
    const bool stalled = step.taken == 0 && step.made == 0 && step.end == StepEnd::more;
    const bool cut = stalled && feed.left() == 0;
    const bool none =
        guessed && out.bytes.size() == size_before && (cut || step.end == StepEnd::broken);
    if (none || step.end == StepEnd::stream_end) {
      if (none) feed.back_to(complete);
      complete = feed.taken();
      if (out.first == 0) out.first = complete;
      BRINE_TRY(const ByteSpan ahead, feed.look(8));
      const Follows follows = decoder->begins(ahead);
      guessed = !none && follows == Follows::maybe;
      size_before = out.bytes.size();
      if (!guessed && follows != Follows::yes) {
        BRINE_TRY(const bool another, begins_behind_padding());
        if (!another) return ended(DecodeEnd::done, {});
      }
      if (!decoder->restart()) return ended(DecodeEnd::broken, "cannot begin the next stream");
      continue;
    }
    pieces.careful = before;
    if (step.end == StepEnd::broken) return ended(DecodeEnd::broken, std::move(step.problem));
    if (cut) return ended(DecodeEnd::truncated, "the compressed data ends early");
    stalls = stalled ? stalls + 1 : 0;
    if (stalls == kMostStalls) return ended(DecodeEnd::broken, "the decoder does not go on");
  }
}

}  // namespace

std::string_view to_string(Codec codec) {
  switch (codec) {
    case Codec::gzip: return "gzip";
    case Codec::zlib: return "zlib";
    case Codec::bzip2: return "bzip2";
    case Codec::xz: return "xz";
    case Codec::lzma: return "lzma";
    case Codec::zstd: return "zstd";
    case Codec::lz4: return "lz4";
    case Codec::lzip: return "lzip";
    case Codec::zip_lzma: return "zip-lzma";
  }
  return "?";
}

bool may_begin(Codec codec, std::uint32_t head) {
  switch (codec) {
    case Codec::bzip2: return (head & 0xFFFFFFu) == 0x685A42u;  // "BZh"
    case Codec::zstd: return head == 0xFD2FB528u || (head & 0xFFFFFFF0u) == 0x184D2A50u;
    case Codec::zip_lzma: return head >> 16 == 5;  // the size of LZMA's properties
    default: return true;
  }
}

Result<Decoded> decode(Codec codec, ByteSource& source, std::uint64_t offset, std::uint64_t cap,
                       const Limits& limits) {
  Pieces pieces{SIZE_MAX, SIZE_MAX, 0};
  BRINE_TRY(Decoded out, decode_once(codec, source, offset, cap, limits, pieces));
  // These two forget what they decoded in the step that fails: chunks lead to the place, and behind
  // it byte by byte nothing is lost.
  const bool forgets = codec == Codec::zstd || codec == Codec::lz4;
  if (out.end != DecodeEnd::broken || !forgets) return out;
  pieces = {kChunk, kChunk, 0};
  BRINE_CHECK_STATUS(decode_once(codec, source, offset, cap, limits, pieces));
  pieces = {kChunk, 1, pieces.careful};
  BRINE_TRY(Decoded again, decode_once(codec, source, offset, cap, limits, pieces));
  return again.bytes.size() >= out.bytes.size() ? std::move(again) : std::move(out);
}

}  // namespace brine::codec
