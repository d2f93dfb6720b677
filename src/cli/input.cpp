#include "cli/input.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <vector>

namespace brine::cli {
namespace {

constexpr std::size_t kSpoolMemory = 64u << 20;
constexpr std::size_t kChunk = 1u << 20;

Error io_error(const char* what) {
  return {ErrorCode::io, 0, std::string(what) + ": " + std::strerror(errno)};
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

// A descriptor's file through a new, independent opening.
Result<SourcePtr> open_descriptor(int fd) {
  return FileSource::open("/proc/self/fd/" + std::to_string(fd));
}

int open_temporary() {
  const char* configured = std::getenv("TMPDIR");
  std::string folder = configured != nullptr && *configured != '\0' ? configured : "/tmp";
  const int fd = ::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (fd >= 0) return fd;
  std::string name = folder + "/brine-XXXXXX";
  const int named = ::mkostemp(name.data(), O_CLOEXEC);
  if (named >= 0) ::unlink(name.c_str());
  return named;
}

Status write_all(int fd, ByteSpan bytes) {
  while (!bytes.empty()) {
    const ssize_t done = ::write(fd, bytes.data(), bytes.size());
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) return fail(io_error("cannot keep standard input in a temporary file"));
    bytes = bytes.subspan(static_cast<std::size_t>(done));
  }
  return {};
}

// Up to `most` bytes more behind what `out` has; false at the end of the input.
Result<bool> read_more(std::vector<std::uint8_t>& out, std::size_t most) {
  const std::size_t had = out.size();
  out.resize(had + most);
  while (true) {
    const ssize_t got = ::read(0, out.data() + had, most);
    if (got < 0 && errno == EINTR) continue;
    out.resize(had + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    if (got < 0) return fail(io_error("cannot read"));
    return got > 0;
  }
}

Result<SourcePtr> spool() {
  struct stat st{};
  if (::fstat(0, &st) != 0) return fail(io_error("cannot read"));
  if (S_ISREG(st.st_mode) && ::lseek(0, 0, SEEK_CUR) == 0) return open_descriptor(0);

  std::vector<std::uint8_t> memory;
  while (memory.size() < kSpoolMemory) {
    BRINE_TRY(const bool more, read_more(memory, std::min(kChunk, kSpoolMemory - memory.size())));
    if (!more) return std::make_shared<MemorySource>(std::move(memory));
  }
  const Descriptor file(open_temporary());
  if (file.get() < 0) return fail(io_error("cannot keep standard input in a temporary file"));
  while (true) {
    BRINE_CHECK_STATUS(write_all(file.get(), memory));
    memory.clear();
    BRINE_TRY(const bool more, read_more(memory, kChunk));
    if (!more) return open_descriptor(file.get());
  }
}

}  // namespace

Result<SourcePtr> open_input(const std::string& path) {
  if (path == "-") return spool();
  return FileSource::open(path);
}

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
  if (context_ == nullptr || EVP_DigestInit_ex(context_, EVP_sha256(), nullptr) == 1) return;
  EVP_MD_CTX_free(context_);
  context_ = nullptr;
}

Sha256::~Sha256() { EVP_MD_CTX_free(context_); }

Status Sha256::add(ByteSpan bytes) {
  if (context_ != nullptr && EVP_DigestUpdate(context_, bytes.data(), bytes.size()) == 1) return {};
  return fail({ErrorCode::internal, 0, "SHA-256 is not available"});
}

Result<std::string> Sha256::hex() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  if (context_ == nullptr || EVP_DigestFinal_ex(context_, digest.data(), &size) != 1) {
    return fail({ErrorCode::internal, 0, "SHA-256 is not available"});
  }
  constexpr char kHex[] = "0123456789abcdef";
  std::string hex;
  for (unsigned int i = 0; i < size; ++i) {
    hex += kHex[digest[i] >> 4];
    hex += kHex[digest[i] & 15];
  }
  return hex;
}

Result<std::string> sha256_hex(ByteSource& source, const std::stop_token& stop,
                               const std::function<void(std::uint64_t)>& progress) {
  Sha256 hash;
  std::vector<std::uint8_t> chunk(
      static_cast<std::size_t>(std::min<std::uint64_t>(kChunk, source.size())));
  for (std::uint64_t at = 0; at < source.size();) {
    if (stop.stop_requested()) return fail({ErrorCode::io, at, "interrupted"});
    const std::span<std::uint8_t> part(
        chunk.data(),
        static_cast<std::size_t>(std::min<std::uint64_t>(chunk.size(), source.size() - at)));
    BRINE_CHECK_STATUS(source.read(at, part));
    BRINE_CHECK_STATUS(hash.add(part));
    at += part.size();
    if (progress) progress(part.size());
  }
  return hash.hex();
}

}  // namespace brine::cli
