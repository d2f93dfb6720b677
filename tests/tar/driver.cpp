// Prints what tarfile would list of a tar, for comparison with the real one.
//
// Input: tars on standard input, each after its length as four little-endian bytes. Output: a line
// of JSON for each: how the listing ended, and for each member its name (hex), type, offset of the
// data, size, link (hex) and the first bytes of what comes out (hex).
#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "archive/tar/reader.h"

namespace {

using brine::archive::TarMember;

constexpr std::uint64_t kShown = 4096;

bool read_exactly(std::vector<std::uint8_t>& out, std::size_t count) {
  out.resize(count);
  return std::fread(out.data(), 1, count, stdin) == count;
}

std::string hex(brine::ByteSpan bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  out.reserve(bytes.size() * 2);
  for (std::uint8_t byte : bytes) {
    out += kDigits[byte >> 4];
    out += kDigits[byte & 15];
  }
  return out;
}

std::string shown(const brine::SourcePtr& source, const TarMember& member) {
  const brine::SourcePtr content = brine::archive::open_tar_member(source, member);
  const auto bytes = content->read_vector(0, std::min(content->size(), kShown));
  return bytes ? hex(*bytes) : "!";
}

std::string answer(std::vector<std::uint8_t> bytes) {
  const brine::SourcePtr source = std::make_shared<brine::MemorySource>(std::move(bytes));
  const auto listing = brine::archive::list_tar(*source, brine::Limits{});
  if (!listing) return "{\"end\":\"!\",\"members\":[]}";
  std::string out = "{\"end\":" + std::to_string(static_cast<int>(listing->end)) +
                    ",\"problem\":\"" + listing->problem + "\",\"members\":[";
  for (const TarMember& member : listing->members) {
    if (out.back() != '[') out += ",";
    out += "[\"" + hex(brine::as_bytes(member.name)) + "\"," +
           std::to_string(static_cast<unsigned char>(member.type)) + "," +
           std::to_string(member.data) + "," + std::to_string(member.size) + ",\"" +
           hex(brine::as_bytes(member.link)) + "\",\"" + shown(source, member) + "\"]";
  }
  return out + "]}";
}

}  // namespace

int main() {
  std::vector<std::uint8_t> bytes;
  while (read_exactly(bytes, 4)) {
    const std::size_t size = brine::load_le32(bytes.data());
    if (!read_exactly(bytes, size)) return 1;
    std::printf("%s\n", answer(std::move(bytes)).c_str());
  }
  return 0;
}
