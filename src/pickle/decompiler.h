// Decompiler: the Python that a stream stands for.
//
// Problem: an engineer who has never seen an opcode wants to read what loading a file would do, in
// the order in which it is done. Method: every event of a Machine's run becomes a statement, values
// become expressions over copied nodes; printing waits for the end of the stream, because only then
// is it known which containers are shared and so need a name. A reader gets at the side the byte,
// and a mark at everything that is not known to be inert. Invariant: statements stand in the order
// of the trace; a stream that breaks shows all that ran before. In full mode the text is Python
// that, run with recorders in the place of imports, gives the trace's events again; else long
// values are elided, similar inert steps grouped, lines bounded.
//
// Use: hand it to a Machine as its sink, call finish() after each run(), then print() once.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "io/source.h"
#include "pickle/lines.h"
#include "pickle/machine.h"
#include "pickle/trace.h"

namespace brine::pickle {

struct DecompilerOptions {
  bool full = false;  // Python only, exact: nothing elided, nothing grouped, no closing words
  bool verbose = false;  // similar inert steps are not grouped
  bool ascii = false;  // marks in ASCII, for terminals that have nothing else
  std::uint64_t max_statements = 2000;  // kept and printed; the rest is counted (full: no bound)
  std::uint64_t max_bytes = 1u << 20;  // of text (full: no bound)
};

class Decompiler final : public TraceSink {
 public:
  Decompiler(ByteSource& source, DecompilerOptions options);
  ~Decompiler() override;

  bool wants_inert() const override { return true; }
  void on_event(const Event& event, Machine& machine) override;
  void on_nested_part(std::uint64_t start, std::uint64_t count, std::string_view loader,
                      std::uint64_t offset, Machine& machine) override;
  void on_nested(std::string_view bytes, std::string_view loader, std::uint64_t offset,
                 Machine& machine) override;

  // After each Machine::run(): the result, or the line where the stream breaks.
  void finish(const RunResult& run, Machine& machine);
  void print(const LineWriter& write) const;

  // What the whole comes to: "loading this file starts a process, then fails ...".
  std::string sentence() const;
  Level worst() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// "# view: pickle.load (C unpickler) . also: torch.load, joblib.load read the same"
std::string view_heading(std::string_view loader, const Profile& profile,
                         std::span<const std::string> also, bool ascii = false);

}  // namespace brine::pickle
