// .npy files: numpy.load reads raw numbers, or unpickles when the header says so.
//
// Method: the header's text tells (header.h). An array of objects is a stream at the byte behind
// the header; raw data is copied. Several arrays may stand one behind the other, as a loop of
// numpy.save leaves them. Invariant: where the header is not understood, what stands behind it is
// looked at as a pickle as well, and the file is not read to its end.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "format/numpy/header.h"
#include "format/probe.h"
#include "format/stream.h"

namespace brine::format::numpy {

inline constexpr std::string_view kMagic = "\x93NUMPY";

struct Place {
  std::uint64_t header = 0;  // where the text begins
  std::uint64_t data = 0;    // behind it
};
// The fixed part in front of the text; an Error when numpy refuses it.
Result<Place> place_of(ByteSource& source, std::uint64_t at);
// Nothing when the text is none that numpy writes, or too long.
std::optional<Header> header_at(ByteSource& source, const Place& place);

bool accepts(Probe& probe);
void read(Probe& probe, std::span<const std::string_view> loaders, Sink& sink);

}  // namespace brine::format::numpy
