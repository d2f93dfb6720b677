// The table of finding codes: what each says in general, how severe it is, what verdict it means.
//
// 1xx names, 2xx effects (both judged by the catalogue), 3xx how a stream goes on and ends, 4xx
// where readers and bytes disagree, 5xx what could not be read, 6xx what a policy decides.
// docs/findings/ has a page for each code.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "brine/report.h"
#include "format/codes.h"

namespace brine::scan {

namespace code = format::code;

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
