// The program's own opener of foreign archives: brine-worker.
#pragma once

#include "archive/foreign/opener.h"

namespace brine::cli {

// Lives as long as the program; looks for brine-worker when it is first needed.
const archive::ForeignOpener* foreign_opener();

}  // namespace brine::cli
