// AtomicFile: a file that appears under its name whole, or not at all; FileSet: several such files.
//
// Bytes go to a temporary file in the same folder; commit() makes them durable and gives them the
// name in one step. Without commit the temporary file is removed. The files of a set get their
// names when all of them are whole and durable; when one cannot have its name, the others lose
// theirs and what they replaced is back. An existing file is only replaced when the person said so,
// also when it appears while we write. Long writes whose bytes begin in memory where they begin in
// a block of the file go past the page cache where the file system lets them: that costs a tenth of
// the processor time, and there is nothing left for fsync to wait for.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "io/source.h"

namespace brine::cli {

class AtomicFile {
 public:
  // Whether a file may be written under the name as things stand.
  static Status may_create(const std::string& path, bool replace);
  static Result<AtomicFile> create(const std::string& path, bool replace);
  AtomicFile(AtomicFile&& other) noexcept;
  AtomicFile& operator=(AtomicFile&&) = delete;
  AtomicFile(const AtomicFile&) = delete;
  ~AtomicFile();

  // About `size` bytes will be written.
  void expect(std::uint64_t size);
  // Exactly `size` bytes will be: claims the room for them, so that a full disk is known at once.
  Status reserve(std::uint64_t size);
  // One thread at a time.
  Status write(std::uint64_t offset, ByteSpan bytes);
  Status read(std::uint64_t offset, std::span<std::uint8_t> out) const;
  // What was written so far, to be read by others.
  Result<SourcePtr> written() const;
  Status commit();

 private:
  friend class FileSet;

  AtomicFile(int fd, std::string path, std::string temporary, bool replace)
      : fd_(fd), path_(std::move(path)), temporary_(std::move(temporary)), replace_(replace) {}

  Status write_cached(std::uint64_t offset, ByteSpan bytes);
  // Makes the bytes durable and lets go of the descriptors: nothing is written behind it.
  Status settle();
  // Then, in this order: the name; and it stays, or all is as it was.
  Status give_name();
  void keep();
  void take_back();
  bool has_its_name() const;

  int fd_;
  int direct_ = -1;  // the same file past the page cache
  std::string path_, temporary_;
  bool replace_;
  struct Identity {
    std::uint64_t device = 0, inode = 0;
  } identity_;  // of the settled file
  bool named_ = false;
  bool exchanged_ = false;  // what had the name before has the temporary one
};

class FileSet {
 public:
  FileSet() = default;
  FileSet(const FileSet&) = delete;
  FileSet& operator=(const FileSet&) = delete;

  // A file of which all bytes are there.
  Status add(AtomicFile file);
  // Gives the names, in the order in which the files came.
  Status commit();

 private:
  std::vector<AtomicFile> files_;
};

}  // namespace brine::cli
