// What a ZipArchive keeps, and the parts that build it. Private to this folder.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "archive/zip/layout.h"
#include "archive/zip/reader.h"

namespace brine::archive {

// The members of a view by name, case folded or as it is.
class NameIndex {
 public:
  explicit NameIndex(bool fold) : fold_(fold) {}

  void fill(const ZipView& view);
  // The members of this name, in their order.
  std::vector<std::size_t> find(std::string_view name) const;
  // Of each member whose name an earlier one has: it and the first of them, in their order.
  std::vector<std::pair<std::uint32_t, std::uint32_t>> repeated() const;

 private:
  struct Row {
    std::uint64_t hash;
    std::string_view name;
    std::uint32_t member;
  };
  Row row_of(std::string_view name, std::uint32_t member) const;
  int compare(const Row& a, const Row& b) const;

  bool fold_;
  std::vector<Row> rows_;  // by hash, name, member
};

struct ZipArchive::State {
  SourcePtr source;
  Limits limits;
  std::uint64_t size = 0;
  std::uint64_t tail_start = 0;
  ByteSpan tail;

  std::vector<ZipEntry> entries;
  std::unordered_map<std::uint64_t, std::uint32_t> entry_at;  // offset of a central header -> entry
  ZipView miniz;
  ZipView zipfile;
  ZipView local;
  bool walked = false;
  std::vector<ZipLocal> walk;  // what members of `local` index
  std::optional<std::string> root;
  std::string torch_refusal;
  bool version_checked = false;

  std::unordered_map<std::uint64_t, ZipLocal> locals;
  std::deque<std::string> texts;  // names that a reader sees otherwise than they are written

  bool index_made = false;
  NameIndex miniz_index{true};
  NameIndex zipfile_index{false};

  std::uint64_t header_bytes = 0;  // of local headers, each counted once
  std::uint64_t inflated_bytes = 0;  // compressed bytes of members, likewise
  std::unordered_map<std::uint64_t, std::uint64_t> inflated_at;  // data offset -> bytes counted

  std::optional<std::vector<ZipDisagreement>> disagreements;
  std::optional<std::vector<ZipRange>> ranges;
  std::vector<ZipRange> headers;  // whole headers, explained or not; made with the ranges

  State(SourcePtr from, const Limits& bounds)
      : source(std::move(from)), limits(bounds), size(source->size()) {}

  // Bytes of the file, all of them or an error; they live as long as the state.
  Result<ByteSpan> fetch(std::uint64_t offset, std::uint64_t count);
  // As many of them as the file has.
  Result<ByteSpan> fetch_some(std::uint64_t offset, std::uint64_t count);
  // The entry whose central header stands at `offset`; made when it is new.
  std::uint32_t entry_for(std::uint64_t offset, const ZipCentral& header);
  // `likely` is the name that stands there as a rule.
  Result<const ZipLocal*> local_at(std::uint64_t offset, std::string_view likely);
  // Bytes that are looked at once: they live until the next look. As many as the file has.
  Result<ByteSpan> look(std::uint64_t offset, std::uint64_t count);
  // The same text, once however often it is kept; lives as long as the state.
  std::string_view keep_text(std::string_view text);
  void finish_views();
  void make_index();
  // Adds to what overlapping structures may cost; false beyond salvage_factor times the file.
  bool afford(std::uint64_t& spent, std::uint64_t more) const;

 private:
  std::map<std::uint64_t, std::vector<std::uint8_t>> blocks_;  // by offset in the file
  std::deque<std::vector<std::uint8_t>> spare_;  // longer ones at the same offset
  std::optional<ByteSpan> held(std::uint64_t offset, std::uint64_t count) const;
  std::vector<std::uint8_t> seen_;  // what was looked at last, from seen_at_ on
  std::uint64_t seen_at_ = 0;
  std::unordered_set<std::string_view> kept_;  // in texts
};

// Each builds one view; they fail for I/O and budget only.
Status read_miniz_view(ZipArchive::State& state, std::uint64_t end_offset);
Status read_zipfile_view(ZipArchive::State& state, std::uint64_t end_offset);
Status walk_local_headers(ZipArchive::State& state);

Result<ZipReading> locate_member(ZipArchive::State& state, const ZipView& view,
                                 const ZipMember& member);
Result<ZipContent> member_content(ZipArchive::State& state, const ZipView& view,
                                  const ZipMember& member);

Status find_disagreements(ZipArchive::State& state, std::vector<ZipDisagreement>& out);
using RangeSink = std::function<void(const ZipRange&)>;
Status each_range(ZipArchive::State& state, const RangeSink& out, std::vector<ZipRange>* headers);
Status find_ranges(ZipArchive::State& state, std::vector<ZipRange>& out);
Result<std::vector<ZipGap>> find_gaps(ZipArchive::State& state,
                                      const std::vector<ZipRange>& ranges);

// One place where a view looks for an entry's local header.
struct Placed {
  std::uint32_t entry = 0;
  std::uint64_t header_offset = 0;
};
// Those of the miniz and the zipfile view, each once, in the order of the file.
std::vector<Placed> placed_members(const ZipArchive::State& state);

// How zipfile decompresses a method other than stored and deflated; nothing when it does not.
std::optional<codec::Codec> packing_of(std::uint16_t method);

// Names as readers compare them.
std::string lower_ascii(std::string_view text);
// What CPython makes of a name's bytes, as UTF-8; nothing when they are flagged UTF-8 and are not.
std::optional<std::string> python_name(std::string_view bytes, std::uint16_t flags);

}  // namespace brine::archive
