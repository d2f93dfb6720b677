#include "format/safetensors/header.h"

#include <gtest/gtest.h>

#include <string>

namespace brine::format::safetensors {
namespace {

Result<Header> parse(const std::string& json, std::uint64_t data_bytes) {
  return read_header(as_bytes(json), data_bytes);
}

TEST(SafetensorsHeader, ReadsWhatTheFormatAllows) {
  const auto header = parse(
      R"({"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},)"
      R"("b":{"data_offsets":[24,26],"shape":[],"dtype":"BF16"}}   )",
      26);
  ASSERT_TRUE(header) << header.error().what;
  EXPECT_EQ(header->tensors, 2u);
  EXPECT_EQ(header->data_bytes, 26u);
  EXPECT_TRUE(header->has_metadata);
}

TEST(SafetensorsHeader, ReadsEmptyOnes) {
  EXPECT_TRUE(parse("{}", 0));
  EXPECT_TRUE(parse("{ }  ", 0));
  EXPECT_TRUE(parse(R"({"a":{"dtype":"F4","shape":[4],"data_offsets":[0,2]}})", 2));
  EXPECT_TRUE(parse(R"({"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}})", 0));
}

struct Bad {
  const char* name;
  const char* json;
  std::uint64_t data_bytes;
};

class SafetensorsRefused : public testing::TestWithParam<Bad> {};

TEST_P(SafetensorsRefused, Refuses) { EXPECT_FALSE(parse(GetParam().json, GetParam().data_bytes)); }

INSTANTIATE_TEST_SUITE_P(
    All, SafetensorsRefused,
    testing::Values(
        Bad{"NoObject", "[]", 0}, Bad{"Empty", "", 0}, Bad{"CutOff", "{", 0},
        Bad{"Behind", "{}x", 0}, Bad{"TrailingComma", R"({"__metadata__":{},})", 0},
        Bad{"DuplicateTensor",
            R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}})",
            2},
        Bad{"DuplicateByEscape",
            R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"\u0061":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}})",
            2},
        Bad{"DuplicateMetadata", R"({"__metadata__":{"a":"1","a":"2"}})", 0},
        Bad{"MetadataTwice", R"({"__metadata__":{},"__metadata__":{}})", 0},
        Bad{"MetadataNumber", R"({"__metadata__":{"a":1}})", 0},
        Bad{"Hole", R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}})", 2},
        Bad{"Overlap",
            R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}})",
            3},
        Bad{"BehindLast", R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})", 2},
        Bad{"BeyondFile", R"({"a":{"dtype":"U8","shape":[9],"data_offsets":[0,9]}})", 2},
        Bad{"WrongSize", R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}})", 4},
        Bad{"OddBits", R"({"a":{"dtype":"F4","shape":[1],"data_offsets":[0,1]}})", 1},
        Bad{"UnknownDtype", R"({"a":{"dtype":"F99","shape":[1],"data_offsets":[0,1]}})", 1},
        Bad{"UnknownKey", R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"x":1}})", 1},
        Bad{"MissingShape", R"({"a":{"dtype":"U8","data_offsets":[0,1]}})", 1},
        Bad{"ShapeOverflow",
            R"({"a":{"dtype":"U8","shape":[4294967296,4294967296],"data_offsets":[0,0]}})", 0},
        Bad{"NumberOverflow",
            R"({"a":{"dtype":"U8","shape":[99999999999999999999],"data_offsets":[0,0]}})", 0},
        Bad{"LeadingZero", R"({"a":{"dtype":"U8","shape":[01],"data_offsets":[0,1]}})", 1},
        Bad{"Negative", R"({"a":{"dtype":"U8","shape":[-1],"data_offsets":[0,1]}})", 1},
        Bad{"Backwards", R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[1,0]}})", 1},
        Bad{"BadUtf8", "{\"\xff\":{}}", 0}, Bad{"Control", "{\"\n\":{}}", 0},
        Bad{"LoneSurrogate", R"({"\ud800":{}})", 0}, Bad{"OpenString", R"({"a)", 0},
        Bad{"OpenEscape", R"({"a\)", 0}, Bad{"ShortUnicode", R"({"\u00)", 0}),
    [](const auto& param_info) { return std::string(param_info.param.name); });

}  // namespace
}  // namespace brine::format::safetensors
