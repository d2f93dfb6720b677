// FlatIndex: a hash table of numbers; what they stand for lies elsewhere.
//
// Problem: tables of a hundred thousand small keys cost more in list nodes than in keys, which
// their owner has anyway. Method: open addressing, one word of hash and number a slot, linear
// probing; the owner says what equals what it looks for. Erasing moves later slots back, so that a
// table that is filled and emptied for ever stays as it is. Invariant: at most three quarters of
// the slots are in use, and clearing costs what is there, never what once was.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace brine {

class FlatIndex {
 public:
  static constexpr std::uint32_t kNone = 0xffffffff;

  // The number under `hash` of which `equal(number)` holds, or kNone.
  template <class Equal>
  std::uint32_t find(std::size_t hash, Equal&& equal) const {
    if (size_ == 0) return kNone;
    const std::uint32_t mark = mark_of(hash);
    for (std::size_t at = mark & mask();; at = (at + 1) & mask()) {
      const Slot& slot = slots_[at];
      if (slot.number == kNone) return kNone;
      if (slot.mark == mark && equal(slot.number)) return slot.number;
    }
  }

  // `number`: not kNone, and nothing equal is there.
  void insert(std::size_t hash, std::uint32_t number) {
    if (3 * slots_.size() < 4 * (size_ + 1)) reserve(size_ + 1);
    place({mark_of(hash), number});
    ++size_;
  }

  // Room for `count` numbers at once: to grow would hold all of them twice.
  void reserve(std::size_t count) {
    std::size_t room = std::max(slots_.size(), kFirst);
    while (3 * room < 4 * count) room *= 2;
    if (room > slots_.size()) grow(room);
  }

  // Whether that number was there.
  bool erase(std::size_t hash, std::uint32_t number) {
    if (size_ == 0) return false;
    const std::uint32_t mark = mark_of(hash);
    std::size_t at = mark & mask();
    while (slots_[at].number != number) {
      if (slots_[at].number == kNone) return false;
      at = (at + 1) & mask();
    }
    close_gap(at);
    --size_;
    return true;
  }

  std::size_t size() const { return size_; }
  void clear() {
    if (slots_.size() > kFirst + 8 * size_) {
      slots_.clear();
      slots_.shrink_to_fit();
    } else if (size_ != 0) {
      slots_.assign(slots_.size(), Slot{});
    }
    size_ = 0;
  }

 private:
  static constexpr std::size_t kFirst = 64;
  struct Slot {
    std::uint32_t mark = 0;  // 32 bits of the hash
    std::uint32_t number = kNone;
  };

  // Neighbouring hashes get places far from each other (the last step of MurmurHash3).
  static std::uint32_t mark_of(std::size_t hash) {
    std::uint64_t x = hash;
    x = (x ^ x >> 33) * 0xff51afd7ed558ccdu;
    x = (x ^ x >> 33) * 0xc4ceb9fe1a85ec53u;
    return static_cast<std::uint32_t>(x ^ x >> 33);
  }
  std::size_t mask() const { return slots_.size() - 1; }

  void place(const Slot& slot) {
    std::size_t at = slot.mark & mask();
    while (slots_[at].number != kNone) at = (at + 1) & mask();
    slots_[at] = slot;
  }
  void grow(std::size_t room) {
    std::vector<Slot> old(room);
    old.swap(slots_);
    for (const Slot& slot : old) {
      if (slot.number != kNone) place(slot);
    }
  }
  // What was pushed on by the slot that becomes free comes nearer to its own place.
  void close_gap(std::size_t gap) {
    for (std::size_t at = (gap + 1) & mask(); slots_[at].number != kNone; at = (at + 1) & mask()) {
      const std::size_t home = slots_[at].mark & mask();
      if (((at - home) & mask()) < ((at - gap) & mask())) continue;
      slots_[gap] = slots_[at];
      gap = at;
    }
    slots_[gap] = Slot{};
  }

  std::vector<Slot> slots_;
  std::size_t size_ = 0;
};

}  // namespace brine
