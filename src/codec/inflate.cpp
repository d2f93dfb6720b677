#include "codec/inflate.h"

#include <zlib.h>

#include <algorithm>
#include <array>

namespace brine::codec {
namespace {

constexpr std::size_t kChunk = 64u << 10;

// zlib's state, ended on every way out.
class ZlibStream {
 public:
  ZlibStream() { ready_ = inflateInit2(&stream_, -MAX_WBITS) == Z_OK; }
  ~ZlibStream() {
    if (ready_) inflateEnd(&stream_);
  }
  ZlibStream(const ZlibStream&) = delete;
  ZlibStream& operator=(const ZlibStream&) = delete;
  bool ready() const { return ready_; }
  z_stream* operator->() { return &stream_; }
  int step() { return ::inflate(&stream_, Z_NO_FLUSH); }

 private:
  z_stream stream_{};
  bool ready_ = false;
};

// How much output is allowed: what the caller wants, or less where a limit says so.
struct Cap {
  std::uint64_t bytes = 0;
  bool by_limit = false;
};

Cap output_cap(std::uint64_t input, std::uint64_t wanted, const Limits& limits) {
  std::uint64_t by_ratio = UINT64_MAX;
  if (limits.inflate_ratio != 0 && input < (UINT64_MAX - kChunk) / limits.inflate_ratio) {
    by_ratio = input * limits.inflate_ratio + kChunk;
  }
  std::uint64_t allowed = std::min(limits.member_bytes, by_ratio);
  return {std::min(wanted, allowed), wanted > allowed};
}

void finish_full(Inflated& out, const Cap& cap) {
  if (cap.by_limit) {
    out.end = InflateEnd::budget;
    out.problem = "more than " + std::to_string(cap.bytes) + " bytes when inflated";
  } else {
    out.end = InflateEnd::full;
    out.problem =
        "there is more than the " + std::to_string(cap.bytes) + " bytes that are promised";
  }
}

// Makes room for output behind what is there; false when the cap is reached.
bool grow(std::vector<std::uint8_t>& bytes, std::size_t used, std::uint64_t cap) {
  if (used < bytes.size()) return true;
  if (used >= cap) return false;
  std::uint64_t next = std::max<std::uint64_t>(bytes.size() * 2, 4096);
  bytes.resize(static_cast<std::size_t>(std::min(next, cap)));
  return true;
}

Result<Inflated> inflate_with_zlib(ByteSource& source, std::uint64_t offset, std::uint64_t count,
                                   const Cap& cap) {
  Inflated out;
  ZlibStream stream;
  if (!stream.ready()) return fail({ErrorCode::internal, offset, "zlib cannot start"});
  std::array<std::uint8_t, kChunk> input;
  std::array<std::uint8_t, 1> beyond{};  // asks zlib whether anything comes behind the cap
  std::uint64_t left = count;
  std::size_t used = 0;
  bool asking = false;
  while (true) {
    if (stream->avail_in == 0 && left > 0) {
      std::size_t take = static_cast<std::size_t>(std::min<std::uint64_t>(left, kChunk));
      BRINE_CHECK_STATUS(source.read(offset + (count - left), std::span(input.data(), take)));
      left -= take;
      stream->next_in = input.data();
      stream->avail_in = static_cast<uInt>(take);
    }
    if (!asking && !grow(out.bytes, used, cap.bytes)) asking = true;
    std::size_t room = asking ? beyond.size() : out.bytes.size() - used;
    room = std::min<std::size_t>(room, 1u << 30);
    stream->next_out = asking ? beyond.data() : out.bytes.data() + used;
    stream->avail_out = static_cast<uInt>(room);
    int status = stream.step();
    std::size_t made = room - stream->avail_out;
    if (asking && made > 0) {
      finish_full(out, cap);
      break;
    }
    used += asking ? 0 : made;
    if (status == Z_STREAM_END) break;
    if (status != Z_OK && status != Z_BUF_ERROR) {
      out.end = InflateEnd::broken;
      out.problem = stream->msg != nullptr ? stream->msg : "the data is not deflate";
      break;
    }
    if (stream->avail_in == 0 && left == 0 && stream->avail_out != 0) {
      out.end = InflateEnd::truncated;
      out.problem = "the compressed data ends early";
      break;
    }
  }
  out.bytes.resize(used);
  out.consumed = count - left - stream->avail_in;
  return out;
}

Result<Inflated> inflate_with_tinfl(ByteSource& source, std::uint64_t offset, std::uint64_t count,
                                    const Cap& cap, const Limits& limits) {
  ByteSpan all = source.in_memory();
  std::vector<std::uint8_t> copy;
  ByteSpan input;
  if (!all.empty()) {
    input = all.subspan(static_cast<std::size_t>(offset), static_cast<std::size_t>(count));
  } else {
    BRINE_TRY(copy, source.read_vector(offset, std::min(count, limits.member_bytes)));
    input = copy;
  }
  Inflated out = inflate_as_tinfl(input, cap.bytes);
  if (out.end == InflateEnd::full) finish_full(out, cap);
  return out;
}

}  // namespace

Result<Inflated> inflate(ByteSource& source, std::uint64_t offset, std::uint64_t count,
                         std::uint64_t wanted, const Limits& limits, Inflater inflater) {
  std::uint64_t size = source.size();
  offset = std::min(offset, size);
  count = std::min(count, size - offset);
  Cap cap = output_cap(count, wanted, limits);
  BRINE_TRY(Inflated out, inflate_with_zlib(source, offset, count, cap));
  bool failed = out.end == InflateEnd::broken || out.end == InflateEnd::truncated;
  if (inflater == Inflater::zlib || !failed) return out;
  BRINE_TRY(Inflated again, inflate_with_tinfl(source, offset, count, cap, limits));
  if (again.end == InflateEnd::done || again.bytes.size() >= out.bytes.size()) return again;
  return out;
}

}  // namespace brine::codec
