// Layers: which objects are a torch.nn.Module whose state_dict() stands in its dictionaries.
//
// Problem: a state with _parameters, _buffers and _modules looks like a layer's whatever its class
// is, and some layers write their state_dict() themselves. Method: the facts say which classes are
// layers; a table names those of torch and of what torch's users build on that add entries of their
// own. Invariant: a class that has facts and is no layer is never taken for one without a doubt.
// Facts: torch 2.13 (nn/, ao/), torchmetrics 1.8, bitsandbytes 0.48.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace brine::convert {

enum class LayerClass : std::uint8_t {
  layer,  // by its facts, or nothing is known of the class
  other,  // it has facts, and is something else
};
LayerClass layer_class(std::string_view module, std::string_view name);

// A class whose _save_to_state_dict() or state_dict() is its own.
struct OwnStateDict {
  std::string_view name;  // ending in a dot: what is below it
  std::span<const std::string_view> adds;  // nothing more where these are buffers; empty: unknown
  std::string_view unless = {};  // a dict of the layer: nothing more where all its values are False
  std::span<const std::string_view> writes = {};  // its parameters of these names, and nothing else
};
// Null for a class that has Module's.
const OwnStateDict* own_state_dict(std::string_view cls);

}  // namespace brine::convert
