// Zip archives: what torch.load, torch.jit.load and every user of zipfile get out of one.
//
// Method: the archive gives one view for each kind of reader (archive/zip/reader.h). Whatever a
// lookup of PyTorch could return for a pickle it reads is a stream; storages are told by the
// pickle's own ids; every other member, and every member that zipfile reads other bytes for, gets a
// verdict of its own. Where the readers part is a finding.
#pragma once

#include <span>
#include <string_view>

#include "format/probe.h"
#include "format/stream.h"

namespace brine::format::torch_zip {

bool torch_load_accepts(Probe& probe);
bool jit_load_accepts(Probe& probe);
bool zipfile_accepts(Probe& probe);
// A local header at the front and no end record anywhere.
bool salvage_accepts(Probe& probe);

void read(Probe& probe, std::span<const std::string_view> loaders, Sink& sink);

}  // namespace brine::format::torch_zip
