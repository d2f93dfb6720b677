// Devices that storages were saved from, as torch writes them: "cpu", "cuda:0".
#pragma once

#include <string_view>

namespace brine::tensor {

// Whether torch.load has a way to put a storage on such a device (or to the CPU, when it is asked).
bool is_known_location(std::string_view location);

}  // namespace brine::tensor
