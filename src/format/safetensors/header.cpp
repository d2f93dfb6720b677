#include "format/safetensors/header.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "base/escape.h"
#include "tensor/dtype.h"

namespace brine::format::safetensors {

namespace {

struct Range {
  std::uint64_t begin, end, offset;  // in the data; where the header says so
};

// Types whose elements are no whole bytes (torch packs two F4 into one element), in bits.
struct BitType {
  std::string_view name;
  std::uint64_t bits;
};
constexpr BitType kBitTypes[] = {{"F4", 4}, {"F6_E2M3", 6}, {"F6_E3M2", 6}};

std::optional<std::uint64_t> bits_of(std::string_view dtype) {
  if (dtype.empty()) return std::nullopt;
  for (const BitType& row : kBitTypes) {
    if (row.name == dtype) return row.bits;
  }
  for (const tensor::Dtype& row : tensor::all_dtypes()) {
    if (row.safetensors == dtype) return std::uint64_t{row.itemsize} * 8;
  }
  return std::nullopt;
}

class Reader {
 public:
  explicit Reader(ByteSpan json) : text_(as_text(json)) {}

  Result<Header> read(std::uint64_t data_bytes);

 private:
  std::uint64_t here() const { return kLengthBytes + pos_; }
  Error bad(std::string what) const { return Error::malformed(here(), std::move(what)); }
  bool at(char c) const { return pos_ < text_.size() && text_[pos_] == c; }
  void space() {
    while (pos_ < text_.size() && (text_[pos_] == ' ' || text_[pos_] == '\t' ||
                                   text_[pos_] == '\n' || text_[pos_] == '\r')) {
      ++pos_;
    }
  }
  Status expect(char c) {
    space();
    if (!at(c)) return fail(bad(std::string("the header lacks a '") + c + "' here"));
    ++pos_;
    return {};
  }
  // After a member of an object or array: true when another follows, false at `close`.
  Result<bool> more(char close) {
    space();
    if (at(close)) {
      ++pos_;
      return false;
    }
    BRINE_CHECK_STATUS(expect(','));
    return true;
  }
  // Whether the object or array that was just opened is empty; then its end is passed.
  bool closed_at_once(char close) {
    space();
    if (!at(close)) return false;
    ++pos_;
    return true;
  }
  Result<std::string> string();
  Result<char32_t> unicode_escape();
  Result<char32_t> hex4();
  Result<std::uint64_t> number();
  Status metadata();
  Status tensor();
  Result<std::uint64_t> shape();
  Result<Range> offsets();

  std::string_view text_;
  std::size_t pos_ = 0;
  std::vector<Range> ranges_;
};

Result<char32_t> Reader::hex4() {
  if (text_.size() - pos_ < 4) return fail(bad("an escape in a string is cut off"));
  char32_t value = 0;
  for (int i = 0; i < 4; ++i) {
    const char c = text_[pos_++];
    const bool digit = c >= '0' && c <= '9';
    const char low = static_cast<char>(c | 0x20);
    if (!digit && (low < 'a' || low > 'f')) return fail(bad("an escape in a string is no number"));
    value = value << 4 | static_cast<char32_t>(digit ? c - '0' : low - 'a' + 10);
  }
  return value;
}

Result<char32_t> Reader::unicode_escape() {
  BRINE_TRY(char32_t high, hex4());
  if (high >= 0xdc00 && high < 0xe000) return fail(bad("a string holds half a character"));
  if (high < 0xd800 || high >= 0xdc00) return high;
  if (text_.substr(pos_, 2) != "\\u") return fail(bad("a string holds half a character"));
  pos_ += 2;
  BRINE_TRY(char32_t low, hex4());
  if (low < 0xdc00 || low >= 0xe000) return fail(bad("a string holds half a character"));
  return 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
}

Result<std::string> Reader::string() {
  BRINE_CHECK_STATUS(expect('"'));
  std::string out;
  while (pos_ < text_.size()) {
    const char c = text_[pos_];
    if (c == '"') {
      ++pos_;
      return out;
    }
    if (static_cast<unsigned char>(c) < 0x20) {
      return fail(bad("a string holds a control character"));
    }
    if (c != '\\') {
      const CodePoint point = decode_utf8(text_.substr(pos_));
      if (point.bytes == 0) return fail(bad("the header is not UTF-8"));
      out.append(text_, pos_, point.bytes);
      pos_ += point.bytes;
      continue;
    }
    if (text_.size() - pos_ < 2) break;
    const char escape = text_[pos_ + 1];
    pos_ += 2;
    static constexpr std::string_view kFrom = "\"\\/bfnrt";
    static constexpr std::string_view kTo = "\"\\/\b\f\n\r\t";
    if (const std::size_t found = kFrom.find(escape); found != std::string_view::npos) {
      out.push_back(kTo[found]);
    } else if (escape == 'u') {
      BRINE_TRY(char32_t point, unicode_escape());
      append_utf8(out, point);
    } else {
      return fail(bad("a string holds an unknown escape"));
    }
  }
  return fail(bad("a string does not end"));
}

Result<std::uint64_t> Reader::number() {
  space();
  const std::size_t start = pos_;
  std::uint64_t value = 0;
  while (pos_ < text_.size() && text_[pos_] >= '0' && text_[pos_] <= '9') {
    const auto digit = static_cast<std::uint64_t>(text_[pos_] - '0');
    if (value > (std::numeric_limits<std::uint64_t>::max() - digit) / 10) {
      return fail(bad("a number is too large"));
    }
    value = value * 10 + digit;
    ++pos_;
  }
  if (pos_ == start) return fail(bad("a number is wanted here"));
  if (pos_ - start > 1 && text_[start] == '0') return fail(bad("a number starts with 0"));
  return value;
}

Status Reader::metadata() {
  BRINE_CHECK_STATUS(expect('{'));
  if (closed_at_once('}')) return {};
  std::unordered_set<std::string> seen;
  for (bool go_on = true; go_on;) {
    BRINE_TRY(std::string key, string());
    if (!seen.insert(std::move(key)).second) return fail(bad("a key of __metadata__ stands twice"));
    BRINE_CHECK_STATUS(expect(':'));
    BRINE_CHECK_STATUS(string());
    BRINE_TRY(go_on, more('}'));
  }
  return {};
}

// The number of elements.
Result<std::uint64_t> Reader::shape() {
  BRINE_CHECK_STATUS(expect('['));
  std::uint64_t elements = 1;
  if (closed_at_once(']')) return elements;
  for (bool go_on = true; go_on;) {
    BRINE_TRY(std::uint64_t extent, number());
    if (extent != 0 && elements > std::numeric_limits<std::uint64_t>::max() / extent) {
      return fail(bad("a shape has more elements than a number can count"));
    }
    elements *= extent;
    BRINE_TRY(go_on, more(']'));
  }
  return elements;
}

Result<Range> Reader::offsets() {
  BRINE_CHECK_STATUS(expect('['));
  Range range{0, 0, here()};
  BRINE_TRY(range.begin, number());
  BRINE_CHECK_STATUS(expect(','));
  BRINE_TRY(range.end, number());
  BRINE_CHECK_STATUS(expect(']'));
  if (range.end < range.begin) return fail(bad("a tensor ends before it begins"));
  return range;
}

Status Reader::tensor() {
  BRINE_CHECK_STATUS(expect('{'));
  std::optional<std::uint64_t> bits, elements;
  std::optional<Range> range;
  if (closed_at_once('}')) return fail(bad("a tensor has no description"));
  for (bool go_on = true; go_on;) {
    BRINE_TRY(std::string key, string());
    BRINE_CHECK_STATUS(expect(':'));
    if (key == "dtype" && !bits) {
      BRINE_TRY(std::string dtype, string());
      bits = bits_of(dtype);
      if (!bits) return fail(bad("a tensor has an unknown dtype"));
    } else if (key == "shape" && !elements) {
      BRINE_TRY(elements, shape());
    } else if (key == "data_offsets" && !range) {
      BRINE_TRY(range, offsets());
    } else {
      return fail(bad("a tensor's description has a key that is unknown or stands twice"));
    }
    BRINE_TRY(go_on, more('}'));
  }
  if (!bits || !elements || !range) {
    return fail(bad("a tensor's description lacks dtype, shape or data_offsets"));
  }
  if (*elements > std::numeric_limits<std::uint64_t>::max() / *bits) {
    return fail(bad("a tensor has more bits than a number can count"));
  }
  const std::uint64_t total_bits = *elements * *bits;
  if (total_bits % 8 != 0 || range->end - range->begin != total_bits / 8) {
    return fail(Error::malformed(range->offset, "a tensor's offsets do not fit dtype and shape"));
  }
  ranges_.push_back(*range);
  return {};
}

Result<Header> Reader::read(std::uint64_t data_bytes) {
  Header header;
  if (!at('{')) return fail(bad("the header does not begin with '{'"));
  ++pos_;
  std::unordered_set<std::string> names;
  if (!closed_at_once('}')) {
    for (bool go_on = true; go_on;) {
      BRINE_TRY(std::string name, string());
      const bool metadata_key = name == "__metadata__";
      if (!names.insert(std::move(name)).second) return fail(bad("a key stands twice"));
      BRINE_CHECK_STATUS(expect(':'));
      if (metadata_key) {
        header.has_metadata = true;
        BRINE_CHECK_STATUS(metadata());
      } else {
        BRINE_CHECK_STATUS(tensor());
      }
      BRINE_TRY(go_on, more('}'));
    }
  }
  space();
  if (pos_ != text_.size()) return fail(bad("something stands behind the header's JSON"));

  std::sort(ranges_.begin(), ranges_.end(), [](const Range& a, const Range& b) {
    return a.begin != b.begin ? a.begin < b.begin : a.end < b.end;
  });
  std::uint64_t reached = 0;
  for (const Range& range : ranges_) {
    if (range.begin > reached) {
      return fail(Error::malformed(range.offset, "bytes before a tensor belong to no tensor"));
    }
    if (range.begin < reached) {
      return fail(Error::malformed(range.offset, "two tensors overlap"));
    }
    reached = range.end;
  }
  if (reached > data_bytes) {
    return fail(Error::truncated(here(), reached, data_bytes));
  }
  if (reached < data_bytes) {
    return fail(
        Error::malformed(here() + reached, "bytes behind the last tensor belong to no tensor"));
  }
  header.tensors = ranges_.size();
  header.data_bytes = data_bytes;
  return header;
}

}  // namespace

Result<Header> read_header(ByteSpan json, std::uint64_t data_bytes) {
  return Reader(json).read(data_bytes);
}

}  // namespace brine::format::safetensors
