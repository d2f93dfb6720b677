// The nodes of values: constants read again, names, what was computed, placeholders for the rest.
//
// A value that others may hold too is told by its identity, and has one node whoever asks for it
// first: as a placeholder on the work list, or complete when its own range runs. Constants and
// names have a node for each use; a long text is kept once.

#include <algorithm>

#include "pickle/decimal.h"
#include "pickle/rebuilder.h"

namespace brine::pickle {
namespace {

constexpr std::uint64_t kMaxIntegerBytes = 4400;  // of an int spelled out in decimal
constexpr std::size_t kSharedText = 256;          // bytes of a text that is worth looking for
constexpr std::uint8_t kOpenTuple = 30;  // identity of arguments that no TUPLE gathered

// Results end at the opcode that made them, which has one byte.
std::uint64_t maker(const Value& v) { return v.shifted() || v.end == 0 ? v.end : v.end - 1; }

}  // namespace

Machine::Impl::Identity Machine::Impl::identity(const Value& v) {
  switch (v.kind()) {
    case Kind::tuple:
      return {v.start, v.end, v.computed() ? kOpenTuple : static_cast<std::uint8_t>(v.kind()), 0};
    case Kind::object:
    case Kind::persistent:
      return {v.start, 0, static_cast<std::uint8_t>(Kind::object),
              static_cast<std::uint8_t>(v.depth)};
    default: return {v.start, 0, static_cast<std::uint8_t>(Kind::list), 0};
  }
}

NodeId Rebuilder::add(Kind kind, const Value& value) {
  if (graph.size() >= m.limits.nodes) {
    over = true;
    return kNoNode;
  }
  NodeId id = graph.add();
  graph[id].kind = kind;
  graph[id].offset = value.start;
  m.node_values.push_back(value);
  m.node_states.push_back(0);
  return id;
}

// The node of a value that is not being built by the running range.
NodeId Rebuilder::node_of(const Value& handle) {
  const Value v = m.truth(handle);
  if (v.kind() == Kind::ref) return ref_node(v.aux(), v);
  if (v.computed() && v.kind() != Kind::tuple) return computed_node(m.computed[v.aux()], v);
  if (v.kind() == Kind::unknown || v.kind() == Kind::buffer) return vague_node(v);
  if (v.depth == kNoDepth) return vague_node(Value::make(Kind::unknown, v.start, v.end));
  if (is_constant(v.kind())) return constant_node(v.written_at(), v);
  Machine::Impl::Identity key = Machine::Impl::identity(v);
  if (const NodeId known = m.known_node(key); known != kNoNode) return known;
  NodeId id = add(v.kind(), v);
  if (id == kNoNode) return id;
  graph[id].type = v.kind() == Kind::object || v.kind() == Kind::persistent ? v.aux() : 0;
  m.node_ids.insert(Machine::Impl::IdentityHash()(key), id);
  pending.push_back({id, v});
  return id;
}

NodeId Rebuilder::vague_node(const Value& v) {
  NodeId id = add(v.kind(), v);
  if (id != kNoNode && v.direct()) graph[id].offset = maker(v);
  return id;
}

NodeId Rebuilder::unknown_node(std::uint64_t start, std::uint64_t end) {
  return add(Kind::unknown, Value::make(Kind::unknown, start, end));
}

NodeId Rebuilder::ref_node(RefId ref, const Value& v) {
  NodeId id = add(Kind::ref, v);
  if (id == kNoNode) return id;
  if (v.direct() && computed_at(maker(v)) != nullptr) graph[id].offset = maker(v);
  graph[id].ref = ref;
  graph[id].imported = &m.refs[ref];
  return id;
}

std::string_view Rebuilder::keep(NodeId node, std::string_view text) {
  m.texts.push_back({node, m.letters.mark()});
  return m.letters.add(text);
}

// A text that many nodes show is kept once.
void Rebuilder::long_text(NodeId id, const Constant& constant, std::uint64_t offset) {
  Node& node = graph[id];
  const bool shared = constant.length >= kSharedText;
  if (const auto known = shared ? m.text_at.find(offset) : m.text_at.end();
      known != m.text_at.end() && known->second < m.shared_texts.size() &&
      m.shared_texts[known->second].offset == offset) {
    node.text = m.shared_texts[known->second].text;
    node.length = m.shared_texts[known->second].length;
    return;
  }
  std::string& text = m.text_scratch;
  std::uint64_t length = 0;
  if (!m.text_of(constant, text, m.limits.text_bytes, &length)) {
    node.kind = Kind::unknown;
    return;
  }
  node.length = length;
  if (!shared) {
    node.text = keep(id, text);
    return;
  }
  m.text_at[offset] = m.shared_texts.size();
  m.shared_texts.push_back({id, offset, length, std::move(text)});
  node.text = m.shared_texts.back().text;
}

NodeId Rebuilder::computed_node(const Computed& made, const Value& v) {
  if (made.kind == Kind::ref) return ref_node(made.ref, v);
  NodeId id = add(made.kind, v);
  if (id == kNoNode) return id;
  Node& node = graph[id];
  node.offset = made.offset;
  node.text = made.text;
  switch (made.kind) {
    case Kind::integer:
    case Kind::boolean: node.integer = made.integer; break;
    case Kind::floating: node.floating = made.floating; break;
    default: node.length = made.text.size(); break;
  }
  return id;
}

NodeId Rebuilder::constant_node(std::uint64_t offset, const Value& v) {
  const Constant constant = m.constant_at(offset);
  Value self = Value::make(constant.kind, offset, offset);
  NodeId id = add(constant.kind, v.kind_ == self.kind_ ? v : self);
  if (id == kNoNode) return id;
  m.node_values[id] = self;
  graph[id].offset = offset;
  switch (constant.kind) {
    case Kind::integer:
    case Kind::boolean: integer(id, constant); break;
    case Kind::floating: floating(constant, graph[id]); break;
    case Kind::str:
    case Kind::bytes:
    case Kind::bytearray:
      text(id, constant, offset);
      if (m.was_changed(v, constant)) graph[id].kind = Kind::unknown;
      break;
    default: break;
  }
  return id;
}

void Rebuilder::integer(NodeId id, const Constant& constant) {
  Node& node = graph[id];
  if (m.integer_of(constant, node.integer)) return;
  node.big = true;
  // To spell it out takes a time in the square of its length.
  if (constant.length > kMaxIntegerBytes) return;
  if (!spend(constant.length * constant.length / Machine::Impl::kLookedAt)) return;
  ByteSpan bytes = m.window.fetch(constant.payload, constant.length, m.fetch_scratch);
  const bool literal = constant.opcode == op::INT || constant.opcode == op::LONG;
  node.text = keep(id, literal ? decimal_of_literal(as_text(bytes)) : decimal_of_bytes(bytes));
}

void Rebuilder::text(NodeId id, const Constant& constant, std::uint64_t offset) {
  Node& node = graph[id];
  if (!spend(constant.length / Machine::Impl::kLookedAt)) return;
  const bool string = constant.opcode == op::BINSTRING || constant.opcode == op::SHORT_BINSTRING;
  const bool recoded =
      string && constant.kind == Kind::str && m.profile.encoding == Encoding::latin1;
  const bool line = constant.opcode == op::STRING || constant.opcode == op::UNICODE;
  const bool id_line = constant.opcode == op::PERSID;
  if (line || recoded || (!id_line && !m.window.stable())) {
    long_text(id, constant, offset);
    return;
  }
  ByteSpan bytes = m.window.fetch(constant.payload, constant.length, m.fetch_scratch);
  node.text = id_line ? keep(id, as_text(bytes)) : as_text(bytes);
  node.length = id_line ? node.text.size() : constant.length;
}

void Rebuilder::floating(const Constant& constant, Node& node) {
  ByteSpan bytes = m.window.fetch(constant.payload, constant.length, m.fetch_scratch);
  if (constant.opcode == op::BINFLOAT && bytes.size() == 8) {
    std::uint64_t bits = load_be64(bytes.data());
    std::memcpy(&node.floating, &bits, 8);
  } else if (auto value = parse_float_line(as_text(bytes), m.python())) {
    node.floating = *value;
  }
}

// A value that the running range creates: its placeholder if somebody asked for it before.
NodeId Rebuilder::create(Kind kind, std::uint64_t start, std::uint64_t end, unsigned depth) {
  if (depth == kNoDepth) return vague_node(Value::make(Kind::unknown, start, end));
  Value v = Value::make(kind, start, end);
  v.depth = depth & 0xffu;
  Machine::Impl::Identity key = Machine::Impl::identity(v);
  NodeId id = m.known_node(key);
  if (id != kNoNode) {
    if (m.node_states[id] == 1) return id;  // complete already: leave it as it is
    linked();
  } else {
    id = add(kind, v);
    if (id == kNoNode) return id;
    m.node_ids.insert(Machine::Impl::IdentityHash()(key), id);
  }
  m.node_states[id] = 2;
  m.node_values[id].depth = depth & 0xffu;
  graph[id].offset = end - 1;
  own.push_back(id);
  return id;
}

const Computed* Rebuilder::computed_at(std::uint64_t offset) const {
  auto it = std::lower_bound(m.computed.begin(), m.computed.end(), offset,
                             [](const Computed& c, std::uint64_t o) { return c.offset < o; });
  return it != m.computed.end() && it->offset == offset ? &*it : nullptr;
}

const Machine::Impl::Box* Rebuilder::box_at(std::uint64_t offset) const {
  auto it =
      std::lower_bound(m.boxes.begin(), m.boxes.end(), offset,
                       [](const Machine::Impl::Box& b, std::uint64_t o) { return b.offset < o; });
  return it != m.boxes.end() && it->offset == offset ? &*it : nullptr;
}

unsigned Rebuilder::depth_of(const Entry& callable) const {
  if (callable.node == kNoNode || !callable.in_place) return 0;
  const Value& value = m.node_values[callable.node];
  return m.depth_above(graph[callable.node].kind, value.depth, value.end);
}

NodeId Rebuilder::name_node(std::uint64_t at, std::string_view module, std::string_view name) {
  if (m.world.maps_names()) {
    int proto = 0;
    for (auto it = m.proto_log.rbegin(); it != m.proto_log.rend(); ++it) {
      if (it->first < at) {
        proto = it->second;
        break;
      }
    }
    m.rename(module, name, proto);
  }
  RefId ref = m.intern(module, name);
  return ref_node(ref, Value::make(Kind::ref, at, at, ref));
}

// A tuple node of the entries from `first` on, which leave the stack.
NodeId Rebuilder::gathered(std::size_t first, std::uint64_t start, std::uint64_t end) {
  NodeId id = add(Kind::tuple, open_tuple(start, end));
  if (id == kNoNode) return id;
  m.node_states[id] = 1;
  for (std::size_t i = first; i < stack.size(); ++i) graph[id].items.push_back(stack[i].node);
  stack.resize(first);
  return id;
}

}  // namespace brine::pickle
