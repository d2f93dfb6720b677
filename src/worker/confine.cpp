#include "worker/confine.h"

#include <linux/landlock.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdint>

namespace brine::worker {

namespace {

constexpr rlim_t kMemory = rlim_t{1} << 30;

struct Bound {
  __rlimit_resource resource;
  rlim_t most;
};

bool bound(unsigned cpu_seconds) {
  const std::array<Bound, 6> bounds = {{{RLIMIT_AS, kMemory},
                                        {RLIMIT_CPU, cpu_seconds},
                                        {RLIMIT_FSIZE, 0},
                                        {RLIMIT_NOFILE, 3},
                                        {RLIMIT_NPROC, 0},
                                        {RLIMIT_CORE, 0}}};
  for (const Bound& row : bounds) {
    const rlimit limit{row.most, row.most};
    if (setrlimit(row.resource, &limit) != 0) return false;
  }
  return true;
}

// An empty ruleset that handles everything the kernel knows: no path can be opened any more.
bool landlock() {
  const long version =
      syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  if (version < 1) return false;
  // Version 1 knows 13 kinds of access; 2 adds REFER, 3 TRUNCATE, 5 IOCTL_DEV.
  const unsigned kinds = version >= 5 ? 16 : version >= 3 ? 15 : version >= 2 ? 14 : 13;
  const std::uint64_t handled = (std::uint64_t{1} << kinds) - 1;
  const long ruleset = syscall(SYS_landlock_create_ruleset, &handled, sizeof handled, 0);
  if (ruleset < 0) return false;
  const bool held = syscall(SYS_landlock_restrict_self, ruleset, 0) == 0;
  close(static_cast<int>(ruleset));
  return held;
}

// What decompressing needs, and nothing else: memory that cannot be executed, reading descriptor 0
// at an offset, writing descriptor 1.
bool filter() {
  scmp_filter_ctx context = seccomp_init(SCMP_ACT_KILL_PROCESS);
  if (context == nullptr) return false;
  bool held = true;
  for (const int call :
       {SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(brk), SCMP_SYS(madvise), SCMP_SYS(futex),
        SCMP_SYS(exit), SCMP_SYS(exit_group), SCMP_SYS(rt_sigreturn), SCMP_SYS(getrandom),
        SCMP_SYS(clock_gettime), SCMP_SYS(gettimeofday), SCMP_SYS(time)}) {
    held = held && seccomp_rule_add(context, SCMP_ACT_ALLOW, call, 0) == 0;
  }
  const scmp_arg_cmp no_exec{2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0};
  const scmp_arg_cmp no_file{3, SCMP_CMP_MASKED_EQ, MAP_ANONYMOUS, MAP_ANONYMOUS};
  const scmp_arg_cmp from_input{0, SCMP_CMP_EQ, 0, 0};
  const scmp_arg_cmp to_output{0, SCMP_CMP_EQ, 1, 0};
  held =
      held && seccomp_rule_add(context, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 2, no_exec, no_file) == 0;
  held = held && seccomp_rule_add(context, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1, no_exec) == 0;
  held = held && seccomp_rule_add(context, SCMP_ACT_ALLOW, SCMP_SYS(pread64), 1, from_input) == 0;
  held = held && seccomp_rule_add(context, SCMP_ACT_ALLOW, SCMP_SYS(write), 1, to_output) == 0;
  held = held && seccomp_load(context) == 0;
  seccomp_release(context);
  return held;
}

}  // namespace

const char* confine(unsigned cpu_seconds) {
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return "no_new_privs is refused";
  if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return "the dumpable flag is refused";
  if (!landlock()) return "the kernel has no Landlock, or refuses it";
  if (!bound(cpu_seconds)) return "resource limits are refused";
  if (!filter()) return "the kernel refuses the seccomp filter";
  return nullptr;
}

}  // namespace brine::worker
