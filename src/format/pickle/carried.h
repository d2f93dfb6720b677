// Carried archives: a zip that lies in a bytes constant of a pickle.
//
// Problem: libraries put what torch.save or Keras wrote into a pickle as bytes, and readers of zips
// look for a directory from a file's end, whatever stands before it: such a file would count as two
// formats. Method: the pickle is decoded from its first byte, opcode by opcode, as every unpickler
// does, up to the constant around the zip's end record. Invariant: only a zip that begins where its
// constant begins counts as carried, and its constant is a member that is looked at as any zip.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>

#include "format/probe.h"

namespace brine::format::bare_pickle {

// First byte and number of the constant's bytes; none when every reader's end record lies elsewhere
// or the file begins with no PROTO.
std::optional<std::pair<std::uint64_t, std::uint64_t>> carried_zip(Probe& probe);

}  // namespace brine::format::bare_pickle
