// A worker gone bad: confined like the real one, it then tries what the archive's seventh byte
// says.
//
// Takes brine-worker's place in the tests; whatever it tries must end it, and its parent must say
// so.

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <cstring>

#include "sandbox/frames.h"
#include "worker/confine.h"

namespace {

using brine::sandbox::FrameKind;

void send(FrameKind kind, const char* payload, std::uint32_t length) {
  unsigned char head[5] = {static_cast<unsigned char>(kind)};
  std::memcpy(head + 1, &length, sizeof length);
  (void)!write(1, head, sizeof head);
  (void)!write(1, payload, length);
}

void flood() {
  static char block[60'000];
  send(FrameKind::entry, "\0x", 2);
  for (;;) send(FrameKind::data, block, sizeof block);
}

void attempt(char action) {
  static char page[4096];
  switch (action) {
    case 'o': (void)!syscall(SYS_open, "/etc/passwd", O_RDONLY); break;
    case 'O': (void)!openat(AT_FDCWD, "/etc/passwd", O_RDONLY); break;
    case 'w': (void)!openat(AT_FDCWD, "/tmp/brine-probe", O_WRONLY | O_CREAT, 0600); break;
    case 's': (void)!socket(AF_INET, SOCK_STREAM, 0); break;
    case 'f': (void)!fork(); break;
    case 'e': (void)!execl("/bin/true", "true", nullptr); break;
    case 'p': (void)!ptrace(PTRACE_TRACEME, 0, nullptr, nullptr); break;
    case 'k': (void)!kill(getppid(), SIGTERM); break;
    case 'K': (void)!syscall(SYS_tgkill, 1, 1, SIGTERM); break;
    case '2': (void)!write(2, "x", 1); break;
    case '0': (void)!write(0, "x", 1); break;
    case 'r': (void)!read(0, page, 1); break;
    case 'm':
      (void)!mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
      break;
    case 'M': (void)!mprotect(page, sizeof page, PROT_READ | PROT_EXEC); break;
    case 'c': (void)!prctl(PR_SET_DUMPABLE, 1, 0, 0, 0); break;
    case 'd': (void)!dup2(1, 7); break;
    case 'u': (void)!unlink("/tmp/brine-probe"); break;
    case 'x': *static_cast<volatile int*>(nullptr) = 1; break;
    case 'h':
      for (;;) pause();
      break;
    case 'l':
      for (;;) asm volatile("");
      break;
    case 'g': send(static_cast<FrameKind>(99), "garbage", 7); break;
    case 'n': _exit(0); break;
    case 'D': flood(); break;
    default: break;
  }
}

}  // namespace

int main() {
  char action = 0;
  (void)!pread(0, &action, 1, 6);
  if (action == 'R') {
    send(FrameKind::refused, "simulated: no seccomp", 21);
    return 1;
  }
  if (brine::worker::confine(2) != nullptr) return 1;
  send(FrameKind::confined, "", 0);
  attempt(action);
  send(FrameKind::done, "", 0);
  _exit(0);
}
