#include "format/baselines/data.h"

#include <memory>
#include <utility>

#include "format/baselines/embedded.h"
#include "format/codes.h"
#include "format/profiles.h"

namespace brine::format::baselines {
namespace {

void tell_unread(Sink& sink, std::string title) {
  Finding finding;
  finding.code = code::kMemberUnread;
  finding.title = std::move(title);
  finding.verdict = Verdict::incomplete;
  finding.severity = Severity::medium;
  sink.finding(std::move(finding));
}

}  // namespace

bool accepts(Probe& probe) {
  if (probe.name() != "data") return false;
  const std::string_view head = as_text(probe.head());
  const std::size_t first = head.find_first_not_of(" \t\n\r");
  return first == std::string_view::npos ? !head.empty() : head[first] == '{';
}

void read(Probe& probe, std::span<const std::string_view>, Sink& sink) {
  auto found = find_embedded(*probe.source(), sink.limits().nested_streams, sink.may_decode());
  if (!found) return tell_unread(sink, "the pickles in its JSON cannot be read");
  if (found->over) tell_unread(sink, "more pickles in its JSON than are read");
  if (found->pickles.empty()) return;
  sink.describe("Stable-Baselines data");
  sink.interpreted(0, probe.size());
  for (Embedded& pickle : found->pickles) {
    Stream stream;
    stream.source = std::make_shared<MemorySource>(std::move(pickle.bytes));
    stream.member = {std::move(pickle.name)};
    stream.loaders = baselines_loaders();
    sink.stream(std::move(stream));
  }
}

}  // namespace brine::format::baselines
