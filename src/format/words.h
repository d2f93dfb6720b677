// Words that readers use to describe a file in one line: "438 MB", "201 tensors".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace brine::format {

// Bytes as people say them: 999 B, 1.5 kB, 438 MB, 2.1 GB (powers of 1000).
std::string human_size(std::uint64_t bytes);
// "1 tensor", "201 tensors", "1,024 members".
std::string counted(std::uint64_t count, std::string_view noun);

}  // namespace brine::format
