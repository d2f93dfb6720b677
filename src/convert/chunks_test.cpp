#include "convert/chunks.h"

#include <gtest/gtest.h>

#include <numeric>
#include <random>

namespace brine::convert {
namespace {

using Extents = std::vector<std::uint64_t>;
using Bytes = std::vector<std::uint8_t>;

Bytes counted(std::size_t size) {
  Bytes out(size);
  for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<std::uint8_t>(i * 7 + i / 251);
  return out;
}

SourcePtr source(Bytes bytes) { return std::make_shared<MemorySource>(std::move(bytes)); }

std::uint64_t volume(const Extents& shape) {
  return std::accumulate(shape.begin(), shape.end(), std::uint64_t{1}, std::multiplies<>());
}

// The box's bytes, by one index after the other.
Bytes bytes_of(const Box& box, const Extents& shape, std::uint64_t item, const Bytes& whole) {
  Bytes out;
  for (std::uint64_t i = 0; i < volume(box.sizes); ++i) {
    std::uint64_t left = i, at = 0, step = 1;
    for (std::size_t d = shape.size(); d-- > 0; left /= box.sizes[d]) {
      at += (left % box.sizes[d] + box.offsets[d]) * step;
      step *= shape[d];
    }
    for (std::uint64_t b = 0; b < item; ++b) out.push_back(whole[at * item + b]);
  }
  return out;
}

std::vector<Box> cut(const Extents& shape, std::mt19937& dice) {
  std::vector<Box> boxes = {{Extents(shape.size(), 0), shape}};
  for (auto cuts = dice() % 7; cuts-- > 0 && !shape.empty();) {
    Box& box = boxes[dice() % boxes.size()];
    const std::size_t d = dice() % shape.size();
    const std::uint64_t at = dice() % (box.sizes[d] + 1);  // one of them may have no elements
    Box second = box;
    second.offsets[d] += at;
    second.sizes[d] -= at;
    box.sizes[d] = at;
    boxes.push_back(second);
  }
  return boxes;
}

TEST(Chunks, CoverIsTold) {
  EXPECT_EQ(cover_of({4, 4}, {{{0, 0}, {4, 2}}, {{0, 2}, {4, 2}}}), Cover::whole);
  EXPECT_EQ(cover_of({4, 4}, {{{0, 0}, {4, 2}}}), Cover::gaps);
  EXPECT_EQ(cover_of({4, 4}, {{{0, 0}, {4, 3}}, {{0, 2}, {4, 2}}}), Cover::overlap);
  // As many elements as there are, and yet one of them twice.
  EXPECT_EQ(cover_of({4}, {{{0}, {2}}, {{1}, {2}}}), Cover::overlap);
  EXPECT_EQ(cover_of({4, 4}, {{{0, 0}, {5, 4}}}), Cover::outside);
  EXPECT_EQ(cover_of({4, 4}, {{{1, 0}, {4, 4}}}), Cover::outside);
  EXPECT_EQ(cover_of({4, 4}, {{{~std::uint64_t{0}, 0}, {1, 4}}}), Cover::outside);
  EXPECT_EQ(cover_of({4}, {{{0, 0}, {4, 1}}}), Cover::outside);
  EXPECT_EQ(cover_of({}, {{{}, {}}}), Cover::whole);
  EXPECT_EQ(cover_of({}, {{{}, {}}, {{}, {}}}), Cover::overlap);
  EXPECT_EQ(cover_of({}, {}), Cover::gaps);
  EXPECT_EQ(cover_of({0, 3}, {}), Cover::whole);
  EXPECT_EQ(cover_of({2}, {{{0}, {2}}, {{2}, {0}}, {{2}, {0}}}), Cover::whole);
}

TEST(Chunks, ComparisonsAreBounded) {
  // Steps of a stair: each begins inside the one before.
  std::vector<Box> boxes;
  constexpr std::uint64_t kCount = 20'000;
  for (std::uint64_t i = 0; i < kCount; ++i) boxes.push_back({{i, kCount - i}, {kCount, 1}});
  EXPECT_EQ(cover_of({2 * kCount, 2 * kCount}, boxes), Cover::unknown);
}

TEST(Chunks, TheWholeIsReadAtAnyPlace) {
  std::mt19937 dice(5);
  for (int round = 0; round < 400; ++round) {
    Extents shape(dice() % 4);
    for (std::uint64_t& extent : shape) extent = 1 + dice() % 6;
    const std::uint64_t item = 1u << dice() % 4;
    const Bytes whole = counted(volume(shape) * item);
    std::vector<Box> boxes = cut(shape, dice);
    ASSERT_EQ(cover_of(shape, boxes), Cover::whole);
    std::vector<Chunk> chunks;
    for (const Box& box : boxes) chunks.push_back({box, source(bytes_of(box, shape, item, whole))});
    ChunkedSource joined(shape, item, std::move(chunks));
    ASSERT_EQ(joined.size(), whole.size());
    for (int reads = 0; reads < 20; ++reads) {
      const std::size_t begin = dice() % (whole.size() + 1);
      const std::size_t count = dice() % (whole.size() - begin + 1);
      const auto read = joined.read_vector(begin, count);
      ASSERT_TRUE(read);
      ASSERT_TRUE(std::equal(read->begin(), read->end(), whole.begin() + std::ptrdiff_t(begin)));
    }
    Bytes more(whole.size() + 1);
    EXPECT_FALSE(joined.read(0, more));
    EXPECT_FALSE(joined.read(whole.size() + 1, std::span(more).first(0)));
  }
}

TEST(Chunks, RowsOfAnyLayoutAreReadAtAnyPlace) {
  std::mt19937 dice(6);
  for (int round = 0; round < 400; ++round) {
    TensorView view;
    view.dtype = tensor::find_dtype(dice() % 2 == 0 ? "float32" : "int8");
    view.offset = dice() % 3;
    std::uint64_t end = view.offset + 1;
    for (auto dimensions = dice() % 4; dimensions-- > 0;) {
      view.shape.push_back(1 + dice() % 5);
      view.stride.push_back(dice() % 9);
      end += (view.shape.back() - 1) * view.stride.back();
    }
    const std::uint64_t item = view.dtype->itemsize;
    const Bytes storage = counted(end * item);
    Bytes whole;
    for (std::uint64_t i = 0; i < view.elements(); ++i) {
      std::uint64_t left = i, at = view.offset;
      for (std::size_t d = view.shape.size(); d-- > 0; left /= view.shape[d]) {
        at += left % view.shape[d] * view.stride[d];
      }
      for (std::uint64_t b = 0; b < item; ++b) whole.push_back(storage[at * item + b]);
    }
    RowsSource rows(view, source(storage));
    ASSERT_EQ(rows.size(), whole.size());
    for (int reads = 0; reads < 20; ++reads) {
      const std::size_t begin = dice() % (whole.size() + 1);
      const std::size_t count = dice() % (whole.size() - begin + 1);
      const auto read = rows.read_vector(begin, count);
      ASSERT_TRUE(read);
      ASSERT_TRUE(std::equal(read->begin(), read->end(), whole.begin() + std::ptrdiff_t(begin)));
    }
    Bytes more(whole.size() + 1);
    EXPECT_FALSE(rows.read(0, more));
  }
}

TEST(JoinedSource, IsItsPartsOneBehindTheOther) {
  JoinedSource joined({source({1, 2}), source({}), source({3}), source({4, 5, 6}), source({})});
  EXPECT_EQ(joined.size(), 6u);
  EXPECT_EQ(joined.start_of(3), 3u);
  for (std::uint64_t begin = 0; begin <= 6; ++begin) {
    for (std::uint64_t count = 0; begin + count <= 6; ++count) {
      const auto read = joined.read_vector(begin, count);
      ASSERT_TRUE(read);
      for (std::size_t i = 0; i < read->size(); ++i) EXPECT_EQ((*read)[i], begin + i + 1);
    }
  }
  Bytes more(2);
  EXPECT_FALSE(joined.read(5, more));
  EXPECT_FALSE(joined.read(7, std::span(more).first(0)));
  EXPECT_EQ(JoinedSource({}).size(), 0u);
}

}  // namespace
}  // namespace brine::convert
