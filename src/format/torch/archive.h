// What torch.load makes of a zip archive before it comes to the pickle.
//
// Problem: weights_only=True can refuse an archive whose pickle it would take, and which archives
// it refuses differs by release. Method: the records that torch.load reads first are read as each
// release does (torch/serialization.py). Invariant: where releases may read the archive in
// different ways, what they do is a doubt.
#pragma once

#include "archive/zip/reader.h"
#include "format/stream.h"

namespace brine::format::torch_zip {

// What is known of the archive by then.
struct ArchiveFacts {
  bool delegated = false;  // torch.load hands it to torch.jit.load
  bool accepted = false;   // the file begins as one that torch.load opens
  bool contested = false;  // readers disagree about an entry
  bool several_roots = false;
};
TorchArchive torch_archive(archive::ZipArchive& archive, const ArchiveFacts& facts);

}  // namespace brine::format::torch_zip
