#include "convert/copy_plan.h"

#include <algorithm>

namespace brine::convert {
namespace {

constexpr std::uint64_t kLarge = 256u << 10;  // a move that gets segments of its own

// Where the entry's bytes lie in the file, when they lie in it as they are.
std::optional<std::uint64_t> place_in(const Entry& entry, const std::vector<Storage>& storages,
                                      const ByteSource& file) {
  const SourcePtr& bytes = storages[entry.view.storage].bytes;
  if (bytes == nullptr || !lies_as_it_is(entry.view)) return std::nullopt;
  const Place place = bytes->place();
  const auto skipped = checked_product(entry.view.offset, entry.view.dtype->itemsize);
  if (place.source != &file || !skipped) return std::nullopt;
  const auto from = checked_sum(place.offset, *skipped);
  const std::uint64_t size = entry.end - entry.begin;
  if (!from || *from > file.size() || size > file.size() - *from) return std::nullopt;
  return from;
}

}  // namespace

CopyPlan plan_copy(const std::vector<Entry>& entries, std::uint64_t start,
                   const std::vector<Storage>& storages, const ByteSource& file) {
  struct Candidate {
    Move move;
    std::uint32_t entry = 0;
  };
  std::vector<Candidate> candidates;
  CopyPlan plan;
  for (std::uint32_t i = 0; i < entries.size(); ++i) {
    const Entry& entry = entries[i];
    if (entry.begin == entry.end) continue;
    if (const auto from = place_in(entry, storages, file)) {
      candidates.push_back({{*from, start + entry.begin, entry.end - entry.begin}, i});
    } else {
      plan.others.push_back(i);
    }
  }
  std::ranges::sort(candidates, {}, [](const Candidate& one) { return one.move.from; });
  plan.moves.reserve(candidates.size());
  std::uint64_t end = 0;
  for (const auto& [move, entry] : candidates) {
    if (move.from < end) {
      plan.others.push_back(entry);  // a part of the file that goes to two places
      continue;
    }
    end = move.from + move.size;
    plan.moves.push_back(move);
  }
  return plan;
}

bool Segments::next(Segment& out) {
  out = Segment();
  out.from = at_;
  const auto end_of = [](const Move& move) { return move.from + move.size; };
  while (move_ < moves_.size() && end_of(moves_[move_]) <= at_) ++move_;
  if (at_ == size_) return false;
  if (move_ < moves_.size() && moves_[move_].from <= at_ && end_of(moves_[move_]) - at_ >= kLarge) {
    const Move& move = moves_[move_];
    const std::uint64_t to = move.to + (at_ - move.from), left = end_of(move) - at_;
    out.phase = static_cast<std::size_t>(to % kBlock);
    std::uint64_t size = std::min<std::uint64_t>(left, most_ - out.phase);
    if (size < left) size -= (to + size) % kBlock;
    out.size = static_cast<std::size_t>(size);
    out.writes.push_back({0, to, out.size});
    at_ += size;
    return true;
  }
  // Small moves and what lies between them, up to the next large one.
  const std::uint64_t most = std::min(size_, at_ + most_);
  std::uint64_t end = most;
  for (std::size_t i = move_; i < moves_.size() && moves_[i].from < end; ++i) {
    const Move& move = moves_[i];
    const std::uint64_t begin = std::max(move.from, at_);
    if (end_of(move) - begin >= kLarge) {
      end = begin;
      break;
    }
    const std::uint64_t stop = std::min(end_of(move), end);
    out.writes.push_back({static_cast<std::size_t>(begin - at_), move.to + (begin - move.from),
                          static_cast<std::size_t>(stop - begin)});
  }
  out.size = static_cast<std::size_t>(end - at_);
  at_ = end;
  return true;
}

}  // namespace brine::convert
