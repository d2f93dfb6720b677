#include "archive/sevenzip/decode.h"

#include <algorithm>
#include <array>
#include <memory>
#include <utility>
#include <vector>

#include "codec/raw.h"
#include "codec/streams.h"

namespace brine::archive::sevenzip {

namespace {

using codec::Codec;
using codec::Follows;
using codec::LzmaId;
using codec::Step;
using codec::StepEnd;
using codec::StreamDecoder;

enum class Kind : std::uint8_t { copy, lzma, filter, deflate, bzip2, zstd };

// 7-Zip's numbers (Methods.txt of the LZMA SDK) and liblzma's.
struct Method {
  std::string_view id;
  Kind kind;
  LzmaId lzma = 0;
};
using namespace std::string_view_literals;
constexpr auto kMethods = std::to_array<Method>({
    {"\0"sv, Kind::copy},
    {"\x21"sv, Kind::lzma, 0x21},
    {"\3\1\1"sv, Kind::lzma, 0x4000000000000001},
    {"\3"sv, Kind::filter, 3},
    {"\4"sv, Kind::filter, 4},
    {"\5"sv, Kind::filter, 5},
    {"\6"sv, Kind::filter, 6},
    {"\7"sv, Kind::filter, 7},
    {"\x8"sv, Kind::filter, 8},
    {"\x9"sv, Kind::filter, 9},
    {"\xa"sv, Kind::filter, 10},
    {"\3\3\1\3"sv, Kind::filter, 4},
    {"\3\3\2\5"sv, Kind::filter, 5},
    {"\3\3\4\1"sv, Kind::filter, 6},
    {"\3\3\5\1"sv, Kind::filter, 7},
    {"\3\3\7\1"sv, Kind::filter, 8},
    {"\3\3\x8\5"sv, Kind::filter, 9},
    {"\4\1\x8"sv, Kind::deflate},
    {"\4\2\2"sv, Kind::bzip2},
    {"\4\xf7\x11\1"sv, Kind::zstd},
});

constexpr std::size_t kMostCoders = 4;  // py7zr's
constexpr std::size_t kPiece = 64u << 10;
constexpr std::uint64_t kMostWindow = 128u << 20;

const Method* method_of(const Coder& coder) {
  const auto row = std::ranges::find(kMethods, as_text(coder.method), &Method::id);
  return row == kMethods.end() ? nullptr : row;
}

std::unique_ptr<StreamDecoder> make_stage(const Coder& coder, std::uint64_t wanted) {
  const Method* method = method_of(coder);
  switch (method->kind) {
    case Kind::lzma:
      return codec::make_raw_lzma(method->lzma, coder.properties, std::min(wanted, kMostWindow));
    case Kind::filter: return codec::make_filter(method->lzma, coder.properties);
    case Kind::deflate: return codec::make_raw_deflate();
    case Kind::bzip2: return codec::make_decoder(Codec::bzip2, kMostWindow);
    case Kind::zstd: return codec::make_decoder(Codec::zstd, kMostWindow);
    case Kind::copy: break;
  }
  return nullptr;
}

// The coders, each of which hands on what it makes to the next.
class Pipeline {
 public:
  Pipeline(std::uint64_t wanted, const Take& take) : left_(wanted), take_(take) {}

  // False when the properties are not the method's.
  bool add(const Coder& coder, std::uint64_t wanted) {
    if (method_of(coder)->kind == Kind::copy) return true;
    stages_.push_back({make_stage(coder, wanted), std::vector<std::uint8_t>(kPiece), false});
    return stages_.back().decoder != nullptr;
  }
  // Whether anything more is wanted; nothing is behind the last piece.
  bool push(ByteSpan bytes, bool last) { return push(0, bytes, last); }
  const std::string& problem() const { return problem_; }

 private:
  struct Stage {
    std::unique_ptr<StreamDecoder> decoder;
    std::vector<std::uint8_t> room;
    bool ended = false;
  };

  // At most kMostCoders deep.
  // NOLINTNEXTLINE(misc-no-recursion)
  bool push(std::size_t at, ByteSpan bytes, bool last) {
    if (at == stages_.size()) return hand_out(bytes);
    Stage& stage = stages_[at];
    while (!stage.ended) {
      Step step = stage.decoder->step(bytes, stage.room, last);
      bytes = bytes.subspan(step.taken);
      const ByteSpan made = ByteSpan(stage.room).first(step.made);
      if (!made.empty() && !push(at + 1, made, false)) return false;
      if (step.end == StepEnd::stream_end) {
        stage.ended = stage.decoder->begins(bytes) != Follows::yes || !stage.decoder->restart();
      } else if (step.end != StepEnd::more) {
        problem_ = step.problem;
        stage.ended = true;
      } else if (step.taken == 0 && step.made == 0) {
        break;
      }
    }
    const bool over = last || stage.ended;
    // A filter holds bytes back until it knows of the end.
    if (over && at + 1 < stages_.size()) push(at + 1, {}, true);
    return !over;
  }

  bool hand_out(ByteSpan bytes) {
    bytes = bytes.first(static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), left_)));
    left_ -= bytes.size();
    return take_(bytes) && left_ > 0;
  }

  std::uint64_t left_;
  const Take& take_;
  std::vector<Stage> stages_;
  std::string problem_;
};

}  // namespace

bool can_decode(const Folder& folder) {
  return folder.chain && folder.coders.size() <= kMostCoders &&
         std::ranges::all_of(folder.coders,
                             [](const Coder& coder) { return method_of(coder) != nullptr; });
}

bool is_ours_alone(const Folder& folder) {
  return can_decode(folder) && std::ranges::any_of(folder.coders, [](const Coder& coder) {
           return method_of(coder)->kind == Kind::zstd;
         });
}

std::string decode(const Folder& folder, const ReadAt& read, const Take& take) {
  std::uint64_t wanted = 0;
  for (const Member& member : folder.members) {
    wanted = member.size > UINT64_MAX - wanted ? UINT64_MAX : wanted + member.size;
  }
  Pipeline pipeline(wanted, take);
  for (const Coder& coder : folder.coders) {
    if (!pipeline.add(coder, wanted)) return "the properties are not the method's";
  }
  std::vector<std::uint8_t> piece(kPiece);
  std::uint64_t at = folder.at, left = folder.packed;
  bool more = wanted > 0;
  while (more) {
    const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(left, piece.size()));
    const std::size_t count = size == 0 ? 0 : read(at, std::span(piece).first(size));
    at += count;
    left -= count;
    const bool last = count < size || left == 0;
    more = pipeline.push(ByteSpan(piece).first(count), last) && !last;
  }
  return pipeline.problem();
}

}  // namespace brine::archive::sevenzip
