// A torch zip of our own: what torch.save would write of the same pickle and storages.
//
// Members are stored, data begin at multiples of 64 bytes, checksums stand in both headers, zip64
// where a number needs it. Storages in the other byte order are written little-endian. Facts: torch
// 2.13 (caffe2/serialize/inline_container.cc), APPNOTE 6.3.10.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "convert/rewrite.h"

namespace brine::convert {

using WriteAt = std::function<Status(std::uint64_t offset, ByteSpan bytes)>;

// Gives the file's size. `root`: the archive's folder. Every storage must have its bytes.
Result<std::uint64_t> write_torch_zip(const std::string& root, const Rewritten& rewritten,
                                      const std::vector<Storage>& storages, const WriteAt& write);

}  // namespace brine::convert
