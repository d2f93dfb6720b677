// Formats that Brine recognizes and does not analyse yet.
//
// To know a format and to say "not analysed yet" is honest; to pass it would not be. One row a
// format with its magic bytes or the ending of its name. A row costs nothing but its comparison.
#pragma once

#include <span>
#include <string_view>

#include "format/probe.h"
#include "format/stream.h"

namespace brine::format::recognized {

// The format's name ("HDF5", "GGUF", "gzip", ...), or empty.
std::string_view identify(Probe& probe);

bool accepts(Probe& probe);
// Known by a name that many formats share: bytes that somebody reads decide.
bool named_vaguely(Probe& probe);
void read(Probe& probe, std::span<const std::string_view> loaders, Sink& sink);

}  // namespace brine::format::recognized
