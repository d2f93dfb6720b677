#include "convert/numpy_values.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <string_view>

#include "convert/spelling.h"

namespace brine::convert {
namespace {

using pickle::Kind;
using pickle::kNoNode;
using pickle::Node;
using pickle::NodeGraph;
using pickle::NodeId;

constexpr std::size_t kMostDimensions = 64;  // NumPy 2's

bool from_numpy(const Node& callable, std::string_view part, std::string_view name) {
  const auto module = callable.module();
  return callable.kind == Kind::ref && callable.name() == name &&
         (module == "numpy.core." + std::string(part) ||
          module == "numpy._core." + std::string(part));
}

std::optional<std::vector<std::uint64_t>> sizes(const NodeGraph& nodes, NodeId id) {
  if (id == kNoNode || (nodes[id].kind != Kind::tuple && nodes[id].kind != Kind::list) ||
      nodes[id].items.size() > kMostDimensions) {
    return std::nullopt;
  }
  std::vector<std::uint64_t> out;
  for (const NodeId item : nodes[id].items) {
    if (item == kNoNode || nodes[item].kind != Kind::integer || nodes[item].big ||
        nodes[item].integer < 0) {
      return std::nullopt;
    }
    out.push_back(static_cast<std::uint64_t>(nodes[item].integer));
  }
  return out;
}

std::optional<NumpyArray> array_of(const NodeGraph& nodes, NodeId dtype, NodeId shape, bool fortran,
                                   NodeId content) {
  auto type = pickle::numpy_type(nodes, dtype);
  auto extents = sizes(nodes, shape);
  if (!type || !extents || content == kNoNode) return std::nullopt;
  NumpyArray out{std::move(*type), std::move(*extents), fortran, 0, kNoNode, nullptr, {}};
  std::uint64_t count = 1;
  for (const std::uint64_t extent : out.shape) {
    if (__builtin_mul_overflow(count, extent, &count)) return std::nullopt;
  }
  if (out.type.objects()) {
    if (nodes[content].kind != Kind::list || nodes[content].items.size() != count) {
      return std::nullopt;
    }
    out.items = &nodes[content].items;
    return out;
  }
  if (__builtin_mul_overflow(count, out.type.size, &out.size)) return std::nullopt;
  out.bytes = content;
  return out;
}

template <typename T>
T load(std::string_view bytes) {
  T out;
  std::copy_n(bytes.begin(), sizeof out, reinterpret_cast<char*>(&out));
  return out;
}

double half(std::uint16_t bits) {
  const int exponent = bits >> 10 & 31;
  const double fraction = bits & 1023;
  const double sign = (bits & 0x8000) != 0 ? -1 : 1;
  if (exponent == 31) return fraction == 0 ? sign * INFINITY : std::copysign(NAN, sign);
  if (exponent == 0) return sign * std::ldexp(fraction, -24);
  return sign * std::ldexp(fraction + 1024, exponent - 25);
}

}  // namespace

std::optional<NumpyArray> numpy_array(const NodeGraph& nodes, NodeId id) {
  const Node& object = nodes[id];
  if (object.kind != Kind::object || object.callable == kNoNode || object.args == kNoNode ||
      nodes[object.args].kind != Kind::tuple) {
    return std::nullopt;
  }
  const Node& callable = nodes[object.callable];
  const std::vector<NodeId>& args = nodes[object.args].items;
  if (from_numpy(callable, "numeric", "_frombuffer")) {
    if (args.size() < 4 || args[3] == kNoNode || nodes[args[3]].kind != Kind::str ||
        !object.states().empty()) {
      return std::nullopt;
    }
    return array_of(nodes, args[1], args[2], nodes[args[3]].text == "F", args[0]);
  }
  if (!from_numpy(callable, "multiarray", "_reconstruct") || object.states().size() != 1 ||
      object.states()[0] == kNoNode || nodes[object.states()[0]].kind != Kind::tuple ||
      args.empty() || args[0] == kNoNode || nodes[args[0]].kind != Kind::ref ||
      !object.stored().empty() || !object.appended().empty()) {
    return std::nullopt;
  }
  std::vector<NodeId> state = nodes[object.states()[0]].items;
  if (state.size() == 4) state.insert(state.begin(), kNoNode);  // the first version has no number
  if (state.size() != 5 || state[3] == kNoNode) return std::nullopt;
  auto out = array_of(nodes, state[2], state[1], nodes[state[3]].integer != 0, state[4]);
  const Node& cls = nodes[args[0]];
  if (out && !(cls.module() == "numpy" && cls.name() == "ndarray")) {
    out->subclass = std::string(cls.module()) + "." + std::string(cls.name());
  }
  return out;
}

std::optional<NumpyScalar> numpy_scalar(const NodeGraph& nodes, const TensorReader& reader,
                                        NodeId id) {
  const Node& object = nodes[id];
  if (object.kind != Kind::object || object.callable == kNoNode || object.args == kNoNode ||
      !object.states().empty() || !from_numpy(nodes[object.callable], "multiarray", "scalar") ||
      nodes[object.args].kind != Kind::tuple || nodes[object.args].items.size() != 2) {
    return std::nullopt;
  }
  const std::vector<NodeId>& args = nodes[object.args].items;
  auto type = pickle::numpy_type(nodes, args[0]);
  constexpr std::uint64_t kLongest = 1u << 20;
  if (!type || type->objects() || type->size > kLongest) return std::nullopt;
  const SourcePtr bytes = reader.octets(args[1]);
  if (bytes == nullptr || bytes->size() != type->size) return std::nullopt;
  const auto read = bytes->read_vector(0, bytes->size());
  if (!read) return std::nullopt;
  return NumpyScalar{std::move(*type), std::string(read->begin(), read->end())};
}

std::optional<std::string> python_number(const NumpyScalar& scalar) {
  std::string bytes = scalar.bytes;
  const char kind = scalar.type.kind;
  const std::size_t size = bytes.size();
  if (scalar.type.order == '>') {
    const std::size_t part = kind == 'c' ? size / 2 : size;
    for (std::size_t at = 0; part > 0 && at < size; at += part) {
      std::reverse(bytes.begin() + static_cast<std::ptrdiff_t>(at),
                   bytes.begin() + static_cast<std::ptrdiff_t>(at + part));
    }
  }
  if (kind == 'b') return spell::boolean(bytes[0] != 0);
  if (kind == 'f' && size == 8) return spell::floating(load<double>(bytes));
  if (kind == 'f' && size == 4) return spell::floating(static_cast<double>(load<float>(bytes)));
  if (kind == 'f' && size == 2) return spell::floating(half(load<std::uint16_t>(bytes)));
  if ((kind == 'i' || kind == 'u') && size <= 8) {
    const bool negative = kind == 'i' && (bytes.back() & 0x80) != 0;
    bytes.resize(8, negative ? '\xff' : '\0');
    const auto value = load<std::uint64_t>(bytes);
    if (kind == 'u' && value > static_cast<std::uint64_t>(INT64_MAX)) {
      return spell::big_integer(std::to_string(value), 255);
    }
    return spell::integer(static_cast<std::int64_t>(value));
  }
  return std::nullopt;
}

}  // namespace brine::convert
