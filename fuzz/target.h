// What all fuzz targets share: the entry point that libFuzzer and replay_main.cpp call, and a check
// that stops the process. A check that fails is a defect of Brine, whatever the input was.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "base/bytes.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace brine::fuzz {

inline void check(bool holds, std::string_view what) {
  if (holds) return;
  std::fprintf(stderr, "check failed: %.*s\n", static_cast<int>(what.size()), what.data());
  std::abort();
}

// What Brine prints is printable: no control character gets through, whatever the file holds.
inline void check_printable(std::string_view line) {
  for (const char c : line) {
    const auto byte = static_cast<unsigned char>(c);
    check(byte >= 0x20 && byte != 0x7f, "a control character is printed");
  }
}

}  // namespace brine::fuzz
