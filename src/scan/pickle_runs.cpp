// Method: a run is a machine in a world of its own, whose events become findings; it is found again
// by where it began and by the fields of its profile that mattered.

#include "scan/pickle_runs.h"

#include <algorithm>

#include "catalogue/world.h"
#include "scan/codes.h"
#include "scan/shadow.h"

namespace brine::scan {
namespace {

using pickle::EndKind;
using pickle::Event;
using pickle::Kind;
using pickle::Machine;
using pickle::Node;
using pickle::NodeId;
using pickle::Profile;
using pickle::RunResult;
using pickle::Unpickler;

// torch's magic number, 0x1950a86a20f9469cfc6c, has more than 64 bits.
constexpr std::string_view kTorchMagic = "119547037146038801333356";
constexpr std::int64_t kTorchProtocol = 1001;

// Turns what the machine says into findings, and passes it on to an observer.
class ScanSink final : public pickle::TraceSink {
 public:
  ScanSink(const Limits& limits, bool storages, PickleRun& run, pickle::TraceSink* watcher)
      : limits_(limits),
        storages_(storages),
        watcher_inert_(watcher != nullptr && watcher->wants_inert()),
        run_(run),
        watcher_(watcher),
        findings_(limits) {}

  bool wants_inert() const override { return storages_ || watcher_inert_; }
  bool wants_steps() const override { return watcher_ != nullptr && watcher_->wants_steps(); }
  void on_step(std::uint64_t offset, const pickle::Opcode& opcode, Machine& machine) override {
    watcher_->on_step(offset, opcode, machine);
  }
  void on_nested(std::string_view bytes, std::string_view loader, std::uint64_t offset,
                 Machine& machine) override {
    keep({std::string(bytes), std::string(loader), offset, std::nullopt});
    if (watcher_ != nullptr) watcher_->on_nested(bytes, loader, offset, machine);
  }
  void on_nested_part(std::uint64_t start, std::uint64_t count, std::string_view loader,
                      std::uint64_t offset, Machine& machine) override {
    keep({{}, std::string(loader), offset, std::pair(start, count)});
    if (watcher_ != nullptr) watcher_->on_nested_part(start, count, loader, offset, machine);
  }
  void on_event(const Event& event, Machine& machine) override {
    const bool inert = event.judgement->level == pickle::Level::inert;
    if (watcher_ != nullptr && (watcher_inert_ || !inert)) watcher_->on_event(event, machine);
    if (storages_ && event.kind == pickle::EventKind::persistent) note_storage(event, machine);
    if (inert) return;
    Finding finding = finding_of(*event.judgement);
    finding.offset = event.offset;
    if (const pickle::Opcode* row = pickle::find_opcode(event.opcode)) finding.opcode = row->name;
    findings_.add(std::move(finding));
  }

  void on_result(const pickle::Judgement& judgement, std::uint64_t offset,
                 Machine& machine) override {
    if (watcher_ != nullptr) watcher_->on_result(judgement, offset, machine);
    Finding finding = finding_of(judgement);
    finding.offset = offset;
    if (const pickle::Opcode* row = pickle::find_opcode(pickle::op::STOP))
      finding.opcode = row->name;
    findings_.add(std::move(finding));
  }

  void finish() {
    run_.worst = findings_.worst();
    run_.findings_dropped = findings_.dropped();
    run_.findings = findings_.take();
  }

 private:
  void keep(NestedPickle nested) {
    if (run_.nested.size() < limits_.nested_streams) {
      run_.nested.push_back(std::move(nested));
    } else {
      ++run_.nested_dropped;
    }
  }

  void note_storage(const Event& event, Machine& machine) {
    std::optional<tensor::StorageId> id =
        event.has_argument ? tensor::parse_storage_id(machine, event.argument) : std::nullopt;
    ++run_.tensors;
    if (id) keep_storage(*id);
    machine.clear_nodes();
  }

  // A tensor's storage is named once for each use; the last one stands for all that are alike.
  void keep_storage(const tensor::StorageId& id) {
    const std::optional<std::uint64_t> bytes = id.byte_size();
    if (!run_.storages.empty()) {
      const StorageSize& last = run_.storages.back();
      if (last.key == id.key && last.countable == bytes.has_value() &&
          last.bytes == bytes.value_or(0)) {
        return;
      }
    }
    run_.storages.push_back(
        {run_.storage_keys.add(id.key), bytes.value_or(0), bytes.has_value(), id.itemsize});
  }

  const Limits& limits_;
  const bool storages_;
  const bool watcher_inert_;
  PickleRun& run_;
  pickle::TraceSink* watcher_;
  Findings findings_;
};

struct WorldInUse {
  std::unique_ptr<pickle::World> world;
  catalogue::CatalogueWorld* catalogue = nullptr;
};

WorldInUse make_world(const ScanOptions& options) {
  if (options.make_world) return {options.make_world(), nullptr};
  if (options.world == WorldChoice::opaque) {
    return {std::make_unique<pickle::OpaqueWorld>(), nullptr};
  }
  catalogue::WorldOptions wanted;
  wanted.blind = options.world == WorldChoice::blind;
  wanted.trust = trust_of(options.policy);
  wanted.shadowed = shadowing_modules(options.neighbours);
  std::unique_ptr<catalogue::CatalogueWorld> made = catalogue::make_catalogue_world(wanted);
  catalogue::CatalogueWorld* kept = made.get();
  return {std::move(made), kept};
}

// Whether a value that no run can pin down might equal a number that the loader compares it with.
bool may_equal_anything(Kind kind) {
  return kind == Kind::object || kind == Kind::unknown || kind == Kind::ref ||
         kind == Kind::persistent;
}

// Whether comparing the value with a number surely gives no: an array's comparison gives an array,
// which nobody can take for one truth unless it has one item; text is no number.
bool surely_differs(Machine& machine, pickle::World& world, const pickle::Value& value) {
  if (value.kind() != Kind::object || world.type_name(machine, value.aux()) != "numpy.ndarray")
    return false;
  const NodeId id = machine.rebuild(value);
  if (id == pickle::kNoNode) return false;
  const pickle::NodeGraph& nodes = machine.nodes();
  const auto states = nodes[id].states();
  if (states.size() != 1 || nodes[states[0]].kind != Kind::tuple) return false;
  const auto& state = nodes[states[0]].items;  // version, shape, type, order, items
  constexpr std::size_t kShape = 1, kItems = 4;
  if (state.size() <= kItems || nodes[state[kShape]].kind != Kind::tuple) return false;
  const Node& items = nodes[state[kItems]];
  const auto& shape = nodes[state[kShape]].items;
  const bool several = shape.size() == 1 && nodes[shape[0]].kind == Kind::integer &&
                       !nodes[shape[0]].big && nodes[shape[0]].integer > 1;
  const bool text = items.kind == Kind::list && items.items.size() == 1 &&
                    nodes[items.items[0]].kind == Kind::str;
  return several || text;
}

// The parts of a list or tuple: a storage's type, or storage keys.
void read_parts(const pickle::NodeGraph& nodes, const Node& list, PickleRun& run) {
  if (list.items.size() == 3 && nodes[list.items[2]].kind == Kind::ref) {
    run.third = nodes[list.items[2]].name();
  }
  std::vector<std::string> keys;
  keys.reserve(list.items.size());
  for (NodeId item : list.items) {
    const Node& key = nodes[item];
    if (key.kind == Kind::str) {
      keys.emplace_back(key.text);
    } else if (key.kind == Kind::integer && !key.big) {
      keys.push_back(std::to_string(key.integer));
      run.number_keys = true;
    } else {
      return;
    }
  }
  run.keys = std::move(keys);
}

// What the loader asks of the result. Only where it wants a list's or tuple's parts are they
// spelled out: a pickle of plain data costs memory for each of its values then.
void read_result(Machine& machine, pickle::World& world, PickleRun& run) {
  const pickle::Value& value = run.result.result;
  using Answer = PickleRun::Answer;
  if (may_equal_anything(value.kind()) && !surely_differs(machine, world, value))
    run.magic = run.protocol = Answer::maybe;
  const bool number = value.kind() == Kind::integer || value.kind() == Kind::floating;
  const bool container = value.kind() == Kind::list || value.kind() == Kind::tuple;
  if (!number && !(container && run.parts)) return;
  const NodeId id = machine.rebuild(value);
  if (id == pickle::kNoNode) {
    run.magic = run.protocol = Answer::maybe;
    return;
  }
  const Node& node = machine.nodes()[id];
  if (node.kind == Kind::integer) {
    if (node.big && node.text == kTorchMagic) run.magic = Answer::yes;
    if (!node.big && node.integer == kTorchProtocol) run.protocol = Answer::yes;
    if (!node.big) run.count = node.integer;
  } else if (node.kind == Kind::floating) {
    if (node.floating == static_cast<double>(kTorchProtocol)) run.protocol = Answer::yes;
  } else if (node.kind == Kind::list || node.kind == Kind::tuple) {
    read_parts(machine.nodes(), node, run);
  }
}

// The fields in which two profiles differ, as Divergence bits.
std::uint8_t difference(const Profile& a, const Profile& b) {
  std::uint8_t bits = 0;
  if (a.unpickler != b.unpickler) bits |= pickle::kDivergesByUnpickler;
  if (a.encoding != b.encoding) bits |= pickle::kDivergesByEncoding;
  if (a.persistent != b.persistent) bits |= pickle::kDivergesByPersistent;
  if (a.find_class != b.find_class) bits |= pickle::kDivergesByFindClass;
  if (a.joblib != b.joblib) bits |= pickle::kDivergesByJoblib;
  if (a.whole != b.whole) bits |= pickle::kDivergesByFraming;
  return bits;
}

// A restricted unpickler refuses what the others run: its runs are its own.
bool restricted(Unpickler unpickler) {
  return unpickler == Unpickler::torch_weights_only || unpickler == Unpickler::libtorch;
}

// An archive with modules of its own: no name means the same to anybody else.
bool own_modules(const Profile& profile) {
  return profile.find_class == pickle::FindClass::torch_package;
}

}  // namespace

// A small file that a codec makes large gets no large file's memory. Honest pickles keep less than
// one value for each byte, and one of equal rows, which compress best, a few million.
FileBudget::FileBudget(const Limits& given, std::uint64_t size)
    : limits(given), spare(given.rebuild_spare) {
  constexpr std::uint64_t kFewest = 4u << 20, kPerByte = 16;
  const std::uint64_t entries =
      std::max(kFewest, std::min(size, ~std::uint64_t{0} / kPerByte) * kPerByte);
  limits.stack_entries = std::min(limits.stack_entries, entries);
  limits.memo_entries = std::min(limits.memo_entries, entries);
}

PickleRuns::PickleRuns(const format::Stream& stream, const ScanOptions& options, FileBudget* budget)
    : stream_(stream),
      options_(options),
      limits_(budget == nullptr ? options.limits : budget->limits),
      spare_(budget == nullptr ? nullptr : &budget->spare) {}

std::shared_ptr<const PickleRun> PickleRuns::find(std::uint64_t start, const Profile& profile,
                                                  bool poisoned, bool parts) const {
  if (!options_.share_runs) return nullptr;
  for (const auto& run : runs_) {
    if (run->start != start || run->began_poisoned != poisoned) continue;
    if (parts && !run->parts) continue;
    const bool enough = profile.wanted == pickle::Wanted::anything;
    if (!enough && run->profile.wanted != profile.wanted) continue;
    if (run->profile == profile) return run;
    if (own_modules(run->profile) != own_modules(profile)) continue;
    if (run->profile.unpickler != profile.unpickler &&
        (restricted(run->profile.unpickler) || restricted(profile.unpickler))) {
      continue;
    }
    if ((difference(run->profile, profile) & run->result.divergence) == 0) return run;
  }
  return nullptr;
}

// torch's restricted unpickler does what C's does or less: it refuses. Where C's reading of the
// same pickle reached its STOP and was all inert, only the place of a refusal is still unknown,
// and for that nobody has to judge the calls again.
bool PickleRuns::judged_already(std::uint64_t start, const Profile& profile) const {
  if (profile.unpickler != Unpickler::torch_weights_only) return false;
  return std::ranges::any_of(runs_, [&](const auto& run) {
    Profile unrestricted = profile;
    unrestricted.unpickler = Unpickler::c;
    return run->start == start && run->profile == unrestricted &&
           run->result.end.kind == EndKind::stop && run->worst == Verdict::clean;
  });
}

std::shared_ptr<const PickleRun> PickleRuns::run(std::uint64_t start, const Profile& profile,
                                                 bool poisoned, bool parts,
                                                 const ViewStart* watched,
                                                 pickle::TraceSink* watcher) {
  if (watched == nullptr) {
    if (auto known = find(start, profile, poisoned, parts)) return known;
  }
  std::uint64_t& forks = forks_[start];
  if (options_.share_runs && forks > options_.limits.forks) {
    too_many_ = true;
    return nullptr;
  }
  ++forks;
  auto run = std::make_shared<PickleRun>();
  run->start = start;
  run->profile = profile;
  run->began_poisoned = poisoned;
  run->parts = parts;
  interpret(*run, watched, watcher);
  runs_.push_back(run);
  return run;
}

void PickleRuns::interpret(PickleRun& run, const ViewStart* watched, pickle::TraceSink* watcher) {
  const bool judged =
      watched == nullptr && options_.share_runs && judged_already(run.start, run.profile);
  const bool storages = !judged && run.profile.persistent != pickle::PersistentLoad::none;
  WorldInUse in_use =
      judged ? WorldInUse{std::make_unique<pickle::OpaqueWorld>(), nullptr} : make_world(options_);
  ScanSink sink(options_.limits, storages, run, watcher);
  Machine machine(
      *stream_.source, run.profile, *in_use.world, sink, limits_,
      {.collapse = true, .start = run.start, .poisoned = run.began_poisoned, .spare = spare_});
  run.result = machine.run();
  bool poisoned = machine.poisoned();
  for (std::uint64_t count = 0; run.result.end.kind == EndKind::paused; ++count) {
    if (count >= options_.limits.nested_streams) {
      run.result.end = {EndKind::budget, machine.paused_at(), 0, "nested_streams"};
      break;
    }
    poisoned = resume_behind_objects(machine, *in_use.world, sink, run) || poisoned;
  }
  run.behind = machine.position();
  run.poisoned = poisoned || machine.poisoned();
  run.arrays.insert(run.arrays.end(), machine.arrays().begin(), machine.arrays().end());
  run.first_array = machine.first_array();
  run.companions = machine.companions();
  if (watched != nullptr) options_.observer->ran(*watched, run.result, machine);
  if (run.result.end.kind == EndKind::stop) read_result(machine, *in_use.world, run);
  sink.finish();
  if (in_use.catalogue != nullptr) run.waived = in_use.catalogue->waived();
}

// joblib's array of objects: another pickle in the middle of this one. joblib 1.6 reads it with
// Python's unpickler and goes on where that leaves the file. Gives whether that voided all facts.
bool PickleRuns::resume_behind_objects(Machine& outer, pickle::World& world,
                                       pickle::TraceSink& sink, PickleRun& run) {
  Profile profile = run.profile;
  profile.joblib = pickle::JoblibReads::nothing;
  profile.wanted = pickle::Wanted::array;
  Machine inner(*stream_.source, profile, world, sink, limits_,
                {.collapse = true,
                 .start = outer.paused_at(),
                 .poisoned = outer.poisoned(),
                 .spare = spare_});
  const RunResult result = inner.run();
  const bool poisoned = inner.poisoned();
  if (result.end.kind != EndKind::stop) {
    run.result.end = result.end;
    return poisoned;
  }
  Machine::Resumed what;
  if (result.result.kind() == Kind::ref) {
    what.module = inner.module_of(result.result.aux());
    what.name = inner.name_of(result.result.aux());
  } else if (result.result.kind() == Kind::object) {
    what.array = world.type_name(inner, result.result.aux()) == "numpy.ndarray";
  }
  outer.poison(poisoned);
  run.result = outer.resume(inner.position(), what);
  return poisoned;
}

}  // namespace brine::scan
