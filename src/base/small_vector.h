// SmallVector: a short list of numbers that stands in its owner.
//
// Problem: a hundred thousand tensors have a shape and strides of two numbers each; as vectors
// these cost an allocation apiece, which is more than the numbers are. Method: up to N items stand
// in place, more on the heap. Invariant: items are trivially copyable, so that moving never fails,
// and a list that was moved from is empty.
#pragma once

#include <algorithm>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <type_traits>
#include <vector>

namespace brine {

template <class T, std::uint32_t N>
class SmallVector {
  static_assert(std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>);

 public:
  SmallVector() noexcept : here_{} {}
  SmallVector(std::initializer_list<T> items)
      : SmallVector(std::span(items.begin(), items.size())) {}
  SmallVector(const std::vector<T>& items) : SmallVector(std::span<const T>(items)) {}
  explicit SmallVector(std::span<const T> items) : here_{} {
    room_for(items.size());
    std::ranges::copy(items, data());
    size_ = static_cast<std::uint32_t>(items.size());
  }
  SmallVector(const SmallVector& other) : SmallVector(std::span<const T>(other)) {}
  SmallVector(SmallVector&& other) noexcept : here_{} { take(other); }
  SmallVector& operator=(const SmallVector& other) {
    if (this != &other) {
      SmallVector copy(other);
      release();
      take(copy);
    }
    return *this;
  }
  SmallVector& operator=(SmallVector&& other) noexcept {
    if (this != &other) {
      release();
      take(other);
    }
    return *this;
  }
  ~SmallVector() { release(); }

  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  T* data() { return room_ > N ? away_ : here_; }
  const T* data() const { return room_ > N ? away_ : here_; }
  T* begin() { return data(); }
  T* end() { return data() + size_; }
  const T* begin() const { return data(); }
  const T* end() const { return data() + size_; }
  T& operator[](std::size_t at) { return data()[at]; }
  const T& operator[](std::size_t at) const { return data()[at]; }
  T& back() { return data()[size_ - 1]; }
  const T& back() const { return data()[size_ - 1]; }
  // New items are zero.
  void resize(std::size_t count) {
    room_for(count);
    if (count > size_) std::fill(data() + size_, data() + count, T{});
    size_ = static_cast<std::uint32_t>(count);
  }
  void push_back(T item) {
    room_for(std::size_t{size_} + 1);
    data()[size_++] = item;
  }

  friend bool operator==(const SmallVector& a, const SmallVector& b) {
    return std::ranges::equal(a, b);
  }
  friend auto operator<=>(const SmallVector& a, const SmallVector& b) {
    return std::lexicographical_compare_three_way(a.begin(), a.end(), b.begin(), b.end());
  }

 private:
  void room_for(std::size_t count) {
    if (count <= room_) return;
    const std::size_t room = std::max<std::size_t>(count, 2 * std::size_t{room_});
    T* fresh = new T[room];
    std::copy_n(data(), size_, fresh);
    release();
    away_ = fresh;
    room_ = static_cast<std::uint32_t>(room);
  }
  void release() {
    if (room_ > N) delete[] away_;
    room_ = N;
  }
  // This has nothing that must be given back.
  void take(SmallVector& other) noexcept {
    size_ = other.size_;
    room_ = other.room_;
    if (room_ > N) {
      away_ = other.away_;
    } else {
      std::copy_n(other.here_, N, here_);
    }
    other.size_ = 0;
    other.room_ = N;
  }

  std::uint32_t size_ = 0;
  std::uint32_t room_ = N;
  union {
    T here_[N];
    T* away_;
  };
};

}  // namespace brine
