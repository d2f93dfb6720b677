// AtomicFile: a file that appears under its name whole, or not at all.
//
// Bytes go to a temporary file in the same folder; commit() makes them durable and gives them the
// name in one step. Without commit the temporary file is removed. An existing file is only replaced
// when the person said so, also when it appears while we write.
#pragma once

#include <cstdint>
#include <string>

#include "base/bytes.h"
#include "base/result.h"
#include "io/source.h"

namespace brine::cli {

class AtomicFile {
 public:
  static Result<AtomicFile> create(const std::string& path, bool replace);
  AtomicFile(AtomicFile&& other) noexcept;
  AtomicFile& operator=(AtomicFile&&) = delete;
  AtomicFile(const AtomicFile&) = delete;
  ~AtomicFile();

  Status write(std::uint64_t offset, ByteSpan bytes);
  Status read(std::uint64_t offset, std::span<std::uint8_t> out) const;
  Status commit();

 private:
  AtomicFile(int fd, std::string path, std::string temporary, bool replace)
      : fd_(fd), path_(std::move(path)), temporary_(std::move(temporary)), replace_(replace) {}

  int fd_;
  std::string path_, temporary_;
  bool replace_;
};

}  // namespace brine::cli
