// Members by name, for readers that look one up and for names that come twice.
//
// Problem: an archive of a hundred thousand members is asked for many names, and a map of strings
// weighs more than its directory. Method: one sorted row a member, its name hashed. Invariant:
// names that were made to have one hash cost comparisons, never more rows to look through.
#include <algorithm>

#include "archive/zip/state.h"

namespace brine::archive {
namespace {

unsigned char folded(char c) {
  return static_cast<unsigned char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

int compare_folded(std::string_view a, std::string_view b) {
  const std::size_t both = std::min(a.size(), b.size());
  for (std::size_t i = 0; i < both; ++i) {
    if (folded(a[i]) != folded(b[i])) return folded(a[i]) < folded(b[i]) ? -1 : 1;
  }
  return a.size() == b.size() ? 0 : a.size() < b.size() ? -1 : 1;
}

}  // namespace

NameIndex::Row NameIndex::row_of(std::string_view name, std::uint32_t member) const {
  std::uint64_t hash = 0xcbf29ce484222325u;  // FNV-1a
  for (const char c : name) {
    hash = (hash ^ (fold_ ? folded(c) : static_cast<unsigned char>(c))) * 0x100000001b3u;
  }
  return {hash, name, member};
}

int NameIndex::compare(const Row& a, const Row& b) const {
  if (a.hash != b.hash) return a.hash < b.hash ? -1 : 1;
  return fold_ ? compare_folded(a.name, b.name) : a.name.compare(b.name);
}

void NameIndex::fill(const ZipView& view) {
  rows_.reserve(view.members.size());
  for (std::size_t i = 0; i < view.members.size(); ++i) {
    rows_.push_back(row_of(view.members[i].name, static_cast<std::uint32_t>(i)));
  }
  std::sort(rows_.begin(), rows_.end(), [&](const Row& a, const Row& b) {
    const int order = compare(a, b);
    return order != 0 ? order < 0 : a.member < b.member;
  });
}

std::vector<std::size_t> NameIndex::find(std::string_view name) const {
  const auto [first, last] =
      std::equal_range(rows_.begin(), rows_.end(), row_of(name, 0),
                       [&](const Row& a, const Row& b) { return compare(a, b) < 0; });
  std::vector<std::size_t> out;
  for (auto row = first; row != last; ++row) out.push_back(row->member);
  return out;
}

std::vector<std::pair<std::uint32_t, std::uint32_t>> NameIndex::repeated() const {
  std::vector<std::pair<std::uint32_t, std::uint32_t>> out;
  for (std::size_t first = 0, i = 1; i < rows_.size(); ++i) {
    if (compare(rows_[first], rows_[i]) == 0) {
      out.emplace_back(rows_[i].member, rows_[first].member);
    } else {
      first = i;
    }
  }
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace brine::archive
