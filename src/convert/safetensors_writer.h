// The safetensors file: its plan and its bytes.
//
// Problem: readers of safetensors want no holes, no overlaps, each tensor at a multiple of its
// element's size, and the header first; tensors of torch are strided, shared, conjugated. Method:
// the plan sorts by element size (descending), then name, and fixes every offset, so that the bytes
// can be written in whatever order they come (copy_plan.h, view_bytes.h). Invariant: what is handed
// out for an entry is the view's elements in row-major order, bit for bit.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "convert/tensors.h"
#include "convert/view_bytes.h"

namespace brine::convert {

// The header's key for what is no tensor.
inline constexpr std::string_view kMetadataKey = "__metadata__";

struct Entry {
  std::string name;  // valid UTF-8
  std::string_view type;  // "F32"
  TensorView view;
  std::uint64_t begin = 0, end = 0;  // behind the header

  Extents shape() const;  // as safetensors has it
};

// The type's name in safetensors and how the last dimension changes: complex128 and complex32 are
// pairs of real numbers, float4 pairs are counted one by one. An Error for what the format lacks.
Result<Entry> entry_of(std::string name, TensorView view);

using Metadata = std::vector<std::pair<std::string, std::string>>;

class SafetensorsPlan {
 public:
  // `entries` have distinct names. An Error when the header exceeds 100 MB or sizes overflow.
  static Result<SafetensorsPlan> make(std::vector<Entry> entries, const Metadata& metadata);
  // The same tensors with other metadata.
  Status set_metadata(const Metadata& metadata);

  const std::vector<Entry>& entries() const { return entries_; }
  std::vector<Entry> take_entries() && { return std::move(entries_); }
  // Length word and JSON, padded to eight bytes.
  const std::string& header() const { return header_; }
  std::uint64_t data_bytes() const { return data_bytes_; }
  std::uint64_t size() const { return header_.size() + data_bytes_; }

 private:
  std::vector<Entry> entries_;
  std::string header_;
  std::uint64_t data_bytes_ = 0;
};

// Hands out each of the entry's bytes once.
Status read_entry(const Entry& entry, const std::vector<Storage>& storages, const TakeAt& take);

}  // namespace brine::convert
