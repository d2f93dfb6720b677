// A file that is one bare pickle, or several behind one another.
//
// No magic is needed: pickle.load reads whatever it is given. So every file is offered, and what
// the stream does decides whether it counts as a pickle (docs/loaders.md, "Text that looks like
// one").
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "format/probe.h"
#include "format/stream.h"

namespace brine::format::bare_pickle {

bool accepts(Probe& probe);
void read(Probe& probe, std::span<const std::string_view> loaders, Sink& sink);
// The whole file as a pickle for these loaders.
Stream stream_of(Probe& probe, std::vector<LoaderUse> loaders);
// PROTO with a version that exists.
bool starts_with_proto(ByteSpan head);

}  // namespace brine::format::bare_pickle
