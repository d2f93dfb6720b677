#include "format/safetensors/reader.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "format/codes.h"
#include "format/safetensors/header.h"
#include "format/words.h"

namespace brine::format::safetensors {

namespace {

constexpr std::uint64_t kMostHeader = 100'000'000;  // the reference reader's own limit

void refuse(Sink& sink, std::span<const std::string_view> loaders, const Error& error) {
  for (std::string_view loader : loaders) {
    sink.view({std::string(loader), {}, "refused", error.offset, error.what});
  }
  Finding finding;
  finding.code = error.code == ErrorCode::budget ? code::kLimit : code::kSafetensors;
  finding.title = "safetensors: " + error.what;
  finding.offset = error.offset;
  finding.advice = "fetch the file again; if it stays so, do not load it";
  sink.finding(std::move(finding));
}

Result<Header> read_all(Probe& probe, const Limits& limits, std::uint64_t& length) {
  if (probe.size() < kLengthBytes) {
    return fail(Error::truncated(0, kLengthBytes, probe.size()));
  }
  length = load_le64(probe.head().data());
  if (length > probe.size() - kLengthBytes) {
    return fail(Error::truncated(kLengthBytes, length, probe.size() - kLengthBytes));
  }
  if (length > kMostHeader) {
    return fail(Error::malformed(0, "the header is longer than the format allows"));
  }
  if (length > limits.header_bytes) return fail(Error::budget(0, "header_bytes"));
  const auto bytes = static_cast<std::size_t>(length);
  const std::uint64_t data_bytes = probe.size() - kLengthBytes - length;
  if (bytes <= probe.head().size() - kLengthBytes) {
    return read_header(probe.head().subspan(kLengthBytes, bytes), data_bytes);
  }
  BRINE_TRY(std::vector<std::uint8_t> json, probe.source()->read_vector(kLengthBytes, length));
  return read_header(json, data_bytes);
}

}  // namespace

bool accepts(Probe& probe) {
  if (probe.head().size() <= kLengthBytes) return false;
  const std::uint64_t length = load_le64(probe.head().data());
  return length <= std::min(kMostHeader, probe.size() - kLengthBytes) &&
         probe.head()[kLengthBytes] == '{';
}

bool named(Probe& probe) {
  // A pointer that stands for a file which was not fetched is told by its own row.
  return probe.name().ends_with(".safetensors") && probe.size() > 0 &&
         !probe.starts_with("version https://git-lfs");
}

void read(Probe& probe, std::span<const std::string_view> loaders, Sink& sink) {
  std::uint64_t length = 0;
  const Result<Header> header = read_all(probe, sink.limits(), length);
  if (!header) {
    refuse(sink, loaders, header.error());
    return;
  }
  sink.interpreted(0, kLengthBytes + length);
  sink.data(kLengthBytes + length, probe.size());
  sink.describe("safetensors, " + counted(header->tensors, "tensor") + ", " +
                human_size(header->data_bytes) + " data");
  for (std::string_view loader : loaders) {
    sink.view({std::string(loader), {}, "stop", probe.size(), {}});
  }
}

}  // namespace brine::format::safetensors
