// Z-files: how joblib before 0.10 compressed, "ZF", a length in hexadecimal, and zlib's bytes.
//
// Problem: joblib.load still opens them, by a reader of their own (joblib/numpy_pickle_compat.py):
// it unpacks all of the bytes and unpickles them; a second kind of Z-file holds the raw bytes of
// one array, which only the pickle beside it names. Method: what comes out is a stream for that
// reader. Invariant: what came out before a break is looked at, whatever the length in front says.
#pragma once

#include <span>
#include <string_view>

#include "format/probe.h"
#include "format/stream.h"

namespace brine::format::zfile {

bool accepts(Probe& probe);
void read(Probe& probe, std::span<const std::string_view> loaders, Sink& sink);

}  // namespace brine::format::zfile
