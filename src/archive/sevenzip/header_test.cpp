#include "archive/sevenzip/header.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "archive/sevenzip/decode.h"

namespace brine::archive::sevenzip {
namespace {

using namespace std::string_view_literals;

// One folder of one copied stream of ten bytes with two members, "a" of four and "b" of six.
constexpr std::string_view kHeader =
    "\x01\x04"
    "\x06\x00\x01\x09\x0a\x00"              // packed streams: position 0, one, of ten bytes
    "\x07\x0b\x01\x00\x01\x01\x00\x0c\x0a\x00"  // one folder: one coder, copy; ten bytes
    "\x08\x0d\x02\x09\x04\x00\x00"          // two members, the first of four bytes
    "\x05\x02\x11\x09\x00"
    "a\0\0\0b\0\0\0"
    "\x00\x00"sv;
constexpr std::uint64_t kFile = 42;  // 32 of the start header, ten of the stream

std::string changed(std::size_t at, char value) {
  std::string out(kHeader);
  out[at] = value;
  return out;
}

TEST(SevenZipHeader, NamesFoldersAndMembers) {
  const auto header = read_header(as_bytes(kHeader), kFile);
  ASSERT_TRUE(header) << header.error().what;
  EXPECT_TRUE(header->ordinary);
  ASSERT_EQ(header->folders.size(), 1u);
  const Folder& folder = header->folders[0];
  EXPECT_EQ(folder.at, kStart);
  EXPECT_EQ(folder.packed, 10u);
  EXPECT_TRUE(can_decode(folder));
  ASSERT_EQ(folder.members.size(), 2u);
  EXPECT_EQ(folder.members[0].name, "a\0"sv);
  EXPECT_EQ(folder.members[0].size, 4u);
  EXPECT_EQ(folder.members[1].size, 6u);
}

TEST(SevenZipHeader, IsReadAsPy7zrReadsIt) {
  // The position of the packed streams is not asked; the streams end where the file does.
  const auto moved = read_header(as_bytes(changed(3, 5)), kFile);
  ASSERT_TRUE(moved);
  EXPECT_FALSE(moved->ordinary);
  EXPECT_EQ(moved->folders[0].at, kStart);
  const auto longer = read_header(as_bytes(changed(6, 90)), kFile);
  ASSERT_TRUE(longer);
  EXPECT_EQ(longer->folders[0].packed, 10u);
  // A first member that is larger than everything leaves the last with nothing.
  const auto larger = read_header(as_bytes(changed(22, 50)), kFile);
  ASSERT_TRUE(larger);
  EXPECT_FALSE(larger->ordinary);
  EXPECT_EQ(larger->folders[0].members[0].size, 50u);
  EXPECT_EQ(larger->folders[0].members[1].size, 0u);
}

TEST(SevenZipHeader, EveryCutIsRefused) {
  for (std::size_t length = 0; length < kHeader.size(); ++length) {
    EXPECT_FALSE(read_header(as_bytes(kHeader.substr(0, length)), kFile)) << length;
  }
}

TEST(SevenZipHeader, CountsAreHeldAgainstWhatIsThere) {
  for (const std::size_t count : {std::size_t{4}, std::size_t{10}, std::size_t{20}}) {
    std::string huge(kHeader);
    huge.replace(count, 1, "\xff\xff\xff\xff\xff\xff\xff\xff\x7f"sv);
    EXPECT_FALSE(read_header(as_bytes(huge), kFile)) << count;
  }
}

TEST(SevenZipHeader, RewrittenItSaysTheSame) {
  const auto header = read_header(as_bytes(kHeader), kFile);
  ASSERT_TRUE(header);
  const Rewritten written = rewrite(header->folders[0], kFile);
  const auto start = read_start(written.head, kFile + written.tail.size());
  ASSERT_TRUE(start) << start.error().what;
  EXPECT_EQ(start->header_at, kFile);
  const auto again = read_header(written.tail, kFile);
  ASSERT_TRUE(again) << again.error().what;
  EXPECT_TRUE(again->ordinary);
  ASSERT_EQ(again->folders.size(), 1u);
  ASSERT_EQ(again->folders[0].members.size(), 2u);
  EXPECT_EQ(again->folders[0].members[1].name, "b\0"sv);
  EXPECT_EQ(again->folders[0].members[1].size, 6u);
}

std::string decoded(const Folder& folder, std::string_view file) {
  std::string out;
  const auto read = [&](std::uint64_t at, std::span<std::uint8_t> room) {
    const std::string_view piece = file.substr(std::min<std::size_t>(at, file.size()), room.size());
    std::copy(piece.begin(), piece.end(), room.begin());
    return piece.size();
  };
  decode(folder, read, [&](ByteSpan bytes) {
    out += as_text(bytes);
    return true;
  });
  return out;
}

TEST(SevenZipDecode, TheCodersRunInOrder) {
  Folder folder;
  folder.packed = 6;
  folder.members = {{{}, 5}};
  folder.coders = {{{0}, {}, false}};
  EXPECT_EQ(decoded(folder, "abcdef"), "abcde");
  // Delta, a byte apart: each byte is the sum of those before it.
  folder.coders.push_back({{3}, {0}, true});
  EXPECT_EQ(decoded(folder, "a\1\1\1\1\1"), "abcde");
  folder.coders.push_back({{6, 0xf1, 7, 1}, {}, false});  // AES
  EXPECT_FALSE(can_decode(folder));
}

}  // namespace
}  // namespace brine::archive::sevenzip
