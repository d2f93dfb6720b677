// Machine: runs a pickle stream as the real unpicklers would, without doing anything.
//
// Method: one pass over the bytes with the exact stack discipline of the chosen unpickler; values
// are handles to byte ranges (value.h), effects are asked of a World and handed to a TraceSink.
// Invariants: time linear in the stream; memory 16 bytes for each live stack entry and dense memo
// entry; no recursion; every event up to the point where the real unpickler fails is reported
// before the run ends. The machine does no I/O but through the ByteSource it was given.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/limits.h"
#include "io/source.h"
#include "pickle/node.h"
#include "pickle/profile.h"
#include "pickle/trace.h"
#include "pickle/world.h"

namespace brine::pickle {

struct MachineOptions {
  bool collapse = true;      // false: every container is kept explicitly (tests compare both)
  std::uint64_t start = 0;   // where in the source the stream begins
  bool poisoned = false;     // what ran before in this view has voided all facts
  // What is left of Limits::rebuild_spare for all runs of a file; none: the run has all of it.
  std::uint64_t* spare = nullptr;
};

// Where a release of torch's restricted unpickler refuses the stream.
struct Refusal {
  TorchRelease release = TorchRelease::v2_13;
  std::uint64_t offset = 0;  // of the opcode
  std::uint8_t opcode = 0;
  std::string why;
};

struct RunResult {
  End end;
  std::uint8_t divergence = 0;   // Divergence bits that the run depended on
  std::uint64_t opcodes = 0;     // executed
  std::uint8_t protocol = 0;     // highest PROTO seen
  bool uses_ext = false;
  bool imports_identifier = false;  // an import whose every dotted part is an identifier
  std::uint64_t imports = 0;
  std::string_view strain;  // what may end the loader although nothing is wrong, in words; or empty
  std::vector<Refusal> refusals;  // of Profile::releases, at most one each
  Value result{};  // valid when end.kind == stop
};

// A file beside this one from which joblib reads an array.
struct Companion {
  std::optional<std::string> name;  // as the wrapper has it; none when nobody can say
  bool raw = false;  // bytes that zlib packed, else whatever numpy.load makes of the file
  std::uint64_t offset = 0;  // behind the BUILD that reads it
};

class Machine {
 public:
  // Everything given must outlive the machine.
  Machine(ByteSource& source, const Profile& profile, World& world, TraceSink& sink,
          const Limits& limits, MachineOptions options = {});
  ~Machine();
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;

  // Runs one pickle from options.start to its STOP, its break or the budget. A second call goes on
  // behind the STOP with an empty stack and memo (loops of loads, torch's five pickles), in the
  // same world: what was poisoned stays poisoned.
  RunResult run();
  // After a run that paused: goes on at `next`, behind the pickle that stands in the stream, whose
  // result takes the place of the array's wrapper.
  struct Resumed {
    bool array = false;  // it surely is a numpy.ndarray
    std::string module, name;  // or this name; both empty: anything
  };
  RunResult resume(std::uint64_t next, const Resumed& what);
  // Where that pickle begins.
  std::uint64_t paused_at() const;
  // Raw bytes of arrays that the loader copied, in the order of reading: (start, end).
  const std::vector<std::pair<std::uint64_t, std::uint64_t>>& arrays() const;
  // Behind the BUILD that read the first array from the stream; none when no array was read.
  std::optional<std::uint64_t> first_array() const;
  // The array that the BUILD at this offset read; null when it read none from the stream.
  const RawArray* raw_array(std::uint64_t build) const;
  // Where reading of the last run went on elsewhere, behind arrays and pickles in the stream: from
  // the first offset to the second.
  const std::map<std::uint64_t, std::uint64_t>& jumps() const;
  // Where the bytes of a constant stand in the stream as they are, first and number; none for bytes
  // that were put together, read across frames, or are no constant.
  std::optional<std::pair<std::uint64_t, std::uint64_t>> raw_bytes(const Value& value);
  // The same for the constant whose opcode is at `offset`.
  std::optional<std::pair<std::uint64_t, std::uint64_t>> raw_bytes(std::uint64_t offset);
  // Bytes of the stream as they stand; false when it ends before or cannot be read.
  bool read(std::uint64_t offset, std::uint64_t count, std::vector<std::uint8_t>& out);
  // Files that joblib's old wrappers name, in the order of reading.
  const std::vector<Companion>& companions() const;
  // Behind the last opcode that ran.
  std::uint64_t position() const;
  // Behind the farthest byte that was looked at, also for an opcode that did not run: a line may be
  // searched for its end in vain.
  std::uint64_t looked() const;

  const Profile& profile() const;
  const Limits& limits() const;
  bool poisoned() const;
  // Whether a value was dropped: what it held is no part of the result.
  bool discarded() const;
  // A contract looked into the list, dict or set that the opcode at this offset made: if the stream
  // fills it later, no fact holds any more.
  void note_seen(std::uint64_t container);
  // Whether a dict, or an object that has no state yet, was fetched from the memo or copied so far:
  // something else may hold it.
  bool held_twice(const Value& value) const;
  // That, or an object was given its state through the memo; picklers do so for values that hold
  // themselves only.
  bool irregular() const;
  // What somebody else did to the world holds for what follows.
  void poison(bool poisoned);

  // For Worlds, sinks and renderers, during a callback or after run() until the next run().
  // The value spelled out; kNoNode when over budget. Nodes live until clear_nodes().
  NodeId rebuild(const Value& value);
  NodeGraph& nodes();
  // From now on the results of calls of these names are folded (node.h); null: none.
  void fold_calls(bool (*folds)(std::string_view module, std::string_view name));
  void clear_nodes();
  // Cheap questions that need no graph. text: a str or bytes constant of at most `limit` bytes.
  bool text_of(const Value& value, std::string& out, std::size_t limit);
  // The same for the constant whose opcode is at `offset`, as no opcode changed it.
  bool text_at(std::uint64_t offset, std::string& out, std::size_t limit);
  bool integer_of(const Value& value, std::int64_t& out);
  std::string_view module_of(RefId ref) const;
  std::string_view name_of(RefId ref) const;
  std::size_t reference_count() const;
  // "os.system", "torch.Size()" for a call's result, "'text'" for a constant, "?" for unknown.
  std::string render(const Value& value, std::size_t limit = 200);

  // For disassemblers: the stack's height and number of marks before the current step.
  std::size_t stack_height() const;
  std::size_t mark_count() const;
  // How high the stack was at the mark; 0 is the lowest mark.
  std::size_t mark_height(std::size_t mark) const;
  const Value& stack_at(std::size_t from_top) const;

  // The insides (machine_impl.h), for the machine's own parts.
  struct Impl;

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace brine::pickle
