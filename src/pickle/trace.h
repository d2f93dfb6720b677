// Trace: what a loader would do, in order. Everything else Brine says is a reading of it.
//
// The machine hands each Event to a TraceSink as it happens and keeps none. A sink says which
// events it wants, so that a scan of gigabytes of inert calls stores nothing. How the run ended is
// an End.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "pickle/node.h"
#include "pickle/opcode.h"

namespace brine::pickle {

enum class EventKind : std::uint8_t {
  import,
  getattr,
  call,
  construct,
  set_state,
  store,
  hash,
  persistent,
};
std::string_view to_string(EventKind kind);

enum class StoreHow : std::uint8_t { append, extend, setitem, add, setattr };
std::string_view to_string(StoreHow how);

// What the World thinks of one effect. The order is the order of severity.
enum class Level : std::uint8_t {
  inert,       // known to do nothing outside, with these arguments
  note,        // inert, but worth a line (info)
  incomplete,  // could not be judged within the budget
  suspicious,  // unknown, or known and not inert, or a broken contract
  malicious,   // exercises a capability that harms
};

// Capabilities (DESIGN's list) as bits.
enum Capability : std::uint16_t {
  kRunCode = 1 << 0,
  kProcess = 1 << 1,
  kNetwork = 1 << 2,
  kWrite = 1 << 3,
  kDelete = 1 << 4,
  kNative = 1 << 5,
  kImport = 1 << 6,
  kUnpickle = 1 << 7,
  kReach = 1 << 8,
  kRead = 1 << 9,
  kEnvironment = 1 << 10,
  kGlobalState = 1 << 11,
  kExit = 1 << 12,
};
using Capabilities = std::uint16_t;
// "run_code", "process", ... in the order of the bits.
std::vector<std::string_view> capability_names(Capabilities caps);

struct Evidence {
  std::string kind;  // command, code, url, address, path, arguments, name, value, pickle
  std::string text;  // raw text from the file; renderers escape and cut it
};

struct Judgement {
  Level level = Level::inert;
  std::uint16_t code = 0;      // the finding's number (BRN<code>), 0 for inert
  Capabilities caps = 0;
  std::string what;            // "starts a process", "unknown class x.y: its code runs" ...
  std::string callable;        // dotted name that the judgement is about
  std::vector<Evidence> evidence;
};

struct Event {
  EventKind kind = EventKind::import;
  std::uint8_t opcode = 0;
  std::uint64_t offset = 0;            // of the opcode, in the stream
  std::string_view module{}, name{};  // import (effective), getattr: the object's name / attribute
  std::string_view written_module{}, written_name{};  // import: as the stream names it
  std::string_view callable{};  // call, construct, set_state, store, hash: the dotted name
                                // of the callable or of the object's class
  std::int64_t nargs = -1;  // call, construct; -1: unknown
  StoreHow how = StoreHow::append;  // store
  // Handles for renderers; rebuild them with Machine::rebuild inside the callback only.
  Value target{};  // callable, class, instance or container acted upon
  Value argument{};  // args tuple, state, stored value or key, persistent id
  Value key{};  // store by setitem/setattr: the key
  bool has_argument = false, has_key = false;
  bool computed = false;  // reached through a resolver, not named by the opcode
  const Judgement* judgement = nullptr;  // never null in a callback
};

// paused: an object array of joblib; another pickle comes before this one goes on
// (Machine::resume).
enum class EndKind : std::uint8_t { stop, broken, budget, refused, paused };
std::string_view to_string(EndKind kind);

struct End {
  EndKind kind = EndKind::stop;
  std::uint64_t offset = 0;  // of the opcode that ended it; for stop: behind the STOP
  std::uint8_t opcode = 0;
  std::string error;  // what the loader's exception says, or the limit's name
};

class Machine;

class TraceSink {
 public:
  virtual ~TraceSink() = default;
  // Whether events judged inert are wanted too (explain, inspect) or only the others (scan).
  virtual bool wants_inert() const = 0;
  virtual void on_event(const Event& event, Machine& machine) = 0;
  // A pickle inside the pickle: constant bytes that a call at `offset` hands to an unpickler.
  virtual void on_nested(std::string_view /*bytes*/, std::string_view /*loader*/,
                         std::uint64_t /*offset*/, Machine& /*machine*/) {}
  // The same for bytes that stand in the stream, where they are not copied from: `count` of them
  // from `start` on.
  virtual void on_nested_part(std::uint64_t /*start*/, std::uint64_t /*count*/,
                              std::string_view /*loader*/, std::uint64_t /*offset*/,
                              Machine& /*machine*/) {}
  // What the World says of the value that STOP returned, when that is not inert; behind all events.
  virtual void on_result(const Judgement& /*judgement*/, std::uint64_t /*offset*/,
                         Machine& /*machine*/) {}
  // Every opcode before it runs, for the disassembler; only called when wants_steps().
  virtual bool wants_steps() const { return false; }
  virtual void on_step(std::uint64_t /*offset*/, const Opcode& /*opcode*/, Machine& /*machine*/) {}
};

}  // namespace brine::pickle
