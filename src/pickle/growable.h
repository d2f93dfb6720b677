// Growable: an array of plain values that grows in place.
//
// std::vector copies when it grows, which for a stack of gigabytes means twice the memory at the
// worst moment; realloc of a large block moves pages instead. Capacity that was never touched costs
// nothing. Growth stops at `limit` entries: the caller reports the budget.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <type_traits>

namespace brine::pickle {

template <class T>
class Growable {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  Growable() = default;
  ~Growable() { std::free(data_); }
  Growable(const Growable&) = delete;
  Growable& operator=(const Growable&) = delete;

  T* data() { return data_; }
  const T* data() const { return data_; }
  std::uint64_t capacity() const { return capacity_; }
  T& operator[](std::uint64_t i) { return data_[i]; }
  const T& operator[](std::uint64_t i) const { return data_[i]; }

  // Room for `count` entries; false when that is over the limit or memory is short.
  bool reserve(std::uint64_t count, std::uint64_t limit) {
    if (count <= capacity_) return true;
    if (count > limit) return false;
    std::uint64_t wanted = capacity_ < 64 ? 64 : capacity_ + capacity_ / 2;
    if (wanted < count) wanted = count;
    if (wanted > limit) wanted = limit;
    void* moved = std::realloc(data_, static_cast<std::size_t>(wanted) * sizeof(T));
    if (moved == nullptr) return false;
    data_ = static_cast<T*>(moved);
    capacity_ = wanted;
    return true;
  }

 private:
  T* data_ = nullptr;
  std::uint64_t capacity_ = 0;
};

// A stack of plain values on a Growable.
template <class T>
class GrowableStack {
 public:
  bool empty() const { return size_ == 0; }
  std::uint64_t size() const { return size_; }
  const T& back() const { return entries_[size_ - 1]; }
  const T& operator[](std::uint64_t index) const { return entries_[index]; }
  void pop_back() { --size_; }
  void clear() { size_ = 0; }
  bool push_back(const T& value, std::uint64_t limit) {
    if (!entries_.reserve(size_ + 1, limit)) return false;
    entries_[size_++] = value;
    return true;
  }

 private:
  Growable<T> entries_;
  std::uint64_t size_ = 0;
};

}  // namespace brine::pickle
