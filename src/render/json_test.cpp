#include "render/json.h"

#include <gtest/gtest.h>

#include "render/golden.h"
#include "render/sample_reports.h"

namespace brine::render {
namespace {

std::string quoted(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

TEST(Json, StringsAreValidAndHarmless) {
  EXPECT_EQ(quoted("plain \"text\" \\"), "\"plain \\\"text\\\" \\\\\"");
  EXPECT_EQ(quoted("a\nb\tc\rd\x1b\x7f"), "\"a\\nb\\tc\\rd\\u001b\\u007f\"");
  EXPECT_EQ(quoted("\xe2\x80\xae"), "\"\\u202e\"");
  EXPECT_EQ(quoted("\xf3\xa0\x81\xa1"), "\"\\udb40\\udc61\"");
  EXPECT_EQ(quoted("m\xc3\xbc"), "\"m\xc3\xbc\"");
}

TEST(Json, BytesThatAreNoTextStandAsFourCharacters) {
  EXPECT_EQ(quoted("\xff"), "\"\\\\xff\"");
  EXPECT_EQ(quoted("\xed\xa0\x80"), "\"\\\\xed\\\\xa0\\\\x80\"");
}

TEST(Json, CompactAndIndented) {
  for (const bool indent : {false, true}) {
    std::string out;
    JsonWriter json(out, indent);
    json.begin_object();
    json.field("a", std::uint64_t{1});
    json.key("b");
    json.begin_array();
    json.number(std::int64_t{-2});
    json.number(0.5);
    json.null();
    json.end_array();
    json.key("c");
    json.begin_array();
    json.end_array();
    json.end_object();
    EXPECT_EQ(out, indent
                       ? "{\n  \"a\": 1,\n  \"b\": [\n    -2,\n    0.5,\n    null\n  ],\n  \"c\": "
                         "[]\n}"
                       : "{\"a\":1,\"b\":[-2,0.5,null],\"c\":[]}");
  }
}

TEST(Json, TheWholeReport) {
  Report report = mixed_report();
  report.files.push_back(hostile_file());
  expect_golden("report.json", report_json(report, "0.0.0", 64));
}

TEST(Json, PiecesMakeTheSameDocument) {
  const Report report = mixed_report();
  JsonReport json("0.0.0", 4096);
  std::string pieces = json.begin();
  for (const FileReport& file : report.files) pieces += json.file(file);
  pieces += json.end(report.errors, report.summary, report.interrupted);
  EXPECT_EQ(pieces, report_json(report, "0.0.0", 4096));
}

TEST(Json, CutTextSaysHowMuch) {
  EXPECT_EQ(cut_text("abc", 3), "abc");
  EXPECT_EQ(cut_text("abcdef", 3), "abc ... (3 more bytes)");
  EXPECT_EQ(cut_text("ab\xc3\xbc", 3), "ab ... (2 more bytes)");
  EXPECT_EQ(cut_text("abcd", 3), "abc ... (1 more byte)");
}

}  // namespace
}  // namespace brine::render
