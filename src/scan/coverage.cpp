#include "scan/coverage.h"

#include <algorithm>

namespace brine::scan {

namespace {

using Ranges = std::vector<std::pair<std::uint64_t, std::uint64_t>>;

// Sorted, and joined where they touch.
void merge(Ranges& ranges) {
  std::sort(ranges.begin(), ranges.end());
  Ranges out;
  for (const auto& range : ranges) {
    if (!out.empty() && range.first <= out.back().second) {
      out.back().second = std::max(out.back().second, range.second);
    } else {
      out.push_back(range);
    }
  }
  ranges = std::move(out);
}

std::uint64_t length(const Ranges& ranges) {
  std::uint64_t sum = 0;
  for (const auto& [start, end] : ranges) sum += end - start;
  return sum;
}

}  // namespace

void CoverageMap::add(Ranges& ranges, std::uint64_t start, std::uint64_t end) {
  start = std::min(start, total_);
  end = std::min(end, total_);
  if (start >= end) return;
  if (!ranges.empty() && ranges.back().second == start) {
    ranges.back().second = end;
  } else {
    ranges.emplace_back(start, end);
  }
}

Coverage CoverageMap::finish() {
  merge(interpreted_);
  Ranges all = interpreted_;
  all.insert(all.end(), data_.begin(), data_.end());
  merge(all);
  Coverage out;
  out.total = total_;
  out.interpreted = length(interpreted_);
  out.data = length(all) - out.interpreted;
  std::uint64_t reached = 0;
  for (const auto& [start, end] : all) {
    if (start > reached) out.unexplained.emplace_back(reached, start);
    reached = end;
  }
  if (reached < total_) out.unexplained.emplace_back(reached, total_);
  return out;
}

}  // namespace brine::scan
