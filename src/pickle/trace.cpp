// The words for what a trace holds, as reports and test drivers print them.

#include "pickle/trace.h"

#include <iterator>

namespace brine::pickle {

std::string_view to_string(EventKind kind) {
  switch (kind) {
    case EventKind::import: return "import";
    case EventKind::getattr: return "getattr";
    case EventKind::call: return "call";
    case EventKind::construct: return "construct";
    case EventKind::set_state: return "set_state";
    case EventKind::store: return "store";
    case EventKind::hash: return "hash";
    case EventKind::persistent: return "persistent";
  }
  return "call";
}

std::string_view to_string(StoreHow how) {
  switch (how) {
    case StoreHow::append: return "append";
    case StoreHow::extend: return "extend";
    case StoreHow::setitem: return "setitem";
    case StoreHow::add: return "add";
    case StoreHow::setattr: return "setattr";
  }
  return "append";
}

std::string_view to_string(EndKind kind) {
  switch (kind) {
    case EndKind::stop: return "stop";
    case EndKind::broken: return "broken";
    case EndKind::budget: return "budget";
    case EndKind::refused: return "refused";
    case EndKind::paused: return "paused";
  }
  return "broken";
}

std::vector<std::string_view> capability_names(Capabilities caps) {
  static constexpr std::string_view kNames[] = {
      "run_code", "process", "network", "write",       "delete",       "native", "import",
      "unpickle", "reach",   "read",    "environment", "global_state", "exit"};
  std::vector<std::string_view> out;
  for (unsigned bit = 0; bit < std::size(kNames); ++bit) {
    if ((caps >> bit & 1) != 0) out.push_back(kNames[bit]);
  }
  return out;
}

}  // namespace brine::pickle
