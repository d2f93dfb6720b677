#include "convert/safetensors_writer.h"

#include <algorithm>
#include <array>

#include "base/json_writer.h"

namespace brine::convert {
namespace {

constexpr std::uint64_t kMaxHeader = 100'000'000;  // safetensors' own limit

// Types that the format lacks, as what their bytes are.
struct AsPairs {
  std::string_view dtype, type;
};
constexpr auto kPairs = std::to_array<AsPairs>({{"complex128", "F64"}, {"complex32", "F16"}});

// Whether a file that begins with this length begins as a pickle (PROTO 0 to 5) or a zip does: a
// loader that goes by first bytes would take it for one.
bool begins_like_another(std::uint64_t length) {
  const bool pickle = (length & 0xff) == 0x80 && (length >> 8 & 0xff) <= 5;
  return pickle || (length & 0xffff) == 0x4b50;
}

}  // namespace

Result<Entry> entry_of(std::string name, TensorView view) {
  Entry out;
  out.name = std::move(name);
  out.shape = view.shape;
  out.type = view.dtype->safetensors;
  if (const auto* row = std::ranges::find(kPairs, view.dtype->name, &AsPairs::dtype);
      row != kPairs.end()) {
    out.type = row->type;
    out.shape.push_back(2);
  }
  if (view.dtype->name == "float4_e2m1fn_x2") {
    if (out.shape.empty()) {
      return fail({ErrorCode::unsupported, 0, "a pair of float4 numbers without a dimension"});
    }
    out.shape.back() *= 2;
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
  std::ranges::sort(entries, [](const Entry& a, const Entry& b) {
    if (a.view.dtype->itemsize != b.view.dtype->itemsize) {
      return a.view.dtype->itemsize > b.view.dtype->itemsize;
    }
    return a.name < b.name;
  });
  std::string json;
  JsonWriter writer(json);
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
  std::uint64_t at = 0;
  for (Entry& entry : entries) {
    const std::uint64_t size = entry.end - entry.begin;
    entry.begin = at;
    const auto end = checked_sum(at, size);
    if (!end) return fail(Error::malformed(0, "tensors of more bytes than there are"));
    entry.end = at = *end;
    key(entry.name);
    writer.begin_object();
    writer.field("dtype", entry.type);
    writer.key("shape");
    writer.begin_array();
    for (const std::uint64_t extent : entry.shape) writer.number(extent);
    writer.end_array();
    writer.key("data_offsets");
    writer.begin_array();
    writer.number(entry.begin);
    writer.number(entry.end);
    writer.end_array();
    writer.end_object();
  }
  writer.end_object();
  json.append((8 - json.size() % 8) % 8, ' ');
  if (begins_like_another(json.size())) json.append(8, ' ');
  if (json.size() > kMaxHeader) {
    return fail(Error::budget(0, "the header would be over 100 MB, which no reader takes"));
  }
  const std::uint64_t length = json.size();
  for (unsigned i = 0; i < 8; ++i) plan.header_ += static_cast<char>(length >> (8 * i) & 0xff);
  plan.header_ += json;
  plan.data_bytes_ = at;
  plan.entries_ = std::move(entries);
  return plan;
}

Status read_entry(const Entry& entry, const std::vector<Storage>& storages, const TakeAt& take) {
  if (entry.begin == entry.end) return {};
  const SourcePtr& source = storages[entry.view.storage].bytes;
  if (source == nullptr) return fail({ErrorCode::internal, 0, "a storage that was not found"});
  return read_view(entry.view, *source, take);
}

}  // namespace brine::convert
