// Input: a path of the walk made a ByteSource, standard input included; and SHA-256 of it.
#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>

#include "base/bytes.h"
#include "base/result.h"
#include "io/source.h"

struct evp_md_ctx_st;  // OpenSSL's

namespace brine::cli {

// "-" spools standard input: in memory up to a bound, then into a nameless temporary file.
Result<SourcePtr> open_input(const std::string& path);

class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;
  Status add(ByteSpan bytes);
  Result<std::string> hex();  // once, at the end

 private:
  evp_md_ctx_st* context_;  // null: not available
};

// Hex digits. `progress` gets the bytes read since its last call.
Result<std::string> sha256_hex(ByteSource& source, const std::stop_token& stop,
                               const std::function<void(std::uint64_t)>& progress);

}  // namespace brine::cli
