#include "cli/foreign.h"

#include <string>

#include "sandbox/client.h"

namespace brine::cli {

namespace {

class WorkerOpener final : public archive::ForeignOpener {
 public:
  sandbox::Extraction extract(ByteSource& source, const Limits& limits,
                              std::uint64_t budget) const override {
    static const std::string program = sandbox::find_worker();
    return sandbox::run_worker(program, source, limits, budget);
  }
};

}  // namespace

const archive::ForeignOpener* foreign_opener() {
  static const WorkerOpener opener;
  return &opener;
}

}  // namespace brine::cli
