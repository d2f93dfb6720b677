// TextSet: texts that nobody has twice.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "base/flat_index.h"
#include "base/text_pool.h"

namespace brine {

class TextSet {
 public:
  bool contains(std::string_view text) const { return find(text) != FlatIndex::kNone; }
  // False: it was there.
  bool insert(std::string_view text) {
    if (contains(text)) return false;
    index_.insert(std::hash<std::string_view>()(text), static_cast<std::uint32_t>(texts_.size()));
    texts_.push_back(letters_.add(text));
    return true;
  }

 private:
  std::uint32_t find(std::string_view text) const {
    return index_.find(std::hash<std::string_view>()(text),
                       [&](std::uint32_t at) { return texts_[at] == text; });
  }

  TextPool letters_;
  std::vector<std::string_view> texts_;
  FlatIndex index_;
};

}  // namespace brine
