#include "catalogue/trust.h"

#include <algorithm>
#include <utility>

namespace brine::catalogue {
namespace {

bool is_part(std::string_view part) {
  if (part.empty() || (part[0] >= '0' && part[0] <= '9')) return false;
  return std::all_of(part.begin(), part.end(), [](char c) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    return letter || (c >= '0' && c <= '9') || c == '_' || static_cast<unsigned char>(c) >= 0x80;
  });
}

}  // namespace

Status Trust::add(std::string_view pattern) {
  std::string_view rest = pattern;
  const bool prefix = rest.ends_with(".*");
  if (prefix) rest.remove_suffix(2);
  std::size_t parts = 0;
  for (bool more = true; more; ++parts) {
    const std::size_t dot = rest.find('.');
    more = dot != std::string_view::npos;
    if (!is_part(rest.substr(0, dot))) {
      return fail({ErrorCode::usage, 0,
                   "trust wants a dotted name, or one that ends in '.*': " + std::string(pattern)});
    }
    if (more) rest.remove_prefix(dot + 1);
  }
  if (!prefix && parts < 2) {
    return fail({ErrorCode::usage, 0, "trust wants a module and a class: " + std::string(pattern)});
  }
  patterns_.emplace_back(pattern);
  return {};
}

bool Trust::covers(std::string_view module, std::string_view name) const {
  std::string dotted(module);
  dotted += '.';
  dotted += name;
  return std::any_of(patterns_.begin(), patterns_.end(), [&](const std::string& pattern) {
    if (!pattern.ends_with(".*")) return dotted == pattern;
    return dotted.starts_with(std::string_view(pattern).substr(0, pattern.size() - 1));
  });
}

}  // namespace brine::catalogue
