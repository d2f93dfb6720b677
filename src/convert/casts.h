// Casts: floating-point numbers of one type as another, as torch's Tensor.to() makes them on a CPU.
//
// Problem: tensors of devices that NumPy has no type for are pickled as arrays of a wider one, and
// torch casts them back. Method: elements are cast while they are read, to nearest with ties to
// even, and through float32 where torch goes through it. Invariant: every number is torch's. The
// bits of a NaN depend on torch's processor, so that reading one is an Error. Facts: torch 2.13
// (c10/util/Half.h, BFloat16.h), compared in tests/convert/test_casts.py.
#pragma once

#include <cstdint>

#include "base/result.h"
#include "io/source.h"
#include "tensor/dtype.h"

namespace brine::convert {

bool can_cast(const tensor::Dtype& from, const tensor::Dtype& to);

class CastSource final : public ByteSource {
 public:
  // `elements`: little-endian, one after the other; can_cast(from, to).
  CastSource(SourcePtr elements, const tensor::Dtype& from, const tensor::Dtype& to)
      : elements_(std::move(elements)), from_(from), to_(to) {}
  std::uint64_t size() const override { return elements_->size() / from_.itemsize * to_.itemsize; }
  Status read(std::uint64_t offset, std::span<std::uint8_t> out) override;

 private:
  SourcePtr elements_;
  const tensor::Dtype& from_;
  const tensor::Dtype& to_;
};

}  // namespace brine::convert
