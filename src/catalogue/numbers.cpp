#include "catalogue/numbers.h"

#include <algorithm>
#include <span>
#include <utility>

#include "pickle/numpy_type.h"

namespace brine::catalogue {

using pickle::kNoNode;
using pickle::Node;
using pickle::NodeGraph;
using pickle::NodeId;

namespace {

constexpr std::uint64_t kMostBytes = 64u << 20;

// The parts of an array, whichever way it stands there.
struct Parts {
  NodeId shape = kNoNode, type = kNoNode, order = kNoNode, octets = kNoNode;
  bool called = false;
};

// (version?, shape, dtype, fortran, octets), the state of numpy.ndarray; or (octets, dtype, shape,
// "C"), what protocol 5 calls.
std::optional<Parts> parts_in(const NodeGraph& graph, std::span<const NodeId> parts) {
  if (std::ranges::find(parts, kNoNode) != parts.end()) return std::nullopt;
  const bool called = parts.size() == 4 && graph[parts[2]].kind == pickle::Kind::tuple;
  if (!called && parts.size() == 5) parts = parts.subspan(1);
  if (parts.size() != 4) return std::nullopt;
  if (called) return Parts{parts[2], parts[1], parts[3], parts[0], true};
  return Parts{parts[0], parts[1], parts[2], parts[3], false};
}

std::optional<Parts> parts_of(const NodeGraph& graph, const Node& object) {
  NodeId from = object.states().empty() ? object.args : object.states().front();
  if (from == kNoNode || object.states().size() > 1) return std::nullopt;
  // dill hands the state to a function of its own: _create_array(_reconstruct, arguments, state).
  const Node& callable = graph[object.callable];
  if (callable.kind == pickle::Kind::ref && callable.name() == "_create_array" &&
      callable.module().starts_with("dill")) {
    if (!object.states().empty() || graph[from].items.size() < 3) return std::nullopt;
    from = graph[from].items[2];
    if (from == kNoNode) return std::nullopt;
  }
  return parts_in(graph, graph[from].items);
}

void describe(Numbers& out, const pickle::NumpyType& type) {
  out.type = pickle::type_text(type);
  out.kind = type.kind;
  out.size = type.size;
  out.record = !type.fields.empty();
}

}  // namespace

std::optional<std::vector<std::uint64_t>> shape_of(const NodeGraph& graph, NodeId id) {
  const Node& node = graph[id];
  if (node.kind != pickle::Kind::tuple) return std::nullopt;
  std::vector<std::uint64_t> out;
  for (const NodeId item : node.items) {
    const Node& extent = graph[item];
    if (extent.kind != pickle::Kind::integer || extent.big || extent.integer < 0) {
      return std::nullopt;
    }
    out.push_back(static_cast<std::uint64_t>(extent.integer));
  }
  return out;
}

std::optional<Numbers> numbers_of(pickle::Machine& machine, NodeId id) {
  if (id == kNoNode) return std::nullopt;
  const NodeGraph& graph = machine.nodes();
  const Node& object = graph[id];
  if (object.kind != pickle::Kind::object) return std::nullopt;
  Numbers out;
  if (object.callable == kNoNode) {
    const pickle::RawArray* raw = machine.raw_array(object.offset);
    if (raw == nullptr || raw->element == nullptr) return std::nullopt;
    describe(out, *raw->element);
    out.shape = raw->shape;
    out.rows = !raw->fortran;
    out.raw = raw;
    return out;
  }
  const auto parts = parts_of(graph, object);
  if (!parts) return std::nullopt;
  const auto type = pickle::numpy_type(graph, parts->type);
  auto shape = shape_of(graph, parts->shape);
  if (!type || !shape) return std::nullopt;
  const Node& order = graph[parts->order];
  describe(out, *type);
  out.shape = std::move(*shape);
  out.rows = parts->called ? order.text == "C" : order.integer == 0;
  out.octets = parts->octets;
  return out;
}

std::optional<std::uint64_t> length_of_array(pickle::Machine& machine, NodeId id) {
  if (id == kNoNode) return std::nullopt;
  const NodeGraph& graph = machine.nodes();
  const Node& object = graph[id];
  if (object.kind != pickle::Kind::object) return std::nullopt;
  std::optional<std::vector<std::uint64_t>> shape;
  if (object.callable == kNoNode) {
    const pickle::RawArray* raw = machine.raw_array(object.offset);
    if (raw != nullptr) shape = raw->shape;
  } else if (const auto parts = parts_of(graph, object)) {
    shape = shape_of(graph, parts->shape);
  }
  if (!shape || shape->size() != 1) return std::nullopt;
  return shape->front();
}

std::optional<std::vector<std::uint8_t>> elements_of(Evaluator& evaluator, const Numbers& array) {
  Inspector& inspector = evaluator.inspector();
  const auto place =
      array.raw != nullptr
          ? std::optional(std::pair(array.raw->begin, array.raw->end - array.raw->begin))
          : inspector.raw_bytes(Thing::of(array.octets));
  std::vector<std::uint8_t> out;
  if (place) {
    const bool read =
        place->second <= kMostBytes && inspector.machine().read(place->first, place->second, out);
    return read ? std::optional(std::move(out)) : std::nullopt;
  }
  const Evaluator::Octets octets = evaluator.octets(Thing::of(array.octets));
  if (!octets.whole) return std::nullopt;
  out.assign(octets.bytes.begin(), octets.bytes.end());
  return out;
}

}  // namespace brine::catalogue
