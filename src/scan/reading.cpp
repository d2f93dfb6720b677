#include "scan/reading.h"

#include <algorithm>
#include <array>
#include <deque>
#include <map>
#include <utility>

#include "catalogue/world.h"
#include "format/profiles.h"
#include "scan/codes.h"
#include "scan/shadow.h"
#include "tensor/dtype.h"

namespace brine::scan {

namespace {

using format::After;
using format::LoaderUse;
using format::Stream;
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
constexpr int kTorchPickles = 5;
constexpr std::uint64_t kMostTarPickles = 10'000;

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
    // A tensor's storage is named once for each use; the last one stands for all that are alike.
    if (id && (run_.storages.empty() || run_.storages.back().key != id->key ||
               run_.storages.back().bytes != id->byte_size())) {
      run_.storages.push_back({std::move(id->key), id->byte_size(), id->itemsize});
    }
    machine.clear_nodes();
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

// What the loader asks of the result. Only where it wants a list's or tuple's parts are they
// spelled out: a pickle of plain data costs memory for each of its values then.
void read_result(Machine& machine, PickleRun& run) {
  const pickle::Value& value = run.result.result;
  using Answer = PickleRun::Answer;
  if (may_equal_anything(value.kind())) run.magic = run.protocol = Answer::maybe;
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
    if (node.items.size() == 3 && machine.nodes()[node.items[2]].kind == Kind::ref) {
      run.third = machine.nodes()[node.items[2]].name();
    }
    std::vector<std::string> keys;
    keys.reserve(node.items.size());
    for (NodeId item : node.items) {
      const Node& key = machine.nodes()[item];
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

class StreamReader {
 public:
  StreamReader(const Stream& stream, const ScanOptions& options, FileBudget* budget)
      : stream_(stream),
        options_(options),
        limits_(budget == nullptr ? options.limits : budget->limits),
        spare_(budget == nullptr ? nullptr : &budget->spare) {}

  StreamReading read() {
    for (const LoaderUse& use : stream_.loaders) read_view(use);
    tell_ends();
    return std::move(reading_);
  }

 private:
  std::shared_ptr<const PickleRun> find_run(std::uint64_t start, const Profile& profile,
                                            bool poisoned, bool parts) const {
    if (!options_.share_runs) return nullptr;
    for (const auto& run : runs_) {
      if (run->start != start || run->began_poisoned != poisoned) continue;
      if (parts && !run->parts) continue;
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
  bool judged_already(std::uint64_t start, const Profile& profile) const {
    if (profile.unpickler != Unpickler::torch_weights_only) return false;
    return std::ranges::any_of(runs_, [&](const auto& run) {
      Profile unrestricted = profile;
      unrestricted.unpickler = Unpickler::c;
      return run->start == start && run->profile == unrestricted &&
             run->result.end.kind == EndKind::stop && run->worst == Verdict::clean;
    });
  }

  // Null when there are too many different readings.
  std::shared_ptr<const PickleRun> run_pickle(std::uint64_t start, const Profile& profile,
                                              bool poisoned, bool parts, const ViewStart* watched,
                                              pickle::TraceSink* watcher) {
    if (watched == nullptr) {
      if (auto known = find_run(start, profile, poisoned, parts)) return known;
    }
    std::uint64_t& forks = forks_[start];
    if (options_.share_runs && forks > options_.limits.forks) {
      reading_.too_many = true;
      return nullptr;
    }
    ++forks;
    auto run = std::make_shared<PickleRun>();
    run->start = start;
    run->profile = profile;
    run->began_poisoned = poisoned;
    run->parts = parts;
    const bool judged = watched == nullptr && options_.share_runs && judged_already(start, profile);
    const bool storages = !judged && profile.persistent != pickle::PersistentLoad::none;
    WorldInUse in_use = judged ? WorldInUse{std::make_unique<pickle::OpaqueWorld>(), nullptr}
                               : make_world(options_);
    ScanSink sink(options_.limits, storages, *run, watcher);
    Machine machine(*stream_.source, profile, *in_use.world, sink, limits_,
                    {.collapse = true, .start = start, .poisoned = poisoned, .spare = spare_});
    run->result = machine.run();
    poisoned = machine.poisoned();
    for (std::uint64_t count = 0; run->result.end.kind == EndKind::paused; ++count) {
      if (count >= options_.limits.nested_streams) {
        run->result.end = {EndKind::budget, machine.paused_at(), 0, "nested_streams"};
        break;
      }
      resume_behind_objects(machine, *in_use.world, sink, *run, poisoned);
    }
    run->behind = machine.position();
    run->poisoned = poisoned || machine.poisoned();
    run->arrays.insert(run->arrays.end(), machine.arrays().begin(), machine.arrays().end());
    run->first_array = machine.first_array();
    run->companions = machine.companions();
    if (watched != nullptr) options_.observer->ran(*watched, run->result, machine);
    if (run->result.end.kind == EndKind::stop) read_result(machine, *run);
    sink.finish();
    if (in_use.catalogue != nullptr) run->waived = in_use.catalogue->waived();
    runs_.push_back(run);
    return run;
  }

  // joblib's array of objects: another pickle in the middle of this one. joblib 1.6 reads it with
  // Python's unpickler and goes on where that leaves the file.
  void resume_behind_objects(Machine& outer, pickle::World& world, ScanSink& sink, PickleRun& run,
                             bool& poisoned) {
    Profile profile = run.profile;
    profile.joblib = pickle::JoblibReads::nothing;
    Machine inner(*stream_.source, profile, world, sink, limits_,
                  {.collapse = true,
                   .start = outer.paused_at(),
                   .poisoned = outer.poisoned(),
                   .spare = spare_});
    const RunResult result = inner.run();
    poisoned = poisoned || inner.poisoned();
    if (result.end.kind != EndKind::stop) {
      run.result.end = result.end;
      return;
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
  }

  // Whether the view's end is the first pickle's: nothing follows, or the loader refuses to go on.
  static bool ends_with_first(const LoaderUse& use, const PickleRun& run) {
    if (run.result.end.kind != EndKind::stop) return true;
    if (use.after == After::tar_storages || use.after == After::tar_tensors) return false;
    return use.after != After::torch_stack || run.magic == PickleRun::Answer::no;
  }

  void read_view(const LoaderUse& use) {
    ViewRun view;
    view.use = &use;
    const Profile first = profile_of(use, 0);
    if (auto known = find_run(stream_.start, first, false, false);
        known != nullptr && ends_with_first(use, *known)) {
      view.pickles.push_back(known);
      view.same_as = owner_of(*known);
      close(view);
    } else if (options_.observer == nullptr) {
      read_sequence(use, view, nullptr, nullptr);
    } else {
      starts_.emplace_back(reading_.views.size(),
                           ViewStart{use.loader, use.profile, stream_.member, stream_.source,
                                     stream_.file_base, stream_.start, stream_.nested});
      const ViewStart& start = starts_.back().second;
      read_sequence(use, view, &start, options_.observer->begin(start));
    }
    reading_.views.push_back(std::move(view));
    if (!options_.share_runs) tell_ends();
  }

  static Profile profile_of(const LoaderUse& use, int index) {
    if (use.after != After::torch_stack) return use.profile;
    return format::legacy_profile(use.profile, index);
  }

  std::optional<std::size_t> owner_of(const PickleRun& run) const {
    for (std::size_t i = 0; i < reading_.views.size(); ++i) {
      const auto& pickles = reading_.views[i].pickles;
      if (!reading_.views[i].same_as && pickles.size() == 1 && pickles.front().get() == &run) {
        return i;
      }
    }
    return std::nullopt;
  }

  // An earlier view with the very same runs.
  std::optional<std::size_t> twin_of(const ViewRun& view) const {
    for (std::size_t i = 0; i < reading_.views.size(); ++i) {
      const ViewRun& other = reading_.views[i];
      if (!other.same_as && other.pickles == view.pickles) return i;
    }
    return std::nullopt;
  }

  void read_sequence(const LoaderUse& use, ViewRun& view, const ViewStart* watched,
                     pickle::TraceSink* watcher) {
    if (use.after == After::tar_storages || use.after == After::tar_tensors) {
      read_tar_member(use, view, watched, watcher);
      if (watched == nullptr) view.same_as = twin_of(view);
      return;
    }
    using Answer = PickleRun::Answer;
    std::uint64_t start = stream_.start;
    const bool stack = use.after == After::torch_stack;
    bool sure = true, poisoned = false;
    view.sure = 0;
    for (int index = 0; index < (stack ? kTorchPickles : 1); ++index) {
      // Only what is surely torch's own is wanted whole; else the loader may have stopped before.
      if (!sure && start >= stream_.source->size()) break;
      const bool keys = index + 1 == kTorchPickles;
      auto run = run_pickle(start, profile_of(use, index), poisoned, keys, watched, watcher);
      if (run == nullptr) {
        view.end = {EndKind::budget, start, 0, "forks"};
        return;
      }
      view.pickles.push_back(run);
      poisoned = run->poisoned;
      if (sure) ++view.sure;
      start = run->behind;
      if (run->result.end.kind != EndKind::stop || !stack) break;
      const Answer answer = index == 0 ? run->magic : index == 1 ? run->protocol : Answer::yes;
      if (answer == Answer::no) break;
      sure = sure && answer == Answer::yes;
    }
    close(view);
    if (view.sure == kTorchPickles && view.end.kind == EndKind::stop) place_storages(view);
  }

  // torch's tar: pickles with raw numbers between them, as many as the first one says.
  void read_tar_member(const LoaderUse& use, ViewRun& view, const ViewStart* watched,
                       pickle::TraceSink* watcher) {
    const bool storages = use.after == After::tar_storages;
    std::uint64_t start = stream_.start;
    std::uint64_t wanted = 1;
    bool poisoned = false;
    view.sure = 0;
    for (std::uint64_t index = 0; index < wanted; ++index) {
      if (index >= kMostTarPickles) {
        view.end = {EndKind::budget, start, 0, "members"};
        return;
      }
      auto run = run_pickle(start, use.profile, poisoned, true, watched, watcher);
      if (run == nullptr) {
        view.end = {EndKind::budget, start, 0, "forks"};
        return;
      }
      view.pickles.push_back(run);
      ++view.sure;
      poisoned = run->poisoned;
      view.end = run->result.end;
      start = run->behind;
      if (view.end.kind != EndKind::stop) return;
      if (index == 0) {
        if (!run->count || *run->count < 0) return refuse(view, start, "no number of tensors");
        wanted = static_cast<std::uint64_t>(*run->count) + (storages ? 2 : 1);
      } else if (!(storages && index + 1 == wanted)) {
        if (!pass_numbers(storages, *run, view, start)) return;
      }
    }
  }

  // What stands behind one pickle of torch's tar: a storage's count and elements, or a tensor's
  // dimensions, sizes, strides and offset.
  bool pass_numbers(bool storages, const PickleRun& run, ViewRun& view, std::uint64_t& at) {
    const std::uint64_t left = stream_.source->size() - at;
    std::array<std::uint8_t, 8> first{};
    if (left < first.size() || !stream_.source->read(at, first)) {
      cut_off(view, at);
      return false;
    }
    std::uint64_t count = first.size();
    if (storages) {
      const tensor::Dtype* dtype = tensor::dtype_of_storage(run.third);
      if (dtype == nullptr) {
        refuse(view, at, "a storage of no type that torch knows");
        return false;
      }
      count += std::min(load_le64(first.data()), left) * dtype->itemsize;
    } else {
      count += std::min<std::uint64_t>(load_le32(first.data()), left) * 16 + 8;
    }
    if (count > left) {
      cut_off(view, at);
      return false;
    }
    view.headers.emplace_back(at, at + first.size());
    view.data.emplace_back(at + first.size(), at + count);
    at += count;
    return true;
  }

  // The view's end: that of the last pickle that is surely read, or the loader's refusal of its
  // result.
  void close(ViewRun& view) {
    const PickleRun& last = *view.pickles[view.sure - 1];
    view.end = last.result.end;
    if (view.use->after != After::torch_stack || view.end.kind != EndKind::stop) return;
    if (view.sure == 1 && last.magic != PickleRun::Answer::yes) {
      view.end.kind = EndKind::refused;
      view.end.error = "Invalid magic number; corrupt file?";
    } else if (view.sure == 2 && last.protocol != PickleRun::Answer::yes) {
      view.end.kind = EndKind::refused;
      view.end.error = "Invalid protocol version";
    }
  }

  // Behind the fifth pickle: for each key eight bytes of element count, then the elements.
  void place_storages(ViewRun& view) {
    const PickleRun& object = *view.pickles[3];
    const PickleRun& last = *view.pickles.back();
    if (!last.keys) return;
    std::map<std::string_view, const StorageSize*> by_key;
    for (const StorageSize& id : object.storages) by_key.emplace(id.key, &id);
    std::uint64_t at = last.behind;
    const std::uint64_t size = stream_.source->size();
    for (const std::string& key : *last.keys) {
      const auto found = by_key.find(key);
      std::array<std::uint8_t, 8> count{};
      if (found == by_key.end()) {
        return refuse(view, at, "a storage key that no tensor names");
      }
      if (size - at < count.size() || !stream_.source->read(at, count)) {
        return cut_off(view, at);
      }
      // torch multiplies in 64 bits and compares bytes, not elements.
      const std::optional<std::uint64_t> bytes = found->second->bytes;
      if (bytes && load_le64(count.data()) * found->second->itemsize != *bytes) {
        return refuse(view, at, "a storage has another size than the stream says");
      }
      const std::uint64_t left = size - at - count.size();
      if (!bytes || *bytes > left) return cut_off(view, at);
      view.headers.emplace_back(at, at + count.size());
      at += count.size();
      view.data.emplace_back(at, at + *bytes);
      view.keys.push_back(key);
      at += *bytes;
    }
  }
  static void refuse(ViewRun& view, std::uint64_t at, std::string why) {
    view.end = {EndKind::refused, at, 0, std::move(why)};
  }
  static void cut_off(ViewRun& view, std::uint64_t at) {
    view.end = {EndKind::broken, at, 0, "a storage is cut off"};
  }

  void tell_ends() {
    if (options_.observer == nullptr) return;
    for (const auto& [index, start] : starts_) {
      const ViewRun& view = reading_.views[index];
      ViewEnd how{view.end, {}, false, false, {}};
      for (std::size_t i = 0; i < view.keys.size(); ++i) {
        how.storages.push_back({view.keys[i], view.data[i].first, view.data[i].second});
      }
      for (const ViewRun& other : reading_.views) {
        if (other.same_as == index) how.also.push_back(other.use->loader);
      }
      for (const auto& run : view.pickles) {
        how.poisoned = how.poisoned || run->poisoned;
        how.number_keys = how.number_keys || run->number_keys;
      }
      options_.observer->end(start, how);
    }
    starts_.clear();
  }

  const Stream& stream_;
  const ScanOptions& options_;
  const Limits& limits_;  // the file's, or those of the options
  std::uint64_t* spare_;
  StreamReading reading_;
  std::vector<std::shared_ptr<const PickleRun>> runs_;
  std::map<std::uint64_t, std::uint64_t> forks_;
  std::deque<std::pair<std::size_t, ViewStart>> starts_;  // addresses stay
};

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

StreamReading read_stream(const Stream& stream, const ScanOptions& options, FileBudget* budget) {
  return StreamReader(stream, options, budget).read();
}

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
