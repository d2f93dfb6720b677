// Where the copies of a zip's facts contradict each other, and what readers judge differently.
//
// Method: every entry's central header is held against the local header that each view would use;
// then every view against itself (names), the end records against each other, and the views against
// each other. Nothing here decides what is bad: the caller does.
#include <algorithm>
#include <set>

#include "archive/zip/state.h"
#include "base/escape.h"

namespace brine::archive {
namespace {

constexpr std::size_t kShownName = 200;

std::string shown(std::string_view name) { return python_bytes(name, kShownName); }

class Comparison {
 public:
  Comparison(ZipArchive::State& state, std::vector<ZipDisagreement>& out)
      : state_(state), out_(out) {}

  Status run() {
    for (std::size_t entry = 0; entry < state_.entries.size(); ++entry) compare_central(entry);
    std::vector<Placed> placed = placed_members(state_);
    for (const Placed& member : placed) BRINE_CHECK_STATUS(compare_local(member));
    find_overlaps();
    compare_names(state_.miniz, true);
    compare_names(state_.zipfile, false);
    find_roots();
    BRINE_CHECK_STATUS(compare_ends());
    compare_views();
    find_prefix(placed);
    return {};
  }

 private:
  void add(ZipIssue issue, std::optional<std::size_t> entry, std::uint64_t offset,
           std::string text) {
    out_.push_back({issue, entry, offset, std::move(text)});
  }

  void compare_central(std::size_t entry) {
    const ZipCentral& header = state_.entries[entry].central;
    auto note = [&](ZipIssue issue, std::string text) {
      add(issue, entry, header.offset, std::move(text));
    };
    std::string_view name = header.name;
    bool folder = !name.empty() && name.back() == '/';
    if (name.find('\0') != std::string_view::npos) {
      note(ZipIssue::name_with_nul, "the name " + shown(name) + " has a NUL");
    }
    if (is_unsafe(name))
      note(ZipIssue::unsafe_name, "the name " + shown(name) + " leads elsewhere");
    if ((header.external & layout::kDirectoryAttribute) != 0 && !folder) {
      note(ZipIssue::directory_attribute, shown(name) + " is marked as a folder");
    }
    if (header.method != kZipStored && header.method != kZipDeflated &&
        !packing_of(header.method)) {
      note(ZipIssue::unusual_method,
           shown(name) + " has compression method " + std::to_string(header.method));
    }
    if (header.method == kZipStored && header.compressed != header.uncompressed) {
      note(ZipIssue::over_read, shown(name) + " is stored, and is " +
                                    std::to_string(header.compressed) + " or " +
                                    std::to_string(header.uncompressed) + " bytes long");
    }
    if (!header.comment.empty()) note(ZipIssue::comment, shown(name) + " has a comment");
    if (header.disk != 0) {
      note(ZipIssue::disk_number, shown(name) + " lies on disk " + std::to_string(header.disk));
    }
    compare_flags(entry, header);
  }

  static bool is_unsafe(std::string_view name) {
    if (name.starts_with('/') || name.find('\\') != std::string_view::npos) return true;
    if (name.size() > 1 && name[1] == ':') return true;
    return name == ".." || name.starts_with("../") || name.ends_with("/..") ||
           name.find("/../") != std::string_view::npos;
  }

  void compare_flags(std::size_t entry, const ZipFields& header) {
    if ((header.flags & (layout::kFlagEncrypted | layout::kFlagStrong)) != 0) {
      add(ZipIssue::encrypted, entry, header.offset, shown(header.name) + " is encrypted");
    }
    if ((header.flags & (layout::kFlagMasked | layout::kFlagPatch)) != 0) {
      add(ZipIssue::masked_or_patch, entry, header.offset,
          shown(header.name) + " has flags that some readers refuse");
    }
  }

  Status compare_local(const Placed& member) {
    const ZipCentral& central = state_.entries[member.entry].central;
    auto found = state_.local_at(member.header_offset, central.name);
    if (!found) {
      if (found.error().code != ErrorCode::malformed &&
          found.error().code != ErrorCode::truncated) {
        return fail(found.error());
      }
      add(ZipIssue::local_missing, member.entry, member.header_offset,
          "no local header for " + shown(central.name));
      return {};
    }
    const ZipLocal& local = **found;
    auto note = [&](ZipIssue issue, std::string text) {
      add(issue, member.entry, local.offset, std::move(text));
    };
    if (local.name != central.name) {
      note(ZipIssue::name_differs,
           "the directory says " + shown(central.name) + ", the local header " + shown(local.name));
    }
    if (local.method != central.method) {
      note(ZipIssue::method_differs,
           "method " + std::to_string(central.method) + " and " + std::to_string(local.method));
    }
    if (local.flags != central.flags) {
      note(ZipIssue::flags_differ,
           "flags " + std::to_string(central.flags) + " and " + std::to_string(local.flags));
    }
    bool later = (local.flags & layout::kFlagDescriptor) != 0;
    bool blank = later && local.compressed == 0 && local.uncompressed == 0;
    if (!blank &&
        (local.compressed != central.compressed || local.uncompressed != central.uncompressed)) {
      note(ZipIssue::size_differs, "sizes " + std::to_string(central.compressed) + ", " +
                                       std::to_string(central.uncompressed) + " and " +
                                       std::to_string(local.compressed) + ", " +
                                       std::to_string(local.uncompressed));
    }
    if (local.crc32 != central.crc32 && !(later && local.crc32 == 0)) {
      note(ZipIssue::crc_differs, "the checksums of " + shown(central.name) + " differ");
    }
    compare_flags(member.entry, local);
    std::uint64_t room = state_.size - local.data_offset;
    if (central.compressed > room) {
      note(ZipIssue::out_of_file, shown(central.name) + " reaches behind the file's end");
    }
    starts_.push_back({member.entry, local.offset});
    ends_.push_back(local.data_offset + std::min(central.compressed, room));
    return {};
  }

  // Members in the file's order; each against the farthest end so far.
  void find_overlaps() {
    std::uint64_t reached = 0;
    for (std::size_t i = 0; i < starts_.size(); ++i) {
      if (starts_[i].header_offset < reached) {
        add(ZipIssue::overlap, starts_[i].entry, starts_[i].header_offset,
            shown(state_.entries[starts_[i].entry].central.name) + " shares bytes with another");
      }
      reached = std::max(reached, ends_[i]);
    }
    for (const ZipView* view : {&state_.miniz, &state_.zipfile}) {
      if (view->members.empty() || view->directory_offset >= reached) continue;
      add(ZipIssue::overlap, std::nullopt, view->directory_offset,
          "a member reaches into the directory");
      break;
    }
  }

  void compare_names(const ZipView& view, bool fold) {
    NameIndex names(fold);
    names.fill(view);
    for (const auto& [again, first] : names.repeated()) {
      const ZipMember& member = view.members[again];
      const bool same = view.members[first].name == member.name;
      add(same ? ZipIssue::duplicate_name : ZipIssue::case_duplicate, member.entry,
          state_.entries[member.entry].central.offset,
          std::string(to_string(view.profile)) + " sees " + shown(member.name) +
              (same ? " twice" : " and the same name in other case"));
    }
  }

  void find_roots() {
    std::set<std::string_view> roots;
    for (const ZipEntry& entry : state_.entries) {
      std::string_view name = entry.central.name;
      std::string_view root = name.substr(0, name.find('/'));
      if (!roots.insert(root).second || roots.size() != 2) continue;
      add(ZipIssue::several_roots, std::nullopt, entry.central.offset,
          "more than one top folder: " + shown(*roots.begin()) + ", " + shown(*roots.rbegin()));
    }
  }

  Status compare_ends() {
    const ZipView& miniz = state_.miniz;
    const ZipView& zipfile = state_.zipfile;
    if (miniz.end_found && zipfile.end_found && miniz.end_offset != zipfile.end_offset) {
      add(ZipIssue::end_record_differs, std::nullopt, miniz.end_offset,
          "readers use different end records");
    }
    if (!miniz.end_found && !zipfile.end_found) return {};
    std::uint64_t at = miniz.end_found ? miniz.end_offset : zipfile.end_offset;
    BRINE_TRY(ByteSpan bytes, state_.fetch(at, layout::kEndSize));
    auto end = layout::parse_end(bytes);
    if (!end) return {};
    std::uint64_t behind = state_.size - at - layout::kEndSize;
    if (end->comment_size != 0 && behind != 0) {
      add(ZipIssue::comment, std::nullopt, at + layout::kEndSize, "the archive has a comment");
    }
    if (behind > end->comment_size) {
      add(ZipIssue::suffix, std::nullopt, at + layout::kEndSize + end->comment_size,
          std::to_string(behind - end->comment_size) + " bytes behind the archive");
    }
    if (end->disk != 0 || end->directory_disk != 0) {
      add(ZipIssue::disk_number, std::nullopt, at, "the end record speaks of several disks");
    }
    find_other_ends(at);
    std::uint64_t count = end->entries;
    BRINE_CHECK_STATUS(compare_end64(at, *end, count));
    std::size_t listed = zipfile.members.empty() ? miniz.members.size() : listed_entries(zipfile);
    if (count != listed) {
      add(ZipIssue::entry_count, std::nullopt, at,
          "the end record counts " + std::to_string(count) + " entries, the directory holds " +
              std::to_string(listed));
    }
    return {};
  }

  static std::size_t listed_entries(const ZipView& view) {
    std::vector<std::uint32_t> entries;
    entries.reserve(view.members.size());
    for (const ZipMember& member : view.members) entries.push_back(member.entry);
    std::sort(entries.begin(), entries.end());
    return static_cast<std::size_t>(std::unique(entries.begin(), entries.end()) - entries.begin());
  }

  // Between the first member's header and the directory: an archive in the archive, as a rule,
  // whose end no reader takes for this one's, since they look from behind.
  bool among_members(std::uint64_t at) const {
    const ZipView& view = state_.zipfile;
    if (!view.opens || view.members.empty()) return false;
    std::uint64_t first = view.directory_offset;
    for (const ZipMember& member : view.members) first = std::min(first, member.header_offset);
    return first <= at && at < view.directory_offset;
  }

  void find_other_ends(std::uint64_t used) {
    std::string_view text = as_text(state_.tail);
    constexpr std::string_view kEnd("PK\5\6", 4);
    for (std::size_t at = text.find(kEnd); at != std::string_view::npos;
         at = text.find(kEnd, at + 1)) {
      if (state_.tail_start + at == used || among_members(state_.tail_start + at)) continue;
      add(ZipIssue::two_end_records, std::nullopt, state_.tail_start + at,
          "another end record's signature");
      return;
    }
  }

  Status compare_end64(std::uint64_t at, const layout::End& end, std::uint64_t& count) {
    constexpr std::uint64_t kBoth = layout::kLocatorSize + layout::kEnd64Size;
    if (at < kBoth) return {};
    BRINE_TRY(ByteSpan bytes, state_.fetch(at - kBoth, kBoth));
    auto locator = layout::parse_locator(bytes.last(layout::kLocatorSize));
    if (!locator) return {};
    auto note = [&](std::string text) {
      add(ZipIssue::zip64_conflict, std::nullopt, at - layout::kLocatorSize, std::move(text));
    };
    auto end64 = layout::parse_end64(bytes);
    if (locator->offset != at - kBoth) note("the zip64 locator points elsewhere");
    if (!end64) {
      note("no zip64 record in front of its locator");
      return {};
    }
    count = end64->entries;
    bool entries = end.entries == 0xffff || end.entries == end64->entries;
    bool size =
        end.directory_size == layout::kNoSize || end.directory_size == end64->directory_size;
    bool offset =
        end.directory_offset == layout::kNoSize || end.directory_offset == end64->directory_offset;
    if (!entries || !size || !offset) note("the zip64 record and the end record differ");
    return {};
  }

  void compare_views() {
    const ZipView& miniz = state_.miniz;
    const ZipView& zipfile = state_.zipfile;
    for (const ZipView* view : {&miniz, &zipfile}) {
      if (view->opens || !(miniz.opens || zipfile.opens)) continue;
      add(ZipIssue::reader_refuses, std::nullopt, view->end_offset,
          std::string(to_string(view->profile)) + " does not open it: " + view->refusal);
    }
    auto places = [](const ZipView& view) {
      std::vector<std::pair<std::uint32_t, std::uint64_t>> out;
      out.reserve(view.members.size());
      for (const ZipMember& member : view.members) {
        out.emplace_back(member.entry, member.header_offset);
      }
      std::sort(out.begin(), out.end());
      out.erase(std::unique(out.begin(), out.end()), out.end());
      return out;
    };
    if (miniz.end_found && zipfile.end_found && places(miniz) != places(zipfile)) {
      add(ZipIssue::directory_differs, std::nullopt, miniz.directory_offset,
          "miniz and zipfile see different members");
    }
  }

  void find_prefix(const std::vector<Placed>& placed) {
    std::uint64_t first = state_.size;
    for (const Placed& member : placed) first = std::min(first, member.header_offset);
    if (placed.empty() || first == 0) return;
    add(ZipIssue::prefix, std::nullopt, 0,
        std::to_string(first) + " bytes in front of the archive");
  }

  ZipArchive::State& state_;
  std::vector<ZipDisagreement>& out_;
  std::vector<Placed> starts_;
  std::vector<std::uint64_t> ends_;
};

}  // namespace

const char* to_string(ZipIssue issue) {
  switch (issue) {
    case ZipIssue::name_differs: return "name_differs";
    case ZipIssue::size_differs: return "size_differs";
    case ZipIssue::method_differs: return "method_differs";
    case ZipIssue::flags_differ: return "flags_differ";
    case ZipIssue::crc_differs: return "crc_differs";
    case ZipIssue::encrypted: return "encrypted";
    case ZipIssue::local_missing: return "local_missing";
    case ZipIssue::duplicate_name: return "duplicate_name";
    case ZipIssue::case_duplicate: return "case_duplicate";
    case ZipIssue::overlap: return "overlap";
    case ZipIssue::directory_attribute: return "directory_attribute";
    case ZipIssue::over_read: return "over_read";
    case ZipIssue::out_of_file: return "out_of_file";
    case ZipIssue::name_with_nul: return "name_with_nul";
    case ZipIssue::unusual_method: return "unusual_method";
    case ZipIssue::masked_or_patch: return "masked_or_patch";
    case ZipIssue::zip64_conflict: return "zip64_conflict";
    case ZipIssue::entry_count: return "entry_count";
    case ZipIssue::two_end_records: return "two_end_records";
    case ZipIssue::end_record_differs: return "end_record_differs";
    case ZipIssue::directory_differs: return "directory_differs";
    case ZipIssue::prefix: return "prefix";
    case ZipIssue::suffix: return "suffix";
    case ZipIssue::comment: return "comment";
    case ZipIssue::disk_number: return "disk_number";
    case ZipIssue::several_roots: return "several_roots";
    case ZipIssue::unsafe_name: return "unsafe_name";
    case ZipIssue::reader_refuses: return "reader_refuses";
  }
  return "?";
}

std::vector<Placed> placed_members(const ZipArchive::State& state) {
  std::vector<Placed> out;
  out.reserve(state.miniz.members.size() + state.zipfile.members.size());
  for (const ZipView* view : {&state.miniz, &state.zipfile}) {
    for (const ZipMember& member : view->members) {
      out.push_back({member.entry, member.header_offset});
    }
  }
  auto key = [](const Placed& p) { return std::pair(p.header_offset, p.entry); };
  std::sort(out.begin(), out.end(),
            [&](const Placed& a, const Placed& b) { return key(a) < key(b); });
  auto last = std::unique(out.begin(), out.end(),
                          [&](const Placed& a, const Placed& b) { return key(a) == key(b); });
  out.erase(last, out.end());
  return out;
}

Status find_disagreements(ZipArchive::State& state, std::vector<ZipDisagreement>& out) {
  return Comparison(state, out).run();
}

}  // namespace brine::archive
