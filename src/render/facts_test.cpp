#include "render/facts.h"

#include <gtest/gtest.h>

namespace brine::render {
namespace {

std::string facts(std::string_view name) {
  return facts_text(catalogue::Blob::embedded(), name, Style{});
}

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

TEST(Facts, ClassesTellTheirContracts) {
  const std::string text = facts("collections.OrderedDict");
  EXPECT_TRUE(has(text, "collections.OrderedDict: class, reviewed")) << text;
  EXPECT_TRUE(has(text, "called")) << text;
  EXPECT_TRUE(has(text, "why")) << text;
  EXPECT_EQ(text, facts("collections:OrderedDict").replace(11, 1, "."));
}

TEST(Facts, DangerIsNamed) {
  const std::string text = facts("posix.system");
  EXPECT_TRUE(has(text, "dangerous")) << text;
  EXPECT_TRUE(has(text, "exercises: process")) << text;
}

TEST(Facts, ModulesAndBuiltinsAreFound) {
  EXPECT_TRUE(has(facts("torch.storage"), "module, reviewed"));
  EXPECT_TRUE(has(facts("eval"), "run_code"));
}

TEST(Facts, UnknownNamesSayWhatFollows) {
  const std::string text = facts("mypkg.models.Net");
  EXPECT_TRUE(has(text, "nothing is known")) << text;
  EXPECT_TRUE(has(text, "--trust 'mypkg.models.*'")) << text;
  EXPECT_TRUE(has(facts(""), "nothing is known"));
  EXPECT_TRUE(has(facts("."), "nothing is known"));
  EXPECT_TRUE(has(facts("a\x1b[31m.b"), "a\\x1b[31m.b"));
}

}  // namespace
}  // namespace brine::render
