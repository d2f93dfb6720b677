// A zip of our own: members are stored, their data begin at multiples of 64 bytes as torch wants
// them, checksums stand in both headers, sizes in zip64's fields. Facts: torch 2.13
// (caffe2/serialize/inline_container.cc), APPNOTE 6.3.10. Members appear in the order of add().
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace brine::convert {

using WriteAt = std::function<Status(std::uint64_t offset, ByteSpan bytes)>;
using Take = std::function<Status(ByteSpan)>;
using Fill = std::function<Status(const Take& take)>;

class ZipWriter {
 public:
  explicit ZipWriter(const WriteAt& write) : write_(write) {}

  // `fill` hands over exactly `size` bytes.
  Status add(const std::string& name, std::uint64_t size, const Fill& fill);
  Status add(const std::string& name, const std::string& bytes);
  // The directory; gives the file's size.
  Result<std::uint64_t> finish();

 private:
  struct Member {
    std::string name;
    std::uint64_t offset = 0, size = 0;
    std::uint32_t crc = 0;
  };

  const WriteAt& write_;
  std::vector<Member> members_;
  std::uint64_t at_ = 0;
};

}  // namespace brine::convert
