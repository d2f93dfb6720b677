#include "scan/shadow.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace brine::scan {
namespace {

using testing::ElementsAre;

TEST(Shadow, TellsWhatPythonWouldImport) {
  EXPECT_THAT(
      shadowing_modules({"torch.py", "json.cpython-311-x86_64-linux-gnu.so", "mypkg/", "README.md",
                         "config.json", "my-model/", "a.pyc", "torch.py", "model.pt", "1st.py"}),
      ElementsAre("a", "json", "mypkg", "torch"));
}

TEST(Shadow, IsNothingWithoutNeighbours) { EXPECT_TRUE(shadowing_modules({}).empty()); }

}  // namespace
}  // namespace brine::scan
