// Facts: what the catalogue says of a name, in words.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "catalogue/blob.h"
#include "render/style.h"

namespace brine::render {

// A contract as people read it: "(int, str?)", "list of any", "one of 'a', 'b'".
std::string contract_text(const catalogue::Blob& blob, std::uint32_t word);

// What is known of `name`: "os.system", "collections.OrderedDict", "torch.storage" or
// "module:qualified.name". A page of its own also when nothing is known.
std::string facts_text(const catalogue::Blob& blob, std::string_view name, const Style& style);

}  // namespace brine::render
