// Files that are read together with another beside them, or that carry text: shelves, their
// indexes, joblib's old sets and Z-files, torch.package's sources, the JSON of Stable-Baselines,
// through the whole scan.
//
// The first byte says what the others are, two more how long the file that is scanned is; what is
// left lies beside it.

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <string_view>

#include "format/baselines/embedded.h"
#include "format/shelve/index.h"
#include "format/torch/package.h"
#include "scan/scan_file.h"
#include "target.h"

namespace {

constexpr std::array<std::string_view, 5> kNames = {"shelf.dat", "shelf.dir", "model.pkl",
                                                    "model.pkl_01.npy.z", "data"};

void check_index(std::string_view text) {
  constexpr std::uint64_t kMost = 1000;
  const auto records = brine::format::shelve::parse_index(text, kMost);
  if (!records) return;
  brine::fuzz::check(records->size() <= kMost, "more records than the bound");
  for (const auto& record : *records) {
    brine::fuzz::check(record.key.size() <= text.size(), "a key longer than its line");
  }
}

void check_embedded(std::string_view text) {
  constexpr std::size_t kMost = 100, kMostBytes = 10'000;
  brine::MemorySource source(brine::as_bytes(text));
  const auto found = brine::format::baselines::find_embedded(source, kMost, kMostBytes);
  brine::fuzz::check(found.has_value(), "bytes in memory that cannot be read");
  brine::fuzz::check(found->pickles.size() <= kMost, "more pickles than the bound");
  std::size_t bytes = 0;
  for (const auto& pickle : found->pickles) bytes += pickle.bytes.size();
  brine::fuzz::check(bytes <= kMostBytes && bytes <= text.size(), "more bytes than there are");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace brine;
  constexpr std::size_t kFront = 3;
  if (size < kFront) return 0;
  const std::string_view name = kNames[data[0] % kNames.size()];
  const std::string_view all = as_text(ByteSpan(data + kFront, size - kFront));
  const std::size_t cut = std::min<std::size_t>(load_le16(data + 1), all.size());
  const std::string_view beside = all.substr(cut);
  check_index(all);
  check_embedded(all);
  for (const std::string& module : format::torch_package::imported_modules(all)) {
    fuzz::check(!module.empty() && module.size() <= 128, "a module's name out of its bounds");
  }
  scan::ScanOptions options;
  options.limits.decoded_floor = 1u << 20;
  options.companion = [beside](const std::string& wanted) -> SourcePtr {
    fuzz::check(wanted.find('\0') == std::string::npos, "a NUL in a file's name");
    fuzz::check(!wanted.starts_with('/'), "a name that leaves the folder");
    fuzz::check(!wanted.starts_with("../"), "a name that leaves the folder");
    return std::make_shared<MemorySource>(as_bytes(beside));
  };
  const auto source = std::make_shared<MemorySource>(as_bytes(all.substr(0, cut)));
  const FileReport report = scan::scan_source(std::string(name), source, options);
  for (const Finding& finding : report.findings) {
    fuzz::check(!finding.title.empty(), "a finding without a title");
  }
  return 0;
}
