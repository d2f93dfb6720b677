// Policy: what a person or a platform decided beyond the facts.
//
// A policy is TOML, given by --policy or read from the person's configuration folder, never from a
// scanned tree or the current directory, which belong to whoever sent the files:
//
//   [trust]
//   names  = ["mypkg.models.*", "mypkg.Encoder"]   # unknown names that count as inert
//   sha256 = ["9f86d081..."]                       # files whose suspicious findings are waived
//   [require]
//   safetensors = true                             # other model files are suspicious
//   [forbid]
//   formats = ["pickle", "torch legacy"]           # kinds of files that are suspicious
//
// Trust never reaches a name with facts, a capability, or a file that was not read to its end.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "brine/report.h"
#include "catalogue/trust.h"

namespace brine::scan {

class Policy {
 public:
  // Reads a policy; ErrorCode::usage with the line when it is not TOML, names an unknown key, or
  // has a pattern or hash that can mean nothing.
  static Result<Policy> parse(std::string_view toml);

  // One more trusted name or prefix (--trust).
  Status trust(std::string_view pattern) { return trust_.add(pattern); }

  const catalogue::Trust& trusted_names() const { return trust_; }
  bool trusts_sha256(std::string_view hex) const;
  bool wants_sha256() const { return !sha256_.empty(); }

  // Adds what the policy finds against the file, then waives what it may waive.
  void apply(FileReport& report, const std::optional<std::string>& sha256) const;

 private:
  catalogue::Trust trust_;
  std::vector<std::string> sha256_;
  std::vector<std::string> forbidden_;
  bool require_safetensors_ = false;
};

}  // namespace brine::scan
