// Archives that Brine does not read itself: who opens them.
//
// 7z goes through libarchive in a confined process of its own (sandbox/client.h). The engine starts
// no process: it asks this interface, which the program implements. Without one such archives are
// recognized and not read.
#pragma once

#include <cstdint>

#include "base/limits.h"
#include "io/source.h"
#include "sandbox/extraction.h"

namespace brine::archive {

class ForeignOpener {
 public:
  virtual ~ForeignOpener() = default;
  // All members at once: solid archives can only be read from front to back. May be called from
  // several threads.
  virtual sandbox::Extraction extract(ByteSource& source, const Limits& limits,
                                      std::uint64_t budget) const = 0;
};

}  // namespace brine::archive
