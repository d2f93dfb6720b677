// Distributed checkpoints on disk: an index, and the files beside it.
#pragma once

#include <optional>
#include <set>
#include <string>

#include "base/result.h"
#include "convert/convert.h"

namespace brine::cli {

// Whether the file is the index of a distributed checkpoint, by its name and what it says.
bool is_checkpoint_index(const std::string& path, const Limits& limits);
// Whether another index of the same folder is read instead: that of a single rank beside one of
// all.
bool is_outranked(const std::string& index);
// What an output is called but for its ending: "folder/.metadata" -> "folder/model",
// "folder/__3.metadata" -> "folder/__3"; nothing for files of other names.
std::optional<std::string> checkpoint_stem(const std::string& path);
// The folder of a file with its slash; empty when the path has none.
std::string folder_of(const std::string& path);

// Files beside the index are opened when they are no links out of its folder, or are `followed`: a
// walk of a larger folder came to them. options.contents.rewrite: as disarm writes it.
Result<convert::SourcedConversion> convert_checkpoint(const std::string& index,
                                                      const std::set<std::string>& followed,
                                                      convert::ConvertOptions options);

}  // namespace brine::cli
