// Conversions for people and for machines (brine.convert/1).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "convert/convert.h"
#include "render/style.h"

namespace brine::render {

// A conversion and what became of it.
struct Converted {
  std::string path;
  std::string output;  // empty: nothing was written
  std::string extras;  // the file of the other values, or empty
  std::uint64_t bytes = 0;  // written
  double seconds = 0;
  bool verified = false;
  bool disarmed = false;  // by disarm, not by convert
  convert::Conversion conversion;
};

std::string conversion_text(const Converted& done, const Style& style, bool extras_offered);
// The document: begin, file ..., end.
std::string conversions_json(std::span<const Converted> files);

}  // namespace brine::render
