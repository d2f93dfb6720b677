#include "base/limits.h"

namespace brine {

const std::vector<LimitName>& limit_names() {
  static const std::vector<LimitName> names = {
      {"stack_entries", &Limits::stack_entries, "entries of a pickle's stack"},
      {"memo_entries", &Limits::memo_entries, "entries of a pickle's memo"},
      {"nodes", &Limits::nodes, "values rebuilt to look inside"},
      {"aliases", &Limits::aliases, "changes through a second handle, copies by DUP"},
      {"rebuild_factor", &Limits::rebuild_factor, "bytes run again per byte of the stream"},
      {"rebuild_spare", &Limits::rebuild_spare, "bytes run again beyond that, in a file"},
      {"text_bytes", &Limits::text_bytes, "bytes of one name or computed text"},
      {"evaluated_bytes", &Limits::evaluated_bytes, "bytes that pure functions gave"},
      {"forks", &Limits::forks, "readings of one stream"},
      {"nested_streams", &Limits::nested_streams, "pickles inside pickles"},
      {"nested_depth", &Limits::nested_depth, "depth of members and nested pickles"},
      {"references", &Limits::references, "different names imported by one stream"},
      {"reference_bytes", &Limits::reference_bytes, "bytes of all names imported by one stream"},
      {"members", &Limits::members, "entries of one archive"},
      {"name_bytes", &Limits::name_bytes, "bytes of a member's name"},
      {"directory_bytes", &Limits::directory_bytes, "bytes of a central directory"},
      {"member_bytes", &Limits::member_bytes, "bytes of an inflated member"},
      {"inflate_ratio", &Limits::inflate_ratio, "output per input byte when inflating"},
      {"decoded_floor", &Limits::decoded_floor, "bytes of output that no ratio forbids"},
      {"window_bytes", &Limits::window_bytes, "bytes of a decoder's window"},
      {"salvage_factor", &Limits::salvage_factor, "bytes searched per byte of the file"},
      {"header_bytes", &Limits::header_bytes, "bytes of a safetensors header"},
      {"worker_seconds", &Limits::worker_seconds, "seconds for unpacking a foreign archive"},
      {"findings_per_code", &Limits::findings_per_code, "findings kept a code and file"},
      {"evidence_bytes", &Limits::evidence_bytes, "bytes of one piece of evidence"},
      {"events_per_view", &Limits::events_per_view, "events kept for explain"},
      {"path_depth", &Limits::path_depth, "folders in folders"},
  };
  return names;
}

}  // namespace brine
