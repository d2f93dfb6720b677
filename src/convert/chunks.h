// Chunks: a tensor that lies in pieces, as one run of bytes.
//
// Problem: a distributed checkpoint has a tensor as boxes, one or more from each rank, each a
// tensor of its own somewhere else; the output wants the whole, row by row. Method: boxes keep the
// order of the whole's elements, so that what a range of the whole has of a box is a range of the
// box as well: one read for each box, scattered in runs. A box that does not lie row by row is read
// through RowsSource, which cuts a range of rows into boxes of the view. Invariant: a read takes no
// more bytes than it gives, and memory for no more than that; every byte comes from one box.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/result.h"
#include "convert/tensors.h"
#include "io/source.h"

namespace brine::convert {

struct Box {
  std::vector<std::uint64_t> offsets, sizes;  // equally many, in elements
};

// How boxes fill a shape.
enum class Cover : std::uint8_t {
  whole,  // each element lies in one box
  gaps,  // some lie in none
  overlap,  // some lie in two
  outside,  // a box does not lie within the shape, or has another number of dimensions
  unknown,  // more comparisons than a checkpoint of this kind takes
};
// Boxes without elements play no part.
Cover cover_of(const std::vector<std::uint64_t>& shape, const std::vector<Box>& boxes);

// The bytes of a view, row by row, at any offset.
class RowsSource final : public ByteSource {
 public:
  // `storage`: at least as long as the view reaches; the view has no more than 2^64 bytes.
  RowsSource(TensorView view, SourcePtr storage);
  std::uint64_t size() const override { return size_; }
  Status read(std::uint64_t offset, std::span<std::uint8_t> out) override;

 private:
  std::uint64_t box_at(std::uint64_t first, std::uint64_t count, TensorView& box) const;

  TensorView view_;
  SourcePtr storage_;
  std::uint64_t size_;
};

// The view's bytes as a source: a part of the storage where they lie as they are.
SourcePtr rows_of(const TensorView& view, const SourcePtr& storage);

struct Chunk {
  Box box;
  SourcePtr bytes;  // of the box, row by row
};

class ChunkedSource final : public ByteSource {
 public:
  // `chunks`: boxes that cover the shape (Cover::whole), each with all its bytes.
  ChunkedSource(const std::vector<std::uint64_t>& shape, std::uint64_t itemsize,
                std::vector<Chunk> chunks);
  std::uint64_t size() const override { return size_; }
  Status read(std::uint64_t offset, std::span<std::uint8_t> out) override;

 private:
  std::uint64_t bytes_before(const Box& box, std::uint64_t at) const;

  std::vector<std::uint64_t> shape_;  // bytes are the last dimension
  std::vector<std::uint64_t> steps_;  // bytes from one index of a dimension to the next
  std::vector<Chunk> chunks_;
  std::uint64_t size_;
};

}  // namespace brine::convert
