// .npy files: numpy.load reads raw numbers, or unpickles when the header says so.
//
// Method: the header's text tells (header.h). An array of objects is a stream at the byte behind
// the header; raw data is copied. Several arrays may stand one behind the other, as a loop of
// numpy.save leaves them. Invariant: where the header is not understood, what stands behind it is
// looked at as a pickle as well, and the file is not read to its end.
#pragma once

#include <span>
#include <string_view>

#include "format/probe.h"
#include "format/stream.h"

namespace brine::format::numpy {

bool accepts(Probe& probe);
void read(Probe& probe, std::span<const std::string_view> loaders, Sink& sink);

}  // namespace brine::format::numpy
