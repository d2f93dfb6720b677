// Tar archives: what torch.load and tarfile get out of one.
//
// Method: archive/tar lists the members as tarfile does. torch's first format keeps its pickles in
// members named storages, tensors and pickle; every other member gets a verdict of its own. Names
// that leave the folder, links and devices are findings. What stands behind a header that ended the
// archive without a word stays unexplained, so that the scan searches it.
#pragma once

#include <span>
#include <string_view>

#include "format/probe.h"
#include "format/stream.h"

namespace brine::format::tar {

bool accepts(Probe& probe);
// A tar by its magic whose first header is damaged: tarfile refuses, others go on behind it.
bool salvage_accepts(Probe& probe);
void read(Probe& probe, std::span<const std::string_view> loaders, Sink& sink);

}  // namespace brine::format::tar
