#include "catalogue/wanted.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "catalogue/inspect.h"

namespace brine::catalogue {
namespace {

using pickle::Kind;
using pickle::Machine;
using pickle::Node;
using pickle::NodeGraph;
using pickle::NodeId;
using pickle::Value;
using pickle::Wanted;

// Their methods and attributes are NumPy's own, whatever state they have.
constexpr std::array<std::string_view, 5> kArrays = {
    "numpy.ndarray", "numpy.matrix", "numpy.rec.recarray", "numpy.memmap", "numpy.char.chararray"};
constexpr std::string_view kMetadata = "torch.distributed.checkpoint.metadata.Metadata";

bool is_key(const Node& node) {
  return node.kind == Kind::integer || node.kind == Kind::str || node.kind == Kind::bytes;
}
bool is_text(const Node& node) { return node.kind == Kind::str || node.kind == Kind::bytes; }
bool is_number(const Node& node) { return node.kind == Kind::integer; }
bool is_type(const Node& node) { return node.kind == Kind::ref; }
bool is_sequence(const Node& node) { return node.kind == Kind::list || node.kind == Kind::tuple; }

using Test = bool (*)(const Node&);

// A list or tuple of as many parts as there are tests.
bool fits(const NodeGraph& nodes, NodeId id, std::initializer_list<Test> tests) {
  const Node& node = nodes[id];
  if (!is_sequence(node) || node.items.size() != tests.size()) return false;
  return std::equal(tests.begin(), tests.end(), node.items.begin(),
                    [&](Test test, NodeId item) { return test(nodes[item]); });
}

bool has_parts(const NodeGraph& nodes, NodeId id, Wanted wanted) {
  const Node& node = nodes[id];
  switch (wanted) {
    case Wanted::keys:
      return is_sequence(node) &&
             std::ranges::all_of(node.items, [&](NodeId item) { return is_key(nodes[item]); });
    case Wanted::tar_storage: return fits(nodes, id, {is_key, is_text, is_type});
    case Wanted::tar_tensor: return fits(nodes, id, {is_key, is_key, is_type});
    case Wanted::tar_views:
      return is_sequence(node) && std::ranges::all_of(node.items, [&](NodeId item) {
               return fits(nodes, item, {is_key, is_key, is_number, is_number});
             });
    default: return false;
  }
}

// The ways to a checkpoint's values: a number in one is a place in a list, which the loader makes
// as long as that. True when each list has as many ways as that (set_element of _nested_dict.py).
bool has_short_lists(const NodeGraph& nodes, const Node& ways) {
  constexpr std::size_t kDeepest = 64;
  struct List {
    std::set<std::int64_t> places;
    std::int64_t last = 0;
  };
  std::map<std::string, List> lists;  // by the way to them
  for (std::size_t i = 1; i < ways.items.size(); i += 2) {
    const Node& way = nodes[ways.items[i]];
    if (way.items.size() > kDeepest) return false;
    std::string above;
    for (const NodeId part : way.items) {
      const Node& place = nodes[part];
      if (place.kind == Kind::integer) {
        if (place.big || place.integer < 0) return false;
        List& list = lists[above];
        list.places.insert(place.integer);
        list.last = std::max(list.last, place.integer);
        above += '#' + std::to_string(place.integer);
      } else {
        above += '.' + std::to_string(place.text.size()) + '.' + std::string(place.text);
      }
    }
  }
  return std::ranges::all_of(lists, [](const auto& entry) {
    return static_cast<std::uint64_t>(entry.second.last) < entry.second.places.size();
  });
}

bool has_short_lists(const NodeGraph& nodes, NodeId metadata) {
  for (const NodeId state : nodes[metadata].states()) {
    const std::vector<NodeId>& items = nodes[state].items;
    for (std::size_t i = 0; i + 1 < items.size(); i += 2) {
      if (nodes[items[i]].text == "planner_data" && !has_short_lists(nodes, nodes[items[i + 1]])) {
        return false;
      }
    }
  }
  return true;
}

bool is_checkpoint(Machine& machine, pickle::World& world, const Value& result) {
  if (result.kind() != Kind::object || world.type_name(machine, result.aux()) != kMetadata) {
    return false;
  }
  const NodeId id = machine.rebuild(result);
  return id != pickle::kNoNode && has_short_lists(machine.nodes(), id);
}

}  // namespace

bool is_wanted(Machine& machine, pickle::World& world, const Value& result) {
  const Kind kind = result.kind();
  const Wanted wanted = machine.profile().wanted;
  switch (wanted) {
    case Wanted::anything: return true;
    case Wanted::dict: return kind == Kind::dict || kind == Kind::integer;  // a number raises
    case Wanted::storage:
      return kind == Kind::persistent ||
             (kind == Kind::object && result.aux() == object_type::kStorage);
    case Wanted::array:
      return kind == Kind::object &&
             std::ranges::find(kArrays, world.type_name(machine, result.aux())) != kArrays.end();
    case Wanted::checkpoint: return is_checkpoint(machine, world, result);
    case Wanted::value: return kind <= Kind::frozenset;
    default: break;
  }
  const NodeId id = machine.rebuild(result);
  return id != pickle::kNoNode && has_parts(machine.nodes(), id, wanted);
}

}  // namespace brine::catalogue
