// Disassembler: a stream's opcodes as people read them.
//
// Two ways to it. disassemble() needs the bytes alone: it follows stack heights, marks and memo
// indices by the opcode table and goes on behind what a loader would refuse, up to the first bytes
// that are no instruction. DisassemblySink rides on a Machine and shows what that loader really
// reaches, with its stack. A line:
//
//     61  R        REDUCE                                            stack 2, marks 0
//
// Invariant: output is bounded by max_lines and argument_bytes; what is not printed is counted.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "io/source.h"
#include "pickle/decoder.h"
#include "pickle/lines.h"
#include "pickle/machine.h"
#include "pickle/trace.h"

namespace brine::pickle {

struct DisassemblyOptions {
  std::uint64_t start = 0;
  std::uint64_t max_lines = 10'000;  // instructions printed; the rest is counted
  std::size_t argument_bytes = 60;   // of an argument's content
  bool docs = false;                 // the opcode table's sentence behind each instruction
};

struct DisassemblyEnd {
  bool stopped = false;              // a STOP ended it; else the bytes did
  std::uint64_t instructions = 0;    // decoded
  std::uint64_t printed = 0;
  std::uint64_t offset = 0;          // behind the STOP, or of the bytes that are no instruction
  std::uint64_t remaining = 0;       // bytes from `offset` to the end of the source
  std::string error;                 // empty when stopped
};

// One pickle from options.start to its STOP or to the bytes that are no instruction.
DisassemblyEnd disassemble(ByteSource& source, const DisassemblyOptions& options,
                           const LineWriter& write);

// What an instruction does to heights, as far as the opcode table tells.
class StackTracker {
 public:
  // The state before `in`; then takes its effect. `problem`: what a loader refuses here, or empty.
  struct Before {
    std::uint64_t height = 0;  // entries, over all marks
    std::uint64_t marks = 0;
    std::optional<std::uint64_t> memo;  // index that the instruction stores to or reads from
    std::string problem;
  };
  Before step(const Instruction& in);

 private:
  void take(const Instruction& in, Before& before);
  void store_memo(std::uint64_t index);
  bool has_memo(std::uint64_t index) const;

  std::uint64_t height_ = 0;
  std::vector<std::uint64_t> marks_;  // heights at which marks lie
  std::uint64_t dense_ = 0;  // memo indices below are all stored
  std::unordered_set<std::uint64_t> sparse_;  // stored indices above
};

// Prints every step of a Machine's run.
class DisassemblySink final : public TraceSink {
 public:
  DisassemblySink(ByteSource& source, DisassemblyOptions options, LineWriter write);
  bool wants_inert() const override { return false; }
  bool wants_steps() const override { return true; }
  void on_event(const Event&, Machine&) override {}
  void on_step(std::uint64_t offset, const Opcode& opcode, Machine& machine) override;
  // After Machine::run(): how it ended, and what was not printed.
  DisassemblyEnd finish(const RunResult& run);

 private:
  ByteSource& source_;
  Decoder decoder_;
  DisassemblyOptions options_;
  LineWriter write_;
  StackTracker memo_;
  DisassemblyEnd end_;
};

}  // namespace brine::pickle
