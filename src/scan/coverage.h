// Coverage: which bytes of one source somebody interprets or copies, and which nobody explains.
//
// Ranges are collected in any order and put together once. A byte that is both data and interpreted
// counts as interpreted. Invariant: interpreted + data + the unexplained ranges is the total.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "brine/report.h"

namespace brine::scan {

class CoverageMap {
 public:
  explicit CoverageMap(std::uint64_t total) : total_(total) {}

  // What reaches beyond the source is cut.
  void interpreted(std::uint64_t start, std::uint64_t end) { add(interpreted_, start, end); }
  void data(std::uint64_t start, std::uint64_t end) { add(data_, start, end); }

  Coverage finish();

 private:
  using Ranges = std::vector<std::pair<std::uint64_t, std::uint64_t>>;
  void add(Ranges& ranges, std::uint64_t start, std::uint64_t end);

  std::uint64_t total_;
  Ranges interpreted_;
  Ranges data_;
};

}  // namespace brine::scan
