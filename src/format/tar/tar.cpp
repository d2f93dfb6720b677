#include "format/tar/tar.h"

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <utility>

#include "archive/tar/reader.h"
#include "format/codes.h"
#include "format/profiles.h"
#include "format/words.h"

namespace brine::format::tar {

namespace {

using archive::TarEnd;
using archive::TarListing;
using archive::TarMember;

constexpr std::uint64_t kChunk = 64u << 10;

// Whether unpacking the name writes outside of the folder that one unpacks into.
bool leaves_folder(std::string_view name) {
  if (name.starts_with('/') || name.starts_with('\\') || (name.size() > 1 && name[1] == ':')) {
    return true;
  }
  while (!name.empty()) {
    const std::size_t end = name.find_first_of("/\\");
    if (name.substr(0, end) == "..") return true;
    name = end == std::string_view::npos ? std::string_view() : name.substr(end + 1);
  }
  return false;
}

class Reader {
 public:
  Reader(Probe& probe, Sink& sink) : source_(probe.source()), sink_(sink) {}

  void read() {
    Result<TarListing> listing = archive::list_tar(*source_, sink_.limits());
    if (!listing) return;  // the source cannot be read, which the scan sees for itself
    torch_ = std::ranges::any_of(
        listing->members, [](const TarMember& member) { return plain(member) == "storages"; });
    for (const TarMember& member : listing->members) read_member(member);
    end(*listing);
    sink_.describe(torch_ ? "torch tar"
                          : "tar archive, " + counted(listing->members.size(), "member"));
    sink_.view({std::string(loader::kTarfile),
                {},
                listing->end == TarEnd::error ? "broken" : "stop",
                listing->end_offset,
                listing->problem});
  }

 private:
  static std::string_view plain(const TarMember& member) {
    std::string_view name = member.name;
    while (name.starts_with("./")) name.remove_prefix(2);
    return name;
  }

  void read_member(const TarMember& member) {
    const std::uint64_t stored =
        std::min(member.stored, source_->size() - std::min(member.data, source_->size()));
    sink_.interpreted(member.header, std::min(member.data, source_->size()));
    sink_.interpreted(member.data, member.data + stored);
    padding(member.data + stored);
    if (leaves_folder(member.name)) {
      tell(code::kTraversal, "a member's name leaves the folder that it is unpacked into", member,
           member.name);
    }
    if (member.device() || (member.is_link() && leaves_folder(member.link))) {
      tell(code::kLink, member.device() ? "a member is a device" : "a link points outside", member,
           member.link);
    }
    if (member.is_link() && torch_ && is_torch_name(plain(member))) {
      tell(code::kLink, "torch.load follows this link to another file", member, member.link);
    }
    if (member.directory() || member.is_link() || member.device()) return;
    if (stored < member.stored) {
      tell(code::kMemberUnread, "a member ends early", member, member.name);
    }
    if (torch_ && is_torch_name(plain(member))) {
      unpickle(member);
      return;
    }
    sink_.member(
        [source = source_, member]() -> Result<Content> {
          return Content{archive::open_tar_member(source, member), {}};
        },
        member.name, member.is_sparse ? std::nullopt : std::optional(member.data));
  }

  static bool is_torch_name(std::string_view name) {
    return name == "storages" || name == "tensors" || name == "pickle";
  }

  void unpickle(const TarMember& member) {
    Stream stream;
    stream.source = archive::open_tar_member(source_, member);
    stream.member = {member.name};
    if (!member.is_sparse) stream.file_base = member.data;
    stream.loaders = torch_tar_loaders(plain(member));
    sink_.stream(std::move(stream));
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
    if (listing.end == TarEnd::zeros || listing.end == TarEnd::budget) {
      if (listing.end == TarEnd::budget) limit(listing.problem);
      return;
    }
    Finding finding;
    finding.code = code::kTarEnd;
    finding.title = listing.end == TarEnd::bad
                        ? "tarfile takes this block for the end without a word: " + listing.problem
                        : "tarfile raises here: " + listing.problem;
    finding.offset = listing.end_offset;
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
  bool torch_ = false;
};

}  // namespace

bool accepts(Probe& probe) { return archive::is_tar_header(probe.head()); }

void read(Probe& probe, std::span<const std::string_view>, Sink& sink) {
  Reader(probe, sink).read();
}

}  // namespace brine::format::tar
