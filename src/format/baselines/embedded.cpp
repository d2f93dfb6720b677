#include "format/baselines/embedded.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <utility>

namespace brine::format::baselines {
namespace {

constexpr std::string_view kSerialized = ":serialized:";
constexpr std::size_t kLongestName = 200;  // of an item, for people
constexpr std::uint64_t kBlock = 64u << 10;

// The value of a letter of base64; nothing for the others, which binascii leaves out.
std::optional<unsigned> digit_of(char letter) {
  if (letter >= 'A' && letter <= 'Z') return static_cast<unsigned>(letter - 'A');
  if (letter >= 'a' && letter <= 'z') return static_cast<unsigned>(letter - 'a' + 26);
  if (letter >= '0' && letter <= '9') return static_cast<unsigned>(letter - '0' + 52);
  if (letter == '+') return 62;
  if (letter == '/') return 63;
  return std::nullopt;
}

// binascii.a2b_base64, not strict: padding in its place ends the text.
class Base64 {
 public:
  // The byte that the letter completes.
  std::optional<std::uint8_t> put(char letter) {
    if (ended_) return std::nullopt;
    if (letter == '=') {
      ended_ = place_ >= 2 && place_ + ++pads_ >= 4;
      return std::nullopt;
    }
    const std::optional<unsigned> digit = digit_of(letter);
    if (!digit) return std::nullopt;
    pads_ = 0;
    const unsigned left = std::exchange(left_, *digit);
    const unsigned place = std::exchange(place_, (place_ + 1) % 4);
    switch (place) {
      case 1: return static_cast<std::uint8_t>(left << 2 | *digit >> 4);
      case 2: return static_cast<std::uint8_t>(left << 4 | *digit >> 2);
      case 3: return static_cast<std::uint8_t>(left << 6 | *digit);
      default: return std::nullopt;
    }
  }

 private:
  unsigned left_ = 0, place_ = 0, pads_ = 0;
  bool ended_ = false;
};

// What a string reads: a letter, or how many hexadecimal digits of an escape are still to come.
class Letters {
 public:
  // The letter that the byte completes; '?', which base64 does not have, for what is not ASCII.
  std::optional<char> put(char byte) {
    if (hex_left_ > 0) {
      code_ = code_ << 4 | value_of(byte);
      if (--hex_left_ > 0) return std::nullopt;
      return code_ < 0x80 ? static_cast<char>(code_) : kOther;
    }
    if (std::exchange(escaped_, false)) {
      if (byte == 'u') {
        hex_left_ = 4;
        code_ = 0;
        return std::nullopt;
      }
      constexpr std::string_view kFrom = "bfnrt", kTo = "\b\f\n\r\t";
      const std::size_t known = kFrom.find(byte);
      return known == std::string_view::npos ? byte : kTo[known];
    }
    if (byte == '\\') {
      escaped_ = true;
      return std::nullopt;
    }
    return static_cast<unsigned char>(byte) < 0x80 ? byte : kOther;
  }
  // Whether a quote ends the string.
  bool at_rest() const { return hex_left_ == 0 && !escaped_; }

 private:
  static constexpr char kOther = '?';
  // What is no digit makes json.loads raise.
  static unsigned value_of(char byte) {
    if (byte >= '0' && byte <= '9') return static_cast<unsigned>(byte - '0');
    const char lower = static_cast<char>(byte | 0x20);
    return lower >= 'a' && lower <= 'f' ? static_cast<unsigned>(lower - 'a' + 10) : 0;
  }

  bool escaped_ = false;
  int hex_left_ = 0;
  unsigned code_ = 0;
};

class Finder {
 public:
  Finder(std::size_t most, std::uint64_t most_bytes) : most_(most), left_(most_bytes) {}

  void put(char byte) {
    if (inside_) {
      in_string(byte);
    } else {
      between(byte);
    }
  }
  AllEmbedded take() { return std::move(out_); }

 private:
  void in_string(char byte) {
    if (byte == '"' && letters_.at_rest()) {
      inside_ = false;
      wanted_ = false;
      return;
    }
    const std::optional<char> letter = letters_.put(byte);
    if (!letter) return;
    if (text_.size() < kLongestName) text_ += *letter;
    if (!wanted_) return;
    const auto decoded = base64_.put(*letter);
    if (!decoded) return;
    if (left_ == 0) {
      out_.over = true;
      return;
    }
    --left_;
    out_.pickles.back().bytes.push_back(*decoded);
  }

  void between(char byte) {
    switch (byte) {
      case ' ':
      case '\t':
      case '\n':
      case '\r': return;
      case '"': begin_string(); return;
      case ':':
        value_follows_ = text_ == kSerialized;
        if (depth_ == 1) item_ = text_;
        return;
      case '{':
      case '[': ++depth_; break;
      case '}':
      case ']': depth_ -= depth_ > 0 ? 1 : 0; break;
      default: break;
    }
    value_follows_ = false;
  }

  void begin_string() {
    inside_ = true;
    letters_ = Letters();
    text_.clear();
    if (!std::exchange(value_follows_, false)) return;
    if (out_.pickles.size() == most_) {
      out_.over = true;
      return;
    }
    wanted_ = true;
    base64_ = Base64();
    out_.pickles.push_back({item_, {}});
  }

  std::size_t most_;
  std::uint64_t left_;
  AllEmbedded out_;
  bool inside_ = false;  // a string
  bool wanted_ = false;  // whose text is a pickle
  bool value_follows_ = false;  // the key of one was read
  std::uint64_t depth_ = 0;
  std::string text_;  // the last string, from its beginning
  std::string item_;
  Letters letters_;
  Base64 base64_;
};

}  // namespace

Result<AllEmbedded> find_embedded(ByteSource& json, std::size_t most, std::uint64_t most_bytes) {
  Finder finder(most, most_bytes);
  std::vector<std::uint8_t> block;
  for (std::uint64_t at = 0; at < json.size(); at += block.size()) {
    block.resize(static_cast<std::size_t>(std::min(kBlock, json.size() - at)));
    BRINE_CHECK_STATUS(json.read(at, block));
    for (const std::uint8_t byte : block) finder.put(static_cast<char>(byte));
  }
  return finder.take();
}

}  // namespace brine::format::baselines
