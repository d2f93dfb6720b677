// Result and Error: how every fallible function of Brine answers.
//
// "Could not" is an Error in a Result; "is dangerous" is a Finding in a report. An Error carries a
// closed code, the offset where it happened, and what was wanted and available there, so that a
// message can be made from it without knowing who failed. ErrorCode::internal means a defect of
// Brine, never a property of the input; fuzz targets crash on it.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <utility>

namespace brine {

enum class ErrorCode : std::uint8_t {
  truncated,    // fewer bytes than the structure needs
  malformed,    // the bytes contradict the format
  unsupported,  // a legal feature that Brine does not read
  budget,       // a number of Limits was reached
  io,           // the operating system could not read or write
  changed,      // the input changed or shrank while it was read
  usage,        // the person's words (option, pattern, policy) make no sense
  internal,     // a defect of Brine
};

// The code's name as it stands in JSON ("truncated", "malformed", ...).
const char* to_string(ErrorCode code);

struct Error {
  ErrorCode code = ErrorCode::internal;
  std::uint64_t offset = 0;  // in the source that was read, in bytes
  std::string what;          // one sentence fragment, ASCII, no trailing stop

  static Error truncated(std::uint64_t offset, std::uint64_t wanted, std::uint64_t available);
  static Error malformed(std::uint64_t offset, std::string what) {
    return {ErrorCode::malformed, offset, std::move(what)};
  }
  static Error budget(std::uint64_t offset, std::string what) {
    return {ErrorCode::budget, offset, std::move(what)};
  }
};

template <class T>
using Result = std::expected<T, Error>;
using Status = std::expected<void, Error>;

inline std::unexpected<Error> fail(Error error) { return std::unexpected<Error>(std::move(error)); }

}  // namespace brine

// BRINE_TRY(auto x, expression): x is the value, or the function returns the error.
#define BRINE_CONCAT_(a, b) a##b
#define BRINE_CONCAT(a, b) BRINE_CONCAT_(a, b)
#define BRINE_TRY_(tmp, decl, expr)                         \
  auto tmp = (expr);                                        \
  if (!tmp) return std::unexpected(std::move(tmp.error())); \
  decl = std::move(*tmp)
#define BRINE_TRY(decl, expr) BRINE_TRY_(BRINE_CONCAT(brine_try_, __LINE__), decl, expr)
#define BRINE_CHECK_STATUS_(tmp, expr) \
  if (auto tmp = (expr); !tmp) return std::unexpected(std::move(tmp.error()))
#define BRINE_CHECK_STATUS(expr) BRINE_CHECK_STATUS_(BRINE_CONCAT(brine_try_, __LINE__), expr)
