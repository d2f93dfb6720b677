// The `data` of a Stable-Baselines model: JSON, some of whose values are pickles.
//
// A model is a zip. Its `data` has what the model was made with, and the loader unpickles what is
// no plain value of it (embedded.h); its .pth members are torch's files, which have readers of
// their own.
#pragma once

#include <span>
#include <string_view>

#include "format/probe.h"
#include "format/stream.h"

namespace brine::format::baselines {

bool accepts(Probe& probe);
void read(Probe& probe, std::span<const std::string_view> loaders, Sink& sink);

}  // namespace brine::format::baselines
