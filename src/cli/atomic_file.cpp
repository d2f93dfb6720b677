#include "cli/atomic_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

namespace brine::cli {
namespace {

constexpr std::uint64_t kBlock = 4096;  // no file system in use wants coarser direct writes
constexpr std::uint64_t kDirectLeast = 64u << 10;  // of one write
constexpr std::uint64_t kDirectFile = 16u << 20;   // of a file
constexpr int kMostTemporary = 1'000'000;  // of one process at a time

std::unexpected<Error> io(std::string_view what) {
  const int error = errno;
  char text[128] = {};
  return fail(
      {ErrorCode::io, 0, std::string(what) + ": " + ::strerror_r(error, text, sizeof text)});
}

std::string folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

void sync_folder(const std::string& path) {
  const int folder = ::open(folder_of(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) return;
  ::fsync(folder);
  ::close(folder);
}

std::unexpected<Error> already_there() {
  return fail({ErrorCode::io, 0, "there is a file of that name already; --force replaces it"});
}

}  // namespace

Status AtomicFile::may_create(const std::string& path, bool replace) {
  struct stat st{};
  if (::lstat(path.c_str(), &st) != 0) return {};
  if (!replace) return already_there();
  if (!S_ISREG(st.st_mode)) return fail({ErrorCode::io, 0, "what stands there is no plain file"});
  return {};
}

Result<AtomicFile> AtomicFile::create(const std::string& path, bool replace) {
  BRINE_CHECK_STATUS(may_create(path, replace));
  const std::string folder = folder_of(path);
  for (int attempt = 0; attempt < kMostTemporary; ++attempt) {
    std::string temporary =
        folder + "/.brine-" + std::to_string(::getpid()) + "-" + std::to_string(attempt) + ".part";
    const int fd =
        ::open(temporary.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (fd >= 0) return AtomicFile(fd, path, std::move(temporary), replace);
    if (errno != EEXIST) return io("cannot write");
  }
  return fail({ErrorCode::io, 0, "cannot find a name for a temporary file"});
}

AtomicFile::AtomicFile(AtomicFile&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      direct_(std::exchange(other.direct_, -1)),
      path_(std::move(other.path_)),
      temporary_(std::exchange(other.temporary_, {})),
      replace_(other.replace_),
      identity_(other.identity_),
      named_(std::exchange(other.named_, false)),
      exchanged_(std::exchange(other.exchanged_, false)) {}

AtomicFile::~AtomicFile() {
  if (fd_ >= 0) ::close(fd_);
  if (direct_ >= 0) ::close(direct_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void AtomicFile::expect(std::uint64_t size) {
  if (size < kDirectFile || direct_ >= 0) return;
  const std::string same = "/proc/self/fd/" + std::to_string(fd_);
  direct_ = ::open(same.c_str(), O_WRONLY | O_DIRECT | O_CLOEXEC);
}

Status AtomicFile::reserve(std::uint64_t size) {
  expect(size);
  if (size == 0) return {};
  // Where the file system cannot, the writes will tell.
  if (::fallocate(fd_, 0, 0, static_cast<off_t>(size)) != 0 &&
      (errno == ENOSPC || errno == EDQUOT || errno == EFBIG)) {
    return io("cannot write");
  }
  return {};
}

Status AtomicFile::write(std::uint64_t offset, ByteSpan bytes) {
  const auto address = reinterpret_cast<std::uintptr_t>(bytes.data());
  if (direct_ < 0 || bytes.size() < kDirectLeast || address % kBlock != offset % kBlock) {
    return write_cached(offset, bytes);
  }
  const std::size_t head = static_cast<std::size_t>((kBlock - offset % kBlock) % kBlock);
  BRINE_CHECK_STATUS(write_cached(offset, bytes.first(head)));
  offset += head;
  bytes = bytes.subspan(head);
  while (bytes.size() >= kBlock) {
    const ssize_t count =
        ::pwrite(direct_, bytes.data(), bytes.size() / kBlock * kBlock, static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EINVAL) break;  // the rest through the cache
    if (count <= 0) return io("cannot write");
    offset += static_cast<std::uint64_t>(count);
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
  return write_cached(offset, bytes);
}

Status AtomicFile::write_cached(std::uint64_t offset, ByteSpan bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return io("cannot write");
    offset += static_cast<std::uint64_t>(count);
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
  return {};
}

Status AtomicFile::read(std::uint64_t offset, std::span<std::uint8_t> out) const {
  while (!out.empty()) {
    const ssize_t count = ::pread(fd_, out.data(), out.size(), static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return io("cannot read back");
    if (count == 0) return fail({ErrorCode::io, offset, "cannot read back: it ends too early"});
    offset += static_cast<std::uint64_t>(count);
    out = out.subspan(static_cast<std::size_t>(count));
  }
  return {};
}

Result<SourcePtr> AtomicFile::written() const { return FileSource::open(temporary_); }

Status AtomicFile::settle() {
  struct stat st{};
  if (::fsync(fd_) != 0 || ::fstat(fd_, &st) != 0) return io("cannot write");
  identity_ = {st.st_dev, st.st_ino};
  ::close(std::exchange(fd_, -1));
  if (direct_ >= 0) ::close(std::exchange(direct_, -1));
  return {};
}

Status AtomicFile::give_name() {
  const char *from = temporary_.c_str(), *to = path_.c_str();
  // link() refuses what has come to stand there; an exchange can be taken back.
  if (replace_) {
    BRINE_CHECK_STATUS(may_create(path_, replace_));
    exchanged_ = ::renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_EXCHANGE) == 0;
    if (!exchanged_ && ::rename(from, to) != 0) return io("cannot give the file its name");
  } else if (::link(from, to) == 0) {
    ::unlink(from);
  } else if (errno == EEXIST) {
    return already_there();
  } else if (::renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) != 0) {
    if (errno == EEXIST) return already_there();
    return io("cannot give the file its name");
  }
  named_ = true;
  if (!exchanged_) temporary_.clear();
  return {};
}

void AtomicFile::keep() {
  if (exchanged_) ::unlink(temporary_.c_str());
  temporary_.clear();
  named_ = exchanged_ = false;
}

void AtomicFile::take_back() {
  if (!named_) return;
  if (!exchanged_) {
    if (has_its_name()) ::unlink(path_.c_str());
  } else if (!has_its_name() || ::renameat2(AT_FDCWD, temporary_.c_str(), AT_FDCWD, path_.c_str(),
                                            RENAME_EXCHANGE) != 0) {
    temporary_.clear();  // what was there before stays under the temporary name
  }
  named_ = exchanged_ = false;
}

// Whether nobody else gave the name away meanwhile.
bool AtomicFile::has_its_name() const {
  struct stat st{};
  return ::lstat(path_.c_str(), &st) == 0 && st.st_dev == identity_.device &&
         st.st_ino == identity_.inode;
}

Status AtomicFile::commit() {
  BRINE_CHECK_STATUS(settle());
  BRINE_CHECK_STATUS(give_name());
  keep();
  sync_folder(path_);
  return {};
}

Status FileSet::add(AtomicFile file) {
  BRINE_CHECK_STATUS(file.settle());
  files_.push_back(std::move(file));
  return {};
}

Status FileSet::commit() {
  for (AtomicFile& file : files_) {
    const Status named = file.give_name();
    if (named) continue;
    for (AtomicFile& other : files_) other.take_back();
    return named;
  }
  for (AtomicFile& file : files_) file.keep();
  if (!files_.empty()) sync_folder(files_.front().path_);
  files_.clear();
  return {};
}

}  // namespace brine::cli
