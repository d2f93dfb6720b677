#include "tensor/device.h"

#include <algorithm>
#include <array>

namespace brine::tensor {
namespace {

// Digits without zeros in front, up to kLastDevice.
bool is_number(std::string_view index) {
  const bool digits = std::ranges::all_of(index, [](char c) { return c >= '0' && c <= '9'; });
  const bool small = index.size() < 3 || (index.size() == 3 && index <= "127");
  const bool plain = index.size() < 2 || index.front() != '0';
  return digits && small && plain && !index.empty();
}

}  // namespace

bool is_device_type(std::string_view text) {
  // c10/core/DeviceType.h of torch 2.13; all of them are known without their hardware.
  constexpr auto kTypes = std::to_array<std::string_view>(
      {"cpu",    "cuda", "ipu",  "xpu",  "mkldnn", "opengl",       "opencl",
       "ideep",  "hip",  "ve",   "fpga", "maia",   "xla",          "lazy",
       "vulkan", "mps",  "meta", "hpu",  "mtia",   "privateuseone"});
  return std::ranges::find(kTypes, text) != kTypes.end();
}

bool is_device(std::string_view text) {
  const std::size_t colon = text.find(':');
  return is_device_type(text.substr(0, colon)) &&
         (colon == std::string_view::npos || is_number(text.substr(colon + 1)));
}

bool is_known_location(std::string_view location) {
  constexpr auto kDevices = std::to_array<std::string_view>(
      {"cpu", "cuda", "mps", "meta", "xpu", "hpu", "npu", "mtia", "xla", "privateuseone"});
  constexpr auto kSingle = std::to_array<std::string_view>({"cpu", "meta"});
  const std::size_t colon = location.find(':');
  const bool numbered = colon != std::string_view::npos &&
                        std::ranges::find(kSingle, location.substr(0, colon)) != kSingle.end();
  return !numbered && (colon == std::string_view::npos || is_number(location.substr(colon + 1))) &&
         std::ranges::find(kDevices, location.substr(0, colon)) != kDevices.end();
}

}  // namespace brine::tensor
