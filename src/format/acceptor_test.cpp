#include "format/acceptor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <string>

#include "format/names.h"
#include "format/recognized/recognized.h"

namespace brine::format {
namespace {

using namespace std::string_literals;

SourcePtr source_of(const std::string& text) {
  const ByteSpan bytes = as_bytes(text);
  return std::make_shared<MemorySource>(std::vector<std::uint8_t>(bytes.begin(), bytes.end()));
}

std::set<std::string> families(std::string_view name, const std::string& bytes) {
  Probe probe(name, source_of(bytes));
  std::set<std::string> out;
  for (const Reading& reading : readings(probe)) out.emplace(reading.family);
  return out;
}

std::string recognized_as(std::string_view name, const std::string& bytes) {
  Probe probe(name, source_of(bytes));
  return std::string(recognized::identify(probe));
}

// A tar header with the checksum that Python's tarfile wants, and no magic.
std::string tar_header(std::string block) {
  block.resize(512, '\0');
  block.replace(148, 8, "        ");
  unsigned sum = 0;
  for (char c : block) sum += static_cast<unsigned char>(c);
  char digits[8];
  std::snprintf(digits, sizeof digits, "%06o", sum);
  block.replace(148, 7, digits, 7);
  return block;
}

TEST(Acceptors, TakeABarePickleWhateverItsName) {
  EXPECT_THAT(families("notes.txt", "\x80\x02N."), testing::ElementsAre("pickle"));
  EXPECT_THAT(families("model.pkl", "N."), testing::ElementsAre("pickle"));
}

TEST(Acceptors, TakeAPickleCalledModelForAPickle) {
  EXPECT_THAT(families("word2vec.model", "\x80\x02N."), testing::ElementsAre("pickle"));
  EXPECT_THAT(families("word2vec.model", "\x0a\x02N."), testing::ElementsAre("recognized"));
  EXPECT_THAT(families("resnet.t7", "\x80\x02N."), testing::ElementsAre("pickle"));
  EXPECT_THAT(families("resnet.t7", "\x04\0\0\0\x01\0\0\0"s), testing::ElementsAre("recognized"));
  EXPECT_TRUE(families("x.model", "\x80\x02N."s + std::string(508, '\0') + "\x89HDF\r\n\x1a\n")
                  .contains("recognized"));
}

TEST(Acceptors, TakeSafetensorsByBytesOrName) {
  EXPECT_TRUE(families("weights.bin", "\x02\0\0\0\0\0\0\0{}"s).contains("safetensors"));
  EXPECT_TRUE(families("x.safetensors", "junk").contains("safetensors"));
  EXPECT_FALSE(families("weights.bin", "\x09\0\0\0\0\0\0\0{}"s).contains("safetensors"));
}

TEST(Acceptors, TakeAZipWithAPrefixForEverybodyButTorchLoad) {
  const std::string end = "PK\5\6"s + std::string(18, '\0');
  Probe probe("x.bin", source_of("junk" + end));
  std::set<std::string> loaders;
  for (const Reading& reading : readings(probe)) {
    if (reading.family == "zip") loaders.insert(reading.loaders.begin(), reading.loaders.end());
  }
  EXPECT_TRUE(loaders.contains("torch.jit.load"));
  EXPECT_TRUE(loaders.contains("zipfile"));
  EXPECT_FALSE(loaders.contains("torch.load"));
}

TEST(Acceptors, TakeATarByItsChecksumAlone) {
  EXPECT_TRUE(families("a.bin", tar_header("storages")).contains("tar"));
  EXPECT_FALSE(families("a.bin", std::string(512, '\0')).contains("tar"));
}

TEST(Acceptors, LeaveTextAlone) {
  EXPECT_TRUE(families("LICENSE", "").empty());
  EXPECT_TRUE(families("a.jpg", "\xff\xd8\xff\xe0").empty());
}

TEST(Recognized, KnowsWhatShelveWrites) {
  const std::string head = "SQLite format 3\0"s + std::string(84, '\0');
  EXPECT_EQ(recognized_as("a.db", head + std::string(3900, '\0') + "CREATE TABLE Dict (key BLOB"),
            "dbm database (shelve)");
  EXPECT_EQ(recognized_as("a.db", head + "CREATE TABLE runs (id"), "");
  EXPECT_EQ(recognized_as("a", std::string(12, '\0') + "\x61\x15\x06\0"s), "dbm database (shelve)");
  EXPECT_EQ(recognized_as("a", "\xcf\x9a\x57\x13"s), "dbm database (shelve)");
}

TEST(Recognized, GoesByMagic) {
  EXPECT_EQ(recognized_as("m.gguf", "GGUF\3\0\0\0"s), "GGUF");
  EXPECT_EQ(recognized_as("m.bin", "MSCF\0\0\0\0"s), "cab archive");
  EXPECT_EQ(recognized_as("a.txt", "MZ"), "");
  EXPECT_EQ(recognized_as("a.onnx", "\x08\x07"), "ONNX");
}

TEST(Recognized, FindsHdf5BehindAUserBlock) {
  const std::string signature = "\x89HDF\r\n\x1a\n";
  EXPECT_EQ(recognized_as("a.h5", signature), "HDF5 (Keras, h5py)");
  for (std::size_t at : {512u, 2048u, 8192u}) {
    EXPECT_FALSE(recognized_as("a", std::string(at, 'x') + signature).empty()) << at;
  }
  EXPECT_TRUE(recognized_as("a", std::string(1000, 'x') + signature).empty());
}

TEST(Names, PromiseByTheLongestEnding) {
  EXPECT_EQ(promise_of("model.pkl"), Promise::pickle);
  EXPECT_EQ(promise_of("model.safetensors"), Promise::data);
  EXPECT_EQ(promise_of("spiece.model"), Promise::model);
  EXPECT_EQ(promise_of("readme.md"), Promise::nothing);
}

TEST(Probe, ReadsTheHeadOnceAndTheTailOnlyWhenAsked) {
  const std::string bytes(200'000, 'x');
  Probe probe("a", source_of(bytes));
  EXPECT_EQ(probe.head().size(), kHeadBytes);
  EXPECT_EQ(probe.tail().size(), kTailBytes);
  Probe small("a", source_of("abc"));
  EXPECT_EQ(small.tail().size(), 3u);
}

}  // namespace
}  // namespace brine::format
