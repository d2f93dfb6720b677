// Memo: the unpickler's table of values, dense where pickles are dense.
//
// Picklers number memo entries 0, 1, 2 ..., hostile streams do not: an index far behind the end
// goes into a hash table that counts three entries against the limit. An index that is defined
// twice means what it meant at each use: the older value is kept with the offset at which it ended.
#pragma once

#include <algorithm>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "pickle/growable.h"
#include "pickle/value.h"

namespace brine::pickle {

class Memo {
 public:
  explicit Memo(std::uint64_t limit) : limit_(limit) {}

  std::uint64_t count() const { return count_; }
  // An index for which C's unpickler takes hundreds of megabytes.
  bool far() const { return far_; }
  void clear() {
    dense_end_ = count_ = weight_ = 0;
    far_ = false;
    sparse_.clear();
    history_.clear();
  }

  // The entry as it is now, or nullptr.
  Value* find(std::uint64_t index) {
    if (index < dense_end_) return is_empty(dense_[index]) ? nullptr : &dense_[index];
    if (sparse_.empty()) return nullptr;
    auto it = sparse_.find(index);
    return it == sparse_.end() ? nullptr : &it->second;
  }

  // Defines `index` at stream offset `now`; false over the limit.
  bool put(std::uint64_t index, const Value& value, std::uint64_t now) {
    if (index == dense_end_ && index < dense_.capacity() && sparse_.empty()) {  // the usual case
      dense_[dense_end_++] = value;
      ++count_;
      return true;
    }
    return put_slow(index, value, now);
  }

  // The entry that `handle` (via memo) refers to: the version that was alive when it was taken.
  Value* version(const Value& handle) {
    Value* now = find(handle.index());
    if (history_.empty()) return now;
    auto it = history_.find(handle.index());
    if (it == history_.end()) return now;
    // Versions lie in the order in which they ended, and the wanted one ended behind the handle.
    std::vector<Past>& versions = it->second;
    auto first = std::partition_point(versions.begin(), versions.end(),
                                      [&](const Past& past) { return past.ended <= handle.start; });
    for (; first != versions.end(); ++first) {
      Past& past = *first;
      bool fits = handle.in_place()
                      ? past.value.start == handle.start && past.value.kind_ == handle.kind_ &&
                            past.value.depth == handle.depth
                      : past.ended > handle.start;
      if (fits) return &past.value;
    }
    return now;
  }
  // The version of `index` that a GET at `offset` found.
  Value* version_at(std::uint64_t index, std::uint64_t offset) {
    Value handle = Value::make(Kind::unknown, offset, index);
    return version(handle);
  }

 private:
  struct Past {
    std::uint64_t ended;  // offset of the PUT that replaced it
    Value value;
  };
  // C's unpickler keeps 16 bytes for each index below the largest one: 4 GB at 2^28.
  static constexpr std::uint64_t kMostIndex = std::uint64_t{1} << 24;
  static constexpr std::uint64_t kEmpty = 31;
  static bool is_empty(const Value& value) { return value.kind_ == kEmpty; }

  bool put_slow(std::uint64_t index, const Value& value, std::uint64_t now) {
    if (Value* old = find(index)) {
      if (weight_ + 2 > limit_) return false;
      weight_ += 2;
      history_[index].push_back({now, *old});
      *old = value;
      return true;
    }
    bool near = index < dense_end_ + dense_end_ / 2 + 1024;
    if (index < dense_end_) {  // a gap that was jumped over
      dense_[index] = value;
    } else if (near) {
      if (!dense_.reserve(index + 1, limit_ > weight_ ? limit_ - weight_ : 0)) return false;
      Value empty{};
      empty.kind_ = kEmpty & 31u;
      while (dense_end_ < index) {
        dense_[dense_end_] = empty;
        take_from_sparse(dense_end_++);
      }
      dense_[dense_end_++] = value;
    } else {
      far_ = far_ || index > kMostIndex;
      if (dense_end_ + weight_ + 3 > limit_) return false;
      weight_ += 3;
      sparse_.emplace(index, value);
    }
    ++count_;
    return true;
  }
  // The dense part grew over an index that was sparse until now.
  void take_from_sparse(std::uint64_t index) {
    if (sparse_.empty()) return;
    auto it = sparse_.find(index);
    if (it == sparse_.end()) return;
    dense_[index] = it->second;
    sparse_.erase(it);
  }

  std::uint64_t limit_;
  bool far_ = false;
  Growable<Value> dense_;
  std::uint64_t dense_end_ = 0;
  std::uint64_t count_ = 0;  // different indices defined
  std::uint64_t weight_ = 0;  // of sparse and replaced entries, in dense entries
  std::unordered_map<std::uint64_t, Value> sparse_;
  std::unordered_map<std::uint64_t, std::vector<Past>> history_;
};

}  // namespace brine::pickle
