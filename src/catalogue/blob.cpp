#include "catalogue/blob.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

extern "C" {
extern const unsigned char brine_catalogue[];
extern const unsigned char brine_catalogue_end[];
}

namespace brine::catalogue {
namespace {

constexpr std::string_view kMagic = "BRNFACT2";
constexpr std::size_t kSections = 7;
constexpr std::uint32_t kBlock = 16;
constexpr std::size_t kRecord = 32;
constexpr std::size_t kLongestName = 512;

// zlib takes a null pointer as a wish for the first value, so the empty text is no call.
std::uint32_t crc(std::uint32_t before, std::string_view text) {
  if (text.empty()) return before;
  return static_cast<std::uint32_t>(
      crc32_z(before, reinterpret_cast<const Bytef*>(text.data()), text.size()));
}

}  // namespace

// Walks the names of one block.
class Blob::NameReader {
 public:
  NameReader(ByteSpan bytes, std::size_t at) : bytes_(bytes), at_(at) {}

  std::uint32_t number() {
    std::uint32_t value = 0;
    for (unsigned shift = 0; shift < 28 && at_ < bytes_.size(); shift += 7) {
      const std::uint8_t byte = bytes_[at_++];
      value |= static_cast<std::uint32_t>(byte & 0x7f) << shift;
      if ((byte & 0x80) == 0) break;
    }
    return value;
  }
  std::string_view suffix() {
    const std::size_t count = std::min<std::size_t>(number(), bytes_.size() - at_);
    const std::string_view out = as_text(bytes_.subspan(at_, count));
    at_ += count;
    return out;
  }

 private:
  ByteSpan bytes_;
  std::size_t at_;
};

const Blob& Blob::embedded() {
  static const Blob blob =
      over({brine_catalogue, static_cast<std::size_t>(brine_catalogue_end - brine_catalogue)})
          .value_or(Blob{});
  return blob;
}

std::optional<Blob> Blob::over(ByteSpan bytes) {
  Bytes cursor(bytes);
  const auto magic = cursor.take(kMagic.size());
  if (!magic || as_text(*magic) != kMagic) return std::nullopt;
  const auto size = cursor.le32();
  if (!size || *size > bytes.size()) return std::nullopt;
  std::array<std::uint32_t, kSections + 1> offsets{};
  std::array<std::uint32_t, kSections> counts{};
  offsets[kSections] = *size;
  for (std::size_t i = 0; i < kSections; ++i) {
    const auto offset = cursor.le32();
    const auto count = cursor.le32();
    if (!offset || !count) return std::nullopt;
    offsets[i] = *offset;
    counts[i] = *count;
  }
  std::array<Section, kSections> sections;
  for (std::size_t i = 0; i < kSections; ++i) {
    if (offsets[i] > offsets[i + 1]) return std::nullopt;
    sections[i] = {bytes.subspan(offsets[i], offsets[i + 1] - offsets[i]), counts[i]};
  }
  Blob blob;
  blob.blocks_ = sections[0];
  blob.names_ = sections[1];
  blob.facts_ = sections[2];
  blob.classes_ = sections[3];
  blob.words_ = sections[4];
  blob.texts_ = sections[5];
  blob.index_ = sections[6];
  const bool whole = blob.blocks_.bytes.size() / 4 >= blob.blocks_.count &&
                     blob.facts_.bytes.size() / kRecord >= blob.facts_.count &&
                     blob.facts_.count == blob.names_.count &&
                     blob.blocks_.count == (blob.names_.count + kBlock - 1) / kBlock &&
                     blob.classes_.bytes.size() / kRecord >= blob.classes_.count &&
                     blob.words_.bytes.size() / 4 >= blob.words_.count &&
                     blob.index_.bytes.size() / 4 >= blob.index_.count &&
                     std::has_single_bit(blob.index_.count);
  if (!whole) return std::nullopt;
  return blob;
}

bool Blob::is(Rank rank, Key key) const {
  std::array<char, kLongestName> buffer;  // NOLINT: filled by spell
  const std::string_view stored = spell(rank, buffer);
  const std::size_t cut = key.module.size();
  return stored.size() == cut + 1 + key.name.size() && stored.starts_with(key.module) &&
         stored[cut] == ':' && stored.ends_with(key.name);
}

// Writes the name into `buffer`, going through its block; what is longer than that is no name of
// ours.
std::string_view Blob::spell(Rank rank, std::span<char> buffer) const {
  if (rank >= names_.count) return {};
  const std::uint32_t offset = load_le32(blocks_.bytes.data() + std::size_t{rank / kBlock} * 4);
  NameReader reader(names_.bytes, std::min<std::size_t>(offset, names_.bytes.size()));
  std::size_t size = 0;
  for (Rank i = rank / kBlock * kBlock; i <= rank; ++i) {
    const std::size_t shared = i % kBlock == 0 ? 0 : std::min<std::size_t>(reader.number(), size);
    const std::string_view suffix = reader.suffix();
    if (suffix.size() > buffer.size() - shared) return {};
    std::memcpy(buffer.data() + shared, suffix.data(), suffix.size());
    size = shared + suffix.size();
  }
  return {buffer.data(), size};
}

Rank Blob::find(Key key) const {
  const std::uint32_t code = crc(crc(crc(0, key.module), ":"), key.name);
  const std::uint32_t mask = index_.count - 1;
  for (std::uint32_t step = 0; step < index_.count; ++step) {
    const std::uint32_t at = (code + step) & mask;
    const std::uint32_t slot = load_le32(index_.bytes.data() + std::size_t{at} * 4);
    if (slot == 0) return kNoRank;
    const Rank rank = (slot & 0xffffff) - 1;
    if ((slot >> 24) == code >> 24 && is(rank, key)) return rank;
  }
  return kNoRank;
}

std::optional<ClassFact> Blob::class_facts(std::string_view module, std::string_view name) const {
  const Rank rank = find_name(module, name);
  if (rank == kNoRank) return std::nullopt;
  const Fact known = fact(rank);
  if (known.kind != FactKind::type || known.danger) return std::nullopt;
  return type(known.type);
}

Rank Blob::find_name(std::string_view module, std::string_view name) const {
  // The empty name is how a module's own fact is filed; nobody may ask for it as a name.
  return name.empty() ? kNoRank : find({module, name});
}

Rank Blob::find_module(std::string_view module) const { return find({module, {}}); }

Fact Blob::fact(Rank rank) const {
  Fact out;
  if (rank >= facts_.count) return out;
  const std::uint8_t* p = facts_.bytes.data() + std::size_t{rank} * kRecord;
  out.kind = static_cast<FactKind>(p[0] & 3);
  out.danger = (p[1] & 1) != 0;
  out.shared = (p[1] & 2) != 0;
  out.gives_none = (p[1] & 4) != 0;
  out.typed = (p[1] & 8) != 0;
  out.behaviour = static_cast<Behaviour>(p[2]);
  out.argument = p[3];
  out.caps = load_le16(p + 4);
  out.type = load_le32(p + 8);
  out.result = load_le32(p + 12);
  out.contract = load_le32(p + 16);
  out.canonical = load_le32(p + 20);
  out.why = load_le32(p + 24);
  out.loader = load_le32(p + 28);
  return out;
}

ClassFact Blob::type(std::uint32_t number) const {
  ClassFact out;
  if (number == 0 || number > classes_.count) return out;
  const std::uint8_t* p = classes_.bytes.data() + (std::size_t{number} - 1) * kRecord;
  out.name = load_le32(p);
  out.construct = load_le32(p + 4);
  out.state = load_le32(p + 8);
  out.append = load_le32(p + 12);
  out.extend = load_le32(p + 16);
  out.setitem = load_le32(p + 20);
  out.add = load_le32(p + 24);
  const std::uint32_t flags = load_le32(p + 28);
  out.hash_inert = (flags & 0xff) == 1;
  out.unhashable = (flags & 0xff) == 2;
  out.parser = (flags >> 16 & 1) != 0;
  out.keywords = (flags >> 17 & 1) != 0;
  out.layer = (flags >> 18 & 1) != 0;
  out.keeps = (flags >> 19 & 1) != 0;
  out.instance = static_cast<Behaviour>(flags >> 8 & 0xff);
  return out;
}

std::string Blob::name(Rank rank) const {
  std::array<char, kLongestName> buffer;  // NOLINT: filled by spell
  return std::string(spell(rank, buffer));
}

std::string Blob::dotted(Rank rank) const {
  std::string out = name(rank);
  const std::size_t colon = out.find(':');
  if (colon == std::string::npos) return out;
  if (colon + 1 == out.size()) {
    out.pop_back();
  } else {
    out[colon] = '.';
  }
  return out;
}

std::string_view Blob::text(std::uint32_t offset) const {
  if (texts_.bytes.size() < 4 || offset > texts_.bytes.size() - 4) return {};
  const std::size_t left = texts_.bytes.size() - offset - 4;
  const std::uint32_t count = load_le32(texts_.bytes.data() + offset);
  if (count > left) return {};
  return as_text(texts_.bytes.subspan(std::size_t{offset} + 4, count));
}

std::uint32_t Blob::word(std::uint32_t index) const {
  return index < words_.count ? load_le32(words_.bytes.data() + std::size_t{index} * 4) : 0;
}

}  // namespace brine::catalogue
