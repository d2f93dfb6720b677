// The machine over any bytes: both unpicklers, the opaque and the catalogue World. Whether
// containers collapse to byte ranges or are kept must change nothing that anybody sees; what
// explain prints is bounded and printable, and looking inside values never fails but by the budget.

#include <memory>
#include <string>
#include <vector>

#include "catalogue/world.h"
#include "io/source.h"
#include "pickle/decompiler.h"
#include "pickle/disassembler.h"
#include "pickle/machine.h"
#include "target.h"

namespace {

using namespace brine;
using namespace brine::pickle;

// Small enough for a run to be over before the fuzzer loses patience.
Limits small_limits() {
  Limits limits;
  limits.stack_entries = 1u << 16;
  limits.memo_entries = 1u << 16;
  limits.nodes = 1u << 13;
  limits.evaluated_bytes = 1u << 20;
  return limits;
}

class EventLog final : public TraceSink {
 public:
  bool wants_inert() const override { return true; }
  void on_event(const Event& event, Machine& machine) override {
    std::string line(to_string(event.kind));
    for (const std::string_view part : {event.module, event.name, event.callable}) {
      line += '\t';
      line += part;
    }
    line += "\t" + std::to_string(event.offset) + " " + std::to_string(event.nargs) + " " +
            std::string(to_string(event.how)) + " " + (event.computed ? "computed " : "") +
            std::to_string(static_cast<int>(event.judgement->level)) + " " +
            std::to_string(event.judgement->code);
    if (event.has_argument) line += "\t" + machine.render(event.argument, 400);
    if (event.has_key) line += "\t" + machine.render(event.key, 400);
    lines.push_back(std::move(line));
    machine.clear_nodes();
  }
  void on_nested(std::string_view bytes, std::string_view loader, std::uint64_t offset,
                 Machine&) override {
    lines.push_back("nested\t" + std::string(loader) + "\t" + std::to_string(bytes.size()) + " " +
                    std::to_string(offset));
  }

  std::vector<std::string> lines;
};

std::unique_ptr<World> make_world(bool opaque) {
  if (opaque) return std::make_unique<OpaqueWorld>();
  return catalogue::make_catalogue_world();
}

struct Ran {
  std::vector<std::string> events;
  RunResult result;
  std::string value;
};

Ran run(ByteSource& source, const Profile& profile, bool opaque, bool collapse) {
  static const Limits limits = small_limits();
  const std::unique_ptr<World> world = make_world(opaque);
  EventLog log;
  Machine machine(source, profile, *world, log, limits, {.collapse = collapse, .start = 0});
  Ran out;
  out.result = machine.run();
  if (out.result.end.kind == EndKind::stop) out.value = machine.render(out.result.result, 1000);
  out.events = std::move(log.lines);
  return out;
}

void show(const char* name, const Ran& ran) {
  std::fprintf(stderr, "--- %s: %s at %llu, %s\n    value %s\n", name,
               std::string(to_string(ran.result.end.kind)).c_str(),
               static_cast<unsigned long long>(ran.result.end.offset), ran.result.end.error.c_str(),
               ran.value.c_str());
  for (const std::string& line : ran.events) std::fprintf(stderr, "%s\n", line.c_str());
}

// Over budget the two may stop at different places; up to there they agree.
void compare(const Ran& collapsed, const Ran& kept) {
  const End& a = collapsed.result.end;
  const End& b = kept.result.end;
  const bool budget = a.kind == EndKind::budget || b.kind == EndKind::budget;
  std::size_t common = std::min(collapsed.events.size(), kept.events.size());
  bool same = budget || collapsed.events.size() == kept.events.size();
  for (std::size_t i = 0; same && i < common; ++i) same = collapsed.events[i] == kept.events[i];
  if (!budget) {
    same = same && a.kind == b.kind && a.offset == b.offset && a.error == b.error &&
           collapsed.value == kept.value && collapsed.result.opcodes == kept.result.opcodes;
  }
  if (same) return;
  show("collapsed", collapsed);
  show("kept", kept);
  fuzz::check(false, "collapsing changes what is seen");
}

void print(ByteSource& source, const Profile& profile, bool opaque, DecompilerOptions options) {
  static const Limits limits = small_limits();
  const std::unique_ptr<World> world = make_world(opaque);
  Decompiler decompiler(source, options);
  Machine machine(source, profile, *world, decompiler, limits);
  decompiler.finish(machine.run(), machine);
  std::size_t bytes = 0;
  decompiler.print([&bytes](std::string_view line) {
    fuzz::check_printable(line);
    bytes += line.size();
  });
  fuzz::check_printable(decompiler.sentence());
  fuzz::check(options.full || bytes < options.max_bytes + (1u << 20), "too much text");
}

void list_steps(ByteSource& source, const Profile& profile) {
  static const Limits limits = small_limits();
  OpaqueWorld world;
  DisassemblySink sink(source, {}, fuzz::check_printable);
  Machine machine(source, profile, world, sink, limits);
  sink.finish(machine.run());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::size_t kMost = 1u << 14;
  if (size > kMost) return 0;
  MemorySource source(ByteSpan(data, size));
  Profile profile;
  profile.encoding = static_cast<Encoding>(size % 4);
  profile.persistent = size / 4 % 2 == 0 ? PersistentLoad::torch : PersistentLoad::none;
  for (const Unpickler unpickler : {Unpickler::c, Unpickler::py}) {
    profile.unpickler = unpickler;
    for (const bool opaque : {true, false}) {
      compare(run(source, profile, opaque, true), run(source, profile, opaque, false));
    }
    DecompilerOptions options;
    options.full = size / 8 % 2 == 0;
    options.ascii = size / 16 % 2 == 0;
    options.max_statements = 100;
    print(source, profile, unpickler == Unpickler::c, options);
    list_steps(source, profile);
  }
  return 0;
}
