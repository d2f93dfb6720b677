// Verdict: what a file's findings and readings add up to.
#pragma once

#include "brine/report.h"

namespace brine::scan {

// The worst finding decides; a file without any is clean only when somebody opened it.
Verdict verdict_of(Verdict worst_finding, bool opened);

}  // namespace brine::scan
