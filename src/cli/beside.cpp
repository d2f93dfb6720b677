#include "cli/beside.h"

#include <string>

#include "io/source.h"

namespace brine::cli {

void look_beside(const WalkEntry& entry, scan::ScanOptions& options) {
  if (!entry.neighbours) return;  // standard input lies nowhere
  options.neighbours = *entry.neighbours;
  const std::string folder = entry.path.substr(0, entry.path.rfind('/') + 1);
  options.companion = [folder](const std::string& name) -> SourcePtr {
    Result<SourcePtr> source = FileSource::open(folder + name);
    return source ? *source : nullptr;
  };
}

}  // namespace brine::cli
