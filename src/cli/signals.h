// Signals: ^C during a scan asks it to end with what it has; a second one ends it at once.
#pragma once

namespace brine::cli {

// A closed pipe shall be a failed write, not the end.
void ignore_closed_pipes();
// From here on SIGINT and SIGTERM are only noted, once.
void catch_interrupts();
bool interrupted();

}  // namespace brine::cli
