// The numbers of the findings that readers and the scan give. What each means, how severe it is and
// what verdict it makes stands in scan/codes.cpp; the catalogue has its own (1xx and 2xx).
#pragma once

#include <cstdint>

namespace brine::format {

namespace code {
enum : std::uint16_t {
  kShadowed = 130,
  kCarriesCode = 132,
  kBroken = 310,
  kTooManyReadings = 312,
  kStacked = 313,
  kEarlyStop = 314,
  kDisagree = 401,
  kMismatch = 402,
  kPolyglot = 403,
  kTarEnd = 404,
  kUnexplained = 410,
  kStorageSize = 411,
  kSalvaged = 413,
  kHiddenArchive = 414,
  kTraversal = 415,
  kLink = 416,
  kCompanion = 417,
  kSafetensors = 420,
  kNumpy = 421,
  kShelf = 422,
  kDistributed = 423,
  kNotAnalysed = 501,
  kNothingOpens = 502,
  kTorchScriptCode = 503,
  kLimit = 504,
  kUnreadable = 505,
  kMemberUnread = 506,
  kJoblibArray = 507,
  kInterrupted = 508,
  kCompressed = 509,
  kNoWorker = 511,
  kForeignMethod = 512,
  kWorkerDied = 513,
  kPolicy = 601,
};
}  // namespace code

}  // namespace brine::format
