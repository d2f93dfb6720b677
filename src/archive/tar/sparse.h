// A sparse member as one source: parts of the archive with holes of NULs between.
#pragma once

#include "archive/tar/reader.h"

namespace brine::archive {

// Whether the parts stand in order, apart from each other and within the size.
bool in_order(const TarMember& member);
SourcePtr open_sparse(const SourcePtr& source, const TarMember& member, TarWay way);

}  // namespace brine::archive
