// Files beside the scanned one that its loader reads as well: the arrays of joblib's old wrappers.
//
// joblib takes the name from the pickle and joins it to the pickle's folder, so that a name can
// lead anywhere; what stands there it hands to numpy.load with pickles allowed. A companion is
// looked at as a part of the file that names it: the load runs both.

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "base/bytes.h"
#include "scan/codes.h"
#include "scan/file_scan.h"

namespace brine::scan {

namespace {

// Whether os.path.join(folder, name), on any system, may be outside the folder.
bool leaves_folder(std::string_view name) {
  if (name.empty() || name.find('\0') != std::string_view::npos) return true;
  if (name[0] == '/' || name[0] == '\\') return true;
  if (name.size() > 1 && name[1] == ':') return true;  // a drive
  std::size_t at = 0;
  while (at <= name.size()) {
    const std::size_t end = std::min(name.find_first_of("/\\", at), name.size());
    if (name.substr(at, end - at) == "..") return true;
    at = end + 1;
  }
  return false;
}

bool is_npy(ByteSource& source) {
  static constexpr std::string_view kMagic = "\x93NUMPY";
  std::array<std::uint8_t, kMagic.size()> head{};
  return source.size() >= head.size() && source.read(0, head) && as_text(head) == kMagic;
}

}  // namespace

SourcePtr FileScan::companion(const Context& context, const std::string& name) const {
  if (!context.item.beside || !options_.companion) return nullptr;
  return options_.companion(name);
}

SourcePtr FileScan::companion_unpacked(const Context& context, const std::string& name,
                                       const std::vector<std::string>& member) {
  if (context.item.siblings == nullptr) return nullptr;
  const format::OpenContent* open = context.item.siblings->find(context.item.folder + name);
  if (open == nullptr) return nullptr;
  std::string problem;
  SourcePtr source = opened(*open, member, true, &problem);
  return problem.empty() ? source : nullptr;
}

void FileScan::take_companions(const Context& context, const format::Stream& stream,
                               const PickleRun& run) {
  for (const pickle::Companion& one : run.companions) {
    const std::string name = one.name.value_or(std::string());
    std::vector<std::string> seen = stream.member;
    if (!seen.empty()) seen.back() = context.item.folder;
    seen.push_back(name);
    if (one.name && !companions_seen_.insert(std::move(seen)).second) continue;
    Finding finding = finding_at(code::kCompanion, stream.member, stream.file_base, one.offset);
    finding.evidence.push_back({"path", name});
    if (!one.name || leaves_folder(name)) {
      if (!one.name) finding.title = "joblib reads a file whose name nobody can tell";
      finding.advice = "joblib's own files name what lies beside them: do not load it";
      add(std::move(finding));
      continue;
    }
    std::vector<std::string> where = stream.member;
    where.push_back(name + ", beside the file");
    SourcePtr source = companion(context, name);
    if (source == nullptr) source = companion_unpacked(context, name, where);
    if (source == nullptr) {
      finding.code = code::kMemberUnread;
      finding.severity = Severity::medium;
      finding.verdict = Verdict::incomplete;
      finding.title = "an array lies in another file, which is not at hand";
      finding.advice = "scan it in the folder that it was saved to, with all its files";
      add(std::move(finding));
      continue;
    }
    if (one.raw) continue;  // unpacked and copied
    if (!is_npy(*source)) {
      finding.code = code::kMismatch;
      finding.severity = Severity::medium;
      finding.title = "the file of an array is none: numpy.load makes of it what it likes";
      add(std::move(finding));
    }
    Item item;
    item.source = source;
    item.name = name.substr(name.find_last_of('/') + 1);
    item.member = where;
    item.depth = context.item.depth + 1;
    if (const char* limit = work_.push(std::move(item))) add_limit(limit, where, std::nullopt);
  }
}

}  // namespace brine::scan
