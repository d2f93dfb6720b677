#include "scan/codes.h"

#include <algorithm>
#include <array>

namespace brine::scan {

namespace {

constexpr auto kRows = std::to_array<CodeRow>({
    {120, Severity::medium, Verdict::suspicious, "unknown code is used"},
    {121, Severity::medium, Verdict::suspicious, "an unknown module is imported"},
    {122, Severity::medium, Verdict::suspicious, "an unknown name of a known module is used"},
    {123, Severity::high, Verdict::suspicious, "something dangerous is named, not called"},
    {124, Severity::medium, Verdict::suspicious,
     "a known callable gets arguments that no model gives it"},
    {125, Severity::high, Verdict::suspicious,
     "something that the stream did not build is changed"},
    {126, Severity::high, Verdict::suspicious, "something dangerous is part of the result"},
    {127, Severity::medium, Verdict::suspicious,
     "state or items go into an object of unknown code"},
    {128, Severity::medium, Verdict::suspicious, "text or bytes are put together at run time"},
    {code::kShadowed, Severity::medium, Verdict::suspicious,
     "a file beside the model takes the place of a module that it imports"},
    {code::kCarriesCode, Severity::high, Verdict::suspicious, "the file carries code"},
    {133, Severity::info, Verdict::clean, "a library's native code parses a part of the file"},
    {201, Severity::critical, Verdict::malicious, "starts a process"},
    {202, Severity::critical, Verdict::malicious, "runs code"},
    {203, Severity::critical, Verdict::malicious, "reaches the network"},
    {204, Severity::critical, Verdict::malicious, "writes files"},
    {205, Severity::critical, Verdict::malicious, "deletes or moves files"},
    {206, Severity::critical, Verdict::malicious, "loads native code"},
    {207, Severity::medium, Verdict::suspicious, "imports what it is told to"},
    {208, Severity::medium, Verdict::suspicious, "loads another pickle that cannot be read here"},
    {209, Severity::medium, Verdict::suspicious, "reaches other objects by name"},
    {210, Severity::medium, Verdict::suspicious, "reads files"},
    {211, Severity::medium, Verdict::suspicious, "reads the environment"},
    {212, Severity::medium, Verdict::suspicious, "changes the process's state"},
    {213, Severity::medium, Verdict::suspicious, "ends or blocks the process"},
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
    {code::kTarEnd, Severity::medium, Verdict::suspicious,
     "a tar that ends where another reader may go on"},
    {code::kUnexplained, Severity::medium, Verdict::suspicious, "no loader explains these bytes"},
    {code::kStorageSize, Severity::medium, Verdict::suspicious,
     "a storage's size is not the size of its record"},
    {code::kSalvaged, Severity::medium, Verdict::suspicious,
     "a pickle lies where no loader's directory points"},
    {code::kHiddenArchive, Severity::medium, Verdict::suspicious,
     "an archive lies where no loader's directory points"},
    {code::kTraversal, Severity::high, Verdict::suspicious,
     "a member's name leaves the folder that it is unpacked into"},
    {code::kLink, Severity::medium, Verdict::suspicious, "a link or a device in an archive"},
    {code::kCompanion, Severity::high, Verdict::suspicious,
     "joblib reads a file outside the model's folder"},
    {code::kSafetensors, Severity::medium, Verdict::suspicious,
     "not a strictly correct safetensors file"},
    {code::kNumpy, Severity::medium, Verdict::incomplete,
     "a NumPy array could not be read to its end"},
    {code::kShelf, Severity::medium, Verdict::incomplete,
     "the index of a shelf could not be read surely"},
    {code::kDistributed, Severity::medium, Verdict::suspicious,
     "the index of a distributed checkpoint and its files disagree"},
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
     "a joblib array that cannot be followed"},
    {code::kInterrupted, Severity::medium, Verdict::incomplete, "the scan was interrupted"},
    {code::kCompressed, Severity::medium, Verdict::incomplete, "compressed data is cut or broken"},
    {code::kNoWorker, Severity::medium, Verdict::incomplete,
     "an archive that only the worker opens, and it cannot run"},
    {code::kForeignMethod, Severity::medium, Verdict::incomplete,
     "an archive uses encryption or a method that cannot be read"},
    {code::kWorkerDied, Severity::high, Verdict::suspicious,
     "the worker that unpacks the archive died"},
    {code::kPolicy, Severity::medium, Verdict::suspicious, "the policy does not allow this file"},
});

}  // namespace

std::span<const CodeRow> code_rows() { return kRows; }

const CodeRow* find_code(std::uint16_t code) {
  const auto row = std::ranges::find(kRows, code, &CodeRow::code);
  return row == kRows.end() ? nullptr : &*row;
}

}  // namespace brine::scan
