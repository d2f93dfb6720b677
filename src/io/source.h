// ByteSource: where bytes come from. A path goes no further in than this.
//
// Reads are positional and never move a shared cursor, so that several readers (views, threads) can
// use one source. A source has a fixed size, told when it is opened; a file that shrinks later
// makes reads fail with ErrorCode::changed. Every source counts the bytes that were really fetched
// (bytes_read), which is what "18 MB of 2.1 GB read" and the tests of laziness report.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace brine {

class ByteSource;

// Where a source's bytes lie as they are: in another one, from `offset` on.
struct Place {
  const ByteSource* source = nullptr;
  std::uint64_t offset = 0;
};

class ByteSource {
 public:
  virtual ~ByteSource() = default;
  virtual std::uint64_t size() const = 0;
  // Fills `out` with the bytes at `offset`; all of them or an error (truncated past the end).
  virtual Status read(std::uint64_t offset, std::span<std::uint8_t> out) = 0;
  // The bytes of the whole source when they already lie in memory; else empty. Never reads.
  virtual ByteSpan in_memory() const { return {}; }
  virtual std::uint64_t bytes_read() const { return 0; }
  // Itself, or the source of which it is a part.
  virtual Place place() const { return {this, 0}; }
  // A descriptor whose file is exactly this source, for another process; -1 when there is none. It
  // stays the source's own.
  virtual int descriptor() const { return -1; }
  // Whether a file below it has another size or modification time than when it was opened.
  virtual bool changed() const { return false; }

  // A copy of [offset, offset + count), which must lie within the source. `count` must come from a
  // number already compared with size(); nothing is allocated from a header's word.
  Result<std::vector<std::uint8_t>> read_vector(std::uint64_t offset, std::uint64_t count);
};

using SourcePtr = std::shared_ptr<ByteSource>;

class MemorySource final : public ByteSource {
 public:
  explicit MemorySource(std::vector<std::uint8_t> bytes)
      : owned_(std::move(bytes)), view_(owned_) {}
  // Looks at memory that `owner` keeps alive.
  MemorySource(std::shared_ptr<const void> owner, ByteSpan view)
      : owner_(std::move(owner)), view_(view) {}
  // Looks at memory that the caller keeps alive.
  explicit MemorySource(ByteSpan view) : view_(view) {}
  std::uint64_t size() const override { return view_.size(); }
  Status read(std::uint64_t offset, std::span<std::uint8_t> out) override;
  ByteSpan in_memory() const override { return view_; }

 private:
  std::vector<std::uint8_t> owned_;
  std::shared_ptr<const void> owner_;
  ByteSpan view_;
};

// A range of another source: a stored member, a tail, a gap.
class SliceSource final : public ByteSource {
 public:
  SliceSource(SourcePtr base, std::uint64_t offset, std::uint64_t count);
  std::uint64_t size() const override { return count_; }
  Status read(std::uint64_t offset, std::span<std::uint8_t> out) override;
  ByteSpan in_memory() const override;
  Place place() const override {
    const Place base = base_->place();
    return {base.source, base.offset + offset_};
  }
  std::uint64_t base_offset() const { return offset_; }

 private:
  SourcePtr base_;
  std::uint64_t offset_;
  std::uint64_t count_;
};

// Several sources as one, each behind the one before it.
class JoinedSource final : public ByteSource {
 public:
  explicit JoinedSource(std::vector<SourcePtr> parts);
  std::uint64_t size() const override { return size_; }
  Status read(std::uint64_t offset, std::span<std::uint8_t> out) override;
  std::uint64_t bytes_read() const override;
  bool changed() const override;
  // Where a part begins.
  std::uint64_t start_of(std::size_t part) const { return starts_[part]; }

 private:
  std::vector<SourcePtr> parts_;
  std::vector<std::uint64_t> starts_;  // one for each part
  std::uint64_t size_ = 0;
};

class FileSource final : public ByteSource {
 public:
  // Opens a regular file for reading (no FIFO, socket or device is ever opened for long: type is
  // checked before and after the open, which does not block).
  static Result<std::shared_ptr<FileSource>> open(const std::string& path);
  ~FileSource() override;
  FileSource(const FileSource&) = delete;
  FileSource& operator=(const FileSource&) = delete;

  std::uint64_t size() const override { return size_; }
  Status read(std::uint64_t offset, std::span<std::uint8_t> out) override;
  std::uint64_t bytes_read() const override { return bytes_read_.load(std::memory_order_relaxed); }
  int descriptor() const override { return fd_; }
  bool changed() const override;

 private:
  FileSource(int fd, std::uint64_t size, std::int64_t mtime_ns)
      : fd_(fd), size_(size), mtime_ns_(mtime_ns) {}
  int fd_;
  std::uint64_t size_;
  std::int64_t mtime_ns_;
  std::atomic<std::uint64_t> bytes_read_{0};
};

}  // namespace brine
