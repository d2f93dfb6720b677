// Golden files: rendered text compared with tests/golden/NAME, for tests only.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

namespace brine::render {

// With BRINE_UPDATE_GOLDEN set, the file is written instead.
inline void expect_golden(const std::string& name, const std::string& text) {
  std::string folder = __FILE__;
  folder.resize(folder.rfind("src/render/"));
  const std::string path = folder + "tests/golden/" + name;
  if (std::getenv("BRINE_UPDATE_GOLDEN") != nullptr) {
    std::ofstream(path, std::ios::binary) << text;
    return;
  }
  std::ifstream file(path, std::ios::binary);
  ASSERT_TRUE(file) << path << " is missing";
  std::ostringstream wanted;
  wanted << file.rdbuf();
  EXPECT_EQ(text, wanted.str()) << path;
}

}  // namespace brine::render
