#include "scan/codes.h"

#include <algorithm>
#include <array>

namespace brine::scan {

namespace {

constexpr auto kRows = std::to_array<CodeRow>({
    {code::kShadowed, Severity::medium, Verdict::suspicious,
     "a file beside the model takes the place of a module that it imports"},
    {code::kBroken, Severity::high, Verdict::incomplete, "the stream breaks"},
    {code::kTooManyReadings, Severity::medium, Verdict::suspicious,
     "more loaders read the stream differently than honest files need"},
    {code::kStacked, Severity::info, Verdict::clean, "another pickle follows behind the end"},
    {code::kEarlyStop, Severity::info, Verdict::clean, "a loader refuses the stream"},
    {code::kDisagree, Severity::medium, Verdict::suspicious,
     "loaders read different bytes from the same place"},
    {code::kMismatch, Severity::medium, Verdict::suspicious,
     "the content is not what the name promises"},
    {code::kPolyglot, Severity::medium, Verdict::suspicious,
     "the file is two formats at once, and one of them executes"},
    {code::kUnexplained, Severity::medium, Verdict::suspicious, "no loader explains these bytes"},
    {code::kStorageSize, Severity::medium, Verdict::suspicious,
     "a storage's size is not the size of its record"},
    {code::kStorageUnclear, Severity::medium, Verdict::suspicious,
     "a storage cannot be told from the stream"},
    {code::kSalvaged, Severity::medium, Verdict::suspicious,
     "a pickle lies where no loader's directory points"},
    {code::kSafetensors, Severity::medium, Verdict::suspicious,
     "not a strictly correct safetensors file"},
    {code::kNotAnalysed, Severity::medium, Verdict::incomplete,
     "a format that Brine does not analyse yet"},
    {code::kNothingOpens, Severity::medium, Verdict::incomplete,
     "the name promises a model, and no loader that Brine knows opens it"},
    {code::kTorchScriptCode, Severity::medium, Verdict::incomplete,
     "TorchScript code: not analysed yet"},
    {code::kLimit, Severity::medium, Verdict::incomplete, "a limit was reached"},
    {code::kUnreadable, Severity::medium, Verdict::incomplete, "the file could not be read"},
    {code::kMemberUnread, Severity::medium, Verdict::incomplete, "a member could not be read"},
    {code::kJoblibArray, Severity::medium, Verdict::incomplete,
     "joblib arrays inside the stream: not analysed yet"},
    {code::kInterrupted, Severity::medium, Verdict::incomplete, "the scan was interrupted"},
});

}  // namespace

std::span<const CodeRow> code_rows() { return kRows; }

const CodeRow* find_code(std::uint16_t code) {
  const auto row = std::ranges::find(kRows, code, &CodeRow::code);
  return row == kRows.end() ? nullptr : &*row;
}

}  // namespace brine::scan
