// SharedBytes: memory that grows in place and then belongs to whoever looks at it.
//
// What a decoder puts out may be hundreds of megabytes. A vector clears new memory before it is
// written and copies all of it to grow, so that twice as much lies in memory; realloc moves pages.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>
#include <utility>

#include "base/bytes.h"
#include "io/source.h"

namespace brine {

class SharedBytes {
 public:
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  ByteSpan view() const { return {memory_.get(), size_}; }
  operator ByteSpan() const { return view(); }  // NOLINT(google-explicit-constructor): a view

  // Room behind what is there, `most` bytes in all; empty when there is none or memory is short.
  std::span<std::uint8_t> room(std::uint64_t most) {
    if (size_ == capacity_) {
      const std::uint64_t wanted =
          std::min<std::uint64_t>(std::max<std::uint64_t>(capacity_ + capacity_ / 2, kFirst), most);
      if (wanted <= capacity_ || !grow(wanted)) return {};
    }
    return {memory_.get() + size_, capacity_ - size_};
  }
  // Gets memory for `count` bytes in all before they come, so that nothing has to move; short of
  // memory it does nothing. Pages that nothing is written to cost no memory.
  void reserve(std::uint64_t count) {
    if (count > capacity_) grow(count);
  }
  // What was written into the room.
  void add(std::size_t count) { size_ += count; }

  // A source that keeps the memory; nothing is left here.
  SourcePtr into_source() && {
    const ByteSpan bytes = view();
    size_ = capacity_ = 0;
    return std::make_shared<MemorySource>(
        std::shared_ptr<const void>(std::shared_ptr<std::uint8_t>(std::move(memory_))), bytes);
  }

 private:
  static constexpr std::size_t kFirst = 16u << 10;

  bool grow(std::uint64_t capacity) {
    std::uint8_t* const old = memory_.release();
    void* const moved = std::realloc(old, static_cast<std::size_t>(capacity));
    memory_.reset(moved == nullptr ? old : static_cast<std::uint8_t*>(moved));
    if (moved != nullptr) capacity_ = static_cast<std::size_t>(capacity);
    return moved != nullptr;
  }

  struct Free {
    void operator()(std::uint8_t* memory) const { std::free(memory); }
  };
  std::unique_ptr<std::uint8_t, Free> memory_;
  std::size_t size_ = 0, capacity_ = 0;
};

}  // namespace brine
