// 7z archives: unpacked by a confined worker, each member looked at as a file of its own.
//
// nullifAI's models were 7z archives under a PyTorch name: torch.load refuses them, people unpack
// them. What cannot be unpacked (encryption, a method that libarchive lacks, a break) makes the
// file incomplete, with everything that came out before looked at.
#pragma once

#include <span>
#include <string_view>

#include "format/probe.h"
#include "format/stream.h"

namespace brine::format::seven_zip {

bool accepts(Probe& probe);
void read(Probe& probe, std::span<const std::string_view> loaders, Sink& sink);

}  // namespace brine::format::seven_zip
