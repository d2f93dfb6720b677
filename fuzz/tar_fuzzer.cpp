// The tar reader over any bytes: every member lies in the file, and its bytes can be read.

#include <algorithm>
#include <memory>
#include <vector>

#include "archive/tar/reader.h"
#include "target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace brine;
  Limits limits;
  limits.members = 512;
  const SourcePtr source = std::make_shared<MemorySource>(ByteSpan(data, size));
  const auto listing = archive::list_tar(*source, limits);
  fuzz::check(listing.has_value(), "bytes in memory cannot be read");
  fuzz::check(listing->members.size() <= limits.members, "more members than allowed");
  if (listing->members.empty()) return 0;
  fuzz::check(archive::is_tar_header(ByteSpan(data, size)) || listing->members.front().beyond,
              "a member without a header");
  for (const archive::TarMember& member : listing->members) {
    fuzz::check(member.header < size && member.data <= size, "a member outside of the file");
    for (const archive::TarWay way : {archive::TarWay::extract, archive::TarWay::extractfile}) {
      const SourcePtr content = archive::open_tar_member(source, member, way);
      fuzz::check(content->size() <= member.size, "more bytes than the member has");
      const std::uint64_t count = std::min<std::uint64_t>(content->size(), 600);
      fuzz::check(content->read_vector(0, count).has_value(), "the beginning cannot be read");
      fuzz::check(content->read_vector(content->size() - count, count).has_value(),
                  "the end cannot be read");
    }
  }
  return 0;
}
