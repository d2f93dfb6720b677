// Confinement of the worker: from here on it can read one descriptor and write one.
#pragma once

namespace brine::worker {

// Empty when everything holds; else what the kernel refused. Nothing may be parsed then.
const char* confine(unsigned cpu_seconds);

}  // namespace brine::worker
