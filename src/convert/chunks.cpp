#include "convert/chunks.h"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "convert/view_bytes.h"

namespace brine::convert {
namespace {

constexpr std::uint64_t kMostComparisons = 64u << 20;

std::uint64_t product(std::span<const std::uint64_t> extents) {
  return std::accumulate(extents.begin(), extents.end(), std::uint64_t{1}, std::multiplies<>());
}

bool meet(const Box& a, const Box& b) {
  for (std::size_t i = 0; i < a.sizes.size(); ++i) {
    if (a.offsets[i] >= b.offsets[i] + b.sizes[i] || b.offsets[i] >= a.offsets[i] + a.sizes[i]) {
      return false;
    }
  }
  return true;
}

// The dimension along which the boxes begin at the most places.
std::size_t busiest(std::size_t dimensions, const std::vector<const Box*>& boxes) {
  std::size_t best = 0, most = 0;
  for (std::size_t i = 0; i < dimensions; ++i) {
    std::vector<std::uint64_t> starts;
    for (const Box* box : boxes) starts.push_back(box->offsets[i]);
    std::ranges::sort(starts);
    const auto [rest, end] = std::ranges::unique(starts);
    const auto count = static_cast<std::size_t>(rest - starts.begin());
    if (count > most) {
      most = count;
      best = i;
    }
  }
  return best;
}

Cover overlap_of(std::size_t dimensions, std::vector<const Box*> boxes) {
  if (dimensions == 0) return boxes.size() > 1 ? Cover::overlap : Cover::whole;
  const std::size_t along = busiest(dimensions, boxes);
  std::ranges::sort(boxes, {}, [&](const Box* box) { return box->offsets[along]; });
  std::uint64_t compared = 0;
  for (std::size_t i = 0; i < boxes.size(); ++i) {
    const std::uint64_t end = boxes[i]->offsets[along] + boxes[i]->sizes[along];
    for (std::size_t j = i + 1; j < boxes.size() && boxes[j]->offsets[along] < end; ++j) {
      if (meet(*boxes[i], *boxes[j])) return Cover::overlap;
      if (++compared > kMostComparisons) return Cover::unknown;
    }
  }
  return Cover::whole;
}

}  // namespace

Cover cover_of(const std::vector<std::uint64_t>& shape, const std::vector<Box>& boxes) {
  std::vector<const Box*> filled;
  std::uint64_t elements = 0;
  for (const Box& box : boxes) {
    if (box.sizes.size() != shape.size() || box.offsets.size() != shape.size()) {
      return Cover::outside;
    }
    for (std::size_t i = 0; i < shape.size(); ++i) {
      if (box.sizes[i] > shape[i] || box.offsets[i] > shape[i] - box.sizes[i]) {
        return Cover::outside;
      }
    }
    const std::uint64_t own = product(box.sizes);
    if (own == 0) continue;
    filled.push_back(&box);
    if (__builtin_add_overflow(elements, own, &elements)) return Cover::overlap;
  }
  const Cover overlap = overlap_of(shape.size(), std::move(filled));
  if (overlap != Cover::whole) return overlap;
  return elements == product(shape) ? Cover::whole : Cover::gaps;
}

RowsSource::RowsSource(TensorView view, SourcePtr storage)
    : view_(std::move(view)),
      storage_(std::move(storage)),
      size_(view_.elements() * view_.dtype->itemsize) {}

// The largest box of whole trailing dimensions that begins at element `first` and has at most
// `count` elements; their number.
std::uint64_t RowsSource::box_at(std::uint64_t first, std::uint64_t count, TensorView& box) const {
  const std::span<const std::uint64_t> shape(view_.shape);
  std::size_t inner = shape.size();  // the first dimension that is whole in the box
  std::uint64_t whole = 1;
  while (inner > 0 && first % (whole * shape[inner - 1]) == 0 &&
         whole * shape[inner - 1] <= count) {
    whole *= shape[--inner];
  }
  box = view_;
  box.shape = Extents();
  box.stride = Extents();
  const auto add = [&](std::uint64_t size, std::uint64_t stride) {
    box.shape.push_back(size);
    box.stride.push_back(stride);
  };
  std::uint64_t index = first / whole;
  const std::uint64_t start = inner == 0 ? 0 : index % shape[inner - 1];
  for (std::size_t i = inner; i-- > 0; index /= shape[i]) {
    box.offset += index % shape[i] * view_.stride[i];
  }
  const std::uint64_t rows = inner == 0 ? 1 : std::min(shape[inner - 1] - start, count / whole);
  if (inner != 0) add(rows, view_.stride[inner - 1]);
  for (std::size_t i = inner; i < shape.size(); ++i) add(shape[i], view_.stride[i]);
  return rows * whole;
}

Status RowsSource::read(std::uint64_t offset, std::span<std::uint8_t> out) {
  if (offset > size_ || out.size() > size_ - offset) {
    return fail(Error::truncated(offset, out.size(), offset > size_ ? 0 : size_ - offset));
  }
  const std::uint64_t item = view_.dtype->itemsize, end = offset + out.size();
  std::uint64_t element = offset / item;
  const std::uint64_t behind = (end + item - 1) / item;
  while (element < behind) {
    TensorView box;
    const std::uint64_t count = box_at(element, behind - element, box);
    const std::uint64_t first = element * item;  // byte of the view
    BRINE_CHECK_STATUS(read_view(box, *storage_, [&](std::uint64_t at, ByteSpan bytes) -> Status {
      const std::uint64_t from = std::max(first + at, offset);
      const std::uint64_t to = std::min(first + at + bytes.size(), end);
      if (from < to) {
        std::memcpy(out.data() + (from - offset), bytes.data() + (from - first - at), to - from);
      }
      return {};
    }));
    element += count;
  }
  return {};
}

SourcePtr rows_of(const TensorView& view, const SourcePtr& storage) {
  if (!lies_as_it_is(view)) return std::make_shared<RowsSource>(view, storage);
  const std::uint64_t item = view.dtype->itemsize;
  return std::make_shared<SliceSource>(storage, view.offset * item, view.elements() * item);
}

ChunkedSource::ChunkedSource(const std::vector<std::uint64_t>& shape, std::uint64_t itemsize,
                             std::vector<Chunk> chunks)
    : shape_(shape), chunks_(std::move(chunks)) {
  shape_.push_back(itemsize);
  size_ = product(shape_);
  std::erase_if(chunks_, [](const Chunk& chunk) { return product(chunk.box.sizes) == 0; });
  for (Chunk& chunk : chunks_) {
    chunk.box.offsets.push_back(0);
    chunk.box.sizes.push_back(itemsize);
  }
  steps_.resize(shape_.size());
  std::uint64_t step = 1;
  for (std::size_t i = shape_.size(); i-- > 0; step *= shape_[i]) steps_[i] = step;
}

// How many of the box's bytes stand in front of byte `at` of the whole.
std::uint64_t ChunkedSource::bytes_before(const Box& box, std::uint64_t at) const {
  std::uint64_t before = 0, inside = product(box.sizes);
  if (at == size_) return inside;
  for (std::size_t i = 0; i < shape_.size(); ++i) {
    const std::uint64_t index = at / steps_[i] % shape_[i];
    if (index < box.offsets[i]) return before;
    if (index - box.offsets[i] >= box.sizes[i]) return before + inside;
    inside /= box.sizes[i];
    before += (index - box.offsets[i]) * inside;
  }
  return before;
}

Status ChunkedSource::read(std::uint64_t offset, std::span<std::uint8_t> out) {
  if (offset > size_ || out.size() > size_ - offset) {
    return fail(Error::truncated(offset, out.size(), offset > size_ ? 0 : size_ - offset));
  }
  std::vector<std::uint8_t> part;
  for (const auto& [box, bytes] : chunks_) {
    const std::uint64_t begin = bytes_before(box, offset);
    const std::uint64_t end = bytes_before(box, offset + out.size());
    if (begin == end) continue;
    if (end - begin == out.size()) return bytes->read(begin, out);  // nobody else has any of it
    part.resize(static_cast<std::size_t>(end - begin));
    BRINE_CHECK_STATUS(bytes->read(begin, part));
    // Runs of the box that are runs of the whole: the last dimensions as far as it has all of them.
    std::size_t outer = shape_.size() - 1;
    std::uint64_t run = box.sizes[outer];
    while (outer > 0 && box.sizes[outer] == shape_[outer]) run *= box.sizes[--outer];
    for (std::uint64_t at = begin; at < end;) {
      std::uint64_t left = at, to = 0;
      for (std::size_t i = shape_.size(); i-- > 0; left /= box.sizes[i]) {
        to += (left % box.sizes[i] + box.offsets[i]) * steps_[i];
      }
      const std::uint64_t count = std::min(run - at % run, end - at);
      std::memcpy(out.data() + (to - offset), part.data() + (at - begin),
                  static_cast<std::size_t>(count));
      at += count;
    }
  }
  return {};
}

}  // namespace brine::convert
