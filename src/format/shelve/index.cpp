#include "format/shelve/index.h"

#include <algorithm>
#include <utility>

namespace brine::format::shelve {

namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

// One line, without its end.
class Line {
 public:
  explicit Line(std::string_view text) : text_(text) {}

  std::optional<Record> record() {
    Record out;
    if (!key(out.key) || !word(", (") || !number(out.position) || !word(", ") ||
        !number(out.size) || !word(")")) {
      return std::nullopt;
    }
    if (text_.find_first_not_of(" \t") != std::string_view::npos) return std::nullopt;
    return out;
  }

 private:
  bool word(std::string_view wanted) {
    if (!text_.starts_with(wanted)) return false;
    text_.remove_prefix(wanted.size());
    return true;
  }

  // repr() of a str of Latin-1 letters.
  bool key(std::string& out) {
    if (text_.empty() || (text_.front() != '\'' && text_.front() != '"')) return false;
    const char quote = text_.front();
    text_.remove_prefix(1);
    while (!text_.empty()) {
      const char c = text_.front();
      text_.remove_prefix(1);
      if (c == quote) return true;
      if (static_cast<unsigned char>(c) < 0x20) return false;
      if (c != '\\') {
        out.push_back(c);
      } else if (!escape(out)) {
        return false;
      }
    }
    return false;
  }
  bool escape(std::string& out) {
    static constexpr std::string_view kLetters = "\\'\"nrt", kMeant = "\\'\"\n\r\t";
    if (text_.empty()) return false;
    const char c = text_.front();
    text_.remove_prefix(1);
    if (const std::size_t at = kLetters.find(c); at != std::string_view::npos) {
      out.push_back(kMeant[at]);
      return true;
    }
    if (c != 'x' || text_.size() < 2) return false;
    const int high = hex_digit(text_[0]), low = hex_digit(text_[1]);
    if (high < 0 || low < 0) return false;
    out.push_back(static_cast<char>(high << 4 | low));
    text_.remove_prefix(2);
    return true;
  }

  bool number(std::uint64_t& out) {
    constexpr std::size_t kMostDigits = 18;
    std::size_t digits = 0;
    while (digits < text_.size() && text_[digits] >= '0' && text_[digits] <= '9') ++digits;
    if (digits == 0 || digits > kMostDigits || (digits > 1 && text_[0] == '0')) return false;
    out = 0;
    for (const char c : text_.substr(0, digits)) out = out * 10 + static_cast<unsigned>(c - '0');
    text_.remove_prefix(digits);
    return true;
  }

  std::string_view text_;
};

}  // namespace

std::optional<std::vector<Record>> parse_index(std::string_view text, std::uint64_t most) {
  std::vector<Record> out;
  while (!text.empty()) {
    // Python reads the file as text: any of the three ends a line.
    const std::size_t end = std::min(text.find_first_of("\r\n"), text.size());
    std::optional<Record> record = Line(text.substr(0, end)).record();
    if (!record || out.size() >= most) return std::nullopt;
    out.push_back(std::move(*record));
    text.remove_prefix(end);
    if (text.starts_with("\r\n")) text.remove_prefix(1);
    if (!text.empty()) text.remove_prefix(1);
  }
  return out;
}

}  // namespace brine::format::shelve
