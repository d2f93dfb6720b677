#include "convert/copy_plan.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace brine::convert {
namespace {

constexpr std::size_t kMost = 1u << 20;

// Every byte of the file in order once, every byte of each move once and to its place.
void check(const std::vector<Move>& moves, std::uint64_t size) {
  Segments segments(moves, size, kMost);
  Segment segment;
  std::uint64_t at = 0;
  std::size_t move = 0;
  std::uint64_t done = 0;  // of the move
  while (segments.next(segment)) {
    ASSERT_EQ(segment.from, at);
    ASSERT_GT(segment.size, 0u);
    ASSERT_LE(segment.phase + segment.size, kMost);
    at += segment.size;
    for (const Write& write : segment.writes) {
      ASSERT_LT(move, moves.size());
      ASSERT_LE(write.at + write.size, segment.size);
      ASSERT_EQ(segment.from + write.at, moves[move].from + done);
      ASSERT_EQ(write.to, moves[move].to + done);
      done += write.size;
      ASSERT_LE(done, moves[move].size);
      if (write.size >= 512u << 10) {
        EXPECT_EQ((segment.phase + write.at) % kBlock, write.to % kBlock);
      }
      if (done == moves[move].size) {
        ++move;
        done = 0;
      }
    }
  }
  EXPECT_EQ(at, size);
  EXPECT_EQ(move, moves.size());
  EXPECT_FALSE(segments.next(segment));
}

TEST(CopyPlan, SegmentsCoverTheFile) {
  check({}, 0);
  check({}, 5'000'000);
  check({{0, 8, 5'000'000}}, 5'000'000);
  check({{64, 1003, 3'000'000}, {3'000'064, 5, 900}, {3'001'000, 77'777'777, 2'000'000}},
        5'100'000);
  std::mt19937 dice(3);
  for (int round = 0; round < 300; ++round) {
    std::vector<Move> moves;
    std::uint64_t from = 0;
    for (auto i = dice() % 12; i-- > 0;) {
      from += dice() % 3 == 0 ? 0 : dice() % 3000;
      const std::uint64_t size = 1 + (dice() % 2 == 0 ? dice() % 5000 : dice() % 3'000'000);
      moves.push_back({from, dice(), size});
      from += size;
    }
    check(moves, from + dice() % 5000);
    if (HasFailure()) return;
  }
}

TEST(CopyPlan, OneFileRangeGoesToOnePlace) {
  const auto file = std::make_shared<MemorySource>(std::vector<std::uint8_t>(1000));
  const auto other = std::make_shared<MemorySource>(std::vector<std::uint8_t>(1000));
  Storage inside, outside;
  inside.bytes =
      std::make_shared<SliceSource>(std::make_shared<SliceSource>(file, 100, 800), 20, 400);
  outside.bytes = other;
  inside.size = outside.size = 400;
  const std::vector<Storage> storages = {inside, outside};
  std::vector<Entry> entries;
  const auto add = [&](std::uint32_t storage, std::uint64_t offset, std::uint64_t stride) {
    TensorView view;
    view.storage = storage;
    view.dtype = tensor::find_dtype("float32");
    view.offset = offset;
    view.shape = {2, 5};
    view.stride = stride == 1 ? std::vector<std::uint64_t>{5, 1} : std::vector<std::uint64_t>{1, 2};
    Result<Entry> entry = entry_of("w" + std::to_string(entries.size()), std::move(view));
    ASSERT_TRUE(entry.has_value());
    entry->begin = entries.size() * 40;
    entry->end = entry->begin + 40;
    entries.push_back(std::move(*entry));
  };
  add(0, 30, 1);  // 0: later in the file
  add(0, 0, 1);   // 1: first
  add(0, 2, 1);   // 2: overlaps with 1
  add(0, 50, 2);  // 3: transposed
  add(1, 0, 1);   // 4: elsewhere
  const CopyPlan plan = plan_copy(entries, 8, storages, *file);
  ASSERT_EQ(plan.moves.size(), 2u);
  EXPECT_EQ(plan.moves[0].from, 120u);
  EXPECT_EQ(plan.moves[0].to, 48u);
  EXPECT_EQ(plan.moves[1].from, 240u);
  EXPECT_EQ(plan.moves[1].to, 8u);
  EXPECT_EQ(plan.others.size(), 3u);
}

}  // namespace
}  // namespace brine::convert
