// Calls: REDUCE, NEWOBJ, NEWOBJ_EX, OBJ, the second half of INST, and persistent_load.
//
// What a call gets is told as far as the machine knows it: the items of a tuple, for the Python
// unpickler those of anything that can stand behind a `*`; else the World hears that the arguments
// are not known. Method: a tuple that the opcode before made still has its items on the stack, and
// they are used there; any other one is spelled out. Invariant: what two calls give never has the
// same identity, although the ranges of a call and of a call of its result begin at one place:
// values count how many begin there (depth).

#include <algorithm>

#include "pickle/machine_impl.h"

namespace brine::pickle {
namespace {

// Subclasses of dict, which C's unpickler takes for keyword arguments as well.
bool is_dict_class(std::string_view name) {
  return name == "collections.OrderedDict" || name == "collections.defaultdict" ||
         name == "collections.Counter";
}

}  // namespace

bool Machine::Impl::load_persid(bool binary) {
  result.divergence |= kDivergesByPersistent;
  if (profile.persistent == PersistentLoad::none && !python()) {
    return fail_op("a persistent id, but no persistent_load was specified");
  }
  Value id{};
  if (binary) {
    if (height <= fence()) return underflow();
    id = stack[--height];
  } else {
    std::string_view line;
    bool ended = false;
    if (!read_line(line, ended)) return false;
    if (ended && !line.empty()) line.remove_suffix(1);
    if (!decodes(line, Encoding::ascii))
      return fail_op("persistent IDs in protocol 0 must be ASCII");
    id = Value::make(Kind::str, op_offset, pos);
  }
  return call_persistent(id, binary);
}

bool Machine::Impl::call_persistent(const Value& id, bool binary) {
  if (profile.persistent == PersistentLoad::none) {
    return fail_op("unsupported persistent id encountered");
  }
  outcome.clear();
  if (asks_world()) world.persistent(self, profile, id, outcome);
  Event event;
  event.kind = EventKind::persistent;
  event.argument = id;
  event.has_argument = true;
  emit(event);
  self.clear_nodes();  // the id's, once for the unpickler, the World and the sink
  if (profile.persistent == PersistentLoad::torch_tar && id.kind() == Kind::tuple) {
    bool known = false;
    if (!iterate(id, scratch_items, known)) return false;
    if (known && !scratch_items.empty()) return push(scratch_items.front());
  }
  const std::uint8_t depth = binary ? call_depth(id) : std::uint8_t{0};
  if (outcome.result != Outcome::Result::object) return push_outcome(id.start, depth);
  Value value = Value::make(Kind::persistent, id.start, pos, outcome.type);
  value.depth = depth;
  return push(value);
}

// `*value` of the Python unpickler. False when Python raises; known = false when nobody can say.
bool Machine::Impl::iterate(const Value& value, std::vector<Value>& items, bool& known) {
  known = true;
  items.clear();
  switch (value.kind()) {
    case Kind::none:
    case Kind::boolean:
    case Kind::integer:
    case Kind::floating: return fail_op("argument after * must be an iterable");
    case Kind::unknown:
    case Kind::buffer: known = false; return true;
    case Kind::ref:
    case Kind::object:
    case Kind::persistent:
      if (!world.may_iterate(self, value)) return fail_op("argument after * must be an iterable");
      known = false;
      return true;
    default: break;
  }
  NodeId id = rebuild(value);
  if (id == kNoNode) {
    known = false;
    return true;
  }
  const Node& node = graph[id];
  switch (node.kind) {
    case Kind::str:
    case Kind::bytes:
    case Kind::bytearray: {
      std::uint64_t count = node.length;
      if (node.kind == Kind::str) {
        count = 0;
        for (char c : node.text) count += (static_cast<unsigned char>(c) & 0xc0) != 0x80;
      }
      if (node.text.size() != node.length || count > limits.nodes) {
        known = false;
        return true;
      }
      items.assign(static_cast<std::size_t>(count),
                   Value::make(Kind::unknown, value.start, value.end));
      return true;
    }
    case Kind::dict:
    case Kind::set:
    case Kind::frozenset: {
      std::size_t step = node.kind == Kind::dict ? 2 : 1;
      std::vector<NodeId> members;
      for (std::size_t i = 0; i < node.items.size(); i += step) members.push_back(node.items[i]);
      for (NodeId member : distinct(members)) items.push_back(node_values[member]);
      return true;
    }
    case Kind::tuple:
    case Kind::list:
      for (NodeId item : node.items) items.push_back(node_values[item]);
      return true;
    default: known = false; return true;
  }
}

// What stood in the place of a call's arguments, at stack[at]: C takes nothing but a tuple there.
bool Machine::Impl::gather_args(const Value& callable, const Value& value, std::uint64_t at,
                                std::string_view refusal, Args& args) {
  if (value.kind() == Kind::tuple) {
    unpack_tuple(value, at, args);
    return true;
  }
  if (value.kind() == Kind::unknown) {
    args.known = false;
    return true;
  }
  if (!python()) return fail_op(std::string(refusal));
  if (!acts(callable.kind())) return fail_op("the object is not callable");
  if (!iterate(value, scratch_items, args.known)) return false;
  args.items = scratch_items;
  return true;
}

// The items still lie on the stack when the opcode before gathered them.
void Machine::Impl::unpack_tuple(const Value& tuple, std::uint64_t at, Args& args) {
  if (tuple_fresh_until == op_offset && tuple_base == at && options.collapse) {
    if (tuple_count != 0) stack[at] = tuple_first;
    args.items = {stack.data() + at, static_cast<std::size_t>(tuple_count)};
    count_handed(args, false);
    return;
  }
  const NodeId id = rebuild(tuple);
  scratch_items.clear();
  args.known = id != kNoNode && graph[id].kind == Kind::tuple;
  if (!args.known) return;
  for (NodeId item : graph[id].items) scratch_items.push_back(node_values[item]);
  args.items = scratch_items;
  count_handed(args, true);
}

// A text or bytes that is in the memo, by itself or in the arguments, can be handed to any number
// of calls, and each may copy it: over the budget nobody knows what the arguments are.
void Machine::Impl::count_handed(Args& args, bool again) {
  for (const Value& item : args.items) {
    if (!again && !item.via_memo() && !item.shifted()) continue;
    const Value& made = truth(item);
    const bool is_long =
        made.kind() == Kind::str || made.kind() == Kind::bytes || made.kind() == Kind::bytearray;
    if (!is_long || made.computed()) continue;
    const Constant constant = constant_at(made.written_at());
    if (!afford(constant.length / kLookedAt)) args.known = false;
  }
}

void Machine::Impl::emit_call(EventKind kind, const Value& callable, const Args& args,
                              const Value& argument) {
  Event event;
  event.kind = kind;
  std::string name = target_name(callable);
  event.callable = name;
  event.nargs = args.known ? static_cast<std::int64_t>(args.items.size()) : -1;
  event.target = callable;
  event.argument = argument;
  event.has_argument = true;
  event.key = args.kwargs;
  event.has_key = args.has_kwargs;
  emit(event);
}

bool Machine::Impl::do_reduce() {
  if (height < fence() + 2) return underflow();
  Value args_value = stack[height - 1];
  Value callable = stack[height - 2];
  const std::uint64_t args_at = height - 1;
  height -= 2;

  if (args_value.kind() != Kind::tuple) result.divergence |= kDivergesByUnpickler;
  Args args;
  if (!gather_args(callable, args_value, args_at, "argument list must be a tuple", args)) {
    return false;
  }
  if (!acts(callable.kind())) return fail_op("the object is not callable");

  outcome.clear();
  if (asks_world()) world.call(self, callable, args, CallHow::reduce, outcome);
  if (wants_current_event()) emit_call(EventKind::call, callable, args, args_value);
  return push_made(callable, callable.start, call_depth(callable));
}

// How many calls begin where this callable begins: a call of a call's result shares its start.
std::uint8_t Machine::Impl::call_depth(const Value& callable) {
  if (!callable.direct() && !callable.in_place()) return 0;
  const Value& told = truth(callable);
  return depth_above(told.kind(), told.depth, told.end);
}

// The depth of what a call or persistent_load makes of a value whose last opcode ends at
// `end_of_value`.
std::uint8_t Machine::Impl::depth_above(Kind kind, unsigned depth, std::uint64_t end_of_value) {
  switch (kind) {
    case Kind::object:
    case Kind::persistent:
      return static_cast<std::uint8_t>(std::min<unsigned>(kNoDepth, depth + 1));
    case Kind::list:
    case Kind::dict:
    case Kind::set:
    case Kind::bytearray: return 1;
    // TUPLE1 to TUPLE3 begin where their first item does, whatever that is.
    case Kind::tuple: {
      const std::uint8_t maker = end_of_value == 0 ? std::uint8_t{0} : byte_at(end_of_value - 1);
      return maker == op::TUPLE || maker == op::EMPTY_TUPLE ? 1 : kNoDepth;
    }
    default: return 0;
  }
}

bool Machine::Impl::do_newobj(bool ex) {
  const std::uint64_t need = ex ? 3 : 2;
  if (height < fence() + need) return underflow();
  Args args;
  if (ex) {
    args.kwargs = stack[height - 1];
    args.has_kwargs = true;
    --height;
  }
  Value args_value = stack[height - 1];
  Value cls = stack[height - 2];
  const std::uint64_t args_at = height - 1;
  height -= 2;

  const bool is_type = acts(cls.kind()) && world.maybe_type(self, cls);
  if (!is_type || args_value.kind() != Kind::tuple || (ex && args.kwargs.kind() != Kind::dict)) {
    result.divergence |= kDivergesByUnpickler;
  }
  if (!acts(cls.kind())) return fail_op("class argument must be a type");
  if (!python() && !is_type) return fail_op("class argument must be a type");
  if (!gather_args(cls, args_value, args_at, "args argument must be a tuple", args)) return false;
  if (ex && !keywords_fit(args.kwargs)) return false;

  outcome.clear();
  if (asks_world()) world.construct(self, cls, args, outcome);
  if (wants_current_event()) emit_call(EventKind::construct, cls, args, args_value);
  return push_made(cls, cls.start, call_depth(cls));
}

// Keyword arguments: a dict whose keys are all text.
bool Machine::Impl::keywords_fit(const Value& kwargs) {
  switch (kwargs.kind()) {
    case Kind::dict: break;
    case Kind::unknown: return true;
    case Kind::object:
      if (is_dict_class(world.type_name(self, kwargs.aux()))) return true;
      [[fallthrough]];
    case Kind::ref:
    case Kind::persistent:
    case Kind::buffer:
      if (python() && world.may_iterate(self, kwargs)) return true;
      return fail_op("kwargs argument must be a dict");
    default: return fail_op("kwargs argument must be a dict");
  }
  NodeId id = rebuild(kwargs);
  if (id == kNoNode) return true;
  const Node& node = graph[id];
  for (std::size_t i = 0; i + 1 < node.items.size(); i += 2) {
    Kind key = graph[node.items[i]].kind;
    if (key != Kind::str && key != Kind::unknown) return fail_op("keywords must be strings");
  }
  return true;
}

bool Machine::Impl::do_obj() {
  Mark mark{};
  if (!take_mark(mark)) return false;
  if (height - mark.height < 1) return underflow();
  const Value cls = stack[mark.height];
  return instantiate(cls, mark, mark.height + 1, CallHow::obj);
}

// INST and OBJ, with what lies from stack[first] on: without arguments a type is only allocated,
// everything else is called.
bool Machine::Impl::instantiate(const Value& cls, const Mark& mark, std::uint64_t first,
                                CallHow how) {
  Args args;
  args.items = {stack.data() + first, static_cast<std::size_t>(height - first)};
  height = mark.height;
  if (!acts(cls.kind())) return fail_op("the object is not callable");
  const bool allocate = args.items.empty() && world.maybe_type(self, cls);
  outcome.clear();
  if (allocate) {
    world.construct(self, cls, args, outcome);
  } else {
    world.call(self, cls, args, how, outcome);
  }
  if (wants_current_event()) {
    // The arguments as a tuple: the range from the first of them to this opcode.
    const std::uint64_t from = args.items.empty() ? op_offset : args.items.front().start;
    emit_call(allocate ? EventKind::construct : EventKind::call, cls, args,
              open_tuple(from, op_offset));
  }
  return push_made(cls, mark.offset, 0);
}

}  // namespace brine::pickle
