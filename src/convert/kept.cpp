#include "convert/kept.h"

#include <algorithm>
#include <array>

namespace brine::convert {
namespace {

using pickle::kNoNode;
using pickle::Node;
using pickle::NodeId;

// Narrower numbers were widened before pandas 2.
bool is_plain_index(const Node& object, const Values& values, TensorReader& reader) {
  const NodeId id = values.indexed_array(object);
  if (id == kNoNode) return false;
  const auto array = reader.read(id);
  if (!array || !*array || (*array)->parts.size() != 1 || (*array)->without_data) return false;
  constexpr auto kTypes = std::to_array<std::string_view>({"int64", "uint64", "float64"});
  const TensorView& view = (*array)->parts.front().view;
  return !view.swapped && view.shape.size() == 1 &&
         std::ranges::find(kTypes, view.dtype->name) != kTypes.end();
}

}  // namespace

bool is_kept(const Node& object, const Keeper* keeper, const Values& values, TensorReader& reader) {
  if (keeper == nullptr) return is_plain_index(object, values, reader);
  if (!keeper->arguments && values.has_arguments(object)) return false;
  const auto all = values.attributes(object);
  if (!all) return false;
  const auto has = [&](std::string_view name) {
    return std::ranges::find(*all, name, &Child::part) != all->end();
  };
  return std::ranges::all_of(keeper->wants, has) && std::ranges::none_of(keeper->renames, has);
}

}  // namespace brine::convert
