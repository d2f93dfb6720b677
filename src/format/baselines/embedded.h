// The pickles in the JSON of a Stable-Baselines model, in base64.
//
// Problem: what is no plain value in a model's `data` stands there as {":serialized:": text}, and
// the loader unpickles each text. Escapes spell the key otherwise, a key comes twice, characters
// that base64 does not have stand between, and a model's text may have gigabytes. Method: the
// strings are told from what lies between them, in one pass; a string behind a key that reads
// ":serialized:" is decoded as binascii.a2b_base64 does, letter by letter. Nothing else of JSON
// matters: where json.loads raises, nothing is unpickled, and a pickle more only adds. Facts:
// stable_baselines3/common/save_util.py (json_to_data) of 2.9, and CPython's binascii.c. Invariant:
// every text that json.loads could give under the key is decoded, or `over` says that there was
// more.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "io/source.h"

namespace brine::format::baselines {

struct Embedded {
  std::string name;  // the item of the model that it is: "policy_class"
  std::vector<std::uint8_t> bytes;
};
struct AllEmbedded {
  std::vector<Embedded> pickles;
  bool over = false;  // there are more, or their bytes are more
};

// At most `most` pickles of `most_bytes` together.
Result<AllEmbedded> find_embedded(ByteSource& json, std::size_t most, std::uint64_t most_bytes);

}  // namespace brine::format::baselines
