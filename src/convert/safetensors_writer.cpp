#include "convert/safetensors_writer.h"

#include <algorithm>
#include <array>

#include "base/json_writer.h"

namespace brine::convert {
namespace {

constexpr std::uint64_t kMaxHeader = 100'000'000;  // safetensors' own limit
constexpr std::size_t kLengthWord = 8;

// Types that the format lacks, as what their bytes are.
struct AsPairs {
  std::string_view dtype, type;
};
constexpr auto kPairs = std::to_array<AsPairs>({{"complex128", "F64"}, {"complex32", "F16"}});

// Null: the format has the type.
const AsPairs* pair_type(const tensor::Dtype& dtype) {
  const auto* row = std::ranges::find(kPairs, dtype.name, &AsPairs::dtype);
  return row == kPairs.end() ? nullptr : row;
}
bool is_float4_pair(const tensor::Dtype& dtype) { return dtype.name == "float4_e2m1fn_x2"; }

// Whether a file that begins with this length begins as a pickle (PROTO 0 to 5) or a zip does: a
// loader that goes by first bytes would take it for one.
bool begins_like_another(std::uint64_t length) {
  const bool pickle = (length & 0xff) == 0x80 && (length >> 8 & 0xff) <= 5;
  return pickle || (length & 0xffff) == 0x4b50;
}

}  // namespace

Extents Entry::shape() const {
  Extents out = view.shape;
  if (pair_type(*view.dtype) != nullptr) out.push_back(2);
  if (is_float4_pair(*view.dtype) && !out.empty()) out.back() *= 2;
  return out;
}

Result<Entry> entry_of(std::string name, TensorView view) {
  Entry out;
  out.name = std::move(name);
  const AsPairs* const pairs = pair_type(*view.dtype);
  out.type = pairs != nullptr ? pairs->type : view.dtype->safetensors;
  if (is_float4_pair(*view.dtype) && view.shape.empty()) {
    return fail({ErrorCode::unsupported, 0, "a pair of float4 numbers without a dimension"});
  }
  if (out.type.empty()) {
    return fail({ErrorCode::unsupported, 0,
                 "safetensors has no type for torch." + std::string(view.dtype->name)});
  }
  const auto bytes = checked_product(view.elements(), view.dtype->itemsize);
  if (!bytes) return fail(Error::malformed(0, "a tensor of more bytes than there are"));
  out.end = *bytes;
  out.view = std::move(view);
  return out;
}

Result<SafetensorsPlan> SafetensorsPlan::make(std::vector<Entry> entries,
                                              const Metadata& metadata) {
  SafetensorsPlan plan;
  plan.entries_ = std::move(entries);
  std::ranges::sort(plan.entries_, [](const Entry& a, const Entry& b) {
    if (a.view.dtype->itemsize != b.view.dtype->itemsize) {
      return a.view.dtype->itemsize > b.view.dtype->itemsize;
    }
    return a.name < b.name;
  });
  for (Entry& entry : plan.entries_) {
    const auto end = checked_sum(plan.data_bytes_, entry.end - entry.begin);
    if (!end) return fail(Error::malformed(0, "tensors of more bytes than there are"));
    entry.begin = plan.data_bytes_;
    entry.end = plan.data_bytes_ = *end;
  }
  BRINE_CHECK_STATUS(plan.set_metadata(metadata));
  return plan;
}

Status SafetensorsPlan::set_metadata(const Metadata& metadata) {
  // Room for all of it: to grow would hold it twice.
  constexpr std::size_t kEntry = 96;
  std::size_t letters = 0;
  for (const Entry& entry : entries_) letters += kEntry + entry.name.size();
  header_.reserve(letters);
  header_.assign(kLengthWord, ' ');
  JsonWriter writer(header_);
  const auto key = [&](const std::string& name) {
    std::string quoted;
    append_json_string(quoted, name);
    writer.key(std::string_view(quoted).substr(1, quoted.size() - 2));
  };
  writer.begin_object();
  writer.key(kMetadataKey);
  writer.begin_object();
  for (const auto& [name, text] : metadata) {
    key(name);
    writer.string(text);
  }
  writer.end_object();
  for (const Entry& entry : entries_) {
    key(entry.name);
    writer.begin_object();
    writer.field("dtype", entry.type);
    writer.key("shape");
    writer.begin_array();
    for (const std::uint64_t extent : entry.shape()) writer.number(extent);
    writer.end_array();
    writer.key("data_offsets");
    writer.begin_array();
    writer.number(entry.begin);
    writer.number(entry.end);
    writer.end_array();
    writer.end_object();
  }
  writer.end_object();
  header_.append((8 - header_.size() % 8) % 8, ' ');
  if (begins_like_another(header_.size() - kLengthWord)) header_.append(8, ' ');
  const std::uint64_t length = header_.size() - kLengthWord;
  if (length > kMaxHeader) {
    return fail(Error::budget(0, "the header would be over 100 MB, which no reader takes"));
  }
  for (std::size_t i = 0; i < kLengthWord; ++i) {
    header_[i] = static_cast<char>(length >> (8 * i) & 0xff);
  }
  return {};
}

Status read_entry(const Entry& entry, const std::vector<Storage>& storages, const TakeAt& take) {
  if (entry.begin == entry.end) return {};
  const SourcePtr& source = storages[entry.view.storage].bytes;
  if (source == nullptr) return fail({ErrorCode::internal, 0, "a storage that was not found"});
  return read_view(entry.view, *source, take);
}

}  // namespace brine::convert
