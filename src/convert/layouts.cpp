#include "convert/layouts.h"

#include <algorithm>
#include <array>

namespace brine::convert {
namespace {

std::string_view type_of(const Part& part) { return part.view.dtype->name; }

Complaint coo_complaint(const TensorView& indices, const TensorView& values,
                        const std::vector<std::uint64_t>& shape) {
  if (indices.dtype->name != "int64") {
    return "indices of " + std::string(indices.dtype->name) + ", which torch makes int64";
  }
  if (indices.shape.size() != 2 || values.shape.empty() || indices.shape[1] != values.shape[0] ||
      indices.shape[0] > shape.size()) {
    return "a sparse tensor whose indices do not fit its values";
  }
  const auto dense = std::span(shape).subspan(static_cast<std::size_t>(indices.shape[0]));
  if (!std::ranges::equal(dense, std::span(values.shape).subspan(1))) {
    return "a sparse tensor whose values do not fit its sizes";
  }
  return std::nullopt;
}

}  // namespace

Complaint sparse_complaint(std::string_view layout, std::span<const Part> parts,
                           const std::vector<std::uint64_t>& shape) {
  if (layout == "sparse_coo") return coo_complaint(parts[0].view, parts[1].view, shape);
  const bool whole = type_of(parts[0]) == "int64" || type_of(parts[0]) == "int32";
  if (!whole || type_of(parts[0]) != type_of(parts[1])) {
    return "a sparse tensor whose indices have a type that torch does not take";
  }
  return std::nullopt;
}

Complaint channels_complaint(std::string_view scheme, std::span<const Part> parts,
                             std::int64_t axis) {
  const bool floats = scheme == "per_channel_affine_float_qparams";
  if (type_of(parts[1]) != (floats ? "float32" : "float64") ||
      type_of(parts[2]) != (floats ? "float32" : "int64")) {
    return "scales or zero points of a type that torch makes another of";
  }
  const Extents& shape = parts[0].view.shape;
  if (axis < 0 || static_cast<std::uint64_t>(axis) >= shape.size()) {
    return "a quantized tensor without the axis of its scales";
  }
  const Extents rows = {shape[static_cast<std::size_t>(axis)]};
  if (parts[1].view.shape != rows || parts[2].view.shape != rows) {
    return "a quantized tensor with another number of scales than rows";
  }
  return std::nullopt;
}

Complaint old_class_complaint(std::string_view cls, const TensorView& view) {
  struct Row {
    std::string_view cls, dtype;
  };
  static constexpr auto kRows = std::to_array<Row>({
      {"Tensor", "float32"},
      {"FloatTensor", "float32"},
      {"DoubleTensor", "float64"},
      {"HalfTensor", "float16"},
      {"BFloat16Tensor", "bfloat16"},
      {"ByteTensor", "uint8"},
      {"CharTensor", "int8"},
      {"ShortTensor", "int16"},
      {"IntTensor", "int32"},
      {"LongTensor", "int64"},
      {"BoolTensor", "bool"},
  });
  const auto* row = std::ranges::find(kRows, cls, &Row::cls);
  if (row != kRows.end() && row->dtype == view.dtype->name) return std::nullopt;
  return "a " + std::string(cls) + " of a storage of " + std::string(view.dtype->name);
}

}  // namespace brine::convert
