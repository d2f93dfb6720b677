// Trust: the names that a person vouches for.
//
// A pattern is a dotted name ("mypkg.models.Net") or a prefix that ends in ".*" ("mypkg.models.*").
// Trust speaks only where the catalogue has no fact: it turns an unknown name into one whose import
// and use as a class are waived. It never reaches a name that has facts, and never a capability.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace brine::catalogue {

class Trust {
 public:
  // Fails with ErrorCode::usage when the pattern is no dotted name, would cover everything, or has
  // a star anywhere but as its last part.
  Status add(std::string_view pattern);
  bool covers(std::string_view module, std::string_view name) const;
  bool empty() const { return patterns_.empty(); }
  const std::vector<std::string>& patterns() const { return patterns_; }

 private:
  std::vector<std::string> patterns_;
};

}  // namespace brine::catalogue
