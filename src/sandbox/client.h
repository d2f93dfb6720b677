// Runs brine-worker over one archive.
//
// The worker is another program, started with an empty environment, the archive as descriptor 0, a
// pipe for its answer as descriptor 1 and nothing else; it confines itself before it reads a byte
// (src/worker). The parent waits no longer than Limits::worker_seconds, believes nothing that it is
// told without a check, and always collects the child. Several threads may do so at once.
#pragma once

#include <cstdint>
#include <string>

#include "base/limits.h"
#include "io/source.h"
#include "sandbox/extraction.h"

namespace brine::sandbox {

// brine-worker beside the running program, or in ../libexec/brine; empty when there is none.
std::string find_worker();

// At most `budget` bytes come out.
Extraction run_worker(const std::string& program, ByteSource& source, const Limits& limits,
                      std::uint64_t budget);

}  // namespace brine::sandbox
