#include "convert/view_bytes.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string_view>
#include <vector>

namespace brine::convert {
namespace {

// A storage of any size whose bytes tell where they are; it counts the reads.
class Landmarks final : public ByteSource {
 public:
  explicit Landmarks(std::uint64_t size) : size_(size) {}
  std::uint64_t size() const override { return size_; }
  Status read(std::uint64_t offset, std::span<std::uint8_t> out) override {
    if (offset > size_ || out.size() > size_ - offset) return fail(Error::truncated(0, 0, 0));
    ++reads;
    widest = std::max<std::uint64_t>(widest, out.size());
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = byte(offset + i);
    return {};
  }
  static std::uint8_t byte(std::uint64_t at) {
    return static_cast<std::uint8_t>((at * 0x9E3779B97F4A7C15u) >> 56);
  }
  std::uint64_t reads = 0, widest = 0;

 private:
  std::uint64_t size_;
};

TensorView view(std::string_view dtype, std::vector<std::uint64_t> shape,
                std::vector<std::uint64_t> stride, std::uint64_t offset = 0) {
  TensorView out;
  out.dtype = tensor::find_dtype(dtype);
  out.shape = std::move(shape);
  out.stride = std::move(stride);
  out.offset = offset;
  return out;
}

std::uint64_t reach(const TensorView& view) {
  std::uint64_t last = view.offset;
  for (std::size_t i = 0; i < view.shape.size(); ++i) last += (view.shape[i] - 1) * view.stride[i];
  return (last + 1) * view.dtype->itemsize;
}

// Element by element, as the definition says; every byte handed out once.
void check(const TensorView& view, Landmarks& storage) {
  const std::uint64_t item = view.dtype->itemsize, size = view.elements() * item;
  std::vector<std::uint8_t> out(static_cast<std::size_t>(size));
  std::vector<bool> seen(out.size());
  const Status read = read_view(view, storage, [&](std::uint64_t at, ByteSpan bytes) -> Status {
    EXPECT_LE(at + bytes.size(), size);
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      EXPECT_FALSE(seen[at + i]);
      seen[at + i] = true;
    }
    std::ranges::copy(bytes, out.begin() + static_cast<std::ptrdiff_t>(at));
    return {};
  });
  ASSERT_TRUE(read.has_value()) << read.error().what;
  ASSERT_EQ(std::ranges::count(seen, false), 0);
  std::vector<std::uint64_t> index(view.shape.size(), 0);
  std::uint64_t wrong = 0;
  for (std::uint64_t element = 0; element < view.elements(); ++element) {
    std::uint64_t from = view.offset;
    for (std::size_t i = 0; i < index.size(); ++i) from += index[i] * view.stride[i];
    for (std::uint64_t i = 0; i < item; ++i) {
      wrong += out[element * item + i] != Landmarks::byte(from * item + i);
    }
    for (std::size_t i = index.size(); i-- > 0;) {
      if (++index[i] < view.shape[i]) break;
      index[i] = 0;
    }
  }
  EXPECT_EQ(wrong, 0u);
}

void check(const TensorView& view) {
  Landmarks storage(reach(view));
  check(view, storage);
}

TEST(ViewBytes, AnySmallStrides) {
  std::mt19937 dice(7);
  constexpr std::string_view kDtypes[] = {"uint8", "float16", "float32", "float64", "complex128"};
  for (int round = 0; round < 600; ++round) {
    TensorView out = view(kDtypes[dice() % 5], {}, {}, dice() % 5);
    const auto dimensions = 1 + dice() % 5;
    for (auto i = dimensions; i > 0; --i) {
      out.shape.push_back(1 + dice() % (dimensions < 3 ? 60 : 7));
      out.stride.push_back(dice() % 40);
    }
    check(out);
    if (HasFailure()) return;
  }
}

TEST(ViewBytes, PermutationsOfManyTiles) {
  check(view("float32", {3000, 1700}, {1, 3000}));          // more than two tiles
  check(view("uint8", {12'000'000, 2}, {1, 12'000'000}));   // narrow in the output
  check(view("uint8", {2, 12'000'000}, {1, 2}));            // narrow in the storage
  check(view("float16", {9, 64, 90, 90}, {518400, 1, 5760, 64}, 3));  // channels last
  check(view("float64", {130, 120, 110}, {1, 130, 15600}));           // all turned round
  check(view("uint8", {300, 70'000}, {0, 1}, 1));                     // expanded
  check(view("uint8", {70'000, 300}, {1, 0}, 1));
}

TEST(ViewBytes, ReadsAreFewAndShort) {
  const TensorView transposed = view("float32", {4096, 4096}, {1, 4096});
  Landmarks storage(reach(transposed));
  check(transposed, storage);
  EXPECT_LE(storage.reads, reach(transposed) / 512);
  EXPECT_LE(storage.widest, 8u << 20);
}

// Dense over gigabytes of overlapping rows, but no two elements of a row are neighbours: a read for
// each element would be a hundred million.
TEST(ViewBytes, DenseOverlapsAreReadInWindows) {
  const TensorView overlapping = view("uint8", {3000, 3000}, {4097, 4096});
  Landmarks storage(reach(overlapping));
  check(overlapping, storage);
  EXPECT_LE(storage.reads, 4000u);
  EXPECT_LE(storage.widest, 8u << 20);
}

TEST(ViewBytes, FarApartElementsAreReadByThemselves) {
  const TensorView sparse = view("float32", {50, 40}, {10'000'000, 100'000});
  Landmarks storage(reach(sparse));
  check(sparse, storage);
  EXPECT_LE(storage.widest, 1u << 20);
}

TEST(ViewBytes, AnErrorOfTheStorageIsTold) {
  const TensorView transposed = view("float32", {100, 100}, {1, 100});
  Landmarks storage(reach(transposed) - 1);
  EXPECT_FALSE(read_view(transposed, storage, [](std::uint64_t, ByteSpan) -> Status {
                 return {};
               }).has_value());
}

TEST(ViewBytes, LiesAsItIs) {
  EXPECT_TRUE(lies_as_it_is(view("float32", {2, 3}, {3, 1}, 9)));
  EXPECT_FALSE(lies_as_it_is(view("float32", {2, 3}, {1, 2})));
  TensorView swapped = view("float32", {2}, {1});
  swapped.swapped = true;
  EXPECT_FALSE(lies_as_it_is(swapped));
  swapped.dtype = tensor::find_dtype("uint8");
  EXPECT_TRUE(lies_as_it_is(swapped));
}

}  // namespace
}  // namespace brine::convert
