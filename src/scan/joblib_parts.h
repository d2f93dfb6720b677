// Where joblib parts from every other loader: arrays in the middle of a pickle.
//
// Problem: joblib writes an array of objects as another pickle inside the outer one, and reads it
// apart. Every other loader goes on reading it as opcodes of the outer pickle: it stops at the
// inner STOP, or takes a text of the outer memo for "numpy" and looks for `dtype` in a module of
// that name. Honest files do both, by nothing but the writer's way of counting.
// Method: what such a loader does behind the parting is judged like everything. Two things alone do
// not speak against a file that joblib reads to its end: that it stops elsewhere, and that it looks
// for `dtype` in a module that no library has, where it raises.
// Invariant: every other effect behind the parting keeps its finding: dangerous names, modules that
// lie beside the file, modules inside others, and all that was found before it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "scan/reading.h"

namespace brine::scan {

// Behind the BUILD that read joblib's first array, when joblib reads the whole stream; none when no
// view of joblib's does.
std::optional<std::uint64_t> joblib_parts(const StreamReading& reading);

// A loader that raises behind the parting: where, for want of which module, and what is left of its
// findings when it does.
struct MissingModule {
  std::string module;
  std::uint64_t offset = 0;  // of the import, in the stream
  std::vector<Finding> left;
};
// None when the run does anything else behind the parting that is not inert.
std::optional<MissingModule> missing_module(const ViewRun& view, const PickleRun& run,
                                            std::uint64_t parts);

// Whether two views end at different places because one of them knows joblib's arrays.
bool parted_by_joblib(const ViewRun& one, const ViewRun& other, std::optional<std::uint64_t> parts);

}  // namespace brine::scan
