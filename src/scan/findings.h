// Findings: collected, each counted once, bounded, and the verdict that they add up to.
//
// The verdict is taken from every finding before any bound cuts the list, so it never depends on
// what was cut. The same effect seen through several loaders is one finding.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/limits.h"
#include "brine/report.h"
#include "pickle/trace.h"

namespace brine::scan {

// A finding made from a judgement; place and opcode are the caller's to fill.
Finding finding_of(const pickle::Judgement& judgement);
// A finding of this table's code: title, severity and verdict are the code's.
Finding finding_of(std::uint16_t code);

class Findings {
 public:
  explicit Findings(const Limits& limits) : limits_(limits) {}

  void add(Finding finding);
  // What another collection saw beyond the findings that it hands over.
  void note(Verdict worst, std::uint64_t dropped);
  Verdict worst() const { return worst_; }
  // Whether something was not read to its end, whatever else was found.
  bool incomplete() const { return incomplete_; }
  bool empty() const { return kept_.empty(); }
  std::uint64_t dropped() const { return dropped_; }
  // Worst first, then by place. Leaves nothing behind.
  std::vector<Finding> take();

 private:
  const Limits& limits_;
  std::vector<Finding> kept_;
  std::map<std::uint16_t, std::uint64_t> count_;
  std::set<std::string> seen_;
  std::uint64_t dropped_ = 0;
  Verdict worst_ = Verdict::clean;
  bool incomplete_ = false;
};

}  // namespace brine::scan
