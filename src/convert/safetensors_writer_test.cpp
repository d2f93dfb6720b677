#include "convert/safetensors_writer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "format/safetensors/header.h"

namespace brine::convert {
namespace {

// A storage of the bytes 0, 1, 2 ...
std::vector<Storage> counting(std::string_view dtype, std::uint64_t bytes) {
  std::vector<std::uint8_t> content(static_cast<std::size_t>(bytes));
  std::iota(content.begin(), content.end(), std::uint8_t{0});
  Storage storage;
  storage.dtype = tensor::find_dtype(dtype);
  storage.size = bytes;
  storage.bytes = std::make_shared<MemorySource>(std::move(content));
  return {storage};
}

TensorView view(std::string_view dtype, std::vector<std::uint64_t> shape,
                std::vector<std::uint64_t> stride, std::uint64_t offset = 0) {
  TensorView out;
  out.dtype = tensor::find_dtype(dtype);
  out.shape = std::move(shape);
  out.stride = std::move(stride);
  out.offset = offset;
  return out;
}

std::vector<int> bytes_of(TensorView view, const std::vector<Storage>& storages) {
  const Result<Entry> entry = entry_of("w", std::move(view));
  std::vector<int> out;
  if (!entry) return out;
  out.resize(static_cast<std::size_t>(entry->end - entry->begin), -1);
  const Status read = read_entry(*entry, storages, [&](std::uint64_t at, ByteSpan bytes) -> Status {
    std::ranges::copy(bytes, out.begin() + static_cast<std::ptrdiff_t>(at));
    return {};
  });
  EXPECT_TRUE(read.has_value());
  return out;
}

TEST(SafetensorsWriter, GathersStridedViewsInRowMajorOrder) {
  const auto storages = counting("uint8", 6);
  EXPECT_EQ(bytes_of(view("uint8", {2, 3}, {3, 1}), storages),
            (std::vector<int>{0, 1, 2, 3, 4, 5}));
  EXPECT_EQ(bytes_of(view("uint8", {3, 2}, {1, 3}), storages),
            (std::vector<int>{0, 3, 1, 4, 2, 5}));
  EXPECT_EQ(bytes_of(view("uint8", {2, 2}, {0, 2}, 1), storages), (std::vector<int>{1, 3, 1, 3}));
  EXPECT_EQ(bytes_of(view("uint8", {}, {}, 4), storages), (std::vector<int>{4}));
  EXPECT_EQ(bytes_of(view("uint8", {0, 3}, {3, 1}), storages), (std::vector<int>{}));
}

TEST(SafetensorsWriter, SwapsComponentsAndSigns) {
  const auto storages = counting("complex64", 8);
  TensorView swapped = view("complex64", {1}, {1});
  swapped.swapped = true;
  EXPECT_EQ(bytes_of(swapped, storages), (std::vector<int>{3, 2, 1, 0, 7, 6, 5, 4}));
  TensorView conjugate = view("complex64", {1}, {1});
  conjugate.conj = true;
  EXPECT_EQ(bytes_of(conjugate, storages), (std::vector<int>{0, 1, 2, 3, 4, 5, 6, 0x87}));
  conjugate.neg = true;  // of the conjugate: the real part alone changes its sign
  EXPECT_EQ(bytes_of(conjugate, storages), (std::vector<int>{0, 1, 2, 0x83, 4, 5, 6, 7}));
}

TEST(SafetensorsWriter, AlignsWithoutHoles) {
  std::vector<Entry> entries;
  for (const auto& [name, dtype, count] :
       {std::tuple{"c", "uint8", 3u}, std::tuple{"b", "float64", 2u},
        std::tuple{"a", "int16", 5u}}) {
    Result<Entry> entry = entry_of(name, view(dtype, {count}, {1}));
    ASSERT_TRUE(entry.has_value());
    entries.push_back(std::move(*entry));
  }
  const auto plan = SafetensorsPlan::make(std::move(entries), {{"format", "pt"}});
  ASSERT_TRUE(plan.has_value());
  EXPECT_EQ(plan->entries()[0].name, "b");
  EXPECT_EQ(plan->entries()[1].begin, 16u);
  EXPECT_EQ(plan->data_bytes(), 29u);
  EXPECT_EQ(plan->header().size() % 8, 0u);
  const ByteSpan json(reinterpret_cast<const std::uint8_t*>(plan->header().data()) + 8,
                      plan->header().size() - 8);
  EXPECT_TRUE(format::safetensors::read_header(json, plan->data_bytes()).has_value());
}

TEST(SafetensorsWriter, BeginsLikeNoPickle) {
  for (std::size_t length = 0; length < 2000; length += 8) {
    Result<Entry> entry = entry_of("w", view("uint8", {1}, {1}));
    ASSERT_TRUE(entry.has_value());
    const auto plan =
        SafetensorsPlan::make({std::move(*entry)}, {{"format", std::string(length, 'x')}});
    ASSERT_TRUE(plan.has_value());
    EXPECT_EQ(plan->header().size() % 8, 0u);
    EXPECT_FALSE(plan->header()[0] == '\x80' && plan->header()[1] <= 5) << length;
  }
}

TEST(SafetensorsWriter, NamesWhatTheFormatLacks) {
  const Result<Entry> bits = entry_of("w", view("bits8", {1}, {1}));
  ASSERT_FALSE(bits.has_value());
  EXPECT_EQ(bits.error().code, ErrorCode::unsupported);
  const Result<Entry> pairs = entry_of("w", view("complex128", {3}, {1}));
  ASSERT_TRUE(pairs.has_value());
  EXPECT_EQ(pairs->type, "F64");
  EXPECT_EQ(pairs->shape(), (std::vector<std::uint64_t>{3, 2}));
}

}  // namespace
}  // namespace brine::convert
