// The machine from outside: how a run begins and ends, and what may be asked of it.
//
// A run begins with an empty stack and memo wherever the one before ended; what was poisoned stays
// poisoned. How it ended is told apart from what it did: every event was handed out by then.

#include "pickle/machine.h"

#include <algorithm>

#include "pickle/machine_impl.h"

namespace brine::pickle {

Machine::Impl::Impl(Machine& self_, ByteSource& source_, const Profile& profile_, World& world_,
                    TraceSink& sink_, const Limits& limits_, MachineOptions options_)
    : self(self_),
      window(source_, options_.start),
      profile(profile_),
      world(world_),
      sink(sink_),
      limits(limits_),
      options(options_),
      memo(limits_.memo_entries),
      pos(options_.start),
      poisoned(options_.poisoned),
      own_spare(limits_.rebuild_spare) {}

// Whether that many bytes may be run again beyond what the stream's length allows.
bool Machine::Impl::take_spare(std::uint64_t bytes) {
  std::uint64_t& left = options.spare == nullptr ? own_spare : *options.spare;
  const bool enough = bytes <= left;
  left -= std::min(bytes, left);
  return enough;
}

void Machine::Impl::reset() {
  height = 0;
  marks.clear();
  memo.clear();
  big_indices.clear();
  boxes.clear();
  patches.clear();
  patch_count = 0;
  computed.clear();
  self.clear_nodes();
  stream_start = pos;
  in_frame = false;
  frame_end = kNoFrame;
  proto = 0;
  proto_log.clear();
  tears.clear();
  moved = false;
  jumps.clear();
  wrappers.clear();
  built.clear();
  states_given.clear();
  built_lately.fill(~std::uint64_t{0});
  held_values.clear();
  many_held = false;
  looked_into.clear();
  many_looks = false;
  discarded = false;
  built_late = false;
  hash_visits = 0;
  hashes_deep = hashes_alike = false;
  number_keys.clear();
  number_keys_seen = 0;
  many_wrappers = false;
  unsure_array = false;
  array_values.clear();
  raw_arrays.clear();
  arrays.clear();
  first_array.reset();
  too_large.reset();
  looked = 0;
  companions.clear();
  end = End{};
  stopped = false;
  following = profile.releases;
  result = RunResult{};
  tuple_fresh_until = 0;
}

RunResult Machine::Impl::run() {
  reset();
  return go_on();
}

RunResult Machine::Impl::go_on() {
  if (pos > kMaxOffset || window.size() > kMaxOffset) {
    end = {EndKind::budget, pos, 0, "offset"};
  } else if (python()) {
    loop<true>();
  } else {
    loop<false>();
  }
  if (!stopped) {
    if (window.error() && end.kind == EndKind::broken) {
      end.kind = EndKind::budget;
      end.error = window.error()->what;
    }
    end.offset = op_offset;
    end.opcode = op_code;
    result.divergence |= kDivergesByUnpickler;
  } else {
    end.offset = pos;
    end.opcode = op::STOP;
    // What a frame still holds was taken from the file and is forgotten.
    if (pos < frame_end && frame_end != kNoFrame && (python() ? in_frame : true)) {
      result.divergence |= kDivergesByFraming;
      if (!profile.whole) pos = frame_end;
    }
    judge_result();
  }
  if (memo.far()) {
    result.strain = "loading takes memory for every index of the memo below one that lies far out";
  } else if (hashes_alike) {
    result.strain = "loading hardly ends: thousands of keys have one hash";
  } else if (hashes_deep) {
    result.strain = "loading may end the process: a key of tuples in thousands of tuples";
  } else if (unsure_array) {
    result.strain = "an array of joblib's whose element type cannot be told: read as objects";
  }
  result.end = end;
  return result;
}

// What the stream leaves behind for whoever gets its result.
void Machine::Impl::judge_result() {
  if (!asks_world()) return;
  outcome.clear();
  world.finish(self, result.result, outcome);
  if (outcome.judgement.level != Level::inert) sink.on_result(outcome.judgement, op_offset, self);
}

Machine::Machine(ByteSource& source, const Profile& profile, World& world, TraceSink& sink,
                 const Limits& limits, MachineOptions options)
    : impl_(std::make_unique<Impl>(*this, source, profile, world, sink, limits, options)) {}
Machine::~Machine() = default;

RunResult Machine::run() { return impl_->run(); }
RunResult Machine::resume(std::uint64_t next, const Resumed& what) {
  return impl_->resume(next, what);
}
std::uint64_t Machine::paused_at() const { return impl_->file_position(); }
const std::vector<std::pair<std::uint64_t, std::uint64_t>>& Machine::arrays() const {
  return impl_->arrays;
}
const RawArray* Machine::raw_array(std::uint64_t build) const {
  const auto found = impl_->raw_arrays.find(build);
  return found == impl_->raw_arrays.end() ? nullptr : &found->second;
}
bool Machine::read(std::uint64_t offset, std::uint64_t count, std::vector<std::uint8_t>& out) {
  std::vector<std::uint8_t> scratch;
  const ByteSpan seen = impl_->window.fetch(offset, count, scratch);
  out.assign(seen.begin(), seen.end());
  return out.size() == count;
}

const std::map<std::uint64_t, std::uint64_t>& Machine::jumps() const { return impl_->jumps; }
std::optional<std::uint64_t> Machine::first_array() const { return impl_->first_array; }
const std::vector<Companion>& Machine::companions() const { return impl_->companions; }
std::uint64_t Machine::position() const { return impl_->pos; }
std::uint64_t Machine::looked() const { return std::max(impl_->pos, impl_->looked); }
const Profile& Machine::profile() const { return impl_->profile; }
const Limits& Machine::limits() const { return impl_->limits; }
bool Machine::poisoned() const { return impl_->poisoned; }
void Machine::poison(bool poisoned) { impl_->poisoned = impl_->poisoned || poisoned; }
std::size_t Machine::stack_height() const { return static_cast<std::size_t>(impl_->height); }
std::size_t Machine::mark_count() const { return impl_->marks.size(); }
std::size_t Machine::mark_height(std::size_t mark) const { return impl_->marks[mark].height; }
const Value& Machine::stack_at(std::size_t from_top) const {
  return impl_->stack[impl_->height - 1 - from_top];
}
std::string_view Machine::module_of(RefId ref) const { return impl_->refs[ref].module; }
std::string_view Machine::name_of(RefId ref) const { return impl_->refs[ref].name; }
std::size_t Machine::reference_count() const { return impl_->refs.size(); }

}  // namespace brine::pickle
