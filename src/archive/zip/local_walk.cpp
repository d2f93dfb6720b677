// Salvage: the members that local headers alone tell of.
//
// Problem: a zip without a usable directory (cut, or broken on purpose) still holds its members,
// and unpackers that walk local headers find them. Method: search for a header's signature; when
// the header's size leads to another record or to the end, go on there, else go on behind the
// header. A header that does not know its size (data descriptor) reaches to the next record's
// signature. Invariant: the position never goes back, so every byte is searched at most twice.
#include <algorithm>
#include <cstring>

#include "archive/zip/state.h"

namespace brine::archive {
namespace {

constexpr std::size_t kWindow = 1u << 20;

// Finds signatures going forward through the file.
class Searcher {
 public:
  explicit Searcher(ByteSource& source) : source_(source) {}

  // Offset of the next "PK" + one of `kinds` at or behind `from`; the file's size when there is
  // none.
  Result<std::uint64_t> find(std::uint64_t from, std::string_view kinds) {
    while (from < source_.size()) {
      BRINE_TRY(ByteSpan bytes, window(from));
      std::string_view text = as_text(bytes);
      for (std::size_t at = 0; (at = text.find("PK", at)) != std::string_view::npos; ++at) {
        if (text.size() - at < 4) break;
        if (text[at + 3] == text[at + 2] + 1 &&
            kinds.find(text[at + 2]) != std::string_view::npos) {
          return from + at;
        }
      }
      if (bytes.size() <= 3 || from + bytes.size() == source_.size()) break;
      from += bytes.size() - 3;
    }
    return source_.size();
  }

 private:
  // Bytes from `from` on: at least four unless the file ends.
  Result<ByteSpan> window(std::uint64_t from) {
    ByteSpan memory = source_.in_memory();
    if (!memory.empty()) return memory.subspan(static_cast<std::size_t>(from));
    bool inside =
        from >= start_ && from - start_ < buffer_.size() &&
        (buffer_.size() - (from - start_) >= 4 || start_ + buffer_.size() == source_.size());
    if (!inside) {
      std::uint64_t count = std::min<std::uint64_t>(kWindow, source_.size() - from);
      BRINE_TRY(buffer_, source_.read_vector(from, count));
      start_ = from;
    }
    return ByteSpan(buffer_).subspan(static_cast<std::size_t>(from - start_));
  }

  ByteSource& source_;
  std::vector<std::uint8_t> buffer_;
  std::uint64_t start_ = 0;
};

constexpr std::string_view kLocal("\3", 1);
constexpr std::string_view kAny("\1\3\5\7", 4);

struct Extent {
  std::uint64_t end = 0;   // of the data
  std::uint64_t next = 0;  // where the search goes on
};

Result<Extent> extent_of(ZipArchive::State& state, Searcher& searcher, const ZipLocal& header) {
  bool knows = header.compressed != 0 || (header.flags & layout::kFlagDescriptor) == 0;
  if (!knows) {
    BRINE_TRY(std::uint64_t end, searcher.find(header.data_offset, kAny));
    return Extent{end, end};
  }
  std::uint64_t room = state.size - header.data_offset;
  std::uint64_t end = header.data_offset + std::min(header.compressed, room);
  if (end == state.size) return Extent{end, header.compressed <= room ? end : header.data_offset};
  BRINE_TRY(ByteSpan behind, state.look(end, 4));
  bool record =
      behind.size() == 4 && behind[0] == 'P' && behind[1] == 'K' && behind[3] == behind[2] + 1;
  return Extent{end, record ? end : header.data_offset};
}

}  // namespace

Status walk_local_headers(ZipArchive::State& state) {
  ZipView& view = state.local;
  view.profile = ZipProfile::local;
  Searcher searcher(*state.source);
  std::uint64_t at = 0;
  while (at < state.size) {
    BRINE_TRY(std::uint64_t found, searcher.find(at, kLocal));
    if (found >= state.size) break;
    if (state.size - found < layout::kLocalSize) break;
    if (view.members.size() >= state.limits.members) {
      view.budget = true;
      view.refusal = "more local headers than members allows";
      break;
    }
    BRINE_TRY(const ZipLocal* header, state.local_at(found, {}));
    BRINE_TRY(Extent extent, extent_of(state, searcher, *header));
    ZipMember member;
    member.entry = static_cast<std::uint32_t>(state.walk.size());
    member.name = header->name;
    member.header_offset = found;
    member.method = header->method;
    member.compressed = extent.end - header->data_offset;
    member.uncompressed = header->uncompressed;
    if ((header->flags & layout::kFlagEncrypted) != 0) member.refusal = "encrypted";
    state.walk.push_back(*header);
    view.members.push_back(member);
    at = std::max(extent.next, found + 4);
  }
  view.opens = !view.members.empty();
  return {};
}

}  // namespace brine::archive
