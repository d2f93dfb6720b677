#include "io/source.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace brine {
namespace {

Status check_range(std::uint64_t size, std::uint64_t offset, std::uint64_t count) {
  if (offset > size || count > size - offset) {
    return fail(Error::truncated(offset, count, offset > size ? 0 : size - offset));
  }
  return {};
}

std::int64_t mtime_of(const struct stat& st) {
  return static_cast<std::int64_t>(st.st_mtim.tv_sec) * 1'000'000'000 + st.st_mtim.tv_nsec;
}

std::string reason(int error) {
  switch (error) {
    case EACCES:
    case EPERM: return "permission denied";
    case ENOENT: return "no such file";
    case ELOOP: return "a loop of symbolic links";
    case EIO: return "the device reports a read error";
    default: return std::strerror(error);
  }
}

}  // namespace

Result<std::vector<std::uint8_t>> ByteSource::read_vector(std::uint64_t offset,
                                                          std::uint64_t count) {
  BRINE_CHECK_STATUS(check_range(size(), offset, count));
  std::vector<std::uint8_t> out(static_cast<std::size_t>(count));
  BRINE_CHECK_STATUS(read(offset, out));
  return out;
}

Status MemorySource::read(std::uint64_t offset, std::span<std::uint8_t> out) {
  BRINE_CHECK_STATUS(check_range(view_.size(), offset, out.size()));
  if (!out.empty()) std::memcpy(out.data(), view_.data() + offset, out.size());
  return {};
}

SliceSource::SliceSource(SourcePtr base, std::uint64_t offset, std::uint64_t count)
    : base_(std::move(base)),
      offset_(std::min(offset, base_->size())),
      count_(std::min(count, base_->size() - offset_)) {}

Status SliceSource::read(std::uint64_t offset, std::span<std::uint8_t> out) {
  BRINE_CHECK_STATUS(check_range(count_, offset, out.size()));
  return base_->read(offset_ + offset, out);
}

ByteSpan SliceSource::in_memory() const {
  ByteSpan all = base_->in_memory();
  if (all.empty()) return {};
  return all.subspan(static_cast<std::size_t>(offset_), static_cast<std::size_t>(count_));
}

JoinedSource::JoinedSource(std::vector<SourcePtr> parts) : parts_(std::move(parts)) {
  for (const SourcePtr& part : parts_) {
    starts_.push_back(size_);
    size_ += part->size();
  }
}

Status JoinedSource::read(std::uint64_t offset, std::span<std::uint8_t> out) {
  BRINE_CHECK_STATUS(check_range(size_, offset, out.size()));
  const auto behind = std::ranges::upper_bound(starts_, offset);
  auto part = static_cast<std::size_t>(behind - starts_.begin());
  while (!out.empty()) {
    ByteSource& source = *parts_[part - 1];
    const std::uint64_t from = offset - starts_[part - 1];
    const std::size_t count =
        static_cast<std::size_t>(std::min<std::uint64_t>(source.size() - from, out.size()));
    BRINE_CHECK_STATUS(source.read(from, out.first(count)));
    out = out.subspan(count);
    offset += count;
    ++part;
  }
  return {};
}

std::uint64_t JoinedSource::bytes_read() const {
  std::uint64_t sum = 0;
  for (const SourcePtr& part : parts_) sum += part->bytes_read();
  return sum;
}

bool JoinedSource::changed() const {
  return std::ranges::any_of(parts_, [](const SourcePtr& part) { return part->changed(); });
}

Result<std::shared_ptr<FileSource>> FileSource::open(const std::string& path) {
  int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd < 0) return fail({ErrorCode::io, 0, "cannot read: " + reason(errno)});
  struct stat st{};
  if (::fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
    ::close(fd);
    return fail({ErrorCode::io, 0, "cannot read: not a regular file"});
  }
  return std::shared_ptr<FileSource>(
      new FileSource(fd, static_cast<std::uint64_t>(st.st_size), mtime_of(st)));
}

FileSource::~FileSource() { ::close(fd_); }

Status FileSource::read(std::uint64_t offset, std::span<std::uint8_t> out) {
  BRINE_CHECK_STATUS(check_range(size_, offset, out.size()));
  std::size_t done = 0;
  while (done < out.size()) {
    ssize_t got =
        ::pread(fd_, out.data() + done, out.size() - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail({ErrorCode::io, offset + done, "cannot read: " + reason(errno)});
    if (got == 0) {
      return fail({ErrorCode::changed, offset + done, "the file shrank while it was read"});
    }
    done += static_cast<std::size_t>(got);
  }
  bytes_read_.fetch_add(out.size(), std::memory_order_relaxed);
  return {};
}

bool FileSource::changed() const {
  struct stat st{};
  if (::fstat(fd_, &st) != 0) return true;
  return static_cast<std::uint64_t>(st.st_size) != size_ || mtime_of(st) != mtime_ns_;
}

}  // namespace brine
