// ^C: the first asks the run to end with what it has, the second ends it at once.
#pragma once

namespace brine::cli {

// Catches SIGINT and SIGTERM, ignores SIGPIPE (a failed write tells it).
void install_signals();
bool interrupted();

}  // namespace brine::cli
