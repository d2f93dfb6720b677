#include "cli/convert_checkpoint.h"

#include <sys/resource.h>
#include <sys/stat.h>

#include <string_view>
#include <utility>

#include "cli/input.h"
#include "cli/walk.h"
#include "convert/disarm.h"
#include "format/dcp/metadata.h"

namespace brine::cli {
namespace {

std::string_view name_of(std::string_view path) {
  return path.substr(path.rfind('/') + 1);  // npos + 1 is 0
}

// A checkpoint of many ranks has more files than a process may open by default.
void allow_many_files() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

std::string folder_of(const std::string& path) {
  return path.substr(0, path.size() - name_of(path).size());
}

bool is_checkpoint_index(const std::string& path, const Limits& limits) {
  if (!format::dcp::rank_of_index(name_of(path))) return false;
  const Result<SourcePtr> source = open_input(path);
  return source && format::dcp::read_index(**source, limits).checkpoint;
}

bool is_outranked(const std::string& index) {
  if (name_of(index) == format::dcp::kMetadata) return false;
  struct stat st{};
  return ::stat((folder_of(index) + std::string(format::dcp::kMetadata)).c_str(), &st) == 0;
}

std::optional<std::string> checkpoint_stem(const std::string& path) {
  const std::optional<std::string> rank = format::dcp::rank_of_index(name_of(path));
  if (!rank) return std::nullopt;
  return folder_of(path) + (rank->empty() ? "model" : "__" + *rank);
}

Result<convert::SourcedConversion> convert_checkpoint(const std::string& index,
                                                      const std::set<std::string>& followed,
                                                      convert::ConvertOptions options) {
  BRINE_TRY(const SourcePtr source, open_input(index));
  allow_many_files();
  const std::string folder = folder_of(index);
  std::set<std::string, std::less<>> beside = {std::string(name_of(index))};
  for (const WalkEntry& entry : walk({folder.empty() ? "./" : folder}, 1)) {
    if (entry.error.empty()) beside.emplace(name_of(entry.path));
  }
  options.scan.companion = [&, folder](const std::string& name) -> SourcePtr {
    const std::string path = folder + name;
    if (!beside.contains(name) && !followed.contains(path)) return nullptr;
    Result<SourcePtr> opened = open_input(path);
    return opened ? std::move(*opened) : nullptr;
  };
  return options.contents.rewrite ? convert::disarm_checkpoint(index, source, options)
                                  : convert::convert_checkpoint(index, source, options);
}

}  // namespace brine::cli
