// Probe: what acceptors may look at before anybody decides to read a file.
//
// Problem: two thousand small files and one of 20 GB must cost the same small number of reads. The
// probe reads the first 4 KiB once, and the last 70 KiB only when somebody asks for them (a zip's
// end record lies there). Invariant: head() and tail() are exactly the bytes of the source, shorter
// only when the source is.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "io/source.h"

namespace brine::format {

inline constexpr std::uint64_t kHeadBytes = 4096;
// miniz as PyTorch builds it finds an end record up to 69,500 bytes before the end.
inline constexpr std::uint64_t kTailBytes = 70u << 10;

class Probe {
 public:
  // `name` is a last path component; the source must be readable or error() says why not.
  Probe(std::string_view name, SourcePtr source);

  const std::string& name() const { return name_; }
  // The name in lower case, for endings.
  const std::string& lower() const { return lower_; }
  const SourcePtr& source() const { return source_; }
  std::uint64_t size() const { return size_; }
  ByteSpan head() const { return head_; }
  // Empty when it cannot be read; then error() is set.
  ByteSpan tail();
  const Status& error() const { return error_; }

  bool starts_with(std::string_view magic, std::size_t at = 0) const;
  // Whether an end-of-central-directory record lies in the last 70 KiB.
  bool has_zip_end();

 private:
  ByteSpan fetch(std::uint64_t offset, std::uint64_t count, std::vector<std::uint8_t>& store);

  std::string name_;
  std::string lower_;
  SourcePtr source_;
  std::uint64_t size_;
  std::vector<std::uint8_t> head_store_;
  std::vector<std::uint8_t> tail_store_;
  ByteSpan head_;
  ByteSpan tail_;
  bool tail_known_ = false;
  Status error_;
};

}  // namespace brine::format
