#include "format/numpy/header.h"

#include <gtest/gtest.h>

namespace brine::format::numpy {
namespace {

std::optional<std::uint64_t> bytes_of(std::string_view text) {
  const auto header = parse_header(text);
  if (!header || header->objects) return std::nullopt;
  return header->bytes;
}

TEST(NumpyHeader, TellsHowManyBytesFollow) {
  EXPECT_EQ(bytes_of("{'descr': '<f8', 'fortran_order': False, 'shape': (3, 2), }   \n"), 48u);
  EXPECT_EQ(bytes_of("{'descr': '|S5', 'fortran_order': True, 'shape': (3,), }"), 15u);
  EXPECT_EQ(bytes_of("{'descr': '<U7', 'fortran_order': True, 'shape': (), }"), 28u);
  EXPECT_EQ(bytes_of("{'shape': (2L, 3L), 'fortran_order': False, 'descr': '<M8[ns]'}"), 48u);
  EXPECT_EQ(bytes_of("{'descr': [('a', '<i4'), ('b', '<f8', (2, 3))], 'fortran_order': False, "
                     "'shape': (10,), }"),
            520u);
  EXPECT_EQ(bytes_of("{'descr': [(('title', 'x'), '<i2'), ('n', [('y', '|u1')])], "
                     "'fortran_order': False, 'shape': (2,)}"),
            6u);
  EXPECT_EQ(bytes_of("{'descr': '<f8', 'fortran_order': False, 'shape': (0, 99999999999999), }"),
            0u);
}

TEST(NumpyHeader, SeesObjectsAnywhere) {
  for (const char* descr : {"'|O'", "'O'", "[('a', '<i4'), ('b', '|O')]", "[('a', [('b', 'O')])]",
                            "[('a', '|O', (2,))]"}) {
    const auto header = parse_header("{'descr': " + std::string(descr) +
                                     ", 'fortran_order': False, 'shape': (1,), }");
    ASSERT_TRUE(header.has_value()) << descr;
    EXPECT_TRUE(header->objects) << descr;
  }
}

TEST(NumpyHeader, RefusesWhatNumpyDoesNotWrite) {
  for (const char* text : {"", "{", "{}", "{'descr': '<f8', 'shape': (1,)}",
                           "{'descr': '<f8', 'fortran_order': 0, "
                           "'shape': (1,)}",
                           "{'descr': '<q9', 'fortran_order': False, 'shape': (1,)}",
                           "{'descr': '<f8', 'fortran_order': False, 'shape': (1)}",
                           "{'descr': '<f8', 'fortran_order': False, 'shape': (1,)} x",
                           "{'descr': '\\x4f', 'fortran_order': False, 'shape': (1,)}",
                           "{'descr': '<' 'f8', 'fortran_order': False, 'shape': (1,)}",
                           "{'descr': '<f8', 'fortran_order': False, 'shape': (-1,)}"}) {
    EXPECT_FALSE(parse_header(text).has_value()) << text;
  }
}

TEST(NumpyHeader, SaturatesAndStopsAtDepth) {
  EXPECT_EQ(
      bytes_of("{'descr': '<f8', 'fortran_order': False, 'shape': (9999999999999999999999,)}"),
      UINT64_MAX);
  std::string deep;
  for (int i = 0; i < 100'000; ++i) deep += "[('a', ";
  EXPECT_FALSE(parse_header("{'descr': " + deep).has_value());
}

}  // namespace
}  // namespace brine::format::numpy
