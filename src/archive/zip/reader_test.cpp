#include "archive/zip/reader.h"

#include <gtest/gtest.h>

#include "archive/zip/layout.h"

namespace brine::archive {
namespace {

using Buffer = std::vector<std::uint8_t>;

void put(Buffer& out, std::uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) {
    out.push_back(i < 8 ? static_cast<std::uint8_t>(value >> (8 * i)) : std::uint8_t{0});
  }
}
void put(Buffer& out, std::string_view text) { out.insert(out.end(), text.begin(), text.end()); }

struct Item {
  std::string name;
  std::string data;
  std::uint16_t method = kZipStored;
  std::string extra;
  std::uint32_t promised = 0;  // uncompressed size; the data's when 0
};

std::uint32_t promised_size(const Item& item) {
  return item.promised != 0 ? item.promised : static_cast<std::uint32_t>(item.data.size());
}

void put_common(Buffer& out, const Item& item) {
  put(out, 0, 2);
  put(out, item.method, 2);
  put(out, 0x21'6000, 4);
  put(out, 0, 4);
  put(out, item.data.size(), 4);
  put(out, promised_size(item), 4);
  put(out, item.name.size(), 2);
}

Buffer make_zip(const std::vector<Item>& items) {
  Buffer out;
  Buffer directory;
  for (const Item& item : items) {
    std::size_t offset = out.size();
    put(out, layout::kLocalSignature, 4);
    put(out, 20, 2);
    put_common(out, item);
    put(out, item.extra.size(), 2);
    put(out, item.name);
    put(out, item.extra);
    put(out, item.data);
    put(directory, layout::kCentralSignature, 4);
    put(directory, 20 | 20 << 16, 4);
    put_common(directory, item);
    put(directory, 0, 12);
    put(directory, offset, 4);
    put(directory, item.name);
  }
  std::size_t start = out.size();
  out.insert(out.end(), directory.begin(), directory.end());
  put(out, layout::kEndSignature, 4);
  put(out, 0, 4);
  put(out, items.size(), 2);
  put(out, items.size(), 2);
  put(out, directory.size(), 4);
  put(out, start, 4);
  put(out, 0, 2);
  return out;
}

ZipArchive open_zip(Buffer bytes, const Limits& limits = {}) {
  auto opened = ZipArchive::open(std::make_shared<MemorySource>(std::move(bytes)), limits);
  EXPECT_TRUE(opened) << opened.error().what;
  return std::move(*opened);
}

std::string text_of(const ZipContent& content) {
  auto bytes = content.source->read_vector(0, content.source->size());
  return bytes ? std::string(as_text(*bytes)) : "unreadable";
}

const std::vector<Item> kTorch = {{"m/data.pkl", "payload", 0, {}, 0},
                                  {"m/version", "3\n", 0, {}, 0}};

// Counts what is really read, and has no memory to look into.
class CountingSource final : public ByteSource {
 public:
  CountingSource(Buffer head, Buffer tail, std::uint64_t size)
      : head_(std::move(head)), tail_(std::move(tail)), size_(size) {}
  std::uint64_t size() const override { return size_; }
  std::uint64_t bytes_read() const override { return read_; }
  Status read(std::uint64_t offset, std::span<std::uint8_t> out) override {
    if (offset > size_ || out.size() > size_ - offset) {
      return fail(Error::truncated(offset, out.size(), 0));
    }
    read_ += out.size();
    std::uint64_t tail_start = size_ - tail_.size();
    for (std::size_t i = 0; i < out.size(); ++i) {
      std::uint64_t at = offset + i;
      out[i] = at < head_.size()  ? head_[static_cast<std::size_t>(at)]
               : at >= tail_start ? tail_[static_cast<std::size_t>(at - tail_start)]
                                  : std::uint8_t{0};
    }
    return {};
  }

 private:
  Buffer head_;
  Buffer tail_;
  std::uint64_t size_;
  std::uint64_t read_ = 0;
};

TEST(ZipArchive, BothReadersSeeAnHonestFile) {
  ZipArchive zip = open_zip(make_zip(kTorch));
  EXPECT_TRUE(zip.miniz().opens);
  EXPECT_TRUE(zip.zipfile().opens);
  EXPECT_EQ(zip.torch_root(), "m");
  EXPECT_EQ(zip.torch_refusal(), "");
  ASSERT_EQ(zip.torch_candidates("DATA.pkl").size(), 1u);
  auto content = zip.content(zip.miniz(), zip.torch_candidates("data.pkl")[0]);
  ASSERT_TRUE(content);
  EXPECT_EQ(text_of(*content), "payload");
  EXPECT_EQ(content->file_offset, 40u);
  EXPECT_TRUE((*zip.disagreements())->empty());
  EXPECT_TRUE(zip.gaps()->empty());
}

TEST(ZipArchive, EveryEntryThatALookupCouldReturnIsACandidate) {
  auto items = kTorch;
  items.push_back({"M/DATA.PKL", "other", 0, {}, 0});
  items.push_back({"m/data.pkl", "third", 0, {}, 0});
  ZipArchive zip = open_zip(make_zip(items));
  EXPECT_EQ(zip.torch_candidates("data.pkl"), (std::vector<std::size_t>{0, 2, 3}));
  EXPECT_EQ(zip.zipfile_candidates("m/data.pkl"), (std::vector<std::size_t>{0, 3}));
}

TEST(ZipArchive, AVersionIsReadAsPyTorchReadsIt) {
  struct {
    const char* text;
    bool accepted;
  } cases[] = {{"3", true},   {" +3junk", true},
               {"10", true},  {"0", false},
               {"11", false}, {"", false},
               {"x", false},  {"-18446744073709551613", true},
               {"-1", false}, {"99999999999999999999", false}};
  for (const auto& one : cases) {
    auto items = kTorch;
    items[1].data = one.text;
    EXPECT_EQ(open_zip(make_zip(items)).torch_refusal().empty(), one.accepted) << one.text;
  }
}

TEST(ZipArchive, StoredMembersOfTwoLengthsDifferByReader) {
  auto items = kTorch;
  items[0].promised = 20;
  ZipArchive zip = open_zip(make_zip(items));
  EXPECT_EQ(zip.locate(zip.miniz(), 0)->output, 20u);
  EXPECT_EQ(zip.locate(zip.zipfile(), 0)->output, 7u);
}

TEST(ZipArchive, BytesBehindABreakInDeflateAreMemoryNobodyWrote) {
  auto items = kTorch;
  items[0].method = kZipDeflated;
  items[0].data = std::string(
      "\0\3\0\xfc\xff"
      "abc\7",
      9);  // a stored block, then no block at all
  items[0].promised = 10;
  ZipArchive zip = open_zip(make_zip(items));
  auto content = zip.content(zip.miniz(), 0);
  ASSERT_TRUE(content);
  EXPECT_EQ(text_of(*content), "abc");
  EXPECT_FALSE(content->whole);
  EXPECT_EQ(content->unwritten, 7u);
}

TEST(ZipArchive, LimitsEndInBudget) {
  Limits limits;
  limits.members = 1;
  auto source = std::make_shared<MemorySource>(make_zip(kTorch));
  auto opened = ZipArchive::open(source, limits);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::budget);
  limits = Limits{};
  limits.name_bytes = 5;
  EXPECT_EQ(ZipArchive::open(source, limits).error().code, ErrorCode::budget);
  limits = Limits{};
  limits.directory_bytes = 10;
  EXPECT_EQ(ZipArchive::open(source, limits).error().code, ErrorCode::budget);
}

TEST(ZipArchive, ALargeFileIsHardlyRead) {
  Buffer zip = make_zip(kTorch);
  std::uint64_t size = std::uint64_t{20} << 30;
  std::size_t directory = as_text(zip).find("PK\1\2");
  Buffer head(zip.begin(), zip.begin() + static_cast<std::ptrdiff_t>(directory));
  Buffer tail(zip.begin() + static_cast<std::ptrdiff_t>(directory), zip.end());
  // The directory moves behind 4 GiB: a 32-bit offset can only name it wrapped, so zipfile finds it
  // by its distance from the end and miniz does not.
  auto source = std::make_shared<CountingSource>(head, tail, size);
  auto opened = ZipArchive::open(source, Limits{});
  ASSERT_TRUE(opened);
  EXPECT_EQ(opened->zipfile().members.size(), 2u);
  ASSERT_TRUE(opened->disagreements());
  ASSERT_TRUE(opened->gaps());
  EXPECT_LT(source->bytes_read(), size / 1000);
}

TEST(ZipArchive, NoEndRecordIsMalformedAndSalvageFindsTheMembers) {
  Buffer zip = make_zip(kTorch);
  zip.resize(as_text(zip).find("PK\1\2"));
  auto source = std::make_shared<MemorySource>(zip);
  EXPECT_EQ(ZipArchive::open(source, Limits{}).error().code, ErrorCode::malformed);
  auto salvage = ZipArchive::open_salvage(source, Limits{});
  ASSERT_TRUE(salvage);
  auto local = salvage->local();
  ASSERT_TRUE(local);
  ASSERT_EQ((*local)->members.size(), 2u);
  EXPECT_EQ(text_of(*salvage->content(**local, 0)), "payload");
}

TEST(ZipArchive, PaddingIsExplainedAndOtherExtraFieldsAreNot) {
  auto items = kTorch;
  items[0].extra = std::string("FB\4\0ZZZZ", 8);
  EXPECT_TRUE(open_zip(make_zip(items)).gaps()->empty());
  items[0].extra = std::string("FB\4\0evil", 8);
  auto gaps = open_zip(make_zip(items)).gaps();
  ASSERT_EQ(gaps->size(), 1u);
  EXPECT_EQ((*gaps)[0].kind, ZipGapKind::extra_field);
}

TEST(ZipProbes, FollowEachReadersWindow) {
  Buffer zip = make_zip(kTorch);
  std::uint64_t end = zip.size() - layout::kEndSize;
  Buffer file = zip;
  EXPECT_EQ(miniz_end_record(file, file.size()), end);
  EXPECT_EQ(zipfile_end_record(file, file.size()), end);
  EXPECT_TRUE(starts_like_zip(file));
  Buffer long_file(100'000, 0);
  long_file.insert(long_file.end(), zip.begin(), zip.end());
  std::uint64_t at = 100'000 + end;
  auto with_tail = [&](std::size_t junk) {
    Buffer out = long_file;
    out.resize(out.size() + junk);
    return out;
  };
  file = with_tail(66'000);
  EXPECT_EQ(miniz_end_record(file, file.size()), at);
  EXPECT_EQ(zipfile_end_record(file, file.size()), std::nullopt);
  file = with_tail(65'536);
  EXPECT_EQ(zipfile_end_record(file, file.size()), at);
  file = with_tail(70'000);
  EXPECT_EQ(miniz_end_record(file, file.size()), std::nullopt);
  EXPECT_EQ(miniz_end_record(Buffer{}, 0), std::nullopt);
}

}  // namespace
}  // namespace brine::archive
