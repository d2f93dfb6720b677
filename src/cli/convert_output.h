// What convert and disarm write: a conversion becomes a file, whole or not at all.
//
// Phases: plan, read the source once while two threads hash and write what was read (line.h), write
// the header with the hash in it, compare when asked to, give the file its name. Tensors that do
// not lie in the source as they are to be written are read by themselves meanwhile. Memory is the
// plan and a few buffers, however large the file. An Error with the code `changed` means that the
// result was taken back because the source did not keep still; nothing is left under the name.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "cli/atomic_file.h"
#include "cli/console.h"
#include "io/source.h"
#include "render/conversion.h"

namespace brine::cli {

struct OutputOptions {
  std::string root;  // of --root, for the metadata
  bool extras = false;  // what is no tensor goes into a file beside it
  bool verify = false;  // read back and compare
  bool force = false;  // replace a file that is there
};

// "dir/model.bin" -> "dir/model"; a name without an ending keeps all of it.
std::string stem_of(const std::string& path);

// Before anything is written: whether a file may be under each of these names, and the extras of
// the last beside it. done.output is the first that may not.
Status check_places(const std::vector<std::string>& paths, const OutputOptions& options,
                    render::Converted& done);

// Both write done.output from done.conversion and say in `done` what was written; the first one,
// with its extras, gets its name with the other `files`.
Status add_safetensors(const SourcePtr& source, const OutputOptions& options, Console& console,
                       render::Converted& done, FileSet& files);
Status write_disarmed(const SourcePtr& source, const OutputOptions& options, Console& console,
                      render::Converted& done);

// A small file of text, beside them.
Status add_text(const std::string& path, const std::string& text, bool force, FileSet& files);

}  // namespace brine::cli
