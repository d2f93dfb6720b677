#include "catalogue/findings.h"

#include <algorithm>
#include <array>
#include <utility>

namespace brine::catalogue {
namespace {

// From grave to light; the first that a fact has names the finding.
constexpr std::array kWords = {
    CapabilityWords{pickle::kProcess, Code::process, "starts a process", "command"},
    CapabilityWords{pickle::kRunCode, Code::run_code, "runs code", "code"},
    CapabilityWords{pickle::kNative, Code::native, "loads native code", "path"},
    CapabilityWords{pickle::kNetwork, Code::network, "reaches the network", "address"},
    CapabilityWords{pickle::kDelete, Code::remove, "deletes or moves files", "path"},
    CapabilityWords{pickle::kWrite, Code::write, "writes files", "path"},
    CapabilityWords{pickle::kUnpickle, Code::unpickle, "loads another pickle", "path"},
    CapabilityWords{pickle::kRead, Code::read, "reads files", "path"},
    CapabilityWords{pickle::kGlobalState, Code::global_state, "changes the process's state",
                    "value"},
    CapabilityWords{pickle::kEnvironment, Code::environment, "reads the environment", "name"},
    CapabilityWords{pickle::kExit, Code::exit, "ends or blocks the process", "value"},
    CapabilityWords{pickle::kImport, Code::import, "imports what it is told to", "name"},
    CapabilityWords{pickle::kReach, Code::reach, "reaches other objects by name", "name"},
    CapabilityWords{pickle::Capability{}, Code::unknown_used, "does what is not known", "value"},
};

}  // namespace

const CapabilityWords& gravest(pickle::Capabilities caps) {
  const auto* found = std::find_if(kWords.begin(), kWords.end(), [caps](const auto& row) {
    return (row.capability & caps) != 0 || row.capability == pickle::Capability{};
  });
  return *found;
}

pickle::Judgement suspicious(Code code, std::string what, std::string callable,
                             pickle::Capabilities caps) {
  pickle::Judgement out;
  out.level = pickle::Level::suspicious;
  out.code = static_cast<std::uint16_t>(code);
  out.caps = caps;
  out.what = std::move(what);
  out.callable = std::move(callable);
  return out;
}

}  // namespace brine::catalogue
