// TextPool: texts one behind the other, given back in the order of a stack.
//
// Problem: a hundred thousand short texts cost more as strings of their own than their letters are.
// Method: chunks of letters; a mark is a place in them, and cutting there drops what was added
// since. Invariant: a text stays where it is until it is cut off.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

namespace brine {

class TextPool {
 public:
  struct Mark {
    std::uint32_t chunks = 0;  // in use
    std::uint32_t used = 0;  // of the last one
  };

  std::string_view add(std::string_view text) {
    if (text.empty()) return {};
    if (chunks_.empty() || chunks_.back().size - used_ < text.size()) begin_chunk(text.size());
    char* place = chunks_.back().letters.get() + used_;
    std::copy(text.begin(), text.end(), place);
    used_ += text.size();
    return {place, text.size()};
  }

  Mark mark() const {
    return {static_cast<std::uint32_t>(chunks_.size()), static_cast<std::uint32_t>(used_)};
  }
  void cut(const Mark& mark) {
    // The first chunk is kept: most pools are small, and many are filled.
    chunks_.resize(std::min<std::size_t>(chunks_.size(), std::max(mark.chunks, 1u)));
    if (!chunks_.empty() && chunks_.front().size > kFirst && mark.chunks == 0) chunks_.clear();
    used_ = mark.chunks == 0 ? 0 : mark.used;
  }
  void clear() { cut({}); }

 private:
  static constexpr std::size_t kFirst = 4096, kNext = 64u << 10;
  struct Chunk {
    std::unique_ptr<char[]> letters;
    std::size_t size = 0;
  };

  void begin_chunk(std::size_t least) {
    const std::size_t size = std::max(least, chunks_.empty() ? kFirst : kNext);
    chunks_.push_back({std::make_unique_for_overwrite<char[]>(size), size});
    used_ = 0;
  }

  std::vector<Chunk> chunks_;
  std::size_t used_ = 0;
};

}  // namespace brine
