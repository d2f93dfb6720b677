// Work list: what of a file is still to be looked at, the file itself first.
//
// Members of members and pickles in pickles wait here instead of on the machine's stack, so that no
// file decides how deep Brine recurses. Depth and number are bounded by Limits. What an item holds
// is looked at right behind it, before its neighbours, so that of many archives in an archive one
// is unpacked at a time.
#pragma once

#include <cstdint>
#include <deque>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/limits.h"
#include "format/stream.h"
#include "io/source.h"

namespace brine::scan {

// The members of one archive, by path: what lies in one folder once it is unpacked.
class Siblings {
 public:
  void add(const std::string& path, const format::OpenContent& open) {
    const auto [at, fresh] = members_.try_emplace(path, open);
    if (!fresh) at->second = nullptr;
  }
  // Null when there is none, or several of which nobody knows which one stays.
  const format::OpenContent* find(const std::string& path) const {
    const auto at = members_.find(path);
    return at == members_.end() || !at->second ? nullptr : &at->second;
  }

 private:
  std::map<std::string, format::OpenContent> members_;
};

struct Item {
  SourcePtr source;  // none: `open` gives it
  format::OpenContent open;
  std::string name;  // what acceptors see
  std::vector<std::string> member;  // from outside in; empty: the file
  std::optional<std::uint64_t> base;  // file offset of byte 0
  std::uint64_t depth = 0;
  bool beside = false;  // its loader finds other files in the folder of the scanned file
  std::shared_ptr<const Siblings> siblings;  // of a member
  std::string folder;  // of a member, in its archive: empty, or ends in '/'
  std::vector<format::LoaderUse> forced;  // unpicklers get it, whatever it looks like
  bool opens_formats = false;  // if so, only when it is no format that they know first
};

class WorkList {
 public:
  explicit WorkList(const Limits& limits) : limits_(limits) {}

  // The name of the limit that keeps the item out, or nullptr.
  const char* push(Item item) {
    if (item.depth > limits_.nested_depth) return "nested_depth";
    const bool nested = !item.forced.empty();
    std::uint64_t& count = nested ? nested_ : members_;
    if (count > (nested ? limits_.nested_streams : limits_.members)) {
      return nested ? "nested_streams" : "members";
    }
    ++count;
    inside_.push_back(std::move(item));
    return nullptr;
  }
  std::optional<Item> pop() {
    items_.insert(items_.begin(), std::move_iterator(inside_.begin()),
                  std::move_iterator(inside_.end()));
    inside_.clear();
    if (items_.empty()) return std::nullopt;
    Item item = std::move(items_.front());
    items_.pop_front();
    return item;
  }

 private:
  const Limits& limits_;
  std::deque<Item> items_;
  std::vector<Item> inside_;  // of the item that is looked at
  std::uint64_t members_ = 0, nested_ = 0;
};

}  // namespace brine::scan
