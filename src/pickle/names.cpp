#include "pickle/names.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace brine::pickle {
namespace {

struct NamePair {
  std::string_view module, name, to_module, to_name;
};
struct ModulePair {
  std::string_view module, to_module;
};

#include "pickle/python2_names.inc"

}  // namespace

bool map_python2(std::string_view& module, std::string_view& name) {
  const std::pair<std::string_view, std::string_view> wanted{module, name};
  const auto* pair = std::lower_bound(
      std::begin(kNames), std::end(kNames), wanted,
      [](const NamePair& row, const auto& key) { return std::pair{row.module, row.name} < key; });
  if (pair != std::end(kNames) && pair->module == module && pair->name == name) {
    module = pair->to_module;
    name = pair->to_name;
    return true;
  }
  const auto* row = std::lower_bound(
      std::begin(kModules), std::end(kModules), module,
      [](const ModulePair& entry, std::string_view key) { return entry.module < key; });
  if (row == std::end(kModules) || row->module != module) return false;
  module = row->to_module;
  return true;
}

}  // namespace brine::pickle
