#include "format/words.h"

#include <array>

namespace brine::format {

std::string human_size(std::uint64_t bytes) {
  static constexpr std::array<std::string_view, 7> kUnits = {"B",  "kB", "MB", "GB",
                                                             "TB", "PB", "EB"};
  if (bytes < 1000) return std::to_string(bytes) + " B";
  // Tenths of the unit, rounded; below ten units the tenth is shown.
  std::size_t unit = 0;
  std::uint64_t scale = 1;
  while (unit + 1 < kUnits.size() && bytes / scale >= 1000) {
    scale *= 1000;
    ++unit;
  }
  std::uint64_t whole = bytes / scale;
  std::uint64_t tenth = (bytes % scale) / (scale / 10);
  if (whole < 10) {
    return std::to_string(whole) + "." + std::to_string(tenth) + " " + std::string(kUnits[unit]);
  }
  return std::to_string(whole) + " " + std::string(kUnits[unit]);
}

std::string counted(std::uint64_t count, std::string_view noun) {
  std::string digits = std::to_string(count);
  for (std::size_t at = digits.size(); at > 3;) {
    at -= 3;
    digits.insert(at, ",");
  }
  return digits + " " + std::string(noun) + (count == 1 ? "" : "s");
}

}  // namespace brine::format
