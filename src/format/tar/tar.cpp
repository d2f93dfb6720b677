#include "format/tar/tar.h"

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "archive/tar/reader.h"
#include "format/codes.h"
#include "format/profiles.h"
#include "format/words.h"

namespace brine::format::tar {

namespace {

using archive::TarEnd;
using archive::TarListing;
using archive::TarMember;
using archive::TarWay;

constexpr std::uint64_t kChunk = 64u << 10;
constexpr std::uint64_t kSetId = 06000;  // set user id, set group id

// What a path of an archive's names comes to below the folder that one unpacks into; nothing when
// it leads out of it. Backslashes and drive letters count, for whoever unpacks on Windows.
std::optional<std::string> within_folder(std::string_view path) {
  if (path.starts_with('/') || path.starts_with('\\') || (path.size() > 1 && path[1] == ':')) {
    return std::nullopt;
  }
  std::vector<std::string_view> parts;
  while (!path.empty()) {
    const std::size_t end = std::min(path.find_first_of("/\\"), path.size());
    const std::string_view part = path.substr(0, end);
    path.remove_prefix(std::min(end + 1, path.size()));
    if (part.empty() || part == ".") continue;
    if (part != "..") {
      parts.push_back(part);
    } else if (parts.empty()) {
      return std::nullopt;
    } else {
      parts.pop_back();
    }
  }
  std::string out;
  for (const std::string_view part : parts) out.append(out.empty() ? "" : "/").append(part);
  return out;
}

bool leaves_folder(std::string_view name) {
  if (!within_folder(name)) return true;
  while (!name.empty()) {
    const std::size_t end = std::min(name.find_first_of("/\\"), name.size());
    if (name.substr(0, end) == "..") return true;
    name.remove_prefix(std::min(end + 1, name.size()));
  }
  return false;
}

// Where a link leads, from the folder that one unpacks into: a symbolic one is relative to its own
// place, a hard one names a member.
std::optional<std::string> target_of(const TarMember& member) {
  if (member.type == '1') return within_folder(member.link);
  const std::string_view link = member.link;
  const bool absolute =
      link.starts_with('/') || link.starts_with('\\') || (link.size() > 1 && link[1] == ':');
  if (absolute) return std::nullopt;
  const std::size_t slash = member.name.rfind('/');
  const std::string folder = slash == std::string::npos ? "" : member.name.substr(0, slash + 1);
  return within_folder(folder + member.link);
}

class Reader {
 public:
  Reader(Probe& probe, Sink& sink)
      : source_(probe.source()), sink_(sink), bytes_left_(allowed(probe.size(), sink.limits())) {}

  void read() {
    Result<TarListing> listing = archive::list_tar(*source_, sink_.limits());
    if (!listing) return;  // the source cannot be read, which the scan sees for itself
    members_ = std::move(listing->members);
    torch_ = std::ranges::any_of(members_, [](const TarMember& member) {
      return !member.beyond && plain(member) == "storages";
    });
    for (const TarMember& member : members_) read_member(member);
    end(*listing);
    sink_.describe(torch_ ? "torch tar" : "tar archive, " + counted(members_.size(), "member"));
    if (torch_) {
      sink_.torch_archive(
          {pickle::kFrom2_6,
           "Cannot use weights_only=True with files saved in the legacy .tar format", pickle::k1_13,
           "the tar format of torch before 0.2 is not followed for 1.13"});
    }
    const bool opens = listing->end_offset > 0 || listing->end == TarEnd::zeros;
    sink_.view({std::string(loader::kTarfile),
                {},
                !opens                          ? "refused"
                : listing->end == TarEnd::error ? "broken"
                                                : "stop",
                listing->end_offset,
                listing->problem});
  }

 private:
  static std::uint64_t allowed(std::uint64_t size, const Limits& limits) {
    const std::uint64_t factor = std::max<std::uint64_t>(limits.salvage_factor, 1);
    return size > UINT64_MAX / factor ? UINT64_MAX : size * factor;
  }
  static std::string_view plain(const TarMember& member) {
    std::string_view name = member.name;
    while (name.starts_with("./")) name.remove_prefix(2);
    return name;
  }
  static bool is_torch_name(std::string_view name) {
    return name == "storages" || name == "tensors" || name == "pickle";
  }
  static bool has_bytes(const TarMember& member) {
    return !member.directory() && !member.is_link() && !member.device();
  }

  void read_member(const TarMember& member) {
    note(member);
    const std::uint64_t size = source_->size(), data = std::min(member.data, size);
    const std::uint64_t stored = std::min(member.stored, size - data);
    sink_.interpreted(member.begin, data);
    if (member.is_link() && torch_ && is_torch_name(plain(member))) follow(member);
    if (!has_bytes(member)) return;
    sink_.interpreted(data, data + stored);
    padding(data + stored);
    if (stored < member.stored) {
      tell(code::kMemberUnread, "a member ends early", member, member.name);
    }
    if (!within_budget(stored)) return;
    if (torch_ && !member.beyond && is_torch_name(plain(member))) {
      unpickle(member, plain(member), TarWay::extract);
      if (member.tangled) unpickle(member, plain(member), TarWay::extractfile);
      return;
    }
    hand_out(member, TarWay::extract);
    if (member.tangled) hand_out(member, TarWay::extractfile);
  }

  // Members of an honest archive lie apart; sizes that headers overrule let them lie on each other,
  // each as long as the file. What that costs is bounded.
  bool within_budget(std::uint64_t stored) {
    if (stored <= bytes_left_) {
      bytes_left_ -= stored;
      return true;
    }
    if (!std::exchange(budget_told_, true)) limit("salvage_factor");
    return false;
  }

  // What the headers alone say.
  void note(const TarMember& member) {
    if (leaves_folder(member.name)) {
      tell(code::kTraversal, "a member's name leaves the folder that it is unpacked into", member,
           member.name);
    }
    if (member.is_link() && !target_of(member)) {
      tell(code::kLink, "a link points out of the folder that it is unpacked into", member,
           member.link);
    }
    if (member.device()) tell(code::kLink, "a member is a device or a pipe", member, member.name);
    if (member.regular() && (member.mode & kSetId) != 0) {
      tell(code::kLink, "a member runs with the rights of its owner (setuid)", member, member.name);
    }
    if (member.odd || member.tangled) {
      tell(code::kDisagree, "versions and methods of tarfile read this member differently", member,
           member.name);
    }
    if (member.beyond && !beyond_told_) {
      beyond_told_ = true;
      tell(code::kTarEnd, "members stand behind the end of the archive: other readers go on there",
           member, member.name);
    }
  }

  void hand_out(const TarMember& member, TarWay way) {
    const std::uint64_t most = sink_.may_decode();
    sink_.member(
        [source = source_, member, way, most]() -> Result<Content> {
          SourcePtr whole = archive::open_tar_member(source, member, way);
          // Holes cost nothing to write and much to read.
          if (!member.is_sparse || whole->size() <= most) return Content{std::move(whole), {}};
          return Content{std::make_shared<SliceSource>(whole, 0, most),
                         "a sparse file of " + human_size(whole->size())};
        },
        member.name, member.is_sparse ? std::nullopt : std::optional(member.data));
  }

  void unpickle(const TarMember& member, std::string_view role, TarWay way) {
    Stream stream;
    stream.source = archive::open_tar_member(source_, member, way);
    stream.member = {member.name};
    if (!member.is_sparse) stream.file_base = member.data;
    stream.loaders = torch_tar_loaders(role);
    sink_.stream(std::move(stream));
  }

  // torch.load opens what the link leads to, be it in the archive or not.
  void follow(const TarMember& link) {
    tell(code::kLink, "torch.load follows this link to another file", link, link.link);
    const std::optional<std::string> target = target_of(link);
    if (!target || !followed_.emplace(plain(link), *target).second) return;
    if (by_path_.empty()) {
      for (const TarMember& member : members_) {
        std::optional<std::string> path = within_folder(member.name);
        if (path && has_bytes(member)) by_path_.emplace(std::move(*path), &member);
      }
    }
    for (auto [at, end] = by_path_.equal_range(*target); at != end; ++at) {
      const TarMember& member = *at->second;
      if (within_budget(std::min(member.stored, source_->size()))) {
        unpickle(member, plain(link), TarWay::extract);
      }
    }
  }

  // NULs up to the next block.
  void padding(std::uint64_t at) {
    const std::uint64_t end = std::min((at + 511) / 512 * 512, source_->size());
    if (at < end) zeros(at, end);
  }

  // Marks NULs from `at` on as data.
  void zeros(std::uint64_t at, std::uint64_t end) {
    std::vector<std::uint8_t> chunk;
    while (at < end) {
      chunk.resize(static_cast<std::size_t>(std::min(end - at, kChunk)));
      if (!source_->read(at, chunk)) return;
      const auto count = static_cast<std::uint64_t>(
          std::ranges::find_if(chunk, [](std::uint8_t byte) { return byte != 0; }) - chunk.begin());
      sink_.data(at, at + count);
      if (count < chunk.size()) return;
      at += count;
    }
  }

  void end(const TarListing& listing) {
    if (listing.end == TarEnd::zeros) zeros(listing.end_offset, source_->size());
    if (listing.end == TarEnd::budget) limit(listing.problem);
    if (listing.end == TarEnd::zeros || listing.end == TarEnd::budget) return;
    Finding finding;
    finding.code = code::kMemberUnread;
    finding.title = listing.end == TarEnd::bad
                        ? "tarfile takes this block for the end without a word: " + listing.problem
                        : "tarfile raises here: " + listing.problem;
    finding.offset = listing.end_offset;
    finding.advice = "fetch the file again; what was found in it is listed";
    sink_.finding(std::move(finding));
  }

  void limit(const std::string& name) {
    Finding finding;
    finding.code = code::kLimit;
    finding.title = "the limit `" + name + "` was reached: not read to its end";
    sink_.finding(std::move(finding));
  }

  void tell(std::uint16_t number, std::string title, const TarMember& member,
            const std::string& shown) {
    Finding finding;
    finding.code = number;
    finding.title = std::move(title);
    finding.offset = member.header;
    finding.evidence.push_back({"path", shown});
    sink_.finding(std::move(finding));
  }

  SourcePtr source_;
  Sink& sink_;
  std::vector<TarMember> members_;
  bool torch_ = false;
  bool beyond_told_ = false;
  bool budget_told_ = false;
  std::uint64_t bytes_left_;
  std::multimap<std::string, const TarMember*> by_path_;  // made for the first link of torch's
  std::set<std::pair<std::string, std::string>>
      followed_;  // which of torch's three, and the target
};

}  // namespace

bool accepts(Probe& probe) { return archive::is_tar_header(probe.head()); }

bool salvage_accepts(Probe& probe) {
  constexpr std::size_t kMagic = 257;
  return !accepts(probe) && probe.starts_with("ustar", kMagic);
}

void read(Probe& probe, std::span<const std::string_view>, Sink& sink) {
  Reader(probe, sink).read();
}

}  // namespace brine::format::tar
