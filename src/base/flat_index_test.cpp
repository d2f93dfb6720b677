#include "base/flat_index.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>
#include <vector>

namespace brine {
namespace {

// Numbers of texts, with a hash that is alike for many.
class Texts {
 public:
  explicit Texts(std::size_t hashes) : hashes_(hashes) {}
  std::uint32_t find(const std::string& text) const {
    return index_.find(hash(text), [&](std::uint32_t at) { return texts_[at] == text; });
  }
  void add(const std::string& text) {
    index_.insert(hash(text), static_cast<std::uint32_t>(texts_.size()));
    texts_.push_back(text);
  }
  bool erase(const std::string& text, std::uint32_t at) { return index_.erase(hash(text), at); }
  FlatIndex& index() { return index_; }

 private:
  std::size_t hash(const std::string& text) const {
    return std::hash<std::string>()(text) % hashes_;
  }
  std::size_t hashes_;
  std::vector<std::string> texts_;
  FlatIndex index_;
};

TEST(FlatIndex, IsEmptyAtFirst) {
  Texts texts(1000);
  EXPECT_EQ(texts.find("a"), FlatIndex::kNone);
  EXPECT_FALSE(texts.erase("a", 0));
  texts.index().clear();
  EXPECT_EQ(texts.index().size(), 0u);
}

// Against std::map: many texts of few hashes come and go.
TEST(FlatIndex, FindsWhatAMapFinds) {
  for (const std::size_t hashes : {1u, 7u, 300u, 1u << 30}) {
    Texts texts(hashes);
    std::map<std::string, std::uint32_t> expected;
    std::mt19937 random(static_cast<unsigned>(hashes));
    std::uint32_t added = 0;
    for (int i = 0; i < 4000; ++i) {
      const std::string text = std::to_string(random() % 300);
      const auto known = expected.find(text);
      ASSERT_EQ(texts.find(text), known == expected.end() ? FlatIndex::kNone : known->second);
      if (known == expected.end()) {
        texts.add(text);
        expected.emplace(text, added++);
      } else if (random() % 2 == 0) {
        ASSERT_TRUE(texts.erase(text, known->second));
        ASSERT_FALSE(texts.erase(text, known->second));
        expected.erase(known);
      }
      ASSERT_EQ(texts.index().size(), expected.size());
    }
    texts.index().clear();
    EXPECT_EQ(texts.find(expected.begin()->first), FlatIndex::kNone);
  }
}

}  // namespace
}  // namespace brine
