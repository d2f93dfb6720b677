#include "convert/safetensors_writer.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/json_writer.h"

namespace brine::convert {
namespace {

constexpr std::uint64_t kChunk = 1u << 20;
constexpr std::uint64_t kMaxSpan = std::uint64_t{1} << 30;  // of a strided view's storage in memory
constexpr std::uint64_t kMaxHeader = 100'000'000;  // safetensors' own limit

// Types that the format lacks, as what their bytes are.
struct AsPairs {
  std::string_view dtype, type;
};
constexpr auto kPairs = std::to_array<AsPairs>({{"complex128", "F64"}, {"complex32", "F16"}});

bool is_complex(const tensor::Dtype& dtype) { return dtype.name.starts_with("complex"); }

// The bytes of one component of an element.
std::uint64_t component(const tensor::Dtype& dtype) {
  return is_complex(dtype) ? dtype.itemsize / 2u : dtype.itemsize;
}

// What changes between the storage's bytes and the tensor's: byte order, conjugate, negative.
class Mend {
 public:
  explicit Mend(const TensorView& view)
      : view_(view), item_(view.dtype->itemsize), part_(component(*view.dtype)) {}

  bool nothing() const { return !swaps() && !view_.conj && !view_.neg; }
  // `bytes` holds whole elements.
  void apply(std::span<std::uint8_t> bytes) const {
    if (swaps()) {
      for (std::size_t at = 0; at + part_ <= bytes.size(); at += part_) {
        std::reverse(bytes.begin() + static_cast<std::ptrdiff_t>(at),
                     bytes.begin() + static_cast<std::ptrdiff_t>(at + part_));
      }
    }
    if (!view_.conj && !view_.neg) return;
    // The sign is the highest bit of a component's last byte (little-endian).
    const bool pairs = is_complex(*view_.dtype);
    for (std::size_t at = 0; at + part_ <= bytes.size(); at += part_) {
      const bool imaginary = pairs && at / part_ % 2 == 1;
      const bool flip = view_.neg != (view_.conj && imaginary);
      if (flip) bytes[at + part_ - 1] ^= 0x80;
    }
  }
  std::uint64_t item() const { return item_; }

 private:
  bool swaps() const { return view_.swapped && part_ > 1; }

  const TensorView& view_;
  std::uint64_t item_, part_;
};

Status copy_contiguous(const Entry& entry, ByteSource& source, const Mend& mend, const Take& take) {
  std::uint64_t at = entry.view.offset * mend.item();
  std::uint64_t left = entry.end - entry.begin;
  std::vector<std::uint8_t> chunk(static_cast<std::size_t>(std::min(left, kChunk)));
  while (left > 0) {
    const std::span<std::uint8_t> piece(chunk.data(),
                                        static_cast<std::size_t>(std::min(left, kChunk)));
    BRINE_CHECK_STATUS(source.read(at, piece));
    if (!mend.nothing()) mend.apply(piece);
    BRINE_CHECK_STATUS(take(piece));
    at += piece.size();
    left -= piece.size();
  }
  return {};
}

// Elements of a strided view one after the other, in row-major order.
class Odometer {
 public:
  explicit Odometer(const TensorView& view) : view_(view), index_(view.shape.size(), 0) {}
  std::uint64_t element() const { return element_; }  // relative to the view's offset
  void advance() {
    for (std::size_t i = index_.size(); i-- > 0;) {
      element_ += view_.stride[i];
      if (++index_[i] < view_.shape[i]) return;
      element_ -= view_.stride[i] * view_.shape[i];
      index_[i] = 0;
    }
  }

 private:
  const TensorView& view_;
  std::vector<std::uint64_t> index_;
  std::uint64_t element_ = 0;
};

Status gather(const Entry& entry, ByteSource& source, const Mend& mend, const Take& take) {
  const TensorView& view = entry.view;
  const std::uint64_t item = mend.item();
  std::uint64_t last = 0;
  for (std::size_t i = 0; i < view.shape.size(); ++i) last += (view.shape[i] - 1) * view.stride[i];
  const std::uint64_t start = view.offset * item;
  const std::uint64_t span = (last + 1) * item;
  const bool held = span <= kMaxSpan;  // else every element is read by itself
  std::vector<std::uint8_t> bytes;
  if (held) {
    BRINE_TRY(bytes, source.read_vector(start, span));
  }
  std::uint64_t left = entry.end - entry.begin;
  std::vector<std::uint8_t> chunk(static_cast<std::size_t>(std::min(left, kChunk)));
  Odometer odometer(view);
  while (left > 0) {
    const std::span<std::uint8_t> piece(chunk.data(),
                                        static_cast<std::size_t>(std::min(left, kChunk)));
    for (std::size_t at = 0; at < piece.size(); at += item) {
      const std::uint64_t from = odometer.element() * item;
      if (held) {
        std::memcpy(piece.data() + at, bytes.data() + from, item);
      } else {
        BRINE_CHECK_STATUS(source.read(start + from, piece.subspan(at, item)));
      }
      odometer.advance();
    }
    if (!mend.nothing()) mend.apply(piece);
    BRINE_CHECK_STATUS(take(piece));
    left -= piece.size();
  }
  return {};
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
  writer.key("__metadata__");
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

Status read_entry(const Entry& entry, const std::vector<Storage>& storages, const Take& take) {
  if (entry.begin == entry.end) return {};
  const SourcePtr& source = storages[entry.view.storage].bytes;
  if (source == nullptr) return fail({ErrorCode::internal, 0, "a storage that was not found"});
  const Mend mend(entry.view);
  return entry.view.contiguous() ? copy_contiguous(entry, *source, mend, take)
                                 : gather(entry, *source, mend, take);
}

}  // namespace brine::convert
