// convert: the weights of a model file without its code, and what may be claimed of them.
//
// Problem: people need the tensors of pickled checkpoints, and every other way to them runs the
// file or silently changes it. Method: the scan runs the file without doing anything; tensors are
// read from its result (capture.h, contents.h), their bytes are found in the file (records.h) and
// planned as safetensors (safetensors_writer.h). The verdict says what holds:
//
//   exact     every effect of the file is inert by facts and it was read to its end: each tensor
//             equals what the loader gives, bit for bit
//   disarmed  something was cut or could not be vouched for: the tensors equal the stored bytes
//   partial   the file is broken or cut off: what was built before that, and the names that miss
//   refused   no tensors, over a limit, or a kind of tensor that is not converted yet
//
// Invariant: nothing is invented. A tensor whose bytes are missing is missing. No trust and no
// policy makes a result exact.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/limits.h"
#include "brine/report.h"
#include "convert/contents.h"
#include "convert/disarmed.h"
#include "convert/safetensors_writer.h"
#include "io/source.h"
#include "scan/scan_file.h"

namespace brine::convert {

enum class Outcome : std::uint8_t { exact, disarmed, partial, refused };
// "EXACT" ..., as screens and JSON have it.
std::string_view to_string(Outcome outcome);

// What becomes of a tensor whose very view has an earlier name.
enum class Aliases : std::uint8_t {
  drop,  // left out; the metadata says {name: kept name}, as the Hub's converter writes it
  duplicate,  // written again
  alias,  // left out, and the metadata's brine.aliases says of which one it is a view
};

struct ConvertOptions {
  ContentsOptions contents;
  Aliases aliases = Aliases::drop;
  // Of a shard: whether the tensor of this name is to come from another file; none: no shard.
  std::function<bool(const std::string& name)> elsewhere;
  scan::ScanOptions scan;  // limits, worker, stop, progress; its policy is not used
};

struct Conversion {
  Outcome outcome = Outcome::refused;
  std::string reason;  // why it is not exact
  std::vector<Finding> cut;  // what the file would have done
  std::vector<std::string> missing;  // tensors without their bytes
  std::vector<std::string> left_out;  // tensors of modules that no state_dict has
  std::vector<std::string> other;  // the first values that are no tensors
  std::string loader;  // whose reading was taken
  std::vector<std::string> member;  // in which that loader found it
  std::string extras;  // JSON, when asked for
  Rewritten rewritten;  // when asked for
  Disarmed disarmed;  // of disarm (disarm.h)
  std::map<std::string, std::uint64_t> replaced;  // of disarm: what became a dict, and how often
  // The names that were dropped and which one was kept, sorted by name.
  std::vector<std::pair<std::string, std::string>> aliases;
  std::vector<Entry> entries;
  std::vector<Storage> storages;
  Metadata metadata;  // of the tensors: layouts, classes, aliases
};

Conversion convert_source(const std::string& path, const SourcePtr& source,
                          const ConvertOptions& options);

// A distributed checkpoint by its index (.metadata); options.scan.companion opens its other files.
struct SourcedConversion {
  Conversion conversion;
  SourcePtr source;  // what it was read from: the index and the files, one behind the other
};
SourcedConversion convert_checkpoint(const std::string& path, const SourcePtr& index,
                                     const ConvertOptions& options);

}  // namespace brine::convert
