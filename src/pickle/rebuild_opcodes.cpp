// What each opcode builds when a range is run again.
//
// The machine has judged the stream already; here nothing is asked or refused, and an opcode that
// finds less on the stack than it needs ends the range. Method: entries are nodes; an opcode that
// makes a value creates its node or fills the placeholder that somebody asked for, and a store goes
// into nodes that the running range builds, never into others (`mine`). Invariant: a node that is
// complete is not touched again, and a link to a node that was made later raises the barrier below
// which folding cuts nothing (folding.cpp).

#include "pickle/rebuilder.h"

namespace brine::pickle {
namespace {

constexpr std::uint64_t kFoldedRange = 4096;  // of a call: longer ones would be run too often

}  // namespace

// False: the range cannot go on.
bool Rebuilder::step(const Step& op) {
  switch (op.code) {
    case op::PROTO:
    case op::FRAME:
    case op::STOP:
    case op::PUT:
    case op::BINPUT:
    case op::LONG_BINPUT:
    case op::MEMOIZE: return true;
    case op::READONLY_BUFFER: look_only(op); return true;
    case op::MARK: marks.push_back({stack.size(), op.at}); return true;
    case op::POP: return pop_entry();
    case op::POP_MARK: return pop_to_mark();
    case op::DUP: return duplicate(op);
    case op::GET:
    case op::BINGET:
    case op::LONG_BINGET: return fetch(op);
    case op::EMPTY_LIST: push(create(Kind::list, op.at, op.end, 0), op.at); return true;
    case op::EMPTY_DICT: push(create(Kind::dict, op.at, op.end, 0), op.at); return true;
    case op::EMPTY_SET: push(create(Kind::set, op.at, op.end, 0), op.at); return true;
    case op::EMPTY_TUPLE: push(create(Kind::tuple, op.at, op.end, 0), op.at); return true;
    case op::TUPLE1:
    case op::TUPLE2:
    case op::TUPLE3: return tuple_of_top(op);
    case op::TUPLE: return container_of_marked(Kind::tuple, op);
    case op::LIST: return container_of_marked(Kind::list, op);
    case op::DICT: return container_of_marked(Kind::dict, op);
    case op::FROZENSET: return container_of_marked(Kind::frozenset, op);
    case op::APPEND: return store_top(1, op);
    case op::SETITEM: return store_top(2, op);
    case op::APPENDS:
    case op::ADDITEMS:
    case op::SETITEMS: return store_marked(op);
    case op::BUILD: return build(op);
    case op::REDUCE: return reduce(op);
    case op::NEWOBJ:
    case op::NEWOBJ_EX: return construct(op);
    case op::GLOBAL: return import_named(op);
    case op::INST: return inst(op);
    case op::OBJ: return obj(op);
    case op::STACK_GLOBAL: return import_stacked(op);
    case op::EXT1:
    case op::EXT2:
    case op::EXT4: import_extension(op); return true;
    case op::PERSID:
    case op::BINPERSID: return persistent(op);
    case op::NEXT_BUFFER: return false;
    default: break;
  }
  push(constant_node(op.at, Value::make(Kind::unknown, op.at, op.end)), op.at);
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
      if (!pop_to_mark()) return false;
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

// --- the stack and the memo ---

bool Rebuilder::pop_entry() {
  if (!marks.empty() && marks.back().first == stack.size()) {
    marks.pop_back();
    return true;
  }
  if (!has(1)) return false;
  stack.pop_back();
  return true;
}

bool Rebuilder::pop_to_mark() {
  Mark mark{};
  if (!take_mark(mark)) return false;
  stack.resize(mark.first);
  return true;
}

bool Rebuilder::take_mark(Mark& mark) {
  if (marks.empty()) return false;
  mark = marks.back();
  marks.pop_back();
  return true;
}

bool Rebuilder::duplicate(const Step& op) {
  if (const Machine::Impl::Box* box = box_at(op.at)) {
    push(node_of(box->value), op.at, false);
    return true;
  }
  if (!has(1)) return false;
  push(stack.back().node, op.at, false);
  return true;
}

bool Rebuilder::fetch(const Step& op) {
  std::uint64_t index = op.arg;
  if (op.code == op::GET) {
    auto parsed = m.index_of_line(read_text(op.at + 1, op.end));
    if (!parsed) return false;
    index = *parsed;
  }
  const Value* version = m.memo.version_at(index, op.at);
  push(version == nullptr ? unknown_node(op.at, op.end) : node_of(*version), op.at, false);
  return true;
}

void Rebuilder::look_only(const Step& op) {
  if (!has(1) || stack.back().node == kNoNode) return;
  Entry& top = stack.back();
  if (graph[top.node].kind != Kind::bytearray) return;
  top.node = vague_node(Value::make(Kind::buffer, top.start, op.end));
}

// --- containers ---

bool Rebuilder::tuple_of_top(const Step& op) {
  const std::size_t count = static_cast<std::size_t>(op.code - op::TUPLE1) + 1;
  if (!has(count)) return false;
  const std::size_t first = stack.size() - count;
  const std::uint64_t start = stack[first].start;
  const NodeId id = create(Kind::tuple, start, op.end, 0);
  fill(id, first);
  push(id, start);
  return true;
}

bool Rebuilder::container_of_marked(Kind kind, const Step& op) {
  Mark mark{};
  if (!take_mark(mark)) return false;
  const NodeId id = create(kind, mark.offset, op.end, 0);
  if (fill(id, mark.first)) reach(id, op.end);
  push(id, mark.offset);
  return true;
}

// The entries from `first` on leave the stack, into the node if it is empty and being built here.
bool Rebuilder::fill(NodeId id, std::size_t first) {
  const bool wanted = mine(id) && graph[id].items.empty();
  if (wanted) {
    Node::Items& items = graph[id].items;
    for (std::size_t i = first; i < stack.size(); ++i) items.push_back(stack[i].node);
  }
  stack.resize(first);
  return wanted;
}

bool Rebuilder::store_top(std::size_t count, const Step& op) {
  if (!has(count + 1)) return false;
  const std::size_t first = stack.size() - count;
  store(stack[first - 1].node, first, op.end, count == 2);
  return true;
}

bool Rebuilder::store_marked(const Step& op) {
  Mark mark{};
  if (!take_mark(mark)) return false;
  if (mark.first <= floor()) return false;
  store(stack[mark.first - 1].node, mark.first, op.end, op.code == op::SETITEMS);
  return true;
}

// Everything from stack[first] on goes into `target`.
void Rebuilder::store(NodeId target, std::size_t first, std::uint64_t end, bool pairs) {
  if (target != kNoNode && graph.at(target).kind == Kind::bytearray) {
    graph[target].kind = Kind::unknown;  // what it holds now is not followed
  } else if (mine(target)) {
    linked();
    Node& node = graph[target];
    if (node.kind == Kind::list && pairs) {
      replace_items(node, first);
    } else {
      const bool builtin =
          node.kind == Kind::list || node.kind == Kind::dict || node.kind == Kind::set;
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

// list[index] = item, for the pairs from stack[first] on.
void Rebuilder::replace_items(Node& list, std::size_t first) {
  for (std::size_t i = first; i + 1 < stack.size(); i += 2) {
    auto size = static_cast<std::int64_t>(list.items.size());
    std::int64_t index = graph[stack[i].node].integer;
    if (index < 0) index += size;
    if (index >= 0 && index < size) {
      list.items[static_cast<std::size_t>(index)] = stack[i + 1].node;
    }
  }
}

// --- names ---

std::string Rebuilder::read_text(std::uint64_t from, std::uint64_t to) {
  return std::string(as_text(m.window.fetch(from, to - from, m.fetch_scratch)));
}

// The node of the name that two lines tell; nothing when there is no second one.
std::optional<NodeId> Rebuilder::named(const Step& op) {
  const std::string both = read_text(op.at + 1, op.end);
  const std::size_t cut = both.find('\n');
  if (cut == std::string::npos) return std::nullopt;
  std::string_view name = std::string_view(both).substr(cut + 1);
  if (!name.empty()) name.remove_suffix(1);  // its newline (Python: the last byte of the stream)
  return name_node(op.at, std::string_view(both).substr(0, cut), name);
}

bool Rebuilder::import_named(const Step& op) {
  const std::optional<NodeId> ref = named(op);
  if (ref) push(*ref, op.at);
  return ref.has_value();
}

bool Rebuilder::import_stacked(const Step& op) {
  if (!has(2)) return false;
  const Entry name = pop(), module = pop();
  if (name.node == kNoNode || module.node == kNoNode || graph[name.node].kind != Kind::str ||
      graph[module.node].kind != Kind::str) {
    push(unknown_node(module.start, op.end), module.start);
    return true;
  }
  push(name_node(op.at, graph[module.node].text, graph[name.node].text), module.start);
  stack.back().first = module.first;
  return true;
}

void Rebuilder::import_extension(const Step& op) {
  const Computed* known = computed_at(op.at);
  push(known != nullptr ? computed_node(*known, Value::make(Kind::ref, op.at, op.end, known->ref))
                        : unknown_node(op.at, op.end),
       op.at);
}

// --- objects ---

void Rebuilder::object(const Step& op, const Making& how) {
  if (const Computed* known = computed_at(op.at)) {
    push(computed_node(*known, Value::make(known->kind, how.start, op.end)), how.start);
    return;
  }
  if (const Machine::Impl::Box* box = box_at(op.at)) {
    push(node_of(box->value), how.start, false);
    return;
  }
  const NodeId id = create(Kind::object, how.start, op.end, how.depth);
  push(id, how.start);
  if (!mine(id)) return;
  Node& node = graph[id];
  node.offset = op.at;
  node.made = how.made;
  node.callable = how.callable;
  node.args = how.args;
  if (how.kwargs != kNoNode) node.changes().kwargs = how.kwargs;
  reach(id, op.end);
  if (how.callable == kNoNode) return;
  if (graph[how.callable].kind == Kind::ref) {
    node.type = m.world.result_type(m.self, graph[how.callable].ref);
    m.node_values[id].set_aux(node.type);
  } else if (graph[how.callable].kind == Kind::object) {
    node.type = 0;
  }
}

bool Rebuilder::construct(const Step& op) {
  const bool ex = op.code == op::NEWOBJ_EX;
  if (!has(ex ? 3u : 2u)) return false;
  const NodeId kwargs = ex ? pop().node : kNoNode;
  const Entry args = pop(), cls = pop();
  object(op, {Made::construct, cls.node, args.node, kwargs, cls.start, depth_of(cls)});
  return true;
}

bool Rebuilder::inst(const Step& op) {
  const std::optional<NodeId> ref = named(op);
  Mark mark{};
  if (!ref || !take_mark(mark)) return false;
  instantiate(op, *ref, mark, mark.first);
  return true;
}

bool Rebuilder::obj(const Step& op) {
  Mark mark{};
  if (!take_mark(mark) || stack.size() <= mark.first) return false;
  instantiate(op, stack[mark.first].node, mark, mark.first + 1);
  return true;
}

// Without arguments a type is only allocated. The arguments lie from stack[first] on.
void Rebuilder::instantiate(const Step& op, NodeId cls, const Mark& mark, std::size_t first) {
  const bool allocates =
      stack.size() == first && cls != kNoNode && m.world.maybe_type(m.self, m.node_values[cls]);
  const NodeId args = gathered(first, mark.offset, op.at);
  stack.resize(mark.first);
  object(op, {allocates ? Made::construct : Made::call, cls, args, kNoNode, mark.offset, 0});
}

bool Rebuilder::persistent(const Step& op) {
  Making how{Made::persistent, kNoNode, kNoNode, kNoNode, op.at, 0};
  if (op.code == op::PERSID) {
    how.args = constant_node(op.at, Value::make(Kind::str, op.at, op.end));
  } else {
    if (!has(1)) return false;
    const Entry id = pop();
    how.args = id.node;
    how.start = id.start;
    how.depth = depth_of(id);
  }
  object(op, how);
  const NodeId made = stack.back().node;
  if (mine(made) && graph[made].kind == Kind::object) {
    graph[made].kind = Kind::persistent;
    m.node_values[made].kind_ = static_cast<std::uint8_t>(Kind::persistent) & 31u;
  }
  return true;
}

bool Rebuilder::build(const Step& op) {
  if (auto it = m.array_values.find(op.at); it != m.array_values.end()) {
    if (has(2)) stack.resize(stack.size() - 2);  // else the array is all that is wanted
    array(it->second, op);
    return true;
  }
  if (!has(2)) return false;
  const NodeId state = pop().node;
  const NodeId inst = stack.back().node;
  if (mine(inst)) {
    linked();
    graph[inst].changes().states.push_back(state);
    reach(inst, op.end);
  } else if (is_folded(stack.back())) {
    reach(inst, op.end);
  }
  return true;
}

// What joblib put in the place of an array's wrapper.
void Rebuilder::array(const Value& value, const Step& op) {
  if (value.kind() != Kind::object) {
    push(node_of(value), op.at, false);
    return;
  }
  const NodeId id = create(Kind::object, op.at, op.end, 0);
  push(id, op.at);
  if (!mine(id)) return;
  graph[id].offset = op.at;
  graph[id].type = value.aux();
  m.node_values[id].set_aux(value.aux());
  reach(id, op.end);
}

// --- calls, and those that are folded ---

bool Rebuilder::reduce(const Step& op) {
  if (!has(2)) return false;
  const Entry args = pop(), callable = pop();
  const unsigned depth = depth_of(callable);
  const NodeId known = m.known_node({callable.start, 0, static_cast<std::uint8_t>(Kind::object),
                                     static_cast<std::uint8_t>(depth)});
  const bool complete = known != kNoNode && m.node_states[known] == 1;
  const bool opened = known != kNoNode && known == opening;
  if (depth == kNoDepth || complete || opened || !folds(callable, op)) {
    object(op, {Made::reduce, callable.node, args.node, kNoNode, callable.start, depth});
  } else {
    fold(callable, op, depth);
  }
  return true;
}

// Whether the call's arguments need not be spelled out now.
bool Rebuilder::folds(const Entry& callable, const Step& op) const {
  // No pickler changes a value but where it was built: other streams are spelled out whole.
  if (m.folds == nullptr || !m.boxes.empty() || !m.patches.empty()) return false;
  if (callable.node == kNoNode || callable.first < m.link_barrier ||
      op.end - callable.start > kFoldedRange || computed_at(op.at) != nullptr ||
      box_at(op.at) != nullptr) {
    return false;
  }
  const Node& named = graph.at(callable.node);
  return named.kind == Kind::ref && m.folds(named.module(), named.name());
}

// The nodes that were made since the callable was pushed are cut off, and the result stays as a
// node without contents.
void Rebuilder::fold(const Entry& callable, const Step& op, unsigned depth) {
  const RefId ref = graph.at(callable.node).ref;
  const std::size_t barrier = m.link_barrier;
  cut_pending(callable.first);
  m.cut_nodes(callable.first);
  const NodeId id = create(Kind::object, callable.start, op.end, depth);
  m.link_barrier = barrier;  // what is folded refers to nothing
  push(id, callable.start);
  if (!mine(id)) return;
  own.pop_back();
  Node& node = graph[id];
  node.offset = op.at;
  node.type = m.world.result_type(m.self, ref);
  node.fold();
  m.node_values[id].set_aux(node.type);
  m.node_states[id] = 1;
  reach(id, op.end);
}

// Nothing below the place refers to what stands above it.
void Rebuilder::cut_pending(std::size_t count) {
  while (!pending.empty() && pending.back().node >= count) pending.pop_back();
  while (!own.empty() && own.back() >= count) own.pop_back();
}

}  // namespace brine::pickle
