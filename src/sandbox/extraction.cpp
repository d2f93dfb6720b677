#include "sandbox/extraction.h"

#include <algorithm>
#include <utility>

namespace brine::sandbox {

void FrameReader::fail(ExtractionEnd end, std::string problem) {
  if (finished_) return;
  finished_ = true;
  out_.end = end;
  out_.problem = std::move(problem);
}

void FrameReader::feed(ByteSpan bytes) {
  while (!finished_ && !bytes.empty()) {
    const std::size_t wanted =
        held_.size() < kFrameHead ? kFrameHead : kFrameHead + load_le32(held_.data() + 1);
    const std::size_t count = std::min(wanted - held_.size(), bytes.size());
    held_.insert(held_.end(), bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(count));
    bytes = bytes.subspan(count);
    if (held_.size() < kFrameHead) return;
    const std::uint32_t length = load_le32(held_.data() + 1);
    if (length > kMostFrame) return fail(ExtractionEnd::died, "a message that is too long");
    if (held_.size() == kFrameHead + length) {
      frame(held_[0], ByteSpan(held_).subspan(kFrameHead));
      held_.clear();
    }
  }
}

void FrameReader::frame(std::uint8_t kind, ByteSpan payload) {
  const std::string text(as_text(payload));
  const auto is = [&](FrameKind wanted) { return kind == static_cast<std::uint8_t>(wanted); };
  if (is(FrameKind::refused) && !confined_) return fail(ExtractionEnd::unavailable, text);
  if (is(FrameKind::confined) && !confined_) {
    confined_ = true;
  } else if (is(FrameKind::entry) && confined_ && !in_entry_ && !payload.empty() &&
             payload[0] <= static_cast<std::uint8_t>(EntryKind::other)) {
    if (out_.entries.size() >= limits_.members) return fail(ExtractionEnd::limit, "members");
    if (payload.size() - 1 > limits_.name_bytes) return fail(ExtractionEnd::limit, "name_bytes");
    ExtractedEntry entry;
    entry.kind = static_cast<EntryKind>(payload[0]);
    entry.name = text.substr(1);
    entry.again = again_;
    out_.entries.push_back(std::move(entry));
    in_entry_ = true;
  } else if (is(FrameKind::data) && in_entry_) {
    std::vector<std::uint8_t>& bytes = out_.entries.back().bytes;
    const std::uint64_t room = std::min(budget_, limits_.member_bytes - bytes.size());
    const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(room, payload.size()));
    bytes.insert(bytes.end(), payload.begin(),
                 payload.begin() + static_cast<std::ptrdiff_t>(count));
    budget_ -= count;
    if (count < payload.size()) {
      return fail(ExtractionEnd::limit, budget_ == 0 ? "inflate_ratio" : "member_bytes");
    }
  } else if (is(FrameKind::entry_end) && in_entry_) {
    out_.entries.back().problem = text;
    in_entry_ = false;
  } else if (is(FrameKind::again) && confined_ && !in_entry_ && !again_) {
    again_ = true;
  } else if (is(FrameKind::done) && confined_ && !in_entry_) {
    fail(text.empty() ? ExtractionEnd::done : ExtractionEnd::broken, text);
  } else {
    fail(ExtractionEnd::died, "a message that makes no sense");
  }
}

}  // namespace brine::sandbox
