// The safetensors reader: strict, and nothing in the format executes.
#pragma once

#include <span>
#include <string_view>

#include "format/probe.h"
#include "format/stream.h"

namespace brine::format::safetensors {

// As the loaders test it: a length that fits, then '{'; or the name alone (torch.load goes by it).
bool accepts(Probe& probe);
bool named(Probe& probe);
void read(Probe& probe, std::span<const std::string_view> loaders, Sink& sink);

}  // namespace brine::format::safetensors
