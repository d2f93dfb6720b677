// The bytes of a view: its elements in row-major order, wherever they lie in the storage.
//
// Problem: a transposed weight of gigabytes must come out in order, without the storage in memory
// and without a read for each element. Method: a view that lies in order is read as it lies. Any
// other is taken in tiles: boxes of the view of at most 8 MiB, wide enough along the storage that
// its runs are worth a read, and else as long as possible in the output. A tile is filled from runs
// of the storage (or, where that costs less, from all that the tile spans), sixteen at a time, so
// that both sides are touched by whole cache lines. Byte order, conjugate and negative are mended
// in the tile. Invariant: every byte of the view is handed out exactly once; memory is two tiles,
// whatever the strides say.
#pragma once

#include <cstdint>
#include <functional>

#include "base/bytes.h"
#include "base/result.h"
#include "convert/tensors.h"
#include "io/source.h"

namespace brine::convert {

// `at`: of the first byte, in the view's bytes. The span is good until the function returns.
using TakeAt = std::function<Status(std::uint64_t at, ByteSpan bytes)>;

// Whether the view's bytes are a range of the storage as they are.
bool lies_as_it_is(const TensorView& view);

// `storage`: at least as long as the view reaches.
Status read_view(const TensorView& view, ByteSource& storage, const TakeAt& take);

}  // namespace brine::convert
