#include "archive/tar/pax.h"

#include <algorithm>
#include <array>
#include <optional>

#include "archive/tar/numbers.h"

namespace brine::archive {

namespace {

struct KeyRow {
  std::string_view name;
  PaxKey key;
  bool is_name;
};
constexpr auto kKeys = std::to_array<KeyRow>({
    {"path", PaxKey::path, true},
    {"linkpath", PaxKey::link_path, true},
    {"size", PaxKey::size, false},
    {"GNU.sparse.name", PaxKey::sparse_name, true},
    {"GNU.sparse.size", PaxKey::sparse_size, false},
    {"GNU.sparse.realsize", PaxKey::sparse_real_size, false},
    {"GNU.sparse.map", PaxKey::sparse_map, false},
    {"GNU.sparse.major", PaxKey::sparse_major, false},
    {"GNU.sparse.minor", PaxKey::sparse_minor, false},
});

// Digits looked at per byte: a length shorter than its own digits lets them be read again.
constexpr std::uint64_t kWorkFactor = 64;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// A range as Python slices: from `from` to `to`, empty when they cross.
std::string_view slice(std::string_view text, std::size_t from, std::uint64_t to) {
  if (from >= text.size() || to <= from) return {};
  return text.substr(from, static_cast<std::size_t>(to - from));
}

class Parser {
 public:
  Parser(std::string_view text, std::uint64_t name_bytes, PaxHeaders& into)
      : text_(text), name_bytes_(name_bytes), into_(into) {}

  PaxParsed run() {
    while (true) {
      const std::size_t digits_end = behind_digits();
      if (digits_end == at_ || digits_end >= text_.size() || text_[digits_end] != ' ') break;
      const std::size_t key = digits_end + 1;
      const std::size_t equals = next_equals(key);
      if (equals == std::string_view::npos || equals == key) break;
      if (work_ > kWorkFactor * text_.size()) return finish(PaxEnd::budget);
      const std::optional<std::int64_t> length = decimal_bytes(text_.substr(at_, digits_end - at_));
      if (!length) break;
      if (*length == 0) return finish(PaxEnd::invalid);
      const auto count = static_cast<std::uint64_t>(*length);
      const std::uint64_t left = text_.size() - at_;
      const bool within = count <= left;
      if (!within || count < 5 || text_[at_ + count - 1] != '\n' || equals >= at_ + count - 1) {
        out_.strict = false;
      }
      // Behind the end nothing is; a cut value loses no last byte.
      const std::uint64_t end = within ? at_ + count - 1 : text_.size();
      keep(text_.substr(key, equals - key), slice(text_, equals + 1, end));
      if (!within) return finish(PaxEnd::done);
      at_ += static_cast<std::size_t>(count);
    }
    if (at_ < text_.size() && text_[at_] != '\0') out_.strict = false;
    return finish(PaxEnd::done);
  }

 private:
  PaxParsed finish(PaxEnd end) {
    out_.end = end;
    return out_;
  }

  std::size_t behind_digits() {
    std::size_t end = at_;
    while (end < text_.size() && is_digit(text_[end])) ++end;
    work_ += end - at_;
    return end;
  }

  // Found once, asked for often.
  std::size_t next_equals(std::size_t from) {
    if (equals_ != std::string_view::npos && equals_ < from) known_ = false;
    if (!known_) equals_ = text_.find('=', from);
    known_ = true;
    return equals_;
  }

  void keep(std::string_view name, std::string_view value) {
    const auto row = std::ranges::find(kKeys, name, &KeyRow::name);
    if (row == kKeys.end()) return;
    if (row->is_name) value = value.substr(0, static_cast<std::size_t>(name_bytes_));
    out_.changed = into_.set(row->key, value) || out_.changed;
  }

  std::string_view text_;
  const std::uint64_t name_bytes_;
  PaxHeaders& into_;
  PaxParsed out_;
  std::size_t at_ = 0;
  std::size_t equals_ = std::string_view::npos;
  bool known_ = false;
  std::uint64_t work_ = 0;
};

}  // namespace

const std::string* PaxHeaders::find(PaxKey key) const {
  const auto item = std::ranges::find(items_, key, &std::pair<PaxKey, Value>::first);
  return item == items_.end() ? nullptr : item->second.get();
}

bool PaxHeaders::set(PaxKey key, std::string_view value) {
  const auto item = std::ranges::find(items_, key, &std::pair<PaxKey, Value>::first);
  if (item != items_.end()) {
    if (*item->second == value) return false;
    item->second = std::make_shared<const std::string>(value);
  } else {
    items_.emplace_back(key, std::make_shared<const std::string>(value));
  }
  return true;
}

PaxParsed parse_pax(std::string_view text, std::uint64_t name_bytes, PaxHeaders& into) {
  return Parser(text, name_bytes, into).run();
}

}  // namespace brine::archive
