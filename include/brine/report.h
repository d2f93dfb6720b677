// The Report: the one model that every renderer prints and every interface returns.
//
// Words are DESIGN's vocabulary; JSON (docs/report.schema.json) uses the same names. Text in it
// that comes from files is raw: renderers escape and cut it. Offsets are bytes from 0.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace brine {

// Ordered from best to worst; the worst view's verdict is the file's.
enum class Verdict : std::uint8_t { clean, unrecognized, incomplete, suspicious, malicious };
enum class Severity : std::uint8_t { info, low, medium, high, critical };

const char* to_string(Verdict verdict);
const char* to_string(Severity severity);

struct ReportEvidence {
  std::string kind;  // command, code, url, address, path, arguments, name, value, bytes
  std::string text;
};

struct Finding {
  std::uint16_t code = 0;  // printed as BRN<code>; `brine help BRN<code>` explains it
  Severity severity = Severity::info;
  std::string title;  // what would happen, in words of effects
  std::vector<std::string> member;  // names from outside in; empty: the file itself
  std::optional<std::uint64_t> offset;  // in the member's bytes
  std::optional<std::uint64_t> file_offset;  // in the file; none when compressed
  std::string opcode;  // "REDUCE", or empty
  std::string callable;  // "posix.system", or empty
  std::vector<std::string> capabilities;
  std::vector<ReportEvidence> evidence;
  std::string advice;  // the next step, or empty
  std::string loader;  // the view it was seen in, or empty for the file as such
  Verdict verdict = Verdict::clean;  // what it makes of the file
};

struct View {
  std::string loader;  // "torch.load", "pickle.load", ... (docs/loaders.md lists them)
  std::vector<std::string> member;
  std::string end;  // stop, broken, budget, refused
  std::uint64_t end_offset = 0;  // in the member's bytes
  std::string error;  // what the loader would say; empty at stop
};

struct Coverage {
  std::uint64_t total = 0, interpreted = 0, data = 0;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> unexplained;  // [start, end), ascending
};

// What torch.load(weights_only=True) makes of a file, by torch release.
struct WeightsOnly {
  std::string release;  // "2.13"
  std::optional<bool> accepts;  // none: it cannot be known from what was read
  std::string reason;  // why not, why nobody knows, or under which condition; or empty
  std::optional<std::uint64_t> offset;  // in the pickle's bytes: the opcode that is why
  std::string opcode;  // "GLOBAL", or empty
};

struct FileReport {
  std::string path;  // as given, or joined to it; "-" for standard input
  std::optional<std::uint64_t> size;  // none for standard input
  std::optional<std::string> sha256;  // hex, only with --hash
  Verdict verdict = Verdict::incomplete;
  std::string kind;  // "torch zip, 201 tensors, 438 MB data": one line
  std::vector<View> views;
  std::vector<Finding> findings;  // worst first, then by place
  std::uint64_t findings_dropped = 0;  // beyond the bound of a code and file
  std::vector<std::string> waived;  // policy and trust that changed the verdict
  std::vector<WeightsOnly> weights_only;  // oldest release first; empty: no file of PyTorch's
  Coverage coverage;
  std::uint64_t bytes_read = 0;
};

struct ReportError {
  std::string path;
  std::string message;
};

struct Summary {
  std::uint64_t files = 0, bytes = 0, bytes_read = 0;
  double seconds = 0;
  std::uint64_t clean = 0, unrecognized = 0, incomplete = 0, suspicious = 0, malicious = 0;
};

struct Report {
  std::vector<FileReport> files;
  std::vector<ReportError> errors;
  Summary summary;
  bool interrupted = false;
};

}  // namespace brine
