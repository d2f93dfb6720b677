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

// _class_locations_map of pandas/compat/pickle_compat.py, pandas 3.1.
constexpr NamePair kPandas[] = {
    {"pandas.core.internals.blocks", "new_block", "pandas._libs.internals", "_unpickle_block"},
    {"pandas._libs.tslibs.nattype", "__nat_unpickle", "pandas._libs.tslibs.nattype",
     "_nat_unpickle"},
    {"pandas.core.indexes.numeric", "Int64Index", "pandas.core.indexes.base", "Index"},
    {"pandas.core.indexes.numeric", "UInt64Index", "pandas.core.indexes.base", "Index"},
    {"pandas.core.indexes.numeric", "Float64Index", "pandas.core.indexes.base", "Index"},
    {"pandas.core.arrays.sparse.dtype", "SparseDtype", "pandas.core.dtypes.dtypes", "SparseDtype"},
};

}  // namespace

bool map_pandas(std::string_view& module, std::string_view& name) {
  const auto* row = std::find_if(std::begin(kPandas), std::end(kPandas), [&](const NamePair& pair) {
    return pair.module == module && pair.name == name;
  });
  if (row == std::end(kPandas)) return false;
  module = row->to_module;
  name = row->to_name;
  return true;
}

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
