#include "format/probe.h"

#include <algorithm>
#include <cstring>

#include "format/names.h"

namespace brine::format {

Probe::Probe(std::string_view name, SourcePtr source)
    : name_(name), lower_(ascii_lower(name)), source_(std::move(source)), size_(source_->size()) {
  head_ = fetch(0, std::min(size_, kHeadBytes), head_store_);
}

ByteSpan Probe::fetch(std::uint64_t offset, std::uint64_t count, std::vector<std::uint8_t>& store) {
  if (count == 0) return {};
  if (ByteSpan all = source_->in_memory(); !all.empty()) {
    return all.subspan(static_cast<std::size_t>(offset), static_cast<std::size_t>(count));
  }
  store.resize(static_cast<std::size_t>(count));
  if (Status read = source_->read(offset, store); !read) {
    error_ = read;
    store.clear();
  }
  return store;
}

ByteSpan Probe::tail() {
  if (!tail_known_) {
    tail_known_ = true;
    const std::uint64_t count = std::min(size_, kTailBytes);
    tail_ = count <= head_.size() ? head_ : fetch(size_ - count, count, tail_store_);
  }
  return tail_;
}

bool Probe::starts_with(std::string_view magic, std::size_t at) const {
  if (at > head_.size() || magic.size() > head_.size() - at) return false;
  return std::memcmp(head_.data() + at, magic.data(), magic.size()) == 0;
}

bool Probe::has_zip_end() { return as_text(tail()).rfind("PK\5\6") != std::string_view::npos; }

}  // namespace brine::format
