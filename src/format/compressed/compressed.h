// Compressed files: what joblib, pandas, gzip, bz2, lzma and their like read through.
//
// Problem: whoever opens a compressed model gets the bytes inside, whatever the file is called, and
// gets them up to the place where the compression breaks. Method: one row a codec with the bytes by
// which joblib and Python's readers know it; what comes out is a member with the name less the
// codec's ending, looked at as a file of its own. Invariant: all that came out is looked at, also
// when the rest is cut or wrong, and bytes behind the last stream stay unexplained.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "codec/decode.h"
#include "format/probe.h"
#include "format/stream.h"

namespace brine::format::compressed {

// The codec whose stream begins the file, or nothing.
std::optional<codec::Codec> identify(Probe& probe);
// "model.pkl" for "model.pkl.gz", "model.tar" for "model.tgz"; a name without such an ending stays.
std::string inner_name(std::string_view name);

// What begins a stream that `identify` knows, for who searches bytes of chance for one.
struct Beginning {
  codec::Decoded decoded;  // of the first bytes
  bool told = false;  // magic bytes and checksums of its header are enough
};
std::optional<Beginning> beginning(Probe& probe);

bool accepts(Probe& probe);
void read(Probe& probe, std::span<const std::string_view> loaders, Sink& sink);

}  // namespace brine::format::compressed
