// CopyPlan: which ranges of a file go where in the output, so that the file is read once.
//
// Problem: the whole file must be hashed and most of it written, tensors stand in another order in
// the output, and reading twice is slow. Method: a tensor that lies in the file as it must be
// written is a Move; moves are disjoint and sorted by where they lie. Segments cut the file from
// front to back into pieces of bounded size with what is to be written of each. A piece of a large
// move is cut so that it can be written without a copy through the page cache: it ends at a
// multiple of kBlock in the output and begins in memory where its place in the output begins in a
// block. Invariant: segments cover every byte of the file once, in order; their writes cover each
// move once.
#pragma once

#include <cstdint>
#include <vector>

#include "convert/safetensors_writer.h"
#include "io/source.h"

namespace brine::convert {

constexpr std::uint64_t kBlock = 4096;

struct Move {
  std::uint64_t from = 0, to = 0, size = 0;
};

struct CopyPlan {
  std::vector<Move> moves;
  std::vector<std::uint32_t> others;  // entries to be read by themselves
};

// `start`: of the data in the output.
CopyPlan plan_copy(const std::vector<Entry>& entries, std::uint64_t start,
                   const std::vector<Storage>& storages, const ByteSource& file);

struct Write {
  std::size_t at = 0;  // in the segment
  std::uint64_t to = 0;
  std::size_t size = 0;
};

struct Segment {
  std::uint64_t from = 0;
  std::size_t size = 0;
  std::size_t phase = 0;  // where in a block of memory it is to begin
  std::vector<Write> writes;
};

class Segments {
 public:
  // `most`: bytes of a segment and its phase; at least two blocks.
  Segments(const std::vector<Move>& moves, std::uint64_t file_size, std::size_t most)
      : moves_(moves), size_(file_size), most_(most) {}

  // False at the file's end.
  bool next(Segment& out);

 private:
  const std::vector<Move>& moves_;
  std::uint64_t size_;
  std::size_t most_;
  std::uint64_t at_ = 0;
  std::size_t move_ = 0;  // the first that is not done
};

}  // namespace brine::convert
