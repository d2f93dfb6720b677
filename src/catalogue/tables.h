// Tables: dicts of few names, which states and keyword arguments are, and what stands under a name.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "pickle/node.h"

namespace brine::catalogue {

// The value of a dict under a name; none when it is no dict, has many names, names that are no
// text, or one twice.
pickle::NodeId entry(const pickle::NodeGraph& graph, pickle::NodeId dict, std::string_view name);

// The one state of an instance.
pickle::NodeId only_state(const pickle::NodeGraph& graph, pickle::NodeId id);

// An int from -2^61 to 2^61, or `without` for None and for what is not there.
std::optional<std::int64_t> whole_number(const pickle::NodeGraph& graph, pickle::NodeId id,
                                         std::optional<std::int64_t> without);

}  // namespace brine::catalogue
