// Placed: the blocks of a frame, held against its axis.
//
// Problem: pandas' BlockManager writes, for each block, the block's number to the places that the
// block says it has, in an array as long as the first axis, in compiled code without a look at
// bounds: a place beyond it is written somewhere else in memory. Method: the places of all blocks
// are read, slices and arrays alike, and must be the numbers from 0 to the axis' length, each once;
// then every write has its own cell. A length that no bytes of the file pay for is small. Facts:
// pandas 1.5 to 3.1, _libs/internals.pyx (BlockManager.__setstate__, _rebuild_blknos_and_blklocs).
#include <algorithm>
#include <optional>
#include <span>
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

constexpr std::uint64_t kFewPlaces = 1u << 20;  // of slices, in one manager
constexpr std::uint64_t kPlacesInAll = 1u << 27;

// The arguments of a call, when there are so many; null otherwise.
const std::vector<NodeId>* arguments_of(const NodeGraph& graph, NodeId id, std::size_t count) {
  if (id == kNoNode || graph[id].kind != Kind::object) return nullptr;
  const NodeId args = graph[id].args;
  if (args == kNoNode || graph[args].kind != Kind::tuple) return nullptr;
  return graph[args].items.size() == count ? &graph[args].items : nullptr;
}

// Cells that are taken one by one, each once.
class Cells {
 public:
  explicit Cells(std::uint64_t count) : taken_(static_cast<std::size_t>(count)) {}

  void take(std::int64_t place) {
    const bool inside = place >= 0 && static_cast<std::uint64_t>(place) < taken_.size();
    fits_ = fits_ && inside && !taken_[static_cast<std::size_t>(place)];
    if (!fits_) return;
    taken_[static_cast<std::size_t>(place)] = true;
    ++count_;
  }
  bool fits() const { return fits_; }
  bool full() const { return fits_ && count_ == taken_.size(); }

 private:
  std::vector<bool> taken_;
  std::size_t count_ = 0;
  bool fits_ = true;
};

// slice(start, stop, step) as pandas reads it: no number counts from the end.
void take_slice(const NodeGraph& graph, const std::vector<NodeId>& bounds, Cells& cells) {
  const auto step = whole_number(graph, bounds[2], 1);
  const bool down = step && *step < 0;
  const auto start = whole_number(graph, bounds[0], down ? std::nullopt : std::optional(0));
  const auto stop = whole_number(graph, bounds[1], down ? std::optional(-1) : std::nullopt);
  if (!step || *step == 0 || !start || !stop || *start < 0 || *stop < (down ? -1 : 0)) {
    return cells.take(-1);
  }
  for (std::int64_t at = *start; cells.fits() && (down ? at > *stop : at < *stop); at += *step) {
    cells.take(at);
  }
}

}  // namespace

// The places of all blocks are those of the axis.
bool Matcher::places_are(std::span<const NodeId> places, NodeId axis) {
  pickle::Machine& machine = inspector_->machine();
  const NodeGraph& graph = machine.nodes();
  const auto length = length_of(axis);
  if (!length) return false;
  std::vector<std::optional<Numbers>> listed;
  std::uint64_t paid = kFewPlaces;
  for (const NodeId place : places) {
    const bool array =
        place != kNoNode && graph[place].kind == Kind::object && class_of(place) == "numpy:ndarray";
    listed.push_back(array ? numbers_of(machine, place) : std::nullopt);
    if (listed.back() && listed.back()->shape.size() == 1) paid += listed.back()->shape[0];
  }
  if (*length > paid || places_ > kPlacesInAll) return false;
  places_ += *length + places.size();
  Cells cells(*length);
  for (std::size_t i = 0; i < places.size() && cells.fits(); ++i) {
    if (const auto& array = listed[i]) {
      const auto bytes = elements_of(*evaluator_, *array);
      const auto take = [&](std::int64_t place) { cells.take(place); };
      if (!bytes || !each_integer(array->type, *bytes, take)) return false;
    } else if (const auto* bounds = arguments_of(graph, places[i], 3);
               bounds != nullptr && class_of(places[i]) == "builtins:slice") {
      take_slice(graph, *bounds, cells);
    } else {
      return false;
    }
  }
  return cells.full();
}

// The state of a BlockManager: (..., {"0.14.1": {"axes", "blocks"}}).
bool Matcher::placed(Thing& thing) {
  if (inspector_->node(thing) == nullptr) return false;
  const NodeGraph& graph = inspector_->machine().nodes();
  const std::vector<NodeId>& parts = graph[thing.node].items;
  if (graph[thing.node].kind != Kind::tuple || parts.size() < 4) return false;
  const NodeId table = entry(graph, parts[3], "0.14.1");
  const NodeId axes = entry(graph, table, "axes"), blocks = entry(graph, table, "blocks");
  if (axes == kNoNode || blocks == kNoNode || graph[axes].items.empty()) return false;
  std::vector<NodeId> places;
  for (const NodeId block : graph[blocks].items) places.push_back(entry(graph, block, "mgr_locs"));
  return places_are(places, graph[axes].items.front());
}

// The arguments of its call: blocks, each made of values, places and dimensions, and axes.
bool Matcher::placed(std::span<const Thing> items) {
  if (items.size() < 2) return false;
  Thing blocks = items[0], axes = items[1];
  std::vector<Thing> given;
  std::vector<NodeId> places;
  if (!inspector_->items(blocks, given)) return false;
  const NodeGraph& graph = inspector_->machine().nodes();
  for (Thing& block : given) {
    if (inspector_->node(block) == nullptr) return false;
    const auto* made = arguments_of(graph, block.node, 3);
    places.push_back(made == nullptr ? kNoNode : (*made)[1]);
  }
  return inspector_->items(axes, given) && !given.empty() && places_are(places, given.front().node);
}

}  // namespace brine::catalogue
