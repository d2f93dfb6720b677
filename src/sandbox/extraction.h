// What a worker got out of an archive, and how it ended.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/limits.h"
#include "sandbox/frames.h"

namespace brine::sandbox {

enum class ExtractionEnd : std::uint8_t {
  done,
  broken,       // the archive cannot be read to its end: `problem` says why
  limit,        // a number of Limits was reached: `problem` is its name
  unavailable,  // no worker, or the kernel refuses to confine it: nothing was parsed
  died,         // the worker crashed, hung, did what it may not, or talked nonsense
};

struct ExtractedEntry {
  std::string name;
  EntryKind kind = EntryKind::file;
  std::vector<std::uint8_t> bytes;
  std::string problem;  // what went wrong behind these bytes, or empty
  bool again = false;   // of the second way to read the archive
};

struct Extraction {
  std::vector<ExtractedEntry> entries;
  ExtractionEnd end = ExtractionEnd::done;
  std::string problem;
};

// Reads a worker's frames as they arrive. After each feed() finished() says whether anything more
// is wanted. Everything is bounded: entries by Limits::members, names by name_bytes, bytes by
// `budget`.
class FrameReader {
 public:
  FrameReader(const Limits& limits, std::uint64_t budget) : limits_(limits), budget_(budget) {}
  void feed(ByteSpan bytes);
  bool finished() const { return finished_; }
  bool confined() const { return confined_; }
  // Ends the conversation from outside: the worker is gone or out of time.
  void fail(ExtractionEnd end, std::string problem);
  Extraction take() { return std::move(out_); }

 private:
  void frame(std::uint8_t kind, ByteSpan payload);

  const Limits& limits_;
  std::uint64_t budget_;
  std::vector<std::uint8_t> held_;
  Extraction out_;
  bool confined_ = false;
  bool in_entry_ = false;
  bool again_ = false;
  bool finished_ = false;
};

}  // namespace brine::sandbox
