#include "sandbox/client.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <utility>

namespace brine::sandbox {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kChunk = 1u << 20;

class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  ~Descriptor() { reset(); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  int get() const { return fd_; }
  void reset() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }

 private:
  int fd_;
};

std::string system_error(const char* what) {
  return std::string(what) + ": " + std::strerror(errno);
}

// The source's bytes behind a descriptor that nobody can write to.
Result<Descriptor> as_descriptor(ByteSource& source) {
  if (const int own = source.descriptor(); own >= 0) {
    Descriptor copy(::fcntl(own, F_DUPFD_CLOEXEC, 3));
    if (copy.get() >= 0) return copy;
  }
  Descriptor memory(::memfd_create("archive", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (memory.get() < 0) return fail({ErrorCode::io, 0, system_error("memfd_create")});
  std::vector<std::uint8_t> chunk;
  for (std::uint64_t at = 0; at < source.size();) {
    chunk.resize(static_cast<std::size_t>(std::min<std::uint64_t>(source.size() - at, kChunk)));
    BRINE_CHECK_STATUS(source.read(at, chunk));
    for (std::size_t written = 0; written < chunk.size();) {
      const ssize_t count = ::write(memory.get(), chunk.data() + written, chunk.size() - written);
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) return fail({ErrorCode::io, at, system_error("memfd")});
      written += static_cast<std::size_t>(count);
    }
    at += chunk.size();
  }
  const int seals = F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL;
  if (::fcntl(memory.get(), F_ADD_SEALS, seals) != 0) {
    return fail({ErrorCode::io, 0, system_error("memfd seals")});
  }
  return memory;
}

// The child: killed and collected on every way out.
class Child {
 public:
  ~Child() { end(true); }
  Child() = default;
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  bool start(const std::string& program, const std::string& seconds, int input, int output) {
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, input, 0);
    posix_spawn_file_actions_adddup2(&actions, output, 1);
    posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addclosefrom_np(&actions, 3);
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    std::string name = "brine-worker", given = seconds;
    std::array<char*, 3> argv = {name.data(), given.data(), nullptr};
    std::array<char*, 1> environment = {nullptr};
    const int status =
        posix_spawn(&pid_, program.c_str(), &actions, &attributes, argv.data(), environment.data());
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    if (status != 0) {
      errno = status;
      pid_ = -1;
    }
    return status == 0;
  }

  // How it ended, in words; empty when it ended as it should.
  std::string end(bool kill) {
    if (pid_ < 0) return {};
    if (kill) ::kill(pid_, SIGKILL);
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
    if (WIFSIGNALED(status)) {
      if (WTERMSIG(status) == SIGSYS) return "it made a system call that it may not make";
      if (WTERMSIG(status) == SIGXCPU) return "it ran out of processor time";
      return std::string("it was ended by ") + ::strsignal(WTERMSIG(status));
    }
    return WEXITSTATUS(status) == 0 ? std::string()
                                    : "it ended with status " + std::to_string(WEXITSTATUS(status));
  }

 private:
  pid_t pid_ = -1;
};

void converse(int from, FrameReader& reader, Clock::time_point deadline) {
  std::vector<std::uint8_t> buffer(kMostFrame + kFrameHead);
  while (!reader.finished()) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    if (left <= 0) return reader.fail(ExtractionEnd::limit, "worker_seconds");
    pollfd waiting{from, POLLIN, 0};
    const int ready = ::poll(&waiting, 1, static_cast<int>(std::min<std::int64_t>(left, 1000)));
    if (ready < 0 && errno != EINTR) return reader.fail(ExtractionEnd::died, system_error("poll"));
    if (ready <= 0) continue;
    const ssize_t count = ::read(from, buffer.data(), buffer.size());
    if (count < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (count <= 0) return;
    reader.feed(ByteSpan(buffer).first(static_cast<std::size_t>(count)));
  }
}

Extraction unavailable(std::string why) { return {{}, ExtractionEnd::unavailable, std::move(why)}; }

}  // namespace

std::string find_worker() {
  std::array<char, 4096> path{};
  const ssize_t length = ::readlink("/proc/self/exe", path.data(), path.size() - 1);
  if (length <= 0) return {};
  const std::string_view program(path.data(), static_cast<std::size_t>(length));
  const std::string folder(program.substr(0, program.rfind('/')));
  for (const char* place : {"/brine-worker", "/../libexec/brine/brine-worker"}) {
    const std::string candidate = folder + place;
    if (::access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return {};
}

Extraction run_worker(const std::string& program, ByteSource& source, const Limits& limits,
                      std::uint64_t budget) {
  if (program.empty()) return unavailable("brine-worker is not installed beside brine");
  Result<Descriptor> input = as_descriptor(source);
  if (!input) return unavailable(input.error().what);
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return unavailable(system_error("pipe"));
  Descriptor from(ends[0]), to(ends[1]);
  Child child;
  const std::string seconds = std::to_string(limits.worker_seconds);
  if (!child.start(program, seconds, input->get(), to.get())) {
    return unavailable(system_error("brine-worker cannot be started"));
  }
  to.reset();
  FrameReader reader(limits, budget);
  converse(from.get(), reader, Clock::now() + std::chrono::seconds(limits.worker_seconds));
  const bool told = reader.finished();
  const std::string how = child.end(told);
  if (!told) {
    reader.fail(ExtractionEnd::died, how.empty() ? "it left without an answer" : how);
  }
  return reader.take();
}

}  // namespace brine::sandbox
