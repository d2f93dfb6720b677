// What this program took and does not want any more goes back to the system: a file's tables are
// wanted once, and what comes behind them should not stand beside them.
#pragma once

namespace brine::cli {

// Large pieces go back as soon as they are free. Once, at the beginning.
void return_memory_early();
// Pages that are free by now, between small pieces as well.
void return_memory_now();

}  // namespace brine::cli
