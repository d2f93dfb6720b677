// Bytes: the one cursor that touches hostile bytes held in memory.
//
// Every fixed structure (zip records, headers, tables) is read through this cursor. Bounds are
// checked by subtraction in one place (`need`), so no sum of two file-controlled numbers is ever
// formed. A failed read changes nothing and says offset, wanted and available.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/result.h"

namespace brine {

using ByteSpan = std::span<const std::uint8_t>;

// Text seen as bytes and bytes seen as text; neither copies.
inline ByteSpan as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
inline std::string_view as_text(ByteSpan bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Little-endian loads from memory that is known to be there.
inline std::uint16_t load_le16(const std::uint8_t* p) {
  return static_cast<std::uint16_t>(p[0] | (p[1] << 8));
}
inline std::uint32_t load_le32(const std::uint8_t* p) {
  return static_cast<std::uint32_t>(p[0]) | static_cast<std::uint32_t>(p[1]) << 8 |
         static_cast<std::uint32_t>(p[2]) << 16 | static_cast<std::uint32_t>(p[3]) << 24;
}
inline std::uint64_t load_le64(const std::uint8_t* p) {
  return static_cast<std::uint64_t>(load_le32(p)) | static_cast<std::uint64_t>(load_le32(p + 4))
                                                        << 32;
}
inline std::uint64_t load_be64(const std::uint8_t* p) {
  std::uint64_t value = 0;
  for (int i = 0; i < 8; ++i) value = value << 8 | p[i];
  return value;
}

class Bytes {
 public:
  // `base` is the offset of data[0] in the source; errors and offset() are in those terms.
  explicit Bytes(ByteSpan data, std::uint64_t base = 0) : data_(data), base_(base) {}

  std::uint64_t offset() const { return base_ + pos_; }
  std::size_t position() const { return pos_; }
  std::size_t left() const { return data_.size() - pos_; }
  bool empty() const { return left() == 0; }

  Status seek(std::size_t position) {
    if (position > data_.size()) return fail(Error::truncated(base_, position, data_.size()));
    pos_ = position;
    return {};
  }
  Status skip(std::uint64_t count) {
    if (!need(count)) return fail(short_by(count));
    pos_ += static_cast<std::size_t>(count);
    return {};
  }
  Result<std::uint8_t> u8() {
    if (!need(1)) return fail(short_by(1));
    return data_[pos_++];
  }
  Result<std::uint16_t> le16() { return fixed<std::uint16_t>(2, load_le16); }
  Result<std::uint32_t> le32() { return fixed<std::uint32_t>(4, load_le32); }
  Result<std::uint64_t> le64() { return fixed<std::uint64_t>(8, load_le64); }
  Result<ByteSpan> take(std::uint64_t count) {
    if (!need(count)) return fail(short_by(count));
    ByteSpan out = data_.subspan(pos_, static_cast<std::size_t>(count));
    pos_ += static_cast<std::size_t>(count);
    return out;
  }

 private:
  bool need(std::uint64_t count) const { return count <= left(); }
  Error short_by(std::uint64_t count) const { return Error::truncated(offset(), count, left()); }
  template <class T>
  Result<T> fixed(std::size_t count, T (*load)(const std::uint8_t*)) {
    if (!need(count)) return fail(short_by(count));
    T value = load(data_.data() + pos_);
    pos_ += count;
    return value;
  }

  ByteSpan data_;
  std::uint64_t base_;
  std::size_t pos_ = 0;
};

}  // namespace brine
