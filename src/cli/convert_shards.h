// Checkpoints in several files: a folder with an index in, a folder with an index out.
//
// All shards are read and judged before one is written, and all are written before one gets its
// name; the index gets its own last, so that whoever finds it finds all files that it names. When
// anything fails, nothing of the run is left and what was there is as it was.
#pragma once

#include <string>
#include <vector>

#include "cli/console.h"
#include "cli/convert_output.h"
#include "convert/convert.h"
#include "render/conversion.h"

namespace brine::cli {

// Whether the file is an index of shards by its name.
bool is_shard_index(const std::string& path);
// The shards that an index names, as paths; none when it cannot be read.
std::vector<std::string> shards_of(const std::string& index);

// One row for each shard, and one for the index: the worst verdict, and the names that it lists and
// no shard has. `folder`: where to write.
Result<std::vector<render::Converted>> convert_shards(const std::string& index,
                                                      const std::string& folder,
                                                      const convert::ConvertOptions& options,
                                                      const OutputOptions& output,
                                                      Console& console);

// One file of safetensors, or several files with an index where one header would be too long for
// readers.
Status write_whole_or_split(const SourcePtr& source, const OutputOptions& options, Console& console,
                            render::Converted& done);

}  // namespace brine::cli
