// The releases of torch whose restricted unpicklers are followed, and sets of them.
//
// torch.load(weights_only=True) changes from release to release: what a stream may name, which
// opcodes there are, what may be stored into. The unpickler's shape stays, so one run follows
// several releases at once, each until it refuses.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace brine::pickle {

enum class TorchRelease : std::uint8_t { v1_13, v2_6, v2_13 };
inline constexpr std::array kTorchReleases{TorchRelease::v1_13, TorchRelease::v2_6,
                                           TorchRelease::v2_13};

using Releases = std::uint8_t;  // a bit for each
constexpr Releases set_of(TorchRelease release) {
  return static_cast<Releases>(1u << static_cast<unsigned>(release));
}
inline constexpr Releases k1_13 = set_of(TorchRelease::v1_13);
inline constexpr Releases k2_6 = set_of(TorchRelease::v2_6);
inline constexpr Releases k2_13 = set_of(TorchRelease::v2_13);
inline constexpr Releases kFrom2_6 = k2_6 | k2_13;
inline constexpr Releases kAllReleases = k1_13 | kFrom2_6;

// "1.13", as JSON and screens have it.
constexpr std::string_view to_string(TorchRelease release) {
  switch (release) {
    case TorchRelease::v1_13: return "1.13";
    case TorchRelease::v2_6: return "2.6";
    case TorchRelease::v2_13: return "2.13";
  }
  return "?";
}

}  // namespace brine::pickle
