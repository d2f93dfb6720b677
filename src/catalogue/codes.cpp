// Codes: numbers of categories, held against how many categories there are.
//
// Problem: pandas' Categorical takes its codes from the state as they are, and looks the categories
// up by them in compiled code without a look at their bounds; MultiIndex does the same with its
// levels. Method: the codes' bytes are read, and each must be -1 or the number of a category. How
// many there are is read from what the index of categories was made of, as far as that says it;
// what it does not say is none. Facts: pandas 3.1, core/arrays/categorical.py (__setstate__),
// core/indexes/base.py (_new_Index), core/indexes/multi.py (__new__).
#include <algorithm>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "catalogue/contract.h"
#include "catalogue/numbers.h"
#include "catalogue/tables.h"

namespace brine::catalogue {

using pickle::Kind;
using pickle::kNoNode;
using pickle::NodeGraph;
using pickle::NodeId;

namespace {

constexpr int kMostSteps = 16;  // from an index to the array that it was made of
constexpr std::uint64_t kReadInAll = std::uint64_t{1} << 30;  // bytes of codes
// len(range(start, stop, step)); a start without a stop would be the stop.
std::optional<std::uint64_t> length_of_range(const NodeGraph& graph, NodeId dict) {
  const auto start = whole_number(graph, entry(graph, dict, "start"), 0);
  const auto stop = whole_number(graph, entry(graph, dict, "stop"), std::nullopt);
  const auto step = whole_number(graph, entry(graph, dict, "step"), 1);
  if (!start || !stop || !step || *step == 0) return std::nullopt;
  const std::int64_t span = *step > 0 ? *stop - *start : *start - *stop;
  if (span <= 0) return 0;
  const std::int64_t stride = *step > 0 ? *step : -*step;
  return static_cast<std::uint64_t>((span - 1) / stride + 1);
}

// A MultiIndex' list of codes, of which each has one for each of its items.
NodeId codes_of_all_levels(const NodeGraph& graph, NodeId dict) {
  const NodeId codes = entry(graph, dict, "codes");
  return codes != kNoNode ? codes : entry(graph, dict, "labels");
}
NodeId codes_of_first_level(const NodeGraph& graph, NodeId dict) {
  const NodeId codes = codes_of_all_levels(graph, dict);
  return codes == kNoNode || graph[codes].items.empty() ? kNoNode : graph[codes].items.front();
}

// Whether each of the codes is -1 or below `count`.
bool fit(std::string_view type, std::span<const std::uint8_t> bytes, std::uint64_t count) {
  bool fits = true;
  const bool read = each_integer(type, bytes, [&](std::int64_t code) {
    fits &= code == -1 || static_cast<std::uint64_t>(code) < count;
  });
  return read && fits;
}

}  // namespace

// The class of an instance, by its name in the facts.
std::string Matcher::class_of(NodeId id) {
  const Blob& blob = inspector_->blob();
  const std::uint32_t number = inspector_->type(Thing::of(id)) & object_type::kNumber;
  const Rank name = blob.type(number).name;
  return name == kNoRank ? std::string() : blob.name(name);
}

// How many items an index, or an array of pandas or NumPy, has.
std::optional<std::uint64_t> Matcher::length_of(NodeId id) {
  pickle::Machine& machine = inspector_->machine();
  const NodeGraph& graph = machine.nodes();
  for (int step = 0; step < kMostSteps; ++step) {
    if (id == kNoNode) return std::nullopt;
    if (step != 0 && graph[id].kind == Kind::list) return graph[id].items.size();
    if (graph[id].kind != Kind::object) return std::nullopt;
    const std::string type = class_of(id);
    const NodeId state = only_state(graph, id);
    if (type == "numpy:ndarray") return length_of_array(machine, id);
    if (type == "pandas:Index") {
      const NodeId args = graph[id].args;
      if (args == kNoNode || graph[args].items.size() != 2) return std::nullopt;
      const NodeId dict = graph[args].items[1];
      const NodeId data = entry(graph, dict, "data");
      if (data == kNoNode && entry(graph, dict, "stop") != kNoNode) {
        return length_of_range(graph, dict);
      }
      id = data != kNoNode ? data : entry(graph, dict, "left");
      if (id == kNoNode) id = codes_of_first_level(graph, dict);
    } else if (state == kNoNode) {
      return std::nullopt;
    } else if (type == "pandas._libs.arrays:NDArrayBacked") {
      id = array_in(state);
    } else if (type == "pandas._libs.interval:IntervalMixin") {
      const std::vector<NodeId>& items = graph[state].items;
      id = items.size() == 1 ? entry(graph, items.front(), "_left") : kNoNode;
    } else {  // masked arrays
      id = entry(graph, state, "_data");
    }
  }
  return std::nullopt;
}

// The array in the state of an NDArrayBacked.
NodeId Matcher::array_in(NodeId state) {
  const NodeGraph& graph = inspector_->machine().nodes();
  if (graph[state].kind == Kind::dict) {
    NodeId found = kNoNode;
    for (const std::string_view name : {"_data", "_ndarray", "_codes"}) {
      const NodeId given = entry(graph, state, name);
      if (given != kNoNode && found != kNoNode) return kNoNode;
      if (given != kNoNode) found = given;
    }
    return found;
  }
  if (graph[state].kind != Kind::tuple) return kNoNode;
  for (const NodeId item : graph[state].items) {
    if (item != kNoNode && graph[item].kind == Kind::object && class_of(item) == "numpy:ndarray") {
      return item;
    }
  }
  return kNoNode;
}

// The categories' index in the state of a Categorical.
NodeId Matcher::categories_in(NodeId state) {
  const NodeGraph& graph = inspector_->machine().nodes();
  std::vector<NodeId> parts = graph[state].items;
  if (graph[state].kind == Kind::dict) parts = {entry(graph, state, "_dtype")};
  for (const NodeId part : parts) {
    if (part == kNoNode || graph[part].kind != Kind::object) continue;
    if (class_of(part) != "pandas:CategoricalDtype") continue;
    const NodeId given = only_state(graph, part);
    return given == kNoNode ? kNoNode : entry(graph, given, "categories");
  }
  return kNoNode;
}

bool Matcher::codes_below(NodeId array, std::uint64_t count) {
  pickle::Machine& machine = inspector_->machine();
  if (array == kNoNode || class_of(array) != "numpy:ndarray") return false;
  const auto codes = numbers_of(machine, array);
  if (!codes || codes->record || codes->kind != 'i' || codes_read_ > kReadInAll) return false;
  const auto bytes = elements_of(*evaluator_, *codes);
  if (!bytes) return false;
  codes_read_ += bytes->size();
  return fit(codes->type, *bytes, count);
}

// A MultiIndex' parts: as many codes as levels, each for its own.
bool Matcher::codes_of_levels(NodeId dict) {
  const NodeGraph& graph = inspector_->machine().nodes();
  const NodeId levels = entry(graph, dict, "levels");
  const NodeId codes = codes_of_all_levels(graph, dict);
  if (levels == kNoNode || codes == kNoNode) return false;
  const std::vector<NodeId> of = graph[levels].items;
  const std::vector<NodeId> given = graph[codes].items;
  if (of.size() != given.size()) return false;
  for (std::size_t i = 0; i < of.size(); ++i) {
    const auto count = length_of(of[i]);
    if (!count || !codes_below(given[i], *count)) return false;
  }
  return true;
}

// The state of a Categorical, or the parts of a MultiIndex.
bool Matcher::codes(Thing& thing) {
  if (inspector_->node(thing) == nullptr) return false;
  if (!has_target_) return codes_of_levels(thing.node);
  const auto count = length_of(categories_in(thing.node));
  return count && codes_below(array_in(thing.node), *count);
}

}  // namespace brine::catalogue
