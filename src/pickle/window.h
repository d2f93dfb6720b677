// Window: the bytes of a stream as the machine walks over them.
//
// A short source is held whole; longer ones, and what begins inside of one, pass through a buffer
// that slides forward, so that memory does not grow with the stream and large constants are skipped
// without being read. `fetch` serves looks back (values are told by byte ranges). All offsets are
// those of the source.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "io/source.h"

namespace brine::pickle {

class Window {
 public:
  Window(ByteSource& source, std::uint64_t start) : source_(source), size_(source.size()) {
    ByteSpan all = source.in_memory();
    if (all.size() == size_ && size_ != 0) {
      data_ = all.data();
      base_ = 0;
      held_ = size_;
    } else if (start == 0 && size_ != 0 && size_ <= kWhole) {
      if (fill(start, static_cast<std::size_t>(size_ - start))) whole_ = true;
    } else {
      base_ = start;
      // One of many streams behind each other may have a few bytes.
      if (start != 0) chunk_ = kBlock;
    }
  }

  std::uint64_t size() const { return size_; }
  const std::uint8_t* data() const { return data_; }
  std::uint64_t base() const { return base_; }
  std::uint64_t held_end() const { return base_ + held_; }
  const std::optional<Error>& error() const { return error_; }

  // Makes [at, at + count) visible through data(); false when the source ends before or cannot be
  // read. A count over kSlide - kBack is only served when the source is held whole.
  bool ensure(std::uint64_t at, std::uint64_t count) {
    if (at > size_ || count > size_ - at) return false;
    if (at >= base_ && at - base_ <= held_ && count <= held_ - (at - base_)) return true;
    std::uint64_t wanted = std::max<std::uint64_t>(count, chunk_);
    chunk_ = std::min<std::uint64_t>(chunk_ * 2, kSlide);
    return fill(at, static_cast<std::size_t>(std::min(wanted, size_ - at)));
  }
  // Reading goes on far away: what is looked at begins small again.
  void jump() { chunk_ = kFirst; }
  // As much as is visible from `at` on (at least one byte unless the source ends).
  std::uint64_t visible(std::uint64_t at) {
    if (!ensure(at, 1)) return 0;
    return held_end() - at;
  }
  const std::uint8_t* at(std::uint64_t offset) const { return data_ + (offset - base_); }

  // A look at any bytes: a view when they are held, else a copy in `scratch`.
  ByteSpan fetch(std::uint64_t offset, std::uint64_t count, std::vector<std::uint8_t>& scratch) {
    if (offset > size_ || count > size_ - offset) return {};
    if (offset >= base_ && offset - base_ <= held_ && count <= held_ - (offset - base_)) {
      return {at(offset), static_cast<std::size_t>(count)};
    }
    scratch.resize(static_cast<std::size_t>(count));
    if (count <= kGlance) return glance(offset, scratch);
    if (auto got = source_.read(offset, scratch); !got) {
      error_ = got.error();
      return {};
    }
    return scratch;
  }
  // The same, but good until `scratch` is used again, whatever is looked at meanwhile.
  ByteSpan kept(std::uint64_t offset, std::uint64_t count, std::vector<std::uint8_t>& scratch) {
    const ByteSpan seen = fetch(offset, count, scratch);
    if (stable() || seen.data() == scratch.data()) return seen;
    scratch.assign(seen.begin(), seen.end());
    return scratch;
  }
  // Whether views from fetch() stay valid while the machine lives.
  bool stable() const { return whole_ || data_ == source_.in_memory().data(); }
  ByteSource& source() { return source_; }

 private:
  static constexpr std::uint64_t kWhole = 1u << 20;
  static constexpr std::uint64_t kSlide = 1u << 20;
  static constexpr std::uint64_t kBlock = 4096;
  static constexpr std::uint64_t kBlocks = 16;
  static constexpr std::uint64_t kGlance = kBlock;  // what is read through them
  static constexpr std::uint64_t kFirst = 1u << 16;

  struct Block {
    std::uint64_t number = 0;
    std::vector<std::uint8_t> bytes;
  };

  // A look back at a few bytes is followed by others near by: whole blocks are kept, a few of them.
  ByteSpan glance(std::uint64_t offset, std::vector<std::uint8_t>& scratch) {
    for (std::size_t done = 0; done < scratch.size();) {
      const std::uint64_t at = offset + done;
      const std::uint64_t number = at / kBlock;
      Block& block = blocks_[number % kBlocks];
      if (!holds(block, number)) return {};
      const auto from = static_cast<std::size_t>(at % kBlock);
      const std::size_t count = std::min(scratch.size() - done, block.bytes.size() - from);
      std::memcpy(scratch.data() + done, block.bytes.data() + from, count);
      done += count;
    }
    return scratch;
  }

  bool holds(Block& block, std::uint64_t number) {
    if (block.number == number && !block.bytes.empty()) return true;
    const std::uint64_t start = number * kBlock;
    block.bytes.resize(static_cast<std::size_t>(std::min(kBlock, size_ - start)));
    block.number = number;
    auto got = source_.read(start, block.bytes);
    if (got) return true;
    block.bytes.clear();
    error_ = got.error();
    return false;
  }

  bool fill(std::uint64_t at, std::size_t count) {
    if (buffer_.size() < count) buffer_.resize(count);
    if (auto got = source_.read(at, std::span(buffer_.data(), count)); !got) {
      error_ = got.error();
      return false;
    }
    data_ = buffer_.data();
    base_ = at;
    held_ = count;
    return true;
  }

  ByteSource& source_;
  std::uint64_t size_;
  std::vector<std::uint8_t> buffer_;
  std::array<Block, kBlocks> blocks_;
  const std::uint8_t* data_ = nullptr;
  std::uint64_t base_ = 0;
  std::uint64_t held_ = 0;
  std::uint64_t chunk_ = kFirst;
  bool whole_ = false;
  std::optional<Error> error_;
};

}  // namespace brine::pickle
