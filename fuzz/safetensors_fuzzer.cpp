// The safetensors header over any bytes: what is accepted explains the whole file, exactly.

#include "base/bytes.h"
#include "format/safetensors/header.h"
#include "target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace brine;
  constexpr std::size_t kCount = 2;  // the data's size stands in front of the header
  if (size < kCount) return 0;
  const std::uint64_t data_bytes = load_le16(data);
  const ByteSpan json(data + kCount, size - kCount);
  const auto header = format::safetensors::read_header(json, data_bytes);
  if (header) {
    fuzz::check(header->data_bytes == data_bytes, "data that no tensor explains");
    fuzz::check(header->tensors <= json.size(), "more tensors than bytes");
    const auto other = format::safetensors::read_header(json, data_bytes + 1);
    fuzz::check(!other, "a byte behind the last tensor is accepted");
  } else {
    fuzz::check(!header.error().what.empty(), "a refusal without a reason");
    fuzz::check(header.error().code != ErrorCode::internal, "an internal error");
  }
  return 0;
}
