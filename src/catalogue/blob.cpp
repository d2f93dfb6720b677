#include "catalogue/blob.h"

#include <algorithm>
#include <array>
#include <compare>

extern "C" {
extern const unsigned char brine_catalogue[];
extern const unsigned char brine_catalogue_end[];
}

namespace brine::catalogue {
namespace {

constexpr std::string_view kMagic = "BRNFACT1";
constexpr std::size_t kSections = 6;
constexpr std::uint32_t kBlock = 16;
constexpr std::size_t kRecord = 32;

// Compares a stored name with "module:name" without putting the key together.
std::strong_ordering compare_text(std::string_view a, std::string_view b) {
  const int order = a.compare(b);
  return order <=> 0;
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
  const bool whole = blob.blocks_.bytes.size() / 4 >= blob.blocks_.count &&
                     blob.facts_.bytes.size() / kRecord >= blob.facts_.count &&
                     blob.facts_.count == blob.names_.count &&
                     blob.blocks_.count == (blob.names_.count + kBlock - 1) / kBlock &&
                     blob.classes_.bytes.size() / kRecord >= blob.classes_.count &&
                     blob.words_.bytes.size() / 4 >= blob.words_.count;
  if (!whole) return std::nullopt;
  return blob;
}

std::string_view Blob::block_head(std::uint32_t block) const {
  const std::uint32_t offset = load_le32(blocks_.bytes.data() + std::size_t{block} * 4);
  return NameReader(names_.bytes, std::min<std::size_t>(offset, names_.bytes.size())).suffix();
}

Rank Blob::find(Key key) const {
  // -1, 0, 1 as the stored name is below, equal to or above the key.
  const auto order = [&key](std::string_view stored) {
    const std::size_t cut = key.module.size();
    if (const auto first = compare_text(stored.substr(0, cut), key.module); first != 0) {
      return first;
    }
    if (stored.size() == cut) return std::strong_ordering::less;
    if (stored[cut] != ':') {
      return static_cast<unsigned char>(stored[cut]) <=> static_cast<unsigned char>(':');
    }
    return compare_text(stored.substr(cut + 1), key.name);
  };
  std::uint32_t low = 0;
  std::uint32_t high = blocks_.count;
  while (low < high) {
    const std::uint32_t middle = low + (high - low) / 2;
    if (order(block_head(middle)) <= 0) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  if (low == 0) return kNoRank;
  const std::uint32_t block = low - 1;
  const std::uint32_t offset = load_le32(blocks_.bytes.data() + std::size_t{block} * 4);
  NameReader reader(names_.bytes, std::min<std::size_t>(offset, names_.bytes.size()));
  // `matched` is how much of the key the name before agrees with; a name that shares less than that
  // with its predecessor has gone past the key, one that shares more still lies before it.
  std::string stored(reader.suffix());
  const Rank first = block * kBlock;
  const Rank end = std::min(first + kBlock, names_.count);
  for (Rank rank = first; rank < end; ++rank) {
    if (rank != first) {
      const std::size_t shared = std::min<std::size_t>(reader.number(), stored.size());
      stored.resize(shared);
      stored += reader.suffix();
    }
    const auto result = order(stored);
    if (result == 0) return rank;
    if (result > 0) break;
  }
  return kNoRank;
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
  out.instance = static_cast<Behaviour>(flags >> 8 & 0xff);
  return out;
}

std::string Blob::name(Rank rank) const {
  if (rank >= names_.count) return {};
  const std::uint32_t offset =
      load_le32(blocks_.bytes.data() + std::size_t{rank / kBlock} * 4);
  NameReader reader(names_.bytes, std::min<std::size_t>(offset, names_.bytes.size()));
  std::string stored(reader.suffix());
  for (Rank i = rank / kBlock * kBlock; i < rank; ++i) {
    stored.resize(std::min<std::size_t>(reader.number(), stored.size()));
    stored += reader.suffix();
  }
  return stored;
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
