// Shelves: what `shelve` keeps with dbm.dumb, a pickle for each key.
//
// Problem: a shelf is three files; shelve.open reads the .dir file as an index and unpickles the
// bytes of the .dat file that it points to, wherever that is. The .dat file alone does not tell
// where a record begins: a pickle may lie in the middle of another's text. Method: the index beside
// the .dat file is read by a strict grammar, and each record is a stream of its own. Invariant:
// where the index cannot be read surely, the .dat file is incomplete.
#pragma once

#include <span>
#include <string_view>

#include "format/probe.h"
#include "format/stream.h"

namespace brine::format::shelve {

// A .dat file, which is a shelf's when its index lies beside it.
bool data_accepts(Probe& probe);
void read_data(Probe& probe, std::span<const std::string_view> loaders, Sink& sink);

// An index, or the .bak file that was one: what it names, and no pickle.
bool index_accepts(Probe& probe);
void read_index(Probe& probe, std::span<const std::string_view> loaders, Sink& sink);

}  // namespace brine::format::shelve
