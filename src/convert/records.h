// Records: where the bytes of a file's storages lie.
//
// torch's zip has a record for each storage; its legacy format puts them behind the pickles; a zip
// that was cut off has lost its directory, but the local headers stand where they stood and the
// pickle tells the sizes. Whatever is not found, or shorter than the pickle says, stays null.
#pragma once

#include "base/limits.h"
#include "base/result.h"
#include "convert/capture.h"
#include "io/source.h"

namespace brine::convert {

// Fills Storage::bytes, and TensorView::swapped where the archive says that it is big-endian.
Status find_records(const SourcePtr& file, const Limits& limits, Captured& captured);

// The pickle of a zip that lost its directory: from its first byte to the file's end. None: the
// archive opens, or is none.
struct LostPickle {
  SourcePtr source;
  std::uint64_t start = 0;  // in the file
};
std::optional<LostPickle> find_lost_pickle(const SourcePtr& file, const Limits& limits);
// `pickle_end`: behind the STOP, in the file.
void find_lost_records(const SourcePtr& file, std::uint64_t pickle_end, Captured& captured);

// Whether the attributes of a TorchScript archive's objects are what the pickle says: their classes
// declare them, for libtorch leaves out what they do not, and none has a __setstate__, which
// libtorch would run. False when the code cannot be read.
bool keeps_attributes(const SourcePtr& file, const Limits& limits, const Contents& contents);

// Bytes that may be made of a file of this size: views and records can say more than the file has.
std::uint64_t most_output(std::uint64_t file_size);

}  // namespace brine::convert
