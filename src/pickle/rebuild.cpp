// Looking inside: a value's byte range is run again and gives a graph of nodes.
//
// Problem: the machine keeps handles only, but contracts, renderers and converters want contents,
// with Python's sharing and in their present state. Method: the range [start, end) of a handle is
// run by a small interpreter over node ids that builds what the opcodes build and asks nobody;
// names that were resolved or computed the first time are looked up by the opcode's offset. Values
// outside the range that a GET brings in are put on a work list and expanded later, so nothing
// recurses. Stores into a value that was built elsewhere are skipped there: the value's own
// expansion has them, since its handle (or its patches, for changes through an alias) covers every
// change so far. Invariant: each byte run is counted against limits.rebuild_factor, each node
// against limits.nodes.

#include <algorithm>

#include "base/escape.h"
#include "pickle/decimal.h"
#include "pickle/machine_impl.h"
#include "pickle/names.h"

namespace brine::pickle {
namespace {

constexpr std::uint64_t kHead = 9;  // an opcode and the longest argument of fixed size
constexpr std::uint64_t kAhead = 512;             // of a range looked at together
constexpr std::uint64_t kMaxIntegerBytes = 4400;  // of an int spelled out in decimal
constexpr std::uint64_t kFoldedRange = 4096;  // of a call: longer ones would be run too often
constexpr std::size_t kSharedText = 256;  // bytes of a text that is worth looking for
constexpr std::uint8_t kOpenTuple = 30;           // identity of arguments that no TUPLE gathered

}  // namespace

const Value& Machine::Impl::truth(const Value& handle) {
  const Value* value = &handle;
  for (int hops = 0; hops < 4 && !value->direct(); ++hops) {
    if (value->boxed()) {
      value = &boxes[value->index()].value;
    } else {
      const Value* version = memo.version(*value);
      if (version == nullptr) break;
      value = version;
    }
  }
  return *value;
}

Value* Machine::Impl::truth_slot(const Value& handle) { return const_cast<Value*>(&truth(handle)); }

// The value of a stack entry changed by the opcode that ends at `op_end`.
bool Machine::Impl::extend_target(Value& entry, std::uint64_t op_end) {
  nodes_stale = graph.size() != 0;  // what was spelled out is what it was before
  if (entry.direct()) {
    if (!entry.shifted()) entry.end = op_end & kMaxOffset;
    return true;
  }
  Value* slot = truth_slot(entry);
  if (slot->shifted() || !slot->direct()) return true;
  if (entry.in_place()) {
    slot->end = op_end & kMaxOffset;
    return true;
  }
  std::vector<Patch>& list = patches[mutable_identity(*slot)];
  while (!list.empty() && list.back().start >= entry.start) {
    list.pop_back();
    --patch_count;
  }
  if (patch_count >= limits.aliases) return over_budget("aliases");
  list.push_back({entry.start, op_end});
  ++patch_count;
  return true;
}

Constant Machine::Impl::constant_at(std::uint64_t offset) {
  Constant out;
  ByteSpan head = window.fetch(offset, std::min(kHead, window.size() - offset), fetch_scratch);
  if (head.empty()) return out;
  out.opcode = head[0];
  auto counted = [&](Kind kind, std::size_t prefix) {
    if (head.size() < 1 + prefix) return;
    const std::uint8_t* p = head.data() + 1;
    out.kind = kind;
    out.length = prefix == 1 ? *p : prefix == 4 ? load_le32(p) : load_le64(p);
    out.payload = offset + 1 + prefix;
  };
  auto fixed = [&](Kind kind, std::uint64_t length) {
    out.kind = kind;
    out.payload = offset + 1;
    out.length = length;
  };
  auto line = [&](Kind kind) {
    out.kind = kind;
    out.payload = offset + 1;
    std::uint64_t at = out.payload;
    std::uint64_t piece = 256;
    while (at < window.size()) {  // a line that ran once has its newline or ends the stream
      std::uint64_t count = std::min(piece, window.size() - at);
      ByteSpan bytes = window.fetch(at, count, fetch_scratch);
      if (bytes.empty()) break;
      const void* hit = std::memchr(bytes.data(), '\n', bytes.size());
      if (hit != nullptr) {
        at += static_cast<std::uint64_t>(static_cast<const std::uint8_t*>(hit) - bytes.data());
        break;
      }
      at += count;
      piece = std::min<std::uint64_t>(piece * 4, 1u << 20);
    }
    out.length = at - out.payload;
    // A last line without newline: Python's unpickler cuts its last byte off all the same.
    if (at >= window.size() && out.length != 0 && out.opcode != op::INT) --out.length;
  };
  const Kind string = profile.encoding == Encoding::bytes ? Kind::bytes : Kind::str;
  switch (out.opcode) {
    case op::NONE: fixed(Kind::none, 0); break;
    case op::NEWTRUE:
    case op::NEWFALSE: fixed(Kind::boolean, 0); break;
    case op::BININT1: fixed(Kind::integer, 1); break;
    case op::BININT2: fixed(Kind::integer, 2); break;
    case op::BININT: fixed(Kind::integer, 4); break;
    case op::BINFLOAT: fixed(Kind::floating, 8); break;
    case op::LONG1: counted(Kind::integer, 1); break;
    case op::LONG4: counted(Kind::integer, 4); break;
    case op::SHORT_BINUNICODE: counted(Kind::str, 1); break;
    case op::BINUNICODE: counted(Kind::str, 4); break;
    case op::BINUNICODE8: counted(Kind::str, 8); break;
    case op::SHORT_BINBYTES: counted(Kind::bytes, 1); break;
    case op::BINBYTES: counted(Kind::bytes, 4); break;
    case op::BINBYTES8: counted(Kind::bytes, 8); break;
    case op::BYTEARRAY8: counted(Kind::bytearray, 8); break;
    case op::SHORT_BINSTRING: counted(string, 1); break;
    case op::BINSTRING: counted(string, 4); break;
    case op::INT: {
      line(Kind::integer);
      ByteSpan text =
          window.fetch(out.payload, std::min<std::uint64_t>(out.length, 8), fetch_scratch);
      auto value = out.length <= 8 ? parse_int_line(as_text(text), python()) : std::nullopt;
      if (value && value->boolean) out.kind = Kind::boolean;
      break;
    }
    case op::LONG: line(Kind::integer); break;
    case op::FLOAT: line(Kind::floating); break;
    case op::STRING: line(string); break;
    case op::UNICODE:
    case op::PERSID: line(Kind::str); break;
    default: break;
  }
  std::uint64_t left = window.size() - std::min(window.size(), out.payload);
  out.length = std::min(out.length, left);
  return out;
}

// A bytearray that is not what its opcode made any more: what it holds now is not followed.
bool Machine::Impl::was_changed(const Value& value, const Constant& constant) {
  if (value.kind() != Kind::bytearray) return false;
  return patches.contains(mutable_identity(value)) ||
         (!value.shifted() && value.end > constant.payload + constant.length);
}

// Text or bytes of a constant, at most `limit` bytes of them; `*length` is the whole length.
bool Machine::Impl::constant_text(const Value& handle, std::string& out, std::size_t limit,
                                  std::uint64_t* length) {
  const Value& value = truth(handle);
  if (value.computed()) {
    const Computed& made = computed[value.aux()];
    if (made.kind != Kind::str && made.kind != Kind::bytes) return false;
    *length = made.text.size();
    out = made.text.substr(0, limit);
    return true;
  }
  if (value.kind() != Kind::str && value.kind() != Kind::bytes && value.kind() != Kind::bytearray) {
    return false;
  }
  const Constant constant = constant_at(value.shifted() ? value.end : value.start);
  return !was_changed(value, constant) && text_of(constant, out, limit, length);
}

// The first `limit` bytes of the text, and the whole text's length.
bool Machine::Impl::text_of(const Constant& constant, std::string& out, std::size_t limit,
                            std::uint64_t* length) {
  const bool line = constant.opcode == op::STRING || constant.opcode == op::UNICODE;
  std::uint64_t count = line ? constant.length : std::min<std::uint64_t>(constant.length, limit);
  ByteSpan bytes = window.fetch(constant.payload, count, fetch_scratch);
  if (bytes.size() != count) return false;
  std::string_view raw = as_text(bytes);
  switch (constant.opcode) {
    case op::STRING: {
      auto text = parse_string_line(raw);
      if (!text) return false;
      out = constant.kind == Kind::str ? to_utf8(*text, profile.encoding) : *text;
      break;
    }
    case op::UNICODE: {
      auto text = parse_unicode_line(raw);
      if (!text) return false;
      out = *text;
      break;
    }
    case op::BINSTRING:
    case op::SHORT_BINSTRING:
      out = constant.kind == Kind::str ? to_utf8(raw, profile.encoding) : std::string(raw);
      break;
    default: out = std::string(raw); break;
  }
  *length = count == constant.length ? out.size() : constant.length;
  if (out.size() > limit) out.resize(limit);
  return true;
}

bool Machine::Impl::constant_integer(const Value& handle, std::int64_t& out) {
  const Value& value = truth(handle);
  if (value.computed()) {
    out = computed[value.aux()].integer;
    return value.kind() == Kind::integer || value.kind() == Kind::boolean;
  }
  if (value.kind() != Kind::integer && value.kind() != Kind::boolean) return false;
  return integer_of(constant_at(value.shifted() ? value.end : value.start), out);
}

bool Machine::Impl::integer_of(const Constant& constant, std::int64_t& out) {
  std::uint64_t count = constant.length;
  if (count > 8 && (constant.opcode == op::LONG1 || constant.opcode == op::LONG4)) {
    return long_fits(constant, out);
  }
  ByteSpan bytes = window.fetch(constant.payload, count, fetch_scratch);
  if (bytes.size() != count) return false;
  switch (constant.opcode) {
    case op::NEWTRUE: out = 1; return true;
    case op::NEWFALSE: out = 0; return true;
    case op::BININT1: out = bytes[0]; return true;
    case op::BININT2: out = load_le16(bytes.data()); return true;
    case op::BININT: out = static_cast<std::int32_t>(load_le32(bytes.data())); return true;
    case op::LONG1:
    case op::LONG4: {
      std::uint64_t bits = 0;
      for (std::size_t i = 0; i < bytes.size(); ++i) bits |= std::uint64_t{bytes[i]} << (8 * i);
      if (!bytes.empty() && bytes.size() < 8 && (bytes.back() & 0x80) != 0) {
        bits |= ~std::uint64_t{0} << (8 * bytes.size());
      }
      out = static_cast<std::int64_t>(bits);
      return true;
    }
    case op::INT:
    case op::LONG: {
      auto value_of = constant.opcode == op::INT ? parse_int_line(as_text(bytes), python())
                                                 : parse_long_line(as_text(bytes), python());
      if (!value_of || value_of->big) return false;
      out = value_of->value;
      return true;
    }
    default: return false;
  }
}

// A long int of more than eight bytes that is small all the same (its upper bytes only repeat the
// sign).
bool Machine::Impl::long_fits(const Constant& constant, std::int64_t& out) {
  ByteSpan low = window.fetch(constant.payload, 8, fetch_scratch);
  if (low.size() != 8) return false;
  auto bits = static_cast<std::int64_t>(load_le64(low.data()));
  const std::uint8_t fill = bits < 0 ? 0xff : 0x00;
  for (std::uint64_t at = 8; at < constant.length;) {
    std::uint64_t count = std::min<std::uint64_t>(constant.length - at, 4096);
    ByteSpan bytes = window.fetch(constant.payload + at, count, fetch_scratch);
    if (bytes.size() != count) return false;
    for (std::uint8_t byte : bytes) {
      if (byte != fill) return false;
    }
    at += count;
  }
  out = bits;
  return true;
}

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

// --- the small interpreter ---

struct Rebuilder {
  Machine::Impl& m;
  NodeGraph& graph;
  bool over = false;

  struct Pending {
    NodeId node;
    Value value;
  };
  std::vector<Pending> pending;

  struct Entry {
    NodeId node;
    bool in_place;        // built here, not fetched
    std::uint64_t start;  // of the entry's range
    std::size_t first;  // nodes that there were before the entry's own
  };
  std::vector<Entry> stack;
  std::vector<std::pair<std::size_t, std::uint64_t>> marks;  // height, offset
  std::vector<NodeId> own;  // nodes that the running range builds
  std::size_t step_first = 0;  // nodes before the running opcode
  NodeId opening = kNoNode;  // the folded node that is to be spelled out

  explicit Rebuilder(Machine::Impl& impl) : m(impl), graph(impl.graph) {}

  NodeId add(Kind kind, const Value& value) {
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
  NodeId node_of(const Value& handle) {
    const Value v = m.truth(handle);
    if (v.kind() == Kind::ref) return ref_node(v.aux(), v);
    if (v.computed() && v.kind() != Kind::tuple) return computed_node(m.computed[v.aux()], v);
    if (v.kind() == Kind::unknown || v.kind() == Kind::buffer) return vague_node(v);
    if (v.depth == kNoDepth) return vague_node(Value::make(Kind::unknown, v.start, v.end));
    if (is_constant(v.kind())) return constant_node(v.shifted() ? v.end : v.start, v);
    Machine::Impl::Identity key = Machine::Impl::identity(v);
    auto it = m.node_ids.find(key);
    if (it != m.node_ids.end()) return it->second;
    NodeId id = add(v.kind(), v);
    if (id == kNoNode) return id;
    graph[id].type = v.kind() == Kind::object || v.kind() == Kind::persistent ? v.aux() : 0;
    m.node_ids.emplace(key, id);
    pending.push_back({id, v});
    return id;
  }

  // Results end at the opcode that made them, which has one byte.
  static std::uint64_t maker(const Value& v) {
    return v.shifted() || v.end == 0 ? v.end : v.end - 1;
  }

  NodeId vague_node(const Value& v) {
    NodeId id = add(v.kind(), v);
    if (id != kNoNode && v.direct()) graph[id].offset = maker(v);
    return id;
  }

  NodeId ref_node(RefId ref, const Value& v) {
    NodeId id = add(Kind::ref, v);
    if (id == kNoNode) return id;
    if (v.direct() && computed_at(maker(v)) != nullptr) graph[id].offset = maker(v);
    graph[id].ref = ref;
    graph[id].imported = &m.refs[ref];
    return id;
  }

  std::string_view keep(NodeId node, std::string text) {
    m.texts.push_back({node, std::move(text), kMaxOffset, 0});
    return m.texts.back().text;
  }

  // A text that many nodes show is kept once.
  void long_text(NodeId id, const Constant& constant, std::uint64_t offset) {
    Node& node = graph[id];
    const bool shared = constant.length >= kSharedText;
    if (const auto known = shared ? m.text_at.find(offset) : m.text_at.end();
        known != m.text_at.end() && known->second < m.texts.size() &&
        m.texts[known->second].offset == offset) {
      node.text = m.texts[known->second].text;
      node.length = m.texts[known->second].length;
      return;
    }
    std::string text;
    std::uint64_t length = 0;
    if (!m.text_of(constant, text, m.limits.text_bytes, &length)) {
      node.kind = Kind::unknown;
      return;
    }
    node.text = keep(id, std::move(text));
    node.length = length;
    if (!shared) return;
    m.texts.back().offset = offset;
    m.texts.back().length = length;
    m.text_at[offset] = m.texts.size() - 1;
  }

  NodeId computed_node(const Computed& made, const Value& v) {
    if (made.kind == Kind::ref) return ref_node(made.ref, v);
    NodeId id = add(made.kind, v);
    if (id == kNoNode) return id;
    Node& node = graph[id];
    node.offset = made.offset;
    node.text = made.text;
    node.length = made.text.size();
    node.integer = made.integer;
    node.floating = made.floating;
    return id;
  }

  NodeId constant_node(std::uint64_t offset, const Value& v) {
    Constant constant = m.constant_at(offset);
    Value self = Value::make(constant.kind, offset, offset);
    NodeId id = add(constant.kind, v.kind_ == self.kind_ ? v : self);
    if (id == kNoNode) return id;
    m.node_values[id] = self;
    Node& node = graph[id];
    node.offset = offset;
    switch (constant.kind) {
      case Kind::integer:
      case Kind::boolean:
        if (!m.integer_of(constant, node.integer)) {
          node.big = true;
          if (constant.length <= kMaxIntegerBytes) {
            ByteSpan bytes = m.window.fetch(constant.payload, constant.length, m.fetch_scratch);
            bool literal = constant.opcode == op::INT || constant.opcode == op::LONG;
            node.text =
                keep(id, literal ? decimal_of_literal(as_text(bytes)) : decimal_of_bytes(bytes));
          }
        }
        break;
      case Kind::floating: floating(constant, node); break;
      case Kind::str:
      case Kind::bytes:
      case Kind::bytearray: {
        const bool raw =
            constant.opcode != op::STRING && constant.opcode != op::UNICODE &&
            constant.opcode != op::PERSID &&
            (constant.kind != Kind::str || m.profile.encoding != Encoding::latin1 ||
             (constant.opcode != op::BINSTRING && constant.opcode != op::SHORT_BINSTRING));
        if (raw && m.window.stable()) {
          ByteSpan bytes = m.window.fetch(constant.payload, constant.length, m.fetch_scratch);
          node.text = as_text(bytes);
          node.length = constant.length;
        } else if (constant.opcode == op::PERSID) {
          ByteSpan bytes = m.window.fetch(constant.payload, constant.length, m.fetch_scratch);
          node.text = keep(id, std::string(as_text(bytes)));
          node.length = node.text.size();
        } else {
          long_text(id, constant, offset);
        }
        if (m.was_changed(v, constant)) node.kind = Kind::unknown;
        break;
      }
      default: break;
    }
    return id;
  }

  void floating(const Constant& constant, Node& node) {
    ByteSpan bytes = m.window.fetch(constant.payload, constant.length, m.fetch_scratch);
    if (constant.opcode == op::BINFLOAT && bytes.size() == 8) {
      std::uint64_t bits = load_be64(bytes.data());
      std::memcpy(&node.floating, &bits, 8);
    } else if (auto value = parse_float_line(as_text(bytes), m.python())) {
      node.floating = *value;
    }
  }

  // --- running a range ---

  // A value that the running range creates: its placeholder if somebody asked for it before.
  NodeId create(Kind kind, std::uint64_t start, std::uint64_t end, unsigned depth) {
    if (depth == kNoDepth) return vague_node(Value::make(Kind::unknown, start, end));
    Value v = Value::make(kind, start, end);
    v.depth = depth & 0xffu;
    Machine::Impl::Identity key = Machine::Impl::identity(v);
    auto it = m.node_ids.find(key);
    NodeId id;
    if (it != m.node_ids.end()) {
      id = it->second;
      if (m.node_states[id] == 1) return id;  // complete already: leave it as it is
      linked();
    } else {
      id = add(kind, v);
      if (id == kNoNode) return id;
      m.node_ids.emplace(key, id);
    }
    m.node_states[id] = 2;
    m.node_values[id].depth = depth & 0xffu;
    graph[id].offset = end - 1;
    own.push_back(id);
    return id;
  }
  // What changes it in its place belongs to its range; a change elsewhere is a patch.
  bool is_folded(const Entry& entry) const {
    return entry.in_place && entry.node != kNoNode && graph.at(entry.node).folded;
  }
  bool mine(NodeId id) const { return id != kNoNode && m.node_states[id] == 2; }
  // A node may now refer to nodes that were made behind it.
  void linked() { m.link_barrier = graph.size(); }
  // The node's handle now covers what was done to it up to `end`.
  void reach(NodeId id, std::uint64_t end) {
    if (m.node_values[id].end < end && m.node_values[id].direct())
      m.node_values[id].end = end & kMaxOffset;
  }

  void push(NodeId node, std::uint64_t start, bool in_place = true) {
    stack.push_back({node, in_place, start, step_first});
    if (node == kNoNode) over = true;
  }
  std::size_t floor() const { return marks.empty() ? 0 : marks.back().first; }

  void run_range(std::uint64_t start, std::uint64_t end);
  bool step(std::uint64_t at, const Opcode& row, std::uint64_t arg, std::uint64_t arg_end);
  void finish_own(std::uint64_t end);
  void expand(const Pending& task);
  NodeId drive(const Value& root);
  bool drain();
  void store(NodeId target, std::size_t first, std::uint64_t end, bool pairs);
  void object(Made made, NodeId callable, NodeId args, NodeId kwargs, std::uint64_t start,
              std::uint64_t at, std::uint64_t end, unsigned depth);
  void reduce(const Entry& callable, const Entry& args, std::uint64_t at, std::uint64_t end);
  bool folds(const Entry& callable, std::uint64_t at, std::uint64_t end) const;
  void cut_pending(std::size_t count);
  void array(const Value& value, std::uint64_t at, std::uint64_t end);
  NodeId gathered(std::size_t first, std::uint64_t start, std::uint64_t end);
  NodeId name_node(std::uint64_t at, std::string module, std::string name);
  const Computed* computed_at(std::uint64_t offset) const;
  const Machine::Impl::Box* box_at(std::uint64_t offset) const;
  unsigned depth_of(const Entry& callable) const;
  bool step_torn(std::uint64_t at, const Opcode& row, const Machine::Impl::Tear& tear);
};

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

NodeId Rebuilder::name_node(std::uint64_t at, std::string module, std::string name) {
  if (m.world.maps_names()) {
    int proto = 0;
    for (auto it = m.proto_log.rbegin(); it != m.proto_log.rend(); ++it) {
      if (it->first < at) {
        proto = it->second;
        break;
      }
    }
    std::string_view module_view = module, name_view = name;
    if (m.rename(module_view, name_view, proto)) {
      std::string mapped_module(module_view), mapped_name(name_view);
      module = mapped_module;
      name = mapped_name;
    }
  }
  RefId ref = m.intern(module, name);
  return ref_node(ref, Value::make(Kind::ref, at, at, ref));
}

// A tuple node of the entries from `first` on, which leave the stack.
NodeId Rebuilder::gathered(std::size_t first, std::uint64_t start, std::uint64_t end) {
  Value v = Value::make(Kind::tuple, start, end);
  v.flags = Value::kComputed;
  NodeId id = add(Kind::tuple, v);
  if (id == kNoNode) return id;
  m.node_states[id] = 1;
  for (std::size_t i = first; i < stack.size(); ++i) graph[id].items.push_back(stack[i].node);
  stack.resize(first);
  return id;
}

// Everything from stack[first] on goes into `target`.
void Rebuilder::store(NodeId target, std::size_t first, std::uint64_t end, bool pairs) {
  if (target != kNoNode && graph.at(target).kind == Kind::bytearray) {
    graph[target].kind = Kind::unknown;  // what it holds now is not followed
  } else if (mine(target)) {
    linked();
    Node& node = graph[target];
    const bool builtin =
        node.kind == Kind::list || node.kind == Kind::dict || node.kind == Kind::set;
    if (node.kind == Kind::list && pairs) {
      for (std::size_t i = first; i + 1 < stack.size(); i += 2) {
        auto size = static_cast<std::int64_t>(node.items.size());
        std::int64_t index = graph[stack[i].node].integer;
        if (index < 0) index += size;
        if (index >= 0 && index < size)
          node.items[static_cast<std::size_t>(index)] = stack[i + 1].node;
      }
    } else {
      Node::Items& into = builtin ? node.items
                          : pairs ? node.changes().stored
                                  : node.changes().appended;
      for (std::size_t i = first; i < stack.size(); ++i) into.push_back(stack[i].node);
    }
    reach(target, end);
  } else if (first != 0 && is_folded(stack[first - 1])) {
    reach(target, end);
  }
  stack.resize(first);
}

void Rebuilder::object(Made made, NodeId callable, NodeId args, NodeId kwargs, std::uint64_t start,
                       std::uint64_t at, std::uint64_t end, unsigned depth) {
  if (const Computed* known = computed_at(at)) {
    push(computed_node(*known, Value::make(known->kind, start, end)), start);
    return;
  }
  if (const Machine::Impl::Box* box = box_at(at)) {
    push(node_of(box->value), start, false);
    return;
  }
  NodeId id = create(Kind::object, start, end, depth);
  push(id, start);
  if (!mine(id)) return;
  Node& node = graph[id];
  node.offset = at;
  node.made = made;
  node.callable = callable;
  node.args = args;
  node.kwargs = kwargs;
  reach(id, end);
  if (callable != kNoNode && graph[callable].kind == Kind::ref) {
    graph[id].type = m.world.result_type(m.self, graph[callable].ref);
    m.node_values[id].set_aux(graph[id].type);
  } else if (callable != kNoNode && graph[callable].kind == Kind::object) {
    graph[id].type = 0;
  }
}

// Whether the call's arguments need not be spelled out now.
bool Rebuilder::folds(const Entry& callable, std::uint64_t at, std::uint64_t end) const {
  // No pickler changes a value but where it was built: other streams are spelled out whole.
  if (m.folds == nullptr || !m.boxes.empty() || !m.patches.empty()) return false;
  if (callable.node == kNoNode || callable.first < m.link_barrier ||
      end - callable.start > kFoldedRange || computed_at(at) != nullptr || box_at(at) != nullptr) {
    return false;
  }
  const Node& named = graph.at(callable.node);
  return named.kind == Kind::ref && m.folds(named.module(), named.name());
}

void Rebuilder::reduce(const Entry& callable, const Entry& args, std::uint64_t at,
                       std::uint64_t end) {
  const unsigned depth = depth_of(callable);
  const auto it = m.node_ids.find({callable.start, 0, static_cast<std::uint8_t>(Kind::object),
                                   static_cast<std::uint8_t>(depth)});
  const bool known = it != m.node_ids.end();
  const bool complete = known && m.node_states[it->second] == 1;
  if (depth == kNoDepth || complete || (known && it->second == opening) ||
      !folds(callable, at, end)) {
    object(Made::reduce, callable.node, args.node, kNoNode, callable.start, at, end, depth);
    return;
  }
  const RefId ref = graph.at(callable.node).ref;
  const std::size_t barrier = m.link_barrier;
  cut_pending(callable.first);
  m.cut_nodes(callable.first);
  const NodeId id = create(Kind::object, callable.start, end, depth);
  m.link_barrier = barrier;  // what is folded refers to nothing
  push(id, callable.start);
  if (!mine(id)) return;
  own.pop_back();
  Node& node = graph[id];
  node.offset = at;
  node.type = m.world.result_type(m.self, ref);
  node.fold();
  m.node_values[id].set_aux(node.type);
  m.node_states[id] = 1;
  reach(id, end);
}

// Nothing below the place refers to what stands above it.
void Rebuilder::cut_pending(std::size_t count) {
  while (!pending.empty() && pending.back().node >= count) pending.pop_back();
  while (!own.empty() && own.back() >= count) own.pop_back();
}

// What joblib put in the place of an array's wrapper.
void Rebuilder::array(const Value& value, std::uint64_t at, std::uint64_t end) {
  if (value.kind() != Kind::object) {
    push(node_of(value), at, false);
    return;
  }
  NodeId id = create(Kind::object, at, end, 0);
  push(id, at);
  if (!mine(id)) return;
  graph[id].offset = at;
  graph[id].type = value.aux();
  m.node_values[id].set_aux(value.aux());
  reach(id, end);
}

bool Rebuilder::step(std::uint64_t at, const Opcode& row, std::uint64_t arg,
                     std::uint64_t arg_end) {
  auto pop = [&] {
    Entry entry = stack.back();
    stack.pop_back();
    return entry;
  };
  auto has = [&](std::size_t count) { return stack.size() >= floor() + count; };
  auto text_line = [&](std::uint64_t from, std::uint64_t to) {
    ByteSpan bytes = m.window.fetch(from, to - from, m.fetch_scratch);
    return std::string(as_text(bytes));
  };
  switch (row.code) {
    case op::PROTO:
    case op::FRAME:
    case op::STOP:
    case op::PUT:
    case op::BINPUT:
    case op::LONG_BINPUT:
    case op::MEMOIZE: return true;
    case op::READONLY_BUFFER:
      if (has(1) && stack.back().node != kNoNode &&
          graph[stack.back().node].kind == Kind::bytearray) {
        stack.back().node = vague_node(Value::make(Kind::buffer, stack.back().start, arg_end));
      }
      return true;
    case op::MARK: marks.emplace_back(stack.size(), at); return true;
    case op::POP:
      if (!marks.empty() && marks.back().first == stack.size()) {
        marks.pop_back();
      } else if (has(1)) {
        stack.pop_back();
      } else {
        return false;
      }
      return true;
    case op::POP_MARK:
      if (marks.empty()) return false;
      stack.resize(marks.back().first);
      marks.pop_back();
      return true;
    case op::DUP: {
      if (const Machine::Impl::Box* box = box_at(at)) {
        push(node_of(box->value), at, false);
        return true;
      }
      if (const Machine::Impl::Box* box = has(1) ? nullptr : box_at(at)) {
        push(node_of(box->value), at, false);
        return true;
      }
      if (!has(1)) return false;
      Entry top = stack.back();
      push(top.node, at, false);
      return true;
    }
    case op::GET:
    case op::BINGET:
    case op::LONG_BINGET: {
      std::uint64_t index = arg;
      if (row.code == op::GET) {
        auto parsed = m.index_of_line(text_line(at + 1, arg_end));
        if (!parsed) return false;
        index = *parsed;
      }
      const Value* version = m.memo.version_at(index, at);
      push(version == nullptr ? add(Kind::unknown, Value::make(Kind::unknown, at, arg_end))
                              : node_of(*version),
           at, false);
      return true;
    }
    case op::EMPTY_LIST: push(create(Kind::list, at, arg_end, 0), at); return true;
    case op::EMPTY_DICT: push(create(Kind::dict, at, arg_end, 0), at); return true;
    case op::EMPTY_SET: push(create(Kind::set, at, arg_end, 0), at); return true;
    case op::EMPTY_TUPLE: push(create(Kind::tuple, at, arg_end, 0), at); return true;
    case op::TUPLE1:
    case op::TUPLE2:
    case op::TUPLE3: {
      std::size_t count = static_cast<std::size_t>(row.code - op::TUPLE1) + 1;
      if (!has(count)) return false;
      std::size_t first = stack.size() - count;
      std::uint64_t start = stack[first].start;
      NodeId id = create(Kind::tuple, start, arg_end, 0);
      if (mine(id) && graph[id].items.empty()) {
        for (std::size_t i = first; i < stack.size(); ++i) graph[id].items.push_back(stack[i].node);
      }
      stack.resize(first);
      push(id, start);
      return true;
    }
    case op::TUPLE:
    case op::LIST:
    case op::DICT:
    case op::FROZENSET: {
      if (marks.empty()) return false;
      auto [first, mark] = marks.back();
      marks.pop_back();
      Kind kind = row.code == op::TUPLE  ? Kind::tuple
                  : row.code == op::LIST ? Kind::list
                  : row.code == op::DICT ? Kind::dict
                                         : Kind::frozenset;
      NodeId id = create(kind, mark, arg_end, 0);
      if (mine(id) && graph[id].items.empty()) {
        for (std::size_t i = first; i < stack.size(); ++i) graph[id].items.push_back(stack[i].node);
        reach(id, arg_end);
      }
      stack.resize(first);
      push(id, mark);
      return true;
    }
    case op::APPEND:
      if (!has(2)) return false;
      store(stack[stack.size() - 2].node, stack.size() - 1, arg_end, false);
      return true;
    case op::SETITEM:
      if (!has(3)) return false;
      store(stack[stack.size() - 3].node, stack.size() - 2, arg_end, true);
      return true;
    case op::APPENDS:
    case op::ADDITEMS:
    case op::SETITEMS: {
      if (marks.empty()) return false;
      std::size_t first = marks.back().first;
      marks.pop_back();
      if (first <= floor()) return false;
      store(stack[first - 1].node, first, arg_end, row.code == op::SETITEMS);
      return true;
    }
    case op::BUILD: {
      if (auto it = m.array_values.find(at); it != m.array_values.end()) {
        if (has(2)) stack.resize(stack.size() - 2);  // else the array is all that is wanted
        array(it->second, at, arg_end);
        return true;
      }
      if (!has(2)) return false;
      Entry state = pop();
      NodeId inst = stack.back().node;
      if (mine(inst)) {
        linked();
        graph[inst].changes().states.push_back(state.node);
        reach(inst, arg_end);
      } else if (is_folded(stack.back())) {
        reach(inst, arg_end);
      }
      return true;
    }
    case op::REDUCE: {
      if (!has(2)) return false;
      const Entry args = pop(), callable = pop();
      reduce(callable, args, at, arg_end);
      return true;
    }
    case op::NEWOBJ: {
      if (!has(2)) return false;
      Entry args = pop(), cls = pop();
      object(Made::construct, cls.node, args.node, kNoNode, cls.start, at, arg_end, depth_of(cls));
      return true;
    }
    case op::NEWOBJ_EX: {
      if (!has(3)) return false;
      Entry kwargs = pop(), args = pop(), cls = pop();
      object(Made::construct, cls.node, args.node, kwargs.node, cls.start, at, arg_end,
             depth_of(cls));
      return true;
    }
    case op::GLOBAL:
    case op::INST: {
      std::string both = text_line(at + 1, arg_end);
      std::size_t cut = both.find('\n');
      if (cut == std::string::npos) return false;
      std::string name = both.substr(cut + 1);
      if (!name.empty()) name.pop_back();  // its newline (Python: the last byte of the stream)
      NodeId ref = name_node(at, both.substr(0, cut), name);
      if (row.code == op::GLOBAL) {
        push(ref, at);
        return true;
      }
      if (marks.empty()) return false;
      auto [first, mark] = marks.back();
      marks.pop_back();
      const bool allocates =
          stack.size() == first && ref != kNoNode && m.world.maybe_type(m.self, m.node_values[ref]);
      Made made = allocates ? Made::construct : Made::call;
      NodeId args = gathered(first, mark, at);
      object(made, ref, args, kNoNode, mark, at, arg_end, 0);
      return true;
    }
    case op::OBJ: {
      if (marks.empty()) return false;
      auto [first, mark] = marks.back();
      marks.pop_back();
      if (stack.size() <= first) return false;
      NodeId cls = stack[first].node;
      const bool allocates = stack.size() == first + 1 && cls != kNoNode &&
                             m.world.maybe_type(m.self, m.node_values[cls]);
      Made made = allocates ? Made::construct : Made::call;
      NodeId args = gathered(first + 1, mark, at);
      stack.resize(first);
      object(made, cls, args, kNoNode, mark, at, arg_end, 0);
      return true;
    }
    case op::STACK_GLOBAL: {
      if (!has(2)) return false;
      Entry name = pop(), module = pop();
      if (name.node == kNoNode || module.node == kNoNode || graph[name.node].kind != Kind::str ||
          graph[module.node].kind != Kind::str) {
        push(add(Kind::unknown, Value::make(Kind::unknown, module.start, arg_end)), module.start);
        return true;
      }
      push(name_node(at, std::string(graph[module.node].text), std::string(graph[name.node].text)),
           module.start);
      stack.back().first = module.first;
      return true;
    }
    case op::EXT1:
    case op::EXT2:
    case op::EXT4: {
      const Computed* known = computed_at(at);
      push(known != nullptr ? computed_node(*known, Value::make(Kind::ref, at, arg_end, known->ref))
                            : add(Kind::unknown, Value::make(Kind::unknown, at, arg_end)),
           at);
      return true;
    }
    case op::PERSID:
    case op::BINPERSID: {
      NodeId id;
      std::uint64_t start = at;
      unsigned depth = 0;
      if (row.code == op::PERSID) {
        id = constant_node(at, Value::make(Kind::str, at, arg_end));
      } else {
        if (!has(1)) return false;
        Entry entry = pop();
        id = entry.node;
        start = entry.start;
        depth = depth_of(entry);
      }
      object(Made::persistent, kNoNode, id, kNoNode, start, at, arg_end, depth);
      NodeId made = stack.back().node;
      if (made != kNoNode && graph[made].kind == Kind::object && mine(made)) {
        graph[made].kind = Kind::persistent;
        m.node_values[made].kind_ = static_cast<std::uint8_t>(Kind::persistent) & 31u;
      }
      return true;
    }
    case op::NEXT_BUFFER: return false;
    default: break;
  }
  push(constant_node(at, Value::make(Kind::unknown, at, arg_end)), at);
  return true;
}

// An opcode whose argument does not stand behind it: what it gave was kept (torn.cpp).
bool Rebuilder::step_torn(std::uint64_t at, const Opcode& row, const Machine::Impl::Tear& tear) {
  switch (row.code) {
    case op::PUT:
    case op::LONG_BINPUT:
    case op::FRAME: return true;
    case op::GET:
    case op::LONG_BINGET: {
      const Value* version = m.memo.version_at(tear.index, at);
      if (version == nullptr) break;
      push(node_of(*version), at, false);
      return true;
    }
    case op::INST:
      if (marks.empty()) return false;
      stack.resize(marks.back().first);
      marks.pop_back();
      break;
    default:
      if (const Computed* known = computed_at(at)) {
        push(computed_node(*known, Value::make(known->kind, at, tear.next)), at);
        return true;
      }
      break;
  }
  push(vague_node(Value::make(Kind::unknown, at, tear.next)), at);
  return true;
}

// Runs the opcodes of [start, end) on top of what lies on the stack.
void Rebuilder::run_range(std::uint64_t start, std::uint64_t end) {
  const std::uint64_t budget = m.limits.rebuild_factor * m.window.size();
  std::uint64_t at = start;
  std::vector<std::uint8_t> scratch;
  ByteSpan ahead;  // from `ahead_at` on
  std::uint64_t ahead_at = start;
  auto jump = m.jumps.lower_bound(at);
  while (at < end && !over) {
    while (jump != m.jumps.end() && jump->first < at) ++jump;
    if (jump != m.jumps.end() && jump->first == at) {
      at = jump->second;
      jump = m.jumps.lower_bound(at);
      continue;
    }
    if (at < ahead_at || at - ahead_at + kHead > ahead.size()) {
      const std::uint64_t wanted = std::clamp<std::uint64_t>(end - at, kHead, kAhead);
      ahead = m.window.kept(at, std::min(wanted, m.window.size() - at), scratch);
      ahead_at = at;
    }
    const ByteSpan head = ahead.subspan(std::min(at - ahead_at, ahead.size()));
    const Opcode* row = head.empty() ? nullptr : find_opcode(head[0]);
    if (row == nullptr) break;
    if (auto tear = m.tears.empty() ? m.tears.end() : m.tears.find(at); tear != m.tears.end()) {
      step_first = graph.size();
      if (!step_torn(at, *row, tear->second)) break;
      at = tear->second.next;
      continue;
    }
    std::uint64_t arg = 0;
    std::uint64_t next = at + 1;
    bool whole = true;
    auto need = [&](std::size_t count) {
      whole = head.size() >= 1 + count;
      next += count;
    };
    switch (row->arg) {
      case ArgKind::none: break;
      case ArgKind::u8:
        need(1);
        if (whole) arg = head[1];
        break;
      case ArgKind::u16:
        need(2);
        if (whole) arg = load_le16(head.data() + 1);
        break;
      case ArgKind::i32:
        need(4);
        if (whole) arg = load_le32(head.data() + 1);
        break;
      case ArgKind::u64:
      case ArgKind::f64be: need(8); break;
      case ArgKind::counted8:
        need(1);
        if (whole) next += head[1];
        break;
      case ArgKind::counted32:
        need(4);
        if (whole) next += load_le32(head.data() + 1);
        break;
      case ArgKind::counted64:
        need(8);
        if (whole) next += std::min(load_le64(head.data() + 1), kMaxOffset);
        break;
      case ArgKind::line:
      case ArgKind::two_lines:
        next = m.line_end(next, row->arg == ArgKind::two_lines ? 2 : 1);
        break;
    }
    next = std::min(next, m.window.size());
    // A long constant is not run through, only its head is.
    const std::uint64_t cost = std::min<std::uint64_t>(next - at, 64);
    m.rebuilt_bytes += cost;
    if (m.rebuilt_bytes > budget && !m.take_spare(cost)) {
      over = true;
      break;
    }
    std::uint64_t line_end =
        row->arg == ArgKind::line && next > at + 1 && m.byte_at(next - 1) == '\n' ? next - 1 : next;
    std::uint64_t op_end = row->code == op::GET ? line_end : next;
    step_first = graph.size();
    if (!whole || !step(at, *row, arg, op_end)) break;
    at = next;
  }
}

// What the finished range built is complete but for changes made through aliases behind it.
void Rebuilder::finish_own(std::uint64_t end) {
  std::vector<NodeId> built;
  built.swap(own);
  for (std::size_t i = 0; i < built.size() && !over; ++i) {
    NodeId id = built[i];
    if (m.node_states[id] != 2) continue;
    if (graph[id].kind == Kind::tuple || graph[id].kind == Kind::frozenset) {
      m.node_states[id] =
          1;  // begins where its first item may begin, whose changes are not its own
      continue;
    }
    auto it =
        m.patches.empty() ? m.patches.end() : m.patches.find(mutable_identity(m.node_values[id]));
    if (it != m.patches.end()) {
      const std::vector<Machine::Impl::Patch> list = it->second;
      for (const Machine::Impl::Patch& patch : list) {
        if (patch.start < end) continue;
        stack.clear();
        marks.clear();
        run_range(patch.start, patch.end);
        for (NodeId more : own) built.push_back(more);
        own.clear();
      }
    }
    m.node_states[id] = 1;
  }
}

void Rebuilder::expand(const Pending& task) {
  if (m.node_states[task.node] != 0) return;
  stack.clear();
  marks.clear();
  own.clear();
  const Value& v = task.value;
  if (v.kind() == Kind::tuple && v.computed()) {
    m.node_states[task.node] = 1;
    run_range(v.start, v.end);
    for (const Entry& entry : stack) {
      if (entry.node != kNoNode) graph[task.node].items.push_back(entry.node);
    }
    finish_own(v.end);
    return;
  }
  if (m.too_large && v.start <= m.too_large->first && v.end >= m.too_large->second) over = true;
  const std::size_t first = graph.size();
  run_range(v.start, v.end);
  if (over && graph.size() - first > m.limits.nodes / 4 * 3) m.too_large.emplace(v.start, v.end);
  finish_own(v.end);
  if (m.node_states[task.node] == 0) {  // the range did not give the value: say so
    m.node_states[task.node] = 1;
    graph[task.node].kind = Kind::unknown;
  }
}

NodeId Rebuilder::drive(const Value& root) {
  const NodeId id = node_of(root);
  return drain() ? id : kNoNode;
}

// False: a limit was reached.
bool Rebuilder::drain() {
  while (!pending.empty() && !over) {
    Pending task = pending.back();
    pending.pop_back();
    expand(task);
  }
  return !over;
}

NodeId Machine::Impl::rebuild(const Value& value) {
  if (nodes_stale) self.clear_nodes();
  if (graph.size() == 0) node_values.clear();
  Rebuilder rebuilder(*this);
  NodeId id = rebuilder.drive(value);
  if (id == kNoNode) self.clear_nodes();
  return id;
}

// Behind `lines` newlines from `at` on (or the stream's end).
std::uint64_t Machine::Impl::line_end(std::uint64_t at, int lines) {
  for (; lines > 0; --lines) {
    std::uint64_t piece = 256;
    bool found = false;
    while (at < window.size() && !found) {
      std::uint64_t count = std::min(piece, window.size() - at);
      ByteSpan bytes = window.fetch(at, count, line_scratch);
      if (bytes.empty()) return window.size();
      const void* hit = std::memchr(bytes.data(), '\n', bytes.size());
      found = hit != nullptr;
      at +=
          found
              ? static_cast<std::uint64_t>(static_cast<const std::uint8_t*>(hit) - bytes.data()) + 1
              : count;
      piece = std::min<std::uint64_t>(piece * 4, 1u << 20);
    }
  }
  return at;
}

std::uint8_t Machine::Impl::byte_at(std::uint64_t offset) {
  ByteSpan byte = window.fetch(offset, 1, line_scratch);
  return byte.empty() ? 0 : byte[0];
}

// A folded node's range is run once more.
void Machine::Impl::open(NodeId id) {
  Node& node = graph[id];
  node.folded = false;
  opened.push_back({id, node_values[id]});
  graph.set_opened(opened.size());
  node_states[id] = 0;
  Rebuilder rebuilder(*this);
  rebuilder.opening = id;
  rebuilder.pending.push_back({id, node_values[id]});
  if (!rebuilder.drain()) {
    graph.set_exhausted();
    node.fold();
    node.folded = false;
    node.kind = Kind::unknown;
  }
}

std::optional<std::pair<std::uint64_t, std::uint64_t>> Machine::raw_bytes(const Value& value) {
  const Value& told = impl_->truth(value);
  if (told.computed() || told.kind() != Kind::bytes) return std::nullopt;
  return raw_bytes(told.shifted() ? told.end : told.start);
}

std::optional<std::pair<std::uint64_t, std::uint64_t>> Machine::raw_bytes(std::uint64_t offset) {
  if (impl_->tears.contains(offset)) return std::nullopt;
  const Constant constant = impl_->constant_at(offset);
  const bool raw = constant.opcode == op::SHORT_BINBYTES || constant.opcode == op::BINBYTES ||
                   constant.opcode == op::BINBYTES8 || constant.opcode == op::BYTEARRAY8;
  if (!raw) return std::nullopt;
  return std::pair(constant.payload, constant.length);
}

NodeId Machine::rebuild(const Value& value) { return impl_->rebuild(value); }
NodeGraph& Machine::nodes() { return impl_->graph; }
}  // namespace brine::pickle
