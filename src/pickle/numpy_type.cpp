#include "pickle/numpy_type.h"

#include <algorithm>
#include <array>
#include <bit>
#include <string_view>

#include "base/typestr.h"

namespace brine::pickle {
namespace {

constexpr unsigned kMostDepth = 4;  // records in records
constexpr std::size_t kMostFields = 1000;
constexpr auto kUnits = std::to_array<std::string_view>(
    {"generic", "Y", "M", "W", "D", "h", "m", "s", "ms", "us", "ns", "ps", "fs", "as"});

bool whole_text(const Node& node) {
  return node.kind == Kind::str && node.length == node.text.size();
}

class Reader {
 public:
  explicit Reader(const NodeGraph& nodes) : nodes_(nodes) {}

  std::optional<NumpyType> read(NodeId id, unsigned depth) const {
    if (id == kNoNode || depth == 0) return std::nullopt;
    const Node& object = nodes_[id];
    if (object.kind != Kind::object || object.callable == kNoNode || object.args == kNoNode ||
        object.states().size() > 1 || nodes_[object.callable].kind != Kind::ref ||
        nodes_[object.callable].module() != "numpy" || nodes_[object.callable].name() != "dtype") {
      return std::nullopt;
    }
    const Node& args = nodes_[object.args];
    if (args.kind != Kind::tuple || args.items.empty() || args.items[0] == kNoNode ||
        !whole_text(nodes_[args.items[0]])) {
      return std::nullopt;
    }
    const std::string_view text = nodes_[args.items[0]].text;
    const auto parsed = parse_typestr(text);
    if (!parsed || text.contains('[')) return std::nullopt;
    NumpyType out;
    out.kind = parsed->kind;
    out.size = parsed->size;
    const bool ordered = out.kind != 'b' && out.kind != 'S' && out.kind != 'V' && out.kind != 'O' &&
                         (out.size > 1 || out.kind == 'U');
    const char first = text.empty() ? '<' : text[0];
    if (ordered) out.order = first == '>' ? '>' : '<';
    if (object.states().empty()) return out.size == 0 ? std::nullopt : std::optional(out);
    return with_state(std::move(out), object.states()[0], ordered, depth);
  }

 private:
  // (version, order, subarray, names, fields, size, alignment, flags[, metadata])
  std::optional<NumpyType> with_state(NumpyType out, NodeId id, bool ordered,
                                      unsigned depth) const {
    if (id == kNoNode || nodes_[id].kind != Kind::tuple) return std::nullopt;
    const std::vector<NodeId>& state = nodes_[id].items;
    if (state.size() < 8 || std::ranges::find(state, kNoNode) != state.end()) return std::nullopt;
    const Node& order = nodes_[state[1]];
    if (!whole_text(order) || order.text.size() != 1) return std::nullopt;
    if (ordered) out.order = order.text == ">" ? '>' : '<';
    if (nodes_[state[2]].kind != Kind::none) return std::nullopt;
    const auto size = number(state[5]);
    const bool flexible = out.kind == 'S' || out.kind == 'U' || out.kind == 'V';
    if (flexible && !size) return std::nullopt;
    if (flexible) out.size = *size;
    const bool records = nodes_[state[3]].kind != Kind::none;
    if (records != (nodes_[state[4]].kind != Kind::none)) return std::nullopt;
    if (records && !fields(out, state[3], state[4], depth)) return std::nullopt;
    if (records) {
      const auto align = number(state[6]);
      const bool power = align && *align <= 64 && std::has_single_bit(*align);
      out.align = power ? static_cast<std::uint32_t>(*align) : 1;
    }
    const auto flags = number(state[7]);
    constexpr std::uint64_t kHasObjects = 1;
    if (!flags || ((*flags & kHasObjects) != 0) != has_objects(out)) return std::nullopt;
    if (state.size() > 8 && (out.kind == 'M' || out.kind == 'm') && !dates(out, state[8])) {
      return std::nullopt;
    }
    // Text and bytes of no length come without elements only; NumPy has them all the same.
    return out.size == 0 && !flexible ? std::nullopt : std::optional(out);
  }

  static bool has_objects(const NumpyType& type) {
    // Records of records with objects are not read at all, so one level tells.
    return type.objects() ||
           std::ranges::any_of(type.fields, [](const NumpyField& f) { return f.type.objects(); });
  }

  bool fields(NumpyType& out, NodeId names, NodeId dict, unsigned depth) const {
    if (out.kind != 'V' || nodes_[names].kind != Kind::tuple || nodes_[dict].kind != Kind::dict ||
        nodes_[names].items.size() > kMostFields) {
      return false;
    }
    const std::vector<NodeId>& items = nodes_[dict].items;
    if (items.size() != 2 * nodes_[names].items.size()) return false;  // titles, or keys twice
    for (const NodeId name : nodes_[names].items) {
      if (name == kNoNode || !whole_text(nodes_[name]) || nodes_[name].text.empty()) return false;
      const auto taken = [&](const NumpyField& f) { return f.name == nodes_[name].text; };
      if (std::ranges::any_of(out.fields, taken)) return false;
      std::optional<NumpyField> found;
      for (std::size_t i = 0; i + 1 < items.size(); i += 2) {
        if (items[i] == kNoNode || !whole_text(nodes_[items[i]])) return false;
        if (nodes_[items[i]].text == nodes_[name].text) found = field(items[i + 1], depth);
      }
      if (!found || found->type.objects() || found->offset > out.size ||
          found->type.size > out.size - found->offset) {
        return false;
      }
      found->name = nodes_[name].text;
      out.fields.push_back(std::move(*found));
    }
    return !out.fields.empty();
  }

  // (type, offset)
  std::optional<NumpyField> field(NodeId id, unsigned depth) const {
    if (id == kNoNode || nodes_[id].kind != Kind::tuple || nodes_[id].items.size() != 2) {
      return std::nullopt;
    }
    const auto offset = number(nodes_[id].items[1]);
    auto type = read(nodes_[id].items[0], depth - 1);
    if (!offset || !type) return std::nullopt;
    return NumpyField{"", *offset, std::move(*type)};
  }

  // ({}, (unit, count, divisor, event))
  bool dates(NumpyType& out, NodeId id) const {
    const Node& both = nodes_[id];
    if (both.kind == Kind::none) return true;
    if (both.kind != Kind::tuple || both.items.size() != 2 || both.items[1] == kNoNode) {
      return false;
    }
    const Node& unit = nodes_[both.items[1]];
    if (unit.kind != Kind::tuple || unit.items.size() != 4) return false;
    const auto name = small_bytes(unit.items[0]);
    const auto count = number(unit.items[1]), divisor = number(unit.items[2]);
    if (!name || !count || *count == 0 || *count > 0x7fffffff || divisor != 1) return false;
    if (std::ranges::find(kUnits, *name) == kUnits.end()) return false;
    out.unit = *name == "generic" ? std::string_view() : *name;
    out.units = static_cast<std::uint32_t>(*count);
    return true;
  }

  // b'ns', also as protocol 2 has it: _codecs.encode('ns', 'latin1').
  std::optional<std::string_view> small_bytes(NodeId id) const {
    if (id == kNoNode) return std::nullopt;
    const Node& value = nodes_[id];
    if (value.kind == Kind::bytes || value.kind == Kind::str) return value.text;
    if (value.kind != Kind::object || value.callable == kNoNode || value.args == kNoNode ||
        nodes_[value.callable].name() != "encode" || nodes_[value.args].items.empty() ||
        nodes_[value.args].items[0] == kNoNode) {
      return std::nullopt;
    }
    return nodes_[nodes_[value.args].items[0]].text;
  }

  std::optional<std::uint64_t> number(NodeId id) const {
    if (id == kNoNode) return std::nullopt;
    const Node& value = nodes_[id];
    if (value.kind != Kind::integer || value.big || value.integer < 0) return std::nullopt;
    return static_cast<std::uint64_t>(value.integer);
  }

  const NodeGraph& nodes_;
};

}  // namespace

std::optional<NumpyType> numpy_type(const NodeGraph& nodes, NodeId id) {
  return Reader(nodes).read(id, kMostDepth);
}

std::string type_text(const NumpyType& type) {
  std::string out(1, type.order);
  out += type.kind;
  if (type.kind == 'O') return out;
  out += std::to_string(type.kind == 'U' ? type.size / 4 : type.size);
  if (!type.unit.empty()) {
    out += '[' + (type.units == 1 ? "" : std::to_string(type.units)) + type.unit + ']';
  }
  return out;
}

}  // namespace brine::pickle
