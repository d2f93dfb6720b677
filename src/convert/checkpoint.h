// Distributed checkpoints: the state_dict that dcp.load builds, from its index and its files.
//
// Problem: torch.distributed.checkpoint keeps a tensor as chunks, each what torch.save makes of it,
// at byte ranges of files that each rank wrote; other values are torch files of their own; a nested
// state_dict is one table of flat names. Method: the values are put back on their ways, as the
// loader does; each chunk is read as the torch file that it is; a tensor of several chunks is a
// source over them (chunks.h). All files together are one source, the index first and the others
// by name, so that the output is copied from it in one pass. Invariant: a tensor is whole, missing
// or refused by name: chunks that overlap or leave their tensor, and bytes that two parts claim,
// are refused; parts that are not there make it missing. Only files that DCP's names are for are
// opened.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "convert/checkpoint_index.h"
#include "convert/contents.h"
#include "io/source.h"

namespace brine::convert {

// What one part's torch file gives.
struct PartFile {
  std::optional<Contents> contents;
  std::string problem;  // why there are none
  std::string doubt;  // why its loader may give something else
};

struct CheckpointReaders {
  // A file of the checkpoint by its name; null: it is not there.
  std::function<SourcePtr(const std::string& name)> open;
  // `item`: whose part it is; tensors are read by torch.load(weights_only=True), on the CPU.
  std::function<PartFile(const CheckpointItem& item, const SourcePtr& bytes,
                         const ContentsOptions& options)>
      read;
};

struct Checkpoint {
  Contents contents;
  SourcePtr source;  // the index and all files that were opened, one behind the other
  std::string unread;  // the first value that could not be read, and why
  std::string doubt;  // why the loader may give something else, or refuse
};

Result<Checkpoint> read_checkpoint(const SourcePtr& index_source, const CheckpointIndex& index,
                                   const ContentsOptions& options,
                                   const CheckpointReaders& readers);

}  // namespace brine::convert
