// Verdict: what a file's findings and readings add up to.
#pragma once

#include "brine/report.h"

namespace brine::scan {

// The worst finding decides; a file without any is clean only when somebody opened it.
inline Verdict verdict_of(Verdict worst_finding, bool opened) {
  if (worst_finding != Verdict::clean) return worst_finding;
  return opened ? Verdict::clean : Verdict::unrecognized;
}

}  // namespace brine::scan
