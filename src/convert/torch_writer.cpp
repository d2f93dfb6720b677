#include "convert/torch_writer.h"

#include <zlib.h>

#include <algorithm>
#include <span>

namespace brine::convert {
namespace {

constexpr std::uint64_t kChunk = 4u << 20;
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

class ZipWriter {
 public:
  explicit ZipWriter(const WriteAt& write) : write_(write) {}

  Status add(const std::string& name, std::uint64_t size,
             const std::function<Status(const std::function<Status(ByteSpan)>&)>& fill) {
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

  Status add(const std::string& name, const std::string& bytes) {
    return add(name, bytes.size(),
               [&](const std::function<Status(ByteSpan)>& take) { return take(as_span(bytes)); });
  }

  Result<std::uint64_t> finish() {
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

 private:
  static constexpr std::uint64_t kZip64 = 20;  // extra field of sizes
  static constexpr std::uint64_t kFiller = 4;  // head of torch's FB field
  struct Member {
    std::string name;
    std::uint64_t offset = 0, size = 0;
    std::uint32_t crc = 0;
  };

  const WriteAt& write_;
  std::vector<Member> members_;
  std::uint64_t at_ = 0;
};

Status copy_storage(const Storage& storage, const std::function<Status(ByteSpan)>& take) {
  const bool complex = storage.dtype != nullptr && storage.dtype->name.starts_with("complex");
  const std::uint64_t item = storage.dtype == nullptr ? 1 : storage.dtype->itemsize;
  const std::uint64_t part = complex ? item / 2 : item;
  std::vector<std::uint8_t> chunk(static_cast<std::size_t>(std::min(storage.size, kChunk)));
  for (std::uint64_t at = 0; at < storage.size;) {
    const std::span<std::uint8_t> piece(
        chunk.data(), static_cast<std::size_t>(std::min(storage.size - at, kChunk)));
    BRINE_CHECK_STATUS(storage.bytes->read(at, piece));
    for (std::size_t i = 0; storage.swapped && part > 1 && i + part <= piece.size(); i += part) {
      std::ranges::reverse(piece.subspan(i, part));
    }
    BRINE_CHECK_STATUS(take(piece));
    at += piece.size();
  }
  return {};
}

}  // namespace

Result<std::uint64_t> write_torch_zip(const std::string& root, const Rewritten& rewritten,
                                      const std::vector<Storage>& storages, const WriteAt& write) {
  ZipWriter zip(write);
  BRINE_CHECK_STATUS(zip.add(root + "/data.pkl", rewritten.pickle));
  BRINE_CHECK_STATUS(zip.add(root + "/byteorder", std::string("little")));
  for (std::size_t i = 0; i < rewritten.storages.size(); ++i) {
    const Storage& storage = storages[rewritten.storages[i]];
    if (storage.size != 0 && storage.bytes == nullptr) {
      return fail({ErrorCode::internal, 0, "a storage that was not found"});
    }
    BRINE_CHECK_STATUS(zip.add(
        root + "/data/" + std::to_string(i), storage.size,
        [&](const std::function<Status(ByteSpan)>& take) { return copy_storage(storage, take); }));
  }
  BRINE_CHECK_STATUS(zip.add(root + "/version", std::string("3\n")));
  return zip.finish();
}

}  // namespace brine::convert
