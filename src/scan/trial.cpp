// Method: they are run as C's unpickler would, and as Python's when its outcome may differ, in a
// World that knows nothing. Whether a name is an identifier tells a pickle from chance.

#include "scan/trial.h"

#include <algorithm>

#include "pickle/machine.h"
#include "pickle/trace.h"
#include "pickle/world.h"

namespace brine::scan {
namespace {

using pickle::EndKind;
using pickle::Event;
using pickle::Machine;
using pickle::Profile;
using pickle::RunResult;
using pickle::Unpickler;

// Counts calls and imports, and judges nothing.
class TrialSink final : public pickle::TraceSink {
 public:
  bool wants_inert() const override { return true; }
  void on_event(const Event& event, Machine&) override {
    switch (event.kind) {
      case pickle::EventKind::call:
      case pickle::EventKind::construct:
      case pickle::EventKind::set_state: acted = true; break;
      case pickle::EventKind::import:
      case pickle::EventKind::getattr:
      case pickle::EventKind::store:
      case pickle::EventKind::hash:
      case pickle::EventKind::persistent: break;
    }
  }
  bool acted = false;
};

}  // namespace

Trial try_pickle(ByteSource& source, std::uint64_t start, const Limits& limits) {
  Trial trial;
  for (Unpickler unpickler : {Unpickler::c, Unpickler::py}) {
    const Profile profile{unpickler, pickle::Encoding::latin1, pickle::PersistentLoad::any,
                          pickle::FindClass::plain, pickle::JoblibReads::nothing};
    pickle::OpaqueWorld world;
    TrialSink sink;
    Machine machine(source, profile, world, sink, limits, {.collapse = true, .start = start});
    const RunResult result = machine.run();
    const bool stopped = result.end.kind == EndKind::stop;
    const std::uint64_t reached = std::max(machine.position(), result.end.offset);
    const std::uint64_t left = source.size() - start;
    const std::uint64_t read = std::min(machine.position() - start, left);
    trial.reached = std::max(trial.reached, reached);
    trial.looked = std::max({trial.looked, reached, machine.looked()});
    trial.pickle = trial.pickle || result.uses_ext || result.imports_identifier ||
                   (stopped && read >= left - left / 10);
    trial.stopped = trial.stopped || stopped;
    trial.imports = trial.imports || result.imports_identifier;
    trial.acts = trial.acts || ((result.uses_ext || result.imports_identifier) && sink.acted);
    if ((result.divergence & pickle::kDivergesByUnpickler) == 0) break;
  }
  return trial;
}

}  // namespace brine::scan
