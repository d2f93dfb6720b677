// Devices that storages were saved from, as torch writes them: "cpu", "cuda:0".
#pragma once

#include <cstdint>
#include <string_view>

namespace brine::tensor {

// Whether torch.load has a way to put a storage on such a device (or to the CPU, when it is asked).
bool is_known_location(std::string_view location);

// Whether torch.device() takes this text, or a type without a number: "cuda:0", "meta".
bool is_device(std::string_view text);
bool is_device_type(std::string_view text);
// The last number of a device (c10/core/Device.h).
inline constexpr std::int64_t kLastDevice = 127;

}  // namespace brine::tensor
