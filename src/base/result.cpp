#include "base/result.h"

namespace brine {

const char* to_string(ErrorCode code) {
  switch (code) {
    case ErrorCode::truncated: return "truncated";
    case ErrorCode::malformed: return "malformed";
    case ErrorCode::unsupported: return "unsupported";
    case ErrorCode::budget: return "budget";
    case ErrorCode::io: return "io";
    case ErrorCode::changed: return "changed";
    case ErrorCode::usage: return "usage";
    case ErrorCode::internal: return "internal";
  }
  return "internal";
}

Error Error::truncated(std::uint64_t offset, std::uint64_t wanted, std::uint64_t available) {
  return {ErrorCode::truncated, offset,
          "wants " + std::to_string(wanted) + (wanted == 1 ? " byte, " : " bytes, ") +
              std::to_string(available) + (available == 1 ? " is left" : " are left")};
}

}  // namespace brine
