#include "format/pickle/bare.h"

#include <memory>
#include <string>
#include <utility>

#include "format/names.h"
#include "format/pickle/carried.h"
#include "format/profiles.h"
#include "pickle/opcode.h"

namespace brine::format::bare_pickle {

namespace {

constexpr std::uint8_t kHighestProtocol = 5;

}  // namespace

bool starts_with_proto(ByteSpan head) {
  return head.size() >= 2 && head[0] == pickle::op::PROTO && head[1] <= kHighestProtocol;
}

bool accepts(Probe& probe) {
  // A zip's first letter is PERSID, which raises in every loader of bare pickles.
  if (probe.head().empty() || probe.starts_with("PK\3\4") || probe.starts_with("PK\5\6")) {
    return false;
  }
  return starts_with_proto(probe.head()) || promise_of(probe.lower()) == Promise::pickle ||
         pickle::find_opcode(probe.head()[0]) != nullptr;
}

Stream stream_of(Probe& probe, std::vector<LoaderUse> loaders) {
  Stream stream;
  stream.source = probe.source();
  stream.file_base = 0;
  stream.loaders = std::move(loaders);
  if (starts_with_proto(probe.head())) {
    stream.certainty = Certainty::sure;
  } else if (promise_of(probe.lower()) == Promise::pickle) {
    stream.certainty = Certainty::named;
  } else {
    stream.certainty = Certainty::guessed;
  }
  return stream;
}

void read(Probe& probe, std::span<const std::string_view>, Sink& sink) {
  sink.stream(stream_of(probe, bare_pickle_loaders()));
  if (const auto carried = carried_zip(probe)) {
    sink.member(
        [source = probe.source(), carried = *carried]() -> Result<Content> {
          return Content{std::make_shared<SliceSource>(source, carried.first, carried.second), {}};
        },
        "bytes at byte " + std::to_string(carried->first), carried->first);
  }
}

}  // namespace brine::format::bare_pickle
