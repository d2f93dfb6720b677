#include "render/pages.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace brine::render {
namespace {

TEST(Pages, AreFoundByNameInAnyCase) {
  EXPECT_FALSE(page("verdicts").empty());
  EXPECT_EQ(page("VERDICTS"), page("verdicts"));
  EXPECT_TRUE(page("verdict").empty());
  EXPECT_TRUE(page("").empty());
  const std::vector<std::string_view> names = page_names();
  EXPECT_NE(std::find(names.begin(), names.end(), "exit-status"), names.end());
  for (const std::string_view name : names) EXPECT_FALSE(page_title(page(name)).empty()) << name;
}

TEST(Pages, MarkdownBecomesText) {
  const Style style;
  EXPECT_EQ(page_text("# A title\n\nSome `code` and\n**strong** words.\n", style),
            "A title\n\nSome code and strong words.\n");
  EXPECT_EQ(page_text("- one\n  more\n- two\n", style), "- one more\n- two\n");
  EXPECT_EQ(page_text("```\nkeep   `this`\n```\n", style), "    keep   `this`\n");
}

TEST(Pages, LongLinesAreWrappedBelowTheirText) {
  Style style;
  style.width = 40;
  const std::string text =
      page_text("1. aaaa bbbb cccc dddd eeee ffff gggg hhhh iiii jjjj\n", style);
  EXPECT_EQ(text, "1. aaaa bbbb cccc dddd eeee ffff gggg\n   hhhh iiii jjjj\n");
}

}  // namespace
}  // namespace brine::render
