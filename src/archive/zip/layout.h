// The fixed structures of a zip file: where each field lies, and nothing about what it means.
//
// Every parser takes the bytes from its signature on and answers nothing when they are too few or
// the signature is another. Lengths are taken as written; whether name, extra field and comment are
// really there is for the reader's model to decide, because the readers differ.
#pragma once

#include <cstdint>
#include <optional>

#include "archive/zip/reader.h"
#include "base/bytes.h"

namespace brine::archive::layout {

inline constexpr std::uint32_t kLocalSignature = 0x04034b50;
inline constexpr std::uint32_t kCentralSignature = 0x02014b50;
inline constexpr std::uint32_t kEndSignature = 0x06054b50;
inline constexpr std::uint32_t kEnd64Signature = 0x06064b50;
inline constexpr std::uint32_t kLocatorSignature = 0x07064b50;
inline constexpr std::uint32_t kDescriptorSignature = 0x08074b50;

inline constexpr std::size_t kLocalSize = 30;
inline constexpr std::size_t kCentralSize = 46;
inline constexpr std::size_t kEndSize = 22;
inline constexpr std::size_t kEnd64Size = 56;
inline constexpr std::size_t kLocatorSize = 20;

inline constexpr std::uint32_t kNoSize = 0xffffffff;  // "look into the zip64 extra field"
inline constexpr std::uint16_t kZip64Field = 0x0001;
inline constexpr std::uint16_t kUnicodePathField = 0x7075;
inline constexpr std::uint16_t kPaddingField = 0x4246;  // "FB", PyTorch's alignment

inline constexpr std::uint16_t kFlagEncrypted = 1u << 0;
inline constexpr std::uint16_t kFlagDescriptor = 1u << 3;
inline constexpr std::uint16_t kFlagPatch = 1u << 5;
inline constexpr std::uint16_t kFlagStrong = 1u << 6;
inline constexpr std::uint16_t kFlagUtf8 = 1u << 11;
inline constexpr std::uint16_t kFlagMasked = 1u << 13;
inline constexpr std::uint32_t kDirectoryAttribute = 1u << 4;

struct End {
  std::uint16_t disk = 0;
  std::uint16_t directory_disk = 0;
  std::uint16_t entries_on_disk = 0;
  std::uint16_t entries = 0;
  std::uint32_t directory_size = 0;
  std::uint32_t directory_offset = 0;
  std::uint16_t comment_size = 0;
};
struct End64 {
  std::uint64_t record_size = 0;
  std::uint32_t disk = 0;
  std::uint32_t directory_disk = 0;
  std::uint64_t entries_on_disk = 0;
  std::uint64_t entries = 0;
  std::uint64_t directory_size = 0;
  std::uint64_t directory_offset = 0;
};
struct Locator {
  std::uint32_t disk = 0;
  std::uint64_t offset = 0;
  std::uint32_t disks = 0;
};
// A central header's fixed part; the fields that need the extra field are 32 bits wide here.
struct Central {
  ZipCentral header;  // sizes, offset as written; name, extra, comment empty
  std::uint16_t name_size = 0;
  std::uint16_t extra_size = 0;
  std::uint16_t comment_size = 0;
};
struct Local {
  ZipLocal header;
  std::uint16_t name_size = 0;
  std::uint16_t extra_size = 0;
};

std::optional<End> parse_end(ByteSpan bytes);
std::optional<End64> parse_end64(ByteSpan bytes);
std::optional<Locator> parse_locator(ByteSpan bytes);
std::optional<Central> parse_central(ByteSpan bytes);
std::optional<Local> parse_local(ByteSpan bytes);

// The fields of an extra field, one by one; `broken` when the last one says more than there is.
class ExtraFields {
 public:
  explicit ExtraFields(ByteSpan bytes) : bytes_(bytes) {}
  struct Field {
    std::uint16_t id = 0;
    std::size_t start = 0;  // of its four-byte head, in the extra field
    ByteSpan data;
  };
  std::optional<Field> next();
  bool broken() const { return broken_; }
  std::size_t position() const { return position_; }  // behind the last field

 private:
  ByteSpan bytes_;
  std::size_t position_ = 0;
  bool broken_ = false;
};

// Replaces sizes and offset that say "see the zip64 field"; false when the field is too short.
struct Wide {
  std::uint64_t* uncompressed = nullptr;
  std::uint64_t* compressed = nullptr;
  std::uint64_t* offset = nullptr;  // local headers have none
};
bool apply_zip64(ByteSpan field, const Wide& values);

}  // namespace brine::archive::layout
