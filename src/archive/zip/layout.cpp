#include "archive/zip/layout.h"

namespace brine::archive::layout {
namespace {

bool has(ByteSpan bytes, std::size_t size, std::uint32_t signature) {
  return bytes.size() >= size && load_le32(bytes.data()) == signature;
}

}  // namespace

std::optional<End> parse_end(ByteSpan bytes) {
  if (!has(bytes, kEndSize, kEndSignature)) return std::nullopt;
  const std::uint8_t* p = bytes.data();
  return End{load_le16(p + 4),  load_le16(p + 6),  load_le16(p + 8), load_le16(p + 10),
             load_le32(p + 12), load_le32(p + 16), load_le16(p + 20)};
}

std::optional<End64> parse_end64(ByteSpan bytes) {
  if (!has(bytes, kEnd64Size, kEnd64Signature)) return std::nullopt;
  const std::uint8_t* p = bytes.data();
  return End64{load_le64(p + 4),  load_le32(p + 16), load_le32(p + 20), load_le64(p + 24),
               load_le64(p + 32), load_le64(p + 40), load_le64(p + 48)};
}

std::optional<Locator> parse_locator(ByteSpan bytes) {
  if (!has(bytes, kLocatorSize, kLocatorSignature)) return std::nullopt;
  const std::uint8_t* p = bytes.data();
  return Locator{load_le32(p + 4), load_le64(p + 8), load_le32(p + 16)};
}

std::optional<Central> parse_central(ByteSpan bytes) {
  if (!has(bytes, kCentralSize, kCentralSignature)) return std::nullopt;
  const std::uint8_t* p = bytes.data();
  Central out;
  ZipCentral& header = out.header;
  header.version_made_by = load_le16(p + 4);
  header.version_needed = load_le16(p + 6);
  header.flags = load_le16(p + 8);
  header.method = load_le16(p + 10);
  header.time = load_le16(p + 12);
  header.date = load_le16(p + 14);
  header.crc32 = load_le32(p + 16);
  header.compressed = load_le32(p + 20);
  header.uncompressed = load_le32(p + 24);
  out.name_size = load_le16(p + 28);
  out.extra_size = load_le16(p + 30);
  out.comment_size = load_le16(p + 32);
  header.disk = load_le16(p + 34);
  header.external = load_le32(p + 38);
  header.local_offset = load_le32(p + 42);
  return out;
}

std::optional<Local> parse_local(ByteSpan bytes) {
  if (!has(bytes, kLocalSize, kLocalSignature)) return std::nullopt;
  const std::uint8_t* p = bytes.data();
  Local out;
  ZipLocal& header = out.header;
  header.version_needed = load_le16(p + 4);
  header.flags = load_le16(p + 6);
  header.method = load_le16(p + 8);
  header.time = load_le16(p + 10);
  header.date = load_le16(p + 12);
  header.crc32 = load_le32(p + 14);
  header.compressed = load_le32(p + 18);
  header.uncompressed = load_le32(p + 22);
  out.name_size = load_le16(p + 26);
  out.extra_size = load_le16(p + 28);
  return out;
}

std::optional<ExtraFields::Field> ExtraFields::next() {
  std::size_t left = bytes_.size() - position_;
  if (left == 0) return std::nullopt;
  if (left < 4) {
    broken_ = true;
    return std::nullopt;
  }
  const std::uint8_t* p = bytes_.data() + position_;
  std::size_t size = load_le16(p + 2);
  if (size > left - 4) {
    broken_ = true;
    return std::nullopt;
  }
  Field field{load_le16(p), position_, bytes_.subspan(position_ + 4, size)};
  position_ += 4 + size;
  return field;
}

bool apply_zip64(ByteSpan field, const Wide& values) {
  for (std::uint64_t* value : {values.uncompressed, values.compressed, values.offset}) {
    if (value == nullptr || *value != kNoSize) continue;
    if (field.size() < 8) return false;
    *value = load_le64(field.data());
    field = field.subspan(8);
  }
  return true;
}

}  // namespace brine::archive::layout
