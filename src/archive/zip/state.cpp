#include "archive/zip/state.h"

#include <algorithm>

#include "archive/zip/cp437.h"
#include "base/escape.h"

namespace brine::archive {
namespace {

// Read together with a local header: the descriptor in front of it, and a usual name and padding.
constexpr std::uint64_t kBefore = 32;
constexpr std::uint64_t kUsualTail = 192;
// Headers that lie so near to each other are read together.
constexpr std::uint64_t kNear = 1u << 10;
constexpr std::uint64_t kTogether = 32u << 10;

}  // namespace

// Bytes within the file that need not be read.
std::optional<ByteSpan> ZipArchive::State::held(std::uint64_t offset, std::uint64_t count) const {
  ByteSpan memory = source->in_memory();
  if (!memory.empty()) {
    return memory.subspan(static_cast<std::size_t>(offset), static_cast<std::size_t>(count));
  }
  if (offset >= tail_start && !tail.empty()) {
    return tail.subspan(static_cast<std::size_t>(offset - tail_start),
                        static_cast<std::size_t>(count));
  }
  auto after = blocks_.upper_bound(offset);
  if (after != blocks_.begin()) {
    const auto& [start, bytes] = *std::prev(after);
    std::uint64_t skip = offset - start;
    if (skip <= bytes.size() && count <= bytes.size() - skip) {
      return ByteSpan(bytes).subspan(static_cast<std::size_t>(skip),
                                     static_cast<std::size_t>(count));
    }
  }
  return std::nullopt;
}

Result<ByteSpan> ZipArchive::State::fetch(std::uint64_t offset, std::uint64_t count) {
  if (offset > size || count > size - offset) {
    return fail(Error::truncated(offset, count, offset > size ? 0 : size - offset));
  }
  if (const auto known = held(offset, count)) return *known;
  BRINE_TRY(std::vector<std::uint8_t> fresh, source->read_vector(offset, count));
  auto [place, added] = blocks_.try_emplace(offset, std::move(fresh));
  if (added || place->second.size() >= count) {
    return ByteSpan(place->second).first(static_cast<std::size_t>(count));
  }
  // A shorter block starts here and somebody looks at it: keep both.
  return ByteSpan(spare_.emplace_back(std::move(fresh)));
}

Result<ByteSpan> ZipArchive::State::fetch_some(std::uint64_t offset, std::uint64_t count) {
  if (offset >= size) return ByteSpan{};
  return fetch(offset, std::min(count, size - offset));
}

Result<ByteSpan> ZipArchive::State::look(std::uint64_t offset, std::uint64_t count) {
  if (offset >= size) return ByteSpan{};
  count = std::min(count, size - offset);
  if (const auto known = held(offset, count)) return *known;
  const std::uint64_t end = seen_at_ + seen_.size();
  if (offset < seen_at_ || offset > end || count > end - offset) {
    const bool near = offset >= seen_at_ && offset <= end + kNear;
    const std::uint64_t wanted = near ? std::max(count, kTogether) : count;
    BRINE_TRY(seen_, source->read_vector(offset, std::min(wanted, size - offset)));
    seen_at_ = offset;
  }
  return ByteSpan(seen_).subspan(static_cast<std::size_t>(offset - seen_at_),
                                 static_cast<std::size_t>(count));
}

std::string_view ZipArchive::State::keep_text(std::string_view text) {
  if (text.empty()) return {};
  if (const auto known = kept_.find(text); known != kept_.end()) return *known;
  return *kept_.insert(texts.emplace_back(text)).first;
}

// No directory is read any more.
void ZipArchive::State::finish_views() {
  decltype(entry_at)().swap(entry_at);
  entries.shrink_to_fit();
  miniz.members.shrink_to_fit();
  zipfile.members.shrink_to_fit();
}

std::uint32_t ZipArchive::State::entry_for(std::uint64_t offset, const ZipCentral& header) {
  auto [place, added] = entry_at.try_emplace(offset, static_cast<std::uint32_t>(entries.size()));
  if (added) entries.push_back({header, false, false});
  return place->second;
}

Result<const ZipLocal*> ZipArchive::State::local_at(std::uint64_t offset, std::string_view likely) {
  if (auto known = locals.find(offset); known != locals.end()) return &known->second;
  if (offset >= size) return fail(Error::truncated(offset, layout::kLocalSize, 0));
  std::uint64_t before = std::min(offset, kBefore);
  BRINE_TRY(ByteSpan around,
            look(offset - before, before + layout::kLocalSize + likely.size() + kUsualTail));
  ByteSpan bytes = around.subspan(static_cast<std::size_t>(before));
  auto parsed = layout::parse_local(bytes);
  if (!parsed) return fail(Error::malformed(offset, "no local header stands here"));
  std::size_t wanted = layout::kLocalSize + parsed->name_size + parsed->extra_size;
  if (!afford(header_bytes, std::min<std::uint64_t>(wanted, size - offset))) {
    return fail(Error::budget(offset, "local headers overlap beyond salvage_factor"));
  }
  const auto kept = held(offset, std::min<std::uint64_t>(wanted, size - offset));
  if (kept) {
    bytes = *kept;
  } else if (wanted > bytes.size()) {
    BRINE_TRY(ByteSpan more, look(offset, wanted));
    bytes = more;
  }
  ZipLocal found = parsed->header;
  found.offset = offset;
  found.data_offset = offset + std::min<std::uint64_t>(wanted, size - offset);
  found.header_size = found.data_offset - offset;
  ByteSpan rest = bytes.subspan(layout::kLocalSize);
  ByteSpan name = rest.first(std::min<std::size_t>(parsed->name_size, rest.size()));
  rest = rest.subspan(name.size());
  // Most headers' extra fields are the same, and all names but a liar's the directory's.
  const ByteSpan extra = rest.first(std::min<std::size_t>(parsed->extra_size, rest.size()));
  found.name = kept ? as_text(name) : as_text(name) == likely ? likely : keep_text(as_text(name));
  found.extra = kept ? extra : as_bytes(keep_text(as_text(extra)));
  layout::ExtraFields fields(found.extra);
  while (auto field = fields.next()) {
    if (field->id != layout::kZip64Field) continue;
    found.zip64 =
        layout::apply_zip64(field->data, {&found.uncompressed, &found.compressed, nullptr});
    break;
  }
  return &locals.try_emplace(offset, found).first->second;
}

bool ZipArchive::State::afford(std::uint64_t& spent, std::uint64_t more) const {
  constexpr std::uint64_t kSlack = 1u << 20;  // small files are not worth a limit
  std::uint64_t allowed = UINT64_MAX;
  if (limits.salvage_factor != 0 && size <= (UINT64_MAX - kSlack) / limits.salvage_factor) {
    allowed = size * limits.salvage_factor + kSlack;
  }
  if (more > allowed || spent > allowed - more) return false;
  spent += more;
  return true;
}

void ZipArchive::State::make_index() {
  if (index_made) return;
  index_made = true;
  miniz_index.fill(miniz);
  zipfile_index.fill(zipfile);
}

std::string lower_ascii(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

std::optional<std::string> python_name(std::string_view bytes, std::uint16_t flags) {
  bool ascii = std::all_of(bytes.begin(), bytes.end(),
                           [](char c) { return static_cast<unsigned char>(c) < 0x80; });
  if (ascii) return std::string(bytes);
  std::string out;
  if ((flags & layout::kFlagUtf8) == 0) {
    for (char c : bytes) append_utf8(out, cp437_code_point(static_cast<std::uint8_t>(c)));
    return out;
  }
  return is_utf8(bytes) ? std::optional(std::string(bytes)) : std::nullopt;
}

}  // namespace brine::archive
