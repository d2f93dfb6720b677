// The .npy reader over any bytes, through the whole scan.

#include <memory>

#include "format/numpy/header.h"
#include "scan/scan_file.h"
#include "target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace brine;
  (void)format::numpy::parse_header(as_text(ByteSpan(data, size)));
  scan::ScanOptions options;
  options.limits.decoded_floor = 1u << 20;
  const auto source = std::make_shared<MemorySource>(ByteSpan(data, size));
  const FileReport report = scan::scan_source("array.npy", source, options);
  for (const Finding& finding : report.findings) {
    fuzz::check(!finding.title.empty(), "a finding without a title");
  }
  return 0;
}
