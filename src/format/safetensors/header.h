// The header of a safetensors file, read strictly.
//
// Problem: readers of this format differ in what they forgive, and a file that two of them read
// differently hides something. Method: the header is a JSON object of one fixed shape, so it is
// read by a small reader of exactly that shape: no recursion, no general JSON tree, every duplicate
// key seen after its escapes are decoded. What the reference reader checks (contiguous offsets from
// 0 in order, sizes by checked multiplication, full cover) is checked here, and what its
// documentation forbids (duplicate keys) too. Invariant: a Header is returned only when the whole
// file is explained.
#pragma once

#include <cstdint>
#include <string>

#include "base/bytes.h"
#include "base/result.h"

namespace brine::format::safetensors {

inline constexpr std::uint64_t kLengthBytes = 8;

struct Header {
  std::uint64_t tensors = 0;
  std::uint64_t data_bytes = 0;
  bool has_metadata = false;
};

// `json` is the header without its length, which stands at offset 8 of the file; `data_bytes` is
// what follows it in the file. Errors carry file offsets.
Result<Header> read_header(ByteSpan json, std::uint64_t data_bytes);

}  // namespace brine::format::safetensors
