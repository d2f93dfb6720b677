// Conversion of distributed checkpoints. The first byte chooses the options, four bytes are the
// length of the index; what follows the index is the first rank's file, and without its first byte
// the second one's.
//
// Whatever the input: what is not refused can be written, and the safetensors file passes the
// strict reader.

#include <memory>
#include <string>

#include "check_safetensors.h"
#include "convert/convert.h"
#include "io/source.h"
#include "target.h"

using namespace brine;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::size_t kHead = 5;
  if (size < kHead || size > 1u << 18) return 0;
  const ByteSpan rest(data + kHead, size - kHead);
  const std::size_t length = std::min<std::size_t>(load_le32(data + 1), rest.size());
  const auto index = std::make_shared<MemorySource>(rest.first(length));
  const auto first = std::make_shared<MemorySource>(rest.subspan(length));
  const auto second = std::make_shared<SliceSource>(first, 1, first->size());
  convert::ConvertOptions options;
  options.aliases = static_cast<convert::Aliases>(data[0] % 3);
  options.contents.extras = (data[0] & 0x40) != 0;
  if ((data[0] & 0x20) != 0) options.contents.root = {"a"};
  Limits& limits = options.scan.limits;
  limits.stack_entries = limits.memo_entries = limits.nodes = 1u << 14;
  limits.evaluated_bytes = limits.member_bytes = 1u << 18;
  limits.nested_streams = 16;
  limits.nested_depth = 3;
  limits.members = 64;
  options.scan.companion = [&](const std::string& name) -> SourcePtr {
    if (name == ".metadata") return index;
    fuzz::check(name.starts_with("__") && name.ends_with(".distcp"), "a name that leads elsewhere");
    if (name == "__0_0.distcp") return first;
    return name == "__1_0.distcp" ? second : nullptr;
  };
  const convert::SourcedConversion done = convert::convert_checkpoint(".metadata", index, options);
  fuzz::check(done.source != nullptr, "no source");
  if (done.conversion.outcome == convert::Outcome::refused) {
    fuzz::check(!done.conversion.reason.empty(), "refused without a reason");
    return 0;
  }
  fuzz::check_safetensors(done.conversion);
  return 0;
}
