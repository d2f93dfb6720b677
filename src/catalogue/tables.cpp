#include "catalogue/tables.h"

#include <algorithm>
#include <vector>

namespace brine::catalogue {

using pickle::Kind;
using pickle::kNoNode;
using pickle::Node;
using pickle::NodeGraph;
using pickle::NodeId;

namespace {

constexpr std::size_t kMostEntries = 64;  // of a dict that is looked into

// Whether it is a dict of few names, each of which stands there once.
bool is_table(const NodeGraph& graph, NodeId dict) {
  if (dict == kNoNode || graph[dict].kind != Kind::dict) return false;
  const std::vector<NodeId>& items = graph[dict].items;
  if (items.size() > 2 * kMostEntries) return false;
  std::vector<std::string_view> names;
  for (std::size_t i = 0; i + 1 < items.size(); i += 2) {
    if (items[i] == kNoNode || graph[items[i]].kind != Kind::str) return false;
    names.push_back(graph[items[i]].text);
  }
  std::ranges::sort(names);
  return std::ranges::adjacent_find(names) == names.end();
}

}  // namespace

NodeId entry(const NodeGraph& graph, NodeId dict, std::string_view name) {
  if (!is_table(graph, dict)) return kNoNode;
  const std::vector<NodeId>& items = graph[dict].items;
  for (std::size_t i = 0; i + 1 < items.size(); i += 2) {
    if (graph[items[i]].text == name) return items[i + 1];
  }
  return kNoNode;
}

NodeId only_state(const NodeGraph& graph, NodeId id) {
  const std::vector<NodeId>& states = graph[id].states();
  return states.size() == 1 ? states.front() : kNoNode;
}

std::optional<std::int64_t> whole_number(const NodeGraph& graph, NodeId id,
                                         std::optional<std::int64_t> without) {
  constexpr std::int64_t kLargest = std::int64_t{1} << 61;
  if (id == kNoNode || graph[id].kind == Kind::none) return without;
  const Node& node = graph[id];
  if (node.kind != Kind::integer || node.big) return std::nullopt;
  if (node.integer > kLargest || node.integer < -kLargest) return std::nullopt;
  return node.integer;
}

}  // namespace brine::catalogue
