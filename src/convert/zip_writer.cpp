#include "convert/zip_writer.h"

#include <zlib.h>

#include <algorithm>
#include <string_view>

namespace brine::convert {
namespace {

constexpr std::uint64_t kAlignment = 64;
constexpr std::uint64_t kLocalHeader = 30;
constexpr std::uint32_t kMax32 = 0xffffffff;
constexpr std::uint16_t kVersion = 45;  // zip64

// Little-endian fields, appended.
class Fields {
 public:
  Fields& u16(std::uint64_t value) { return put(value, 2); }
  Fields& u32(std::uint64_t value) { return put(value, 4); }
  Fields& u64(std::uint64_t value) { return put(value, 8); }
  Fields& text(std::string_view value) {
    out_ += value;
    return *this;
  }
  Fields& zeros(std::uint64_t count) {
    out_.append(count, '\0');
    return *this;
  }
  const std::string& str() const { return out_; }

 private:
  Fields& put(std::uint64_t value, unsigned bytes) {
    for (unsigned i = 0; i < bytes; ++i) out_ += static_cast<char>(value >> (8 * i) & 0xff);
    return *this;
  }
  std::string out_;
};

ByteSpan as_span(const std::string& text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

constexpr std::uint64_t kZip64 = 20;  // extra field of sizes
constexpr std::uint64_t kFiller = 4;  // head of torch's FB field

}  // namespace

Status ZipWriter::add(const std::string& name, std::uint64_t size, const Fill& fill) {
  Member member{name, at_, size, 0};
  // The header comes last, when the checksum is known; its length is fixed now.
  const std::uint64_t bare = at_ + kLocalHeader + name.size() + kZip64 + kFiller;
  const std::uint64_t padding = (kAlignment - bare % kAlignment) % kAlignment;
  std::uint64_t at = bare + padding;
  const std::uint64_t data = at;
  uLong sum = ::crc32(0, nullptr, 0);
  BRINE_CHECK_STATUS(fill([&](ByteSpan bytes) -> Status {
    sum = ::crc32_z(sum, bytes.data(), bytes.size());
    BRINE_CHECK_STATUS(write_(at, bytes));
    at += bytes.size();
    return {};
  }));
  if (at - data != size) return fail({ErrorCode::internal, 0, "a member of another size"});
  member.crc = static_cast<std::uint32_t>(sum);
  Fields header;
  header.u32(0x04034b50).u16(kVersion).u16(0x800).u16(0).u16(0).u16(0x21).u32(member.crc);
  header.u32(kMax32).u32(kMax32).u16(name.size()).u16(kZip64 + kFiller + padding).text(name);
  header.u16(1).u16(16).u64(size).u64(size);
  header.text("FB").u16(padding).zeros(padding);
  BRINE_CHECK_STATUS(write_(at_, as_span(header.str())));
  members_.push_back(std::move(member));
  at_ = at;
  return {};
}

Status ZipWriter::add(const std::string& name, const std::string& bytes) {
  return add(name, bytes.size(), [&](const Take& take) { return take(as_span(bytes)); });
}

Result<std::uint64_t> ZipWriter::finish() {
  const std::uint64_t start = at_;
  Fields directory;
  for (const Member& member : members_) {
    directory.u32(0x02014b50).u16(kVersion).u16(kVersion).u16(0x800).u16(0).u16(0).u16(0x21);
    directory.u32(member.crc).u32(kMax32).u32(kMax32).u16(member.name.size()).u16(28).u16(0);
    directory.u16(0).u16(0).u32(0).u32(kMax32).text(member.name);
    directory.u16(1).u16(24).u64(member.size).u64(member.size).u64(member.offset);
  }
  const std::uint64_t size = directory.str().size();
  Fields end;
  end.u32(0x06064b50).u64(44).u16(kVersion).u16(kVersion).u32(0).u32(0);
  end.u64(members_.size()).u64(members_.size()).u64(size).u64(start);
  end.u32(0x07064b50).u32(0).u64(start + size).u32(1);
  const std::uint64_t count = std::min<std::uint64_t>(members_.size(), 0xffff);
  end.u32(0x06054b50).u16(0).u16(0).u16(count).u16(count);
  end.u32(std::min<std::uint64_t>(size, kMax32)).u32(std::min<std::uint64_t>(start, kMax32));
  end.u16(0);
  BRINE_CHECK_STATUS(write_(start, as_span(directory.str())));
  BRINE_CHECK_STATUS(write_(start + size, as_span(end.str())));
  return start + size + end.str().size();
}

}  // namespace brine::convert
