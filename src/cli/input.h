// Input: a path of the walk made a ByteSource, standard input included; and SHA-256 of it.
#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>

#include "base/result.h"
#include "io/source.h"

namespace brine::cli {

// "-" spools standard input: in memory up to a bound, then into a nameless temporary file.
Result<SourcePtr> open_input(const std::string& path);

// Hex digits. `progress` gets the bytes read since its last call.
Result<std::string> sha256_hex(ByteSource& source, const std::stop_token& stop,
                               const std::function<void(std::uint64_t)>& progress);

}  // namespace brine::cli
