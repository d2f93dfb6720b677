#include "cli/memory.h"

#include <cstdlib>

#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace brine::cli {

void return_memory_early() {
#ifdef __GLIBC__
  constexpr int kLarge = 256 << 10;
  ::mallopt(M_MMAP_THRESHOLD, kLarge);
  ::mallopt(M_TRIM_THRESHOLD, 2 * kLarge);
#endif
}

void return_memory_now() {
#ifdef __GLIBC__
  ::malloc_trim(0);
#endif
}

}  // namespace brine::cli
