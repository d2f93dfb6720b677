#include "format/torch/zip.h"

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>

#include "archive/tar/reader.h"
#include "archive/zip/reader.h"
#include "format/codes.h"
#include "format/dcp/slices.h"
#include "format/names.h"
#include "format/pickle/carried.h"
#include "format/profiles.h"
#include "format/torch/archive.h"
#include "format/torch/package.h"
#include "format/torch/storage_records.h"
#include "format/words.h"

namespace brine::format::torch_zip {

namespace {

using archive::ZipArchive;
using archive::ZipContent;
using archive::ZipDisagreement;
using archive::ZipIssue;
using archive::ZipMember;
using archive::ZipPart;
using archive::ZipRange;
using archive::ZipReading;
using archive::ZipView;

// What a disagreement means for the file.
enum class Weight : std::uint8_t {
  suspicious,
  torch_only,  // suspicious in a torch zip, ordinary in others
  unread,      // a member that cannot be read: incomplete
  covered,     // the bytes in question are judged as unexplained
};
Weight weight_of(ZipIssue issue) {
  switch (issue) {
    case ZipIssue::name_differs:
    case ZipIssue::size_differs:
    case ZipIssue::method_differs:
    case ZipIssue::flags_differ:
    case ZipIssue::crc_differs:
    case ZipIssue::local_missing:
    case ZipIssue::duplicate_name:
    case ZipIssue::case_duplicate:
    case ZipIssue::overlap:
    case ZipIssue::directory_attribute:
    case ZipIssue::over_read:
    case ZipIssue::out_of_file:
    case ZipIssue::name_with_nul:
    case ZipIssue::masked_or_patch:
    case ZipIssue::zip64_conflict:
    case ZipIssue::entry_count:
    case ZipIssue::two_end_records:
    case ZipIssue::end_record_differs:
    case ZipIssue::directory_differs:
    case ZipIssue::disk_number:
    case ZipIssue::unsafe_name: return Weight::suspicious;
    case ZipIssue::several_roots:
    case ZipIssue::reader_refuses: return Weight::torch_only;
    case ZipIssue::encrypted:
    case ZipIssue::unusual_method: return Weight::unread;
    case ZipIssue::prefix:
    case ZipIssue::suffix:
    case ZipIssue::comment: return Weight::covered;
  }
  return Weight::suspicious;
}

// Records below the root that torch itself reads and that hold no pickle.
constexpr auto kKnownRecords = std::to_array<std::string_view>({
    "version",
    "byteorder",
    ".data/version",
    ".data/serialization_id",
    ".format_version",
    ".storage_alignment",
});

// Members by which an archive is told whose loader does more than read its members.
struct ArchiveFormat {
  std::string_view ending;
  std::string_view format;
};
constexpr auto kArchiveFormats = std::to_array<ArchiveFormat>({
    {"/archive_format", "PT2 archive (torch.export)"},
    {"/model.json", "TorchScript 1.0"},
    {"MAR-INF/MANIFEST.json", "TorchServe archive"},
    {"model.weights.h5", "Keras 3"},
});

constexpr std::uint64_t kLocalHeader = 30;  // bytes of a local header without its name

bool is_pickle_name(std::string_view lower_name) {
  return lower_name.ends_with(".pkl") || lower_name.ends_with(".debug_pkl");
}

// Which bytes of the file a reading consumes, and how.
using Extent = std::tuple<std::uint64_t, std::uint64_t, std::uint64_t, bool>;
Extent extent_of(const ZipReading& reading) {
  return {reading.data_offset, reading.input, reading.output, !reading.stored()};
}

class ZipReader {
 public:
  ZipReader(std::shared_ptr<ZipArchive> archive, bool torch_load, Sink& sink)
      : archive_(std::move(archive)), torch_load_(torch_load), sink_(sink) {}

  void read() {
    is_torch_ =
        archive_->torch_root().has_value() && !archive_->torch_candidates("data.pkl").empty();
    package_ = archive_->torch_root().has_value() &&
               !archive_->torch_candidates(torch_package::kExternModules).empty();
    script_ = is_torch_ && !archive_->torch_candidates("constants.pkl").empty();
    if (!note_disagreements()) return;
    if (!note_structure()) return;
    read_view(archive_->miniz());
    read_view(archive_->zipfile());
    read_contested();
    if (is_torch_ || package_) records_->fill(*archive_, contested_);
    code_.tell(sink_);
    describe();
    if (is_torch_) sink_.torch_archive(before_the_pickle());
  }

  // No directory that anybody uses: the local headers tell what may have been there.
  void salvage() {
    const Result<const ZipView*> view = archive_->local();
    if (!view) {
      refuse(view.error());
      return;
    }
    Finding finding;
    finding.code = code::kMemberUnread;
    finding.title = "a zip without its directory: read by its local headers";
    finding.advice = "fetch the file again, or save the tensors that are whole: brine convert";
    sink_.finding(std::move(finding));
    if (!note_structure()) return;
    lost_pickle_ = find_lost_pickle(**view);
    read_view(**view);
    if (std::ranges::any_of((*view)->members, [](const ZipMember& member) {
          return member.name.ends_with("/data.pkl");
        })) {
      sink_.torch_archive({pickle::kAllReleases, "the archive's directory is not there", 0, {}});
    }
    sink_.describe("zip without a directory, " + counted((*view)->members.size(), "member"));
  }

  static void refuse(Sink& sink, const Error& error) {
    Finding finding;
    finding.code = error.code == ErrorCode::budget ? code::kLimit : code::kMemberUnread;
    finding.title = "zip: " + error.what;
    finding.offset = error.offset;
    sink.finding(std::move(finding));
  }

 private:
  void refuse(const Error& error) { refuse(sink_, error); }

  bool note_disagreements() {
    const auto all = archive_->disagreements();
    if (!all) {
      refuse(all.error());
      return false;
    }
    for (const ZipDisagreement& issue : **all) {
      several_roots_ = several_roots_ || issue.issue == archive::ZipIssue::several_roots;
      Weight weight = weight_of(issue.issue);
      if (weight == Weight::torch_only) {
        if (!is_torch_) continue;
        weight = Weight::suspicious;
      }
      if (weight == Weight::covered) continue;
      // Both readers see a name twice, three times ...: one word is enough.
      if (issue.issue == archive::ZipIssue::duplicate_name && issue.entry) {
        contested_.insert(*issue.entry);
        const auto name = std::string(archive_->entries()[*issue.entry].central.name);
        if (!told_names_.insert(name).second) continue;
      }
      if (issue.entry) contested_.insert(*issue.entry);
      Finding finding;
      finding.code = weight == Weight::unread ? code::kMemberUnread : code::kDisagree;
      finding.title = "zip: " + issue.text;
      finding.offset = issue.offset;
      finding.evidence.push_back({"name", std::string(archive::to_string(issue.issue))});
      if (issue.entry) {
        finding.evidence.push_back(
            {"path", std::string(archive_->entries()[*issue.entry].central.name)});
      }
      finding.advice = "honest writers leave no such traces: do not load it";
      sink_.finding(std::move(finding));
    }
    return true;
  }

  // Everything but the members' own bytes.
  bool note_structure() {
    const Status all = archive_->each_range([&](const ZipRange& range) {
      switch (range.part) {
        case ZipPart::local_header:
        case ZipPart::descriptor:
        case ZipPart::directory:
        case ZipPart::end_record: sink_.interpreted(range.start, range.end); break;
        case ZipPart::padding: sink_.data(range.start, range.end); break;
        case ZipPart::member: break;
      }
    });
    if (!all) refuse(all.error());
    return all.has_value();
  }

  void read_view(const ZipView& view) {
    const bool miniz = view.profile == archive::ZipProfile::miniz;
    const bool torch = is_torch_ && miniz, package = package_ && miniz;
    for (std::size_t i = 0; i < view.members.size(); ++i) {
      const ZipMember& member = view.members[i];
      const Result<ZipReading> reading = archive_->locate(view, i);
      if (!reading) {
        refuse(reading.error());
        continue;
      }
      if (!reading->readable && reading->output == 0) {
        if (!member.name.ends_with('/')) note_unread(member, reading->refusal);
        continue;
      }
      if (!seen_.insert(extent_of(*reading)).second) continue;
      if (torch && read_torch_member(view, i, *reading)) continue;
      if (lost_pickle_ == member.name) {
        read_pickle(view, i, *reading, "data.pkl");
        continue;
      }
      if (package && read_package_member(view, i, *reading)) continue;
      read_member(view, i, *reading);
    }
  }

  // Of what torch wrote and lost its directory, the pickle that torch.load would have taken: all
  // members lie in one folder, and data.pkl is the first of them.
  static std::optional<std::string> find_lost_pickle(const ZipView& view) {
    if (view.members.empty()) return std::nullopt;
    const std::string_view first = view.members.front().name;
    const std::string_view folder = first.substr(0, first.find('/') + 1);
    // The cut may go through the last name.
    const std::span<const ZipMember> whole(view.members.data(), view.members.size() - 1);
    const bool one = std::ranges::all_of(
        whole, [&](const ZipMember& member) { return member.name.starts_with(folder); });
    if (!one || folder.empty() || first.substr(folder.size()) != "data.pkl") return std::nullopt;
    return std::string(first);
  }

  // Where the two headers of a member contradict each other, what the local ones give is read too.
  void read_contested() {
    if (contested_.empty()) return;
    if (const Result<const ZipView*> view = archive_->local()) read_view(**view);
  }

  void note_unread(const ZipMember& member, const std::string& why) {
    // A reader that refuses a member hands nothing out; the other's reading stands by itself.
    if (!refused_.insert(member.entry).second) return;
    Finding finding;
    finding.code = code::kMemberUnread;
    finding.title = "a member cannot be read: " + why;
    finding.member = {std::string(member.name)};
    sink_.finding(std::move(finding));
  }

  // A member that no loader of torch's reads, or whose bytes zipfile sees otherwise.
  void read_member(const ZipView& view, std::size_t index, const ZipReading& reading) {
    const ZipMember& member = view.members[index];
    if (member.name.ends_with('/') && reading.output == 0) return;
    note_format(member.name);
    sink_.interpreted(reading.data_offset, reading.data_offset + reading.input);
    ++members_;
    sink_.member(opener(view, index, reading), std::string(member.name), base_of(reading));
  }

  static std::optional<std::uint64_t> base_of(const ZipReading& reading) {
    if (!reading.stored()) return std::nullopt;
    return reading.data_offset;
  }

  // What is stored is a part of the file, and needs the archive no more; the rest keeps it.
  OpenContent opener(const ZipView& view, std::size_t index, const ZipReading& reading) const {
    if (reading.stored()) {
      return [content = open(*archive_, view.profile, index)] { return content; };
    }
    return [archive = archive_, profile = view.profile, index] {
      return open(*archive, profile, index);
    };
  }

  static Result<Content> open(ZipArchive& archive, archive::ZipProfile profile, std::size_t index) {
    const ZipView* view = &archive.miniz();
    if (profile == archive::ZipProfile::zipfile) view = &archive.zipfile();
    if (profile == archive::ZipProfile::local) {
      BRINE_TRY(view, archive.local());
    }
    BRINE_TRY(ZipContent content, archive.content(*view, index));
    if (content.budget) return fail(Error::budget(0, "member_bytes"));
    if (content.unwritten > 0 && content.problem.empty()) {
      content.problem = "the reader hands out memory that nobody wrote";
    }
    return Content{std::move(content.source), std::move(content.problem)};
  }

  // The member's path below the root, in lower case as torch looks it up; nothing when it lies
  // elsewhere.
  std::optional<std::string> record_of(std::string_view member) const {
    std::string name = ascii_lower(member);
    const std::string root = ascii_lower(*archive_->torch_root()) + "/";
    if (!name.starts_with(root)) return std::nullopt;
    return name.substr(root.size());
  }

  // Whether torch has a use for the member.
  bool read_torch_member(const ZipView& view, std::size_t index, const ZipReading& reading) {
    const std::optional<std::string> found = record_of(view.members[index].name);
    if (!found) return false;
    const std::string_view record = *found;
    if (record == "data.pkl" || (script_ && is_pickle_name(record))) {
      read_pickle(view, index, reading, record);
      return true;
    }
    const std::uint64_t end = reading.data_offset + reading.input;
    if (std::ranges::find(kKnownRecords, record) != kKnownRecords.end()) {
      sink_.interpreted(reading.data_offset, end);
      return true;
    }
    if (script_ && record.starts_with("code/")) {
      sink_.interpreted(reading.data_offset, end);
      ++code_files_;
      return true;
    }
    // Storages are told by the pickle that names them.
    return record.starts_with("data/") || (script_ && record.starts_with("constants/"));
  }

  // Whether torch.package has a use for the member.
  bool read_package_member(const ZipView& view, std::size_t index, const ZipReading& reading) {
    using torch_package::Role;
    const std::optional<std::string> record = record_of(view.members[index].name);
    if (!record) return false;
    const std::uint64_t end = reading.data_offset + reading.input;
    const Role role = torch_package::role_of(*record);
    switch (role) {
      case Role::storage: return true;
      case Role::script_code: ++code_files_; break;
      case Role::note: break;
      case Role::externs:
      case Role::source:
        if (const Result<Content> content = opener(view, index, reading)();
            content && content->source) {
          if (auto text = content->source->read_vector(0, content->source->size())) {
            role == Role::source ? code_.add_source(std::string(view.members[index].name), *text)
                                 : code_.add_externs(*text);
          }
        }
        // Its name makes it code; whoever asks for it as a resource gets its bytes.
        if (role == Role::source) return read_member(view, index, reading), true;
        break;
      case Role::script_pickle:
      case Role::resource: read_resource(view, index, reading, role); return true;
    }
    sink_.interpreted(reading.data_offset, end);
    return true;
  }

  void read_resource(const ZipView& view, std::size_t index, const ZipReading& reading,
                     torch_package::Role role) {
    const bool script = role == torch_package::Role::script_pickle;
    Stream stream;
    stream.open = opener(view, index, reading);
    stream.member = {std::string(view.members[index].name)};
    stream.file_base = base_of(reading);
    stream.loaders = script ? torchscript_loaders() : torch_package_loaders();
    // Only a name tells that a resource is a pickle; load_binary takes any.
    const bool named = promise_of(ascii_lower(view.members[index].name)) == Promise::pickle;
    stream.certainty = script ? Certainty::sure : named ? Certainty::named : Certainty::guessed;
    stream.else_file = !script;
    stream.storage = [records = records_](std::string_view key) {
      return records->find(torch_package::storage_record(key));
    };
    if (!reading.stored()) {
      sink_.interpreted(reading.data_offset, reading.data_offset + reading.input);
    }
    sink_.stream(std::move(stream));
  }

  void read_pickle(const ZipView& view, std::size_t index, const ZipReading& reading,
                   std::string_view record) {
    Stream stream;
    stream.open = opener(view, index, reading);
    stream.member = {std::string(view.members[index].name)};
    stream.file_base = base_of(reading);
    // torch.load hands an archive with this very name in it to torch.jit.load.
    const bool delegated = script_ && has_exact("constants.pkl");
    if (record == "data.pkl" && !delegated && torch_load_) stream.loaders = torch_zip_loaders();
    if (script_ || stream.loaders.empty()) {
      const auto more = script_ ? torchscript_loaders() : torch_zip_loaders();
      stream.loaders.insert(stream.loaders.end(), more.begin(), more.end());
    }
    std::string folder(record.substr(0, record.rfind('.')));
    // Without a directory no record can be looked up.
    if (!lost_pickle_) {
      stream.storage = [records = records_, folder = std::move(folder)](std::string_view key) {
        return records->find(folder + "/" + std::string(key));
      };
    }
    if (!reading.stored()) {
      sink_.interpreted(reading.data_offset, reading.data_offset + reading.input);
    }
    sink_.stream(std::move(stream));
  }

  TorchArchive before_the_pickle() const {
    return torch_archive(*archive_, {.delegated = script_ && has_exact("constants.pkl"),
                                     .accepted = torch_load_,
                                     .contested = !contested_.empty(),
                                     .several_roots = several_roots_});
  }

  bool has_exact(std::string_view record) const {
    const std::string name = *archive_->torch_root() + "/" + std::string(record);
    return std::ranges::any_of(archive_->miniz().members,
                               [&](const ZipMember& member) { return member.name == name; });
  }

  // Archives that are more than their members.
  void note_format(std::string_view name) {
    for (const ArchiveFormat& row : kArchiveFormats) {
      // TorchScript 1.0 has its model.json in the root; a PT2 archive has others below.
      const bool below = row.ending == "/model.json" && name.find('/') != name.rfind('/');
      if (name.ends_with(row.ending) && !below && !format_told_) {
        format_told_ = true;
        Finding finding;
        finding.code = code::kNotAnalysed;
        finding.title = std::string(row.format) + ": recognized, not analysed yet";
        finding.member = {std::string(name)};
        sink_.finding(std::move(finding));
      }
    }
  }

  void describe() {
    if (is_torch_) {
      sink_.describe(script_ ? "TorchScript zip" : "torch zip");
    } else if (package_) {
      sink_.describe("torch.package");
    } else {
      sink_.describe("zip archive, " + counted(members_, "member"));
    }
    if (code_files_ == 0 && !script_) return;
    Finding finding;
    finding.code = code::kTorchScriptCode;
    finding.title = "TorchScript: " + counted(code_files_, "file") +
                    " of code that runs when the module is loaded or called: not analysed yet";
    finding.advice = "ask for the weights as safetensors";
    sink_.finding(std::move(finding));
  }

  std::shared_ptr<ZipArchive> archive_;
  const std::shared_ptr<StorageRecords> records_ = std::make_shared<StorageRecords>();
  const bool torch_load_;
  Sink& sink_;
  bool is_torch_ = false;
  bool package_ = false;
  torch_package::Code code_;
  bool script_ = false;
  bool several_roots_ = false;
  std::set<std::size_t> contested_;  // entries that readers disagree about
  std::set<std::size_t> refused_;
  std::set<std::string> told_names_;
  std::set<Extent> seen_;
  std::optional<std::string> lost_pickle_;  // in an archive without a directory
  bool format_told_ = false;
  std::uint64_t members_ = 0;
  std::uint64_t code_files_ = 0;
};

}  // namespace

namespace {

// A tar that ends with a zip is found by zip's readers too. PyTorch's takes offsets as they stand
// and refuses; zipfile's gets what the member gives, and the member is looked at by itself.
bool stands_in_tar(Probe& probe, const ZipArchive& zip) {
  const archive::ZipView& zipfile = zip.zipfile();
  if (!archive::is_tar_header(probe.head()) || zip.miniz().opens || zipfile.prefix <= 0) {
    return false;
  }
  const auto listing = archive::list_tar(*probe.source(), Limits{});
  return listing && std::ranges::any_of(listing->members, [&](const archive::TarMember& member) {
           const auto start = static_cast<std::uint64_t>(zipfile.prefix);
           return member.regular() && !member.is_sparse && member.data <= start &&
                  zipfile.end_offset < member.data + member.stored;
         });
}

}  // namespace

bool torch_load_accepts(Probe& probe) {
  return archive::starts_like_zip(probe.head()) && jit_load_accepts(probe);
}

bool jit_load_accepts(Probe& probe) {
  return archive::miniz_end_record(probe.tail(), probe.size()).has_value();
}

bool zipfile_accepts(Probe& probe) {
  return archive::zipfile_end_record(probe.tail(), probe.size()).has_value();
}

bool salvage_accepts(Probe& probe) {
  return probe.size() >= kLocalHeader && archive::starts_like_zip(probe.head()) &&
         !jit_load_accepts(probe) && !zipfile_accepts(probe);
}

void read(Probe& probe, std::span<const std::string_view> loaders, Sink& sink) {
  if (bare_pickle::carried_zip(probe)) return;  // that reader hands it out
  const bool salvage = std::ranges::find(loaders, loader::kSalvage) != loaders.end();
  Result<ZipArchive> opened = salvage ? ZipArchive::open_salvage(probe.source(), sink.limits())
                                      : ZipArchive::open(probe.source(), sink.limits());
  if (!opened) {
    ZipReader::refuse(sink, opened.error());
    return;
  }
  if (!salvage && stands_in_tar(probe, *opened)) return;
  if (!salvage && dcp::explained_by_slices(probe, *opened, sink.limits())) return;
  if (!salvage && archive::starts_like_zip(probe.head()) && opened->miniz().members.empty() &&
      opened->zipfile().members.empty()) {
    // A directory that nobody can use.
    opened = ZipArchive::open_salvage(probe.source(), sink.limits());
    if (opened) ZipReader(std::make_shared<ZipArchive>(std::move(*opened)), false, sink).salvage();
    return;
  }
  const bool torch_load = std::ranges::find(loaders, loader::kTorch) != loaders.end();
  ZipReader reader(std::make_shared<ZipArchive>(std::move(*opened)), torch_load, sink);
  salvage ? reader.salvage() : reader.read();
}

}  // namespace brine::format::torch_zip
