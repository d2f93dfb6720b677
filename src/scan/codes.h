// The table of finding codes: what each says in general, how severe it is, what verdict it means.
//
// 1xx names, 2xx effects (both judged by the catalogue), 3xx how a stream goes on and ends, 4xx where
// readers and bytes disagree, 5xx what could not be read, 6xx what a policy
// decides. docs/findings/ has a page for each code.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "brine/report.h"

namespace brine::scan {

namespace code {
enum : std::uint16_t {
  kShadowed = 130,
  kBroken = 310, kTooManyReadings = 312, kStacked = 313, kEarlyStop = 314,
  kDisagree = 401, kMismatch = 402, kPolyglot = 403, kUnexplained = 410, kStorageSize = 411,
  kStorageUnclear = 412, kSalvaged = 413, kSafetensors = 420,
  kNotAnalysed = 501, kNothingOpens = 502, kTorchScriptCode = 503, kLimit = 504,
  kUnreadable = 505, kMemberUnread = 506, kJoblibArray = 507, kInterrupted = 508,
  kPolicy = 601,
};
}  // namespace code

struct CodeRow {
  std::uint16_t code;
  Severity severity;
  Verdict verdict;
  std::string_view title;
};

std::span<const CodeRow> code_rows();
// The code's row, or nullptr.
const CodeRow* find_code(std::uint16_t code);

}  // namespace brine::scan
