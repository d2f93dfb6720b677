// What lies beside a file, for the scan: modules that could take a library's place, and files that
// the loader would read as well.
#pragma once

#include "cli/walk.h"
#include "scan/scan_file.h"

namespace brine::cli {

void look_beside(const WalkEntry& entry, scan::ScanOptions& options);

}  // namespace brine::cli
