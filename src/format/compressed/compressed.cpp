#include "format/compressed/compressed.h"

#include <algorithm>
#include <array>
#include <bit>
#include <memory>
#include <utility>

#include "format/codes.h"
#include "format/names.h"
#include "format/pickle/bare.h"

namespace brine::format::compressed {

namespace {

using codec::Codec;
using namespace std::string_view_literals;

// Whether the magic bytes are enough, or something has to come out: two letters of text are no
// proof.
enum class Proof : std::uint8_t { magic, output };

struct Row {
  Codec codec;
  std::string_view magic;
  Proof proof;
};

// joblib's prefixes (numpy_pickle_utils.py), zstd, which pandas reads, and lzip, which liblzma 5.4
// and with it lzma.LZMAFile reads.
constexpr auto kRows = std::to_array<Row>({
    {Codec::gzip, "\x1f\x8b\x08"sv, Proof::magic},
    {Codec::xz,
     "\xfd"
     "7zXZ\0"sv,
     Proof::magic},
    {Codec::zstd, "\x28\xb5\x2f\xfd"sv, Proof::magic},
    {Codec::lz4, "\x04\x22\x4d\x18"sv, Proof::magic},
    {Codec::bzip2, "BZh"sv, Proof::output},
    {Codec::zlib, "\x78"sv, Proof::output},
    {Codec::lzma, "\x5d\0"sv, Proof::output},
    {Codec::lzip, "LZIP\0"sv, Proof::magic},
    {Codec::lzip, "LZIP\1"sv, Proof::magic},
});

struct Ending {
  std::string_view ending, instead;
};
constexpr auto kEndings = std::to_array<Ending>({
    {".gz", ""},
    {".bz2", ""},
    {".xz", ""},
    {".lzma", ""},
    {".lz", ""},
    {".zst", ""},
    {".zstd", ""},
    {".lz4", ""},
    {".zlib", ""},
    {".z", ""},
    {".tgz", ".tar"},
    {".tbz2", ".tar"},
    {".tbz", ".tar"},
    {".txz", ".tar"},
    {".tzst", ".tar"},
});

// Whether a beginning decodes to anything at all; bzip2 gives nothing before its first block ends.
bool gives_output(Codec codec, const Probe& probe) {
  const ByteSpan head = probe.head();
  if (codec == Codec::bzip2) {
    static constexpr std::string_view kBlock = "\x31\x41\x59\x26\x53\x59",
                                      kEnd = "\x17\x72\x45\x38\x50\x90";
    if (head.size() < 10 || head[3] < '1' || head[3] > '9') return false;
    const std::string_view after = as_text(head).substr(4, 6);
    return after == kBlock || after == kEnd;
  }
  MemorySource source(head);
  const auto out = codec::decode(codec, source, 0, kHeadBytes, Limits{});
  if (!out) return false;
  // Blocks and streams without content may fill the beginning; so may a window beyond the limits.
  return !out->bytes.empty() || out->end == codec::DecodeEnd::budget ||
         (out->end != codec::DecodeEnd::broken && probe.size() > head.size());
}

// zlib with any window; joblib knows only that of 32 KiB, zlib.decompress all.
bool small_zlib(const Probe& probe) {
  const ByteSpan head = probe.head();
  if (head.size() < 8 || (head[0] & 0x8f) != 8 || (head[0] << 8 | head[1]) % 31 != 0) return false;
  MemorySource source(head);
  const auto out = codec::decode(Codec::zlib, source, 0, kHeadBytes, Limits{});
  return out && !out->bytes.empty() && out->end != codec::DecodeEnd::broken;
}

// lzma's old format has no magic bytes. liblzma, choosing by itself (lzma_alone_decoder.c,
// `picky`), takes any properties, windows of 0, 2^n or 2^n + 2^(n-1) and an unknown length or one
// below 2^38.
bool lzma_header(const Probe& probe) {
  const ByteSpan head = probe.head();
  if (head.size() < 14 || head[0] >= 225 || head[0] % 9 + head[0] / 9 % 5 > 4) return false;
  const std::uint32_t window = load_le32(head.data() + 1);
  const bool one_bit = std::has_single_bit(window);
  const bool two_bits = std::popcount(window) == 2 && (window & window << 1) != 0;
  const std::uint64_t length = load_le64(head.data() + 5);
  return (window == 0 || one_bit || two_bits || window == UINT32_MAX) &&
         (length == UINT64_MAX || (length > 0 && length < std::uint64_t{1} << 38));
}

// zstd and lz4 share the frames that their readers skip; what stands behind says whose they are.
std::optional<Codec> behind_skippable(Probe& probe) {
  std::uint64_t at = 0;
  std::array<std::uint8_t, 8> frame{};
  constexpr int kMostFrames = 1 << 16;
  for (int i = 0; i < kMostFrames; ++i) {
    if (probe.size() < at || probe.size() - at < frame.size()) return std::nullopt;
    if (!probe.source()->read(at, frame)) return std::nullopt;
    const std::uint32_t magic = load_le32(frame.data());
    if (magic == 0xFD2FB528u) return Codec::zstd;
    if (magic == 0x184D2204u) return Codec::lz4;
    if ((magic & 0xFFFFFFF0u) != 0x184D2A50u) return std::nullopt;
    at += frame.size() + load_le32(frame.data() + 4);
  }
  return Codec::zstd;  // nobody packs so; not to open it would be to overlook it
}

// joblib's reader of gzip and zlib hands what stands behind the end of a stream to its decompressor
// again, which keeps it and grows (joblib 1.6, compressor.py, BinaryZlibFile._fill_buffer). Only of
// pickles: files of text may have many members.
bool joblib_never_ends(Codec codec, const codec::Decoded& decoded, const Probe& probe) {
  if (codec != Codec::gzip && codec != Codec::zlib) return false;
  const bool more = decoded.first != 0 && decoded.first < probe.size();
  return more && (promise_of(ascii_lower(inner_name(probe.name()))) == Promise::pickle ||
                  bare_pickle::starts_with_proto(decoded.bytes.view()));
}

// liblzma makes NULs of NULs, which no loader reads.
bool gives_more_than_nuls(const Probe& probe) {
  MemorySource source(probe.head());
  const auto out = codec::decode(Codec::lzma, source, 0, kHeadBytes, Limits{});
  if (!out) return false;
  if (out->bytes.empty()) return out->end == codec::DecodeEnd::budget;
  return out->bytes.view().front() != 0;
}

}  // namespace

std::optional<Codec> identify(Probe& probe) {
  for (const Row& row : kRows) {
    if (!probe.starts_with(row.magic)) continue;
    if (row.proof == Proof::magic || gives_output(row.codec, probe)) return row.codec;
  }
  if (probe.head().size() >= 8 && (probe.head()[0] & 0xf0) == 0x50 &&
      probe.starts_with("\x2a\x4d\x18"sv, 1)) {
    return behind_skippable(probe);
  }
  if (small_zlib(probe)) return Codec::zlib;
  if (lzma_header(probe) && gives_more_than_nuls(probe)) return Codec::lzma;
  return std::nullopt;
}

std::string inner_name(std::string_view name) {
  const std::string lower = ascii_lower(name);
  for (const Ending& row : kEndings) {
    if (lower.size() > row.ending.size() && lower.ends_with(row.ending)) {
      return std::string(name.substr(0, name.size() - row.ending.size())) +
             std::string(row.instead);
    }
  }
  return std::string(name);
}

std::optional<Beginning> beginning(Probe& probe) {
  // A name of any length may stand in gzip's header, and zstd's blocks come as a whole.
  constexpr std::uint64_t kMost = 192u << 10;
  const std::optional<Codec> codec = identify(probe);
  if (!codec) return std::nullopt;
  MemorySource head(probe.head());
  auto out = codec::decode(*codec, head, 0, kHeadBytes, Limits{});
  if (out && out->end == codec::DecodeEnd::truncated && out->bytes.empty()) {
    SliceSource more(probe.source(), 0, std::min(probe.size(), kMost));
    out = codec::decode(*codec, more, 0, kHeadBytes, Limits{});
  }
  if (!out) return std::nullopt;
  const bool told = *codec == Codec::bzip2 || *codec == Codec::xz || *codec == Codec::lz4;
  return Beginning{std::move(*out), told};
}

bool accepts(Probe& probe) { return identify(probe).has_value(); }

void read(Probe& probe, std::span<const std::string_view>, Sink& sink) {
  const std::optional<Codec> codec = identify(probe);
  if (!codec) return;
  sink.describe(std::string(codec::to_string(*codec)));
  auto decoded = codec::decode(*codec, *probe.source(), 0, sink.may_decode(), sink.limits());
  if (!decoded) return;  // the source cannot be read, which the scan sees for itself
  if (decoded->end == codec::DecodeEnd::budget) {
    Finding finding;
    finding.code = code::kLimit;
    finding.title = "the limit `" + decoded->problem + "` was reached: not decompressed to its end";
    sink.finding(std::move(finding));
  } else if (decoded->end != codec::DecodeEnd::done) {
    Finding finding;
    finding.code = code::kCompressed;
    finding.title = std::string(codec::to_string(*codec)) +
                    " data that cannot be read to its end: " + decoded->problem;
    finding.offset = decoded->consumed;
    finding.advice = "fetch the file again: loaders run what came out before";
    sink.finding(std::move(finding));
  }
  sink.interpreted(0, decoded->consumed);
  if (decoded->bytes.empty()) return;
  if (joblib_never_ends(*codec, *decoded, probe)) {
    Finding finding;
    finding.code = code::kDisagree;
    finding.title = "joblib.load takes memory without end behind the first " +
                    std::string(codec::to_string(*codec)) + " stream; other readers go on";
    finding.offset = decoded->first;
    finding.advice = "write it again as one stream";
    sink.finding(std::move(finding));
  }
  const SourcePtr content = std::move(decoded->bytes).into_source();
  sink.member([content]() -> Result<Content> { return Content{content, {}}; },
              inner_name(probe.name()), std::nullopt);
}

}  // namespace brine::format::compressed
