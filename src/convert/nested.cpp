#include "convert/nested.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>

#include "base/bytes.h"
#include "convert/view_bytes.h"

namespace brine::convert {
namespace {

constexpr std::uint64_t kMostNumbers = 1u << 20;  // of sizes, strides or offsets

std::optional<std::vector<std::uint64_t>> numbers(const TensorView& view,
                                                  const std::vector<Storage>& storages) {
  if (view.dtype->name != "int64" || view.elements() > kMostNumbers) return std::nullopt;
  std::vector<std::uint64_t> out;
  if (view.elements() == 0) return out;
  const SourcePtr& bytes = storages[view.storage].bytes;
  if (bytes == nullptr) return std::nullopt;
  out.resize(static_cast<std::size_t>(view.elements()));
  const Status read = read_view(view, *bytes, [&](std::uint64_t at, ByteSpan part) -> Status {
    for (std::size_t i = 0; i < part.size(); ++i) {
      const std::uint64_t byte = at + i;
      out[static_cast<std::size_t>(byte / 8)] |= std::uint64_t{part[i]} << (byte % 8 * 8);
    }
    return {};
  });
  if (!read) return std::nullopt;
  const bool negative = std::ranges::any_of(out, [](std::uint64_t n) { return n >> 63 != 0; });
  return negative ? std::nullopt : std::optional(std::move(out));
}

// Whether the tensor of these sizes and strides at `offset` ends before `limit`.
bool lies_within(std::span<const std::uint64_t> sizes, std::span<const std::uint64_t> strides,
                 std::uint64_t offset, std::uint64_t limit) {
  std::uint64_t end = offset, step = 0;
  bool empty = false;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    empty = empty || sizes[i] == 0;
    const std::uint64_t last = sizes[i] == 0 ? 0 : sizes[i] - 1;
    if (__builtin_mul_overflow(last, strides[i], &step) ||
        __builtin_add_overflow(end, step, &end)) {
      return false;
    }
  }
  return empty ? offset <= limit : end < limit;
}

}  // namespace

bool begins_nested(const NamedTensor& first) {
  return std::ranges::find(first.notes(), Note("layout", "nested")) != first.notes().end();
}

bool nested_lies_within(std::span<const NamedTensor, 4> parts,
                        const std::vector<Storage>& storages) {
  const TensorView& values = parts[0].view;
  const Extents& rows = parts[1].view.shape;
  // torch takes the tables as lines of numbers, and the values as one.
  if (!std::ranges::all_of(parts, [](const NamedTensor& part) { return part.view.contiguous(); })) {
    return false;
  }
  if (values.shape.size() != 1 || rows.size() != 2 || parts[2].view.shape != rows ||
      parts[3].view.shape != std::vector{rows[0]}) {
    return false;
  }
  const auto sizes = numbers(parts[1].view, storages);
  const auto strides = numbers(parts[2].view, storages);
  const auto offsets = numbers(parts[3].view, storages);
  if (!sizes || !strides || !offsets) return false;
  const auto width = static_cast<std::size_t>(rows[1]);
  for (std::size_t row = 0; row < offsets->size(); ++row) {
    const auto of_row = [&](const std::vector<std::uint64_t>& all) {
      return std::span(all).subspan(row * width, width);
    };
    if (!lies_within(of_row(*sizes), of_row(*strides), (*offsets)[row], values.elements())) {
      return false;
    }
  }
  return true;
}

}  // namespace brine::convert
