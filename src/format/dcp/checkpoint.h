// Folders that torch.distributed.checkpoint writes: .metadata, and .distcp files with its slices.
//
// Problem: dcp.load unpickles .metadata, seeks to each slice that it names and hands the slice to
// torch.load (weights_only for tensors, without for other values). A .metadata may name any bytes
// of any file. Method: a .distcp is taken apart by its own archives (slices.h), each a member; what
// the .metadata beside it names must be just those, and the others that it names are members too.
// A .metadata must name files as DCP does, so that the files that it leads to know of it.
// Invariant: no slice that could be read goes unread.
#pragma once

#include <span>
#include <string_view>

#include "format/probe.h"
#include "format/stream.h"

namespace brine::format::dcp {

bool slices_accept(Probe& probe);
void read_slices(Probe& probe, std::span<const std::string_view> loaders, Sink& sink);

bool metadata_accepts(Probe& probe);
void read_metadata(Probe& probe, std::span<const std::string_view> loaders, Sink& sink);

}  // namespace brine::format::dcp
