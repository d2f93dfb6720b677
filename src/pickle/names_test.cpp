#include "pickle/names.h"

#include <gtest/gtest.h>

namespace brine::pickle {
namespace {

TEST(Python2Names, PairComesBeforeModule) {
  std::string_view module = "__builtin__";
  std::string_view name = "unicode";
  EXPECT_TRUE(map_python2(module, name));
  EXPECT_EQ(module, "builtins");
  EXPECT_EQ(name, "str");
}

TEST(Python2Names, ModuleAloneIsRenamed) {
  std::string_view module = "copy_reg";
  std::string_view name = "_reconstructor";
  EXPECT_TRUE(map_python2(module, name));
  EXPECT_EQ(module, "copyreg");
  EXPECT_EQ(name, "_reconstructor");
}

TEST(Python2Names, TodaysNamesStay) {
  std::string_view module = "collections";
  std::string_view name = "OrderedDict";
  EXPECT_FALSE(map_python2(module, name));
  EXPECT_EQ(module, "collections");
}

TEST(Python2Names, FirstAndLastRowsAreFound) {
  for (std::string_view text : {"BaseHTTPServer", "whichdb"}) {
    std::string_view module = text;
    std::string_view name = "x";
    EXPECT_TRUE(map_python2(module, name)) << text;
  }
}

}  // namespace
TEST(Names, PandasMovesItsOwn) {
  std::string_view module = "pandas.core.internals.blocks", name = "new_block";
  EXPECT_TRUE(map_pandas(module, name));
  EXPECT_EQ(module, "pandas._libs.internals");
  EXPECT_EQ(name, "_unpickle_block");
  EXPECT_FALSE(map_pandas(module, name));
}

}  // namespace brine::pickle
