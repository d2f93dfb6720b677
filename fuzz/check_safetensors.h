// What must hold of every conversion that is not refused: it can be written, and the strict reader
// takes what was written.
#pragma once

#include "convert/convert.h"
#include "format/safetensors/header.h"
#include "target.h"

namespace brine::fuzz {

inline constexpr std::uint64_t kMostOutput = 4u << 20;

inline void check_safetensors(const convert::Conversion& done) {
  const auto plan = convert::SafetensorsPlan::make(done.entries, done.metadata);
  if (!plan || plan->data_bytes() > kMostOutput) return;
  const std::string& header = plan->header();
  const ByteSpan json(reinterpret_cast<const std::uint8_t*>(header.data()) + 8, header.size() - 8);
  check(format::safetensors::read_header(json, plan->data_bytes()).has_value(),
        "our own header is refused");
  for (const convert::Entry& entry : plan->entries()) {
    std::uint64_t bytes = 0;
    const std::uint64_t size = entry.end - entry.begin;
    const Status read =
        convert::read_entry(entry, done.storages, [&](std::uint64_t at, ByteSpan part) -> Status {
          check(at <= size && part.size() <= size - at, "bytes outside of the entry");
          bytes += part.size();
          return {};
        });
    // What reads as unsupported is refused when it is written.
    if (!read && read.error().code == ErrorCode::unsupported) return;
    check(read.has_value(), "an entry cannot be read");
    check(bytes == size, "an entry has another size");
  }
}

}  // namespace brine::fuzz
