#include "tensor/device.h"

#include <algorithm>
#include <array>

namespace brine::tensor {

bool is_known_location(std::string_view location) {
  constexpr auto kDevices = std::to_array<std::string_view>(
      {"cpu", "cuda", "mps", "meta", "xpu", "hpu", "npu", "mtia", "xla", "privateuseone"});
  constexpr auto kSingle = std::to_array<std::string_view>({"cpu", "meta"});
  const std::size_t colon = location.find(':');
  const std::string_view index =
      colon == std::string_view::npos ? std::string_view() : location.substr(colon + 1);
  const bool digits = std::ranges::all_of(index, [](char c) { return c >= '0' && c <= '9'; });
  const bool numbered = colon != std::string_view::npos &&
                        std::ranges::find(kSingle, location.substr(0, colon)) != kSingle.end();
  // An index has no zeros in front, and 127 is the last (c10/core/Device.h).
  const bool small = index.size() < 3 || (index.size() == 3 && index <= "127");
  const bool plain = index.size() < 2 || index.front() != '0';
  return !numbered && digits && small && plain &&
         (colon == std::string_view::npos || !index.empty()) &&
         std::ranges::find(kDevices, location.substr(0, colon)) != kDevices.end();
}

}  // namespace brine::tensor
