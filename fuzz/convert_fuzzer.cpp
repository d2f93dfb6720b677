// Conversion of any bytes. The first byte chooses the name and the options, the rest is the file.
//
// Whatever the input: what is not refused can be written, the safetensors file passes the strict
// reader, and the disarmed file is clean for the scan, but for values that spell the beginning of
// another format, which `brine disarm` does not let through.

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "check_safetensors.h"
#include "convert/convert.h"
#include "convert/disarm.h"
#include "io/source.h"
#include "target.h"

namespace {

using namespace brine;

constexpr std::array<std::string_view, 7> kNames = {
    "model.pt", "model.bin", "model.pkl", "model.joblib", "model.npy", "model.npz", "model.pkl.gz"};
constexpr std::uint16_t kTwoFormats = 403;  // a number that spells another format's magic

convert::ConvertOptions small_options(std::uint8_t choice) {
  convert::ConvertOptions options;
  options.aliases = static_cast<convert::Aliases>(choice / 3 % 3);
  options.contents.extras = (choice & 0x40) != 0;
  options.contents.rewrite = (choice & 0x80) != 0;
  Limits& limits = options.scan.limits;
  limits.stack_entries = limits.memo_entries = 1u << 14;
  limits.evaluated_bytes = limits.member_bytes = 1u << 18;
  limits.nested_streams = 16;
  limits.nested_depth = 3;
  limits.members = 64;
  limits.header_bytes = 1u << 16;
  return options;
}

void put(std::vector<std::uint8_t>& file, std::uint64_t at, ByteSpan bytes) {
  if (file.size() < at + bytes.size()) file.resize(static_cast<std::size_t>(at + bytes.size()));
  std::ranges::copy(bytes, file.begin() + static_cast<std::ptrdiff_t>(at));
}

void check_disarmed(const std::string& name, const convert::Conversion& done) {
  std::uint64_t total = 0;
  for (const convert::Disarmed::Part& part : done.disarmed.parts) {
    for (const std::uint32_t index : part.rewritten.storages) {
      total += std::min(done.storages[index].size, fuzz::kMostOutput);
    }
    for (const auto& splice : part.rewritten.splices) total += splice.bytes->size();
  }
  if (total > fuzz::kMostOutput) return;
  std::vector<std::uint8_t> file;
  const auto size = convert::write_disarmed(done.disarmed, done.storages,
                                            [&](std::uint64_t at, ByteSpan bytes) -> Status {
                                              put(file, at, bytes);
                                              return {};
                                            });
  if (!size && size.error().code == ErrorCode::unsupported) return;  // is refused then
  fuzz::check(size.has_value() && *size == file.size(), "the disarmed file cannot be written");
  const FileReport report =
      scan::scan_source(name, std::make_shared<MemorySource>(std::move(file)), {});
  const auto by_chance = [](const Finding& finding) { return finding.code == kTwoFormats; };
  const bool refused = std::ranges::any_of(report.findings, by_chance);
  fuzz::check(report.verdict == Verdict::clean || refused, "the disarmed file is not clean");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0 || size > 1u << 18) return 0;
  const convert::ConvertOptions options = small_options(data[0]);
  const auto source = std::make_shared<MemorySource>(ByteSpan(data + 1, size - 1));
  const std::string name(kNames[data[0] % kNames.size()]);
  const bool disarm = options.contents.rewrite;
  convert::Conversion done = disarm ? convert::disarm_source(name, source, options)
                                    : convert::convert_source(name, source, options);
  if (done.outcome == convert::Outcome::refused) {
    fuzz::check(!done.reason.empty(), "refused without a reason");
    return 0;
  }
  fuzz::check_safetensors(done);
  if (disarm) check_disarmed(name, done);
  return 0;
}
