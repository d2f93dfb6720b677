// Effects: what a stream makes its loader import, call, construct, give state to and store into.
//
// The order of checks and effects is that of the real unpicklers (Modules/_pickle.c,
// Lib/pickle.py): an event is emitted exactly where foreign code would first run, and a failure
// that comes before it in the real one comes before it here. Where the World cannot tell whether an
// operation succeeds, the machine goes on, so that nothing behind it is missed.

#include <algorithm>

#include "pickle/machine_impl.h"
#include "pickle/names.h"

namespace brine::pickle {
namespace {

// What may run code of its own when it is called or worked on; a buffer is inert.
bool acts(Kind kind) {
  switch (kind) {
    case Kind::ref:
    case Kind::object:
    case Kind::persistent:
    case Kind::unknown: return true;
    default: return false;
  }
}

// All that lies between two offsets, seen as one tuple: arguments that no TUPLE opcode gathered.
Value open_tuple(std::uint64_t start, std::uint64_t end) {
  Value value = Value::make(Kind::tuple, start, end);
  value.flags = Value::kComputed;
  return value;
}

bool treated_specially(std::string_view module, std::string_view name) {
  return name.find("Storage") != std::string_view::npos || module.starts_with("pandas") ||
         module == "torch.tensor";
}

}  // namespace

void OpaqueWorld::call(Machine&, const Value& callable, const Args&, CallHow, Outcome& out) {
  out.type = callable.kind() == Kind::ref ? callable.aux() + 1 : callable.aux();
}

void OpaqueWorld::construct(Machine&, const Value& cls, const Args&, Outcome& out) {
  out.type = cls.kind() == Kind::ref ? cls.aux() + 1 : cls.aux();
}

std::string OpaqueWorld::type_name(Machine& machine, TypeId type) {
  if (type == 0 || type > machine.reference_count()) return {};
  return std::string(machine.module_of(type - 1)) + "." + std::string(machine.name_of(type - 1));
}

void Outcome::clear() {
  if (judgement.level != Level::inert || !judgement.what.empty()) judgement = Judgement{};
  if (!implied.empty()) implied.clear();
  if (!nested.empty()) nested.clear();
  if (!extensions.empty()) extensions.clear();
  result = Result::object;
  type = 0;
  freshness = Freshness::fresh;
  poisons = false;
}

std::string_view to_string(EventKind kind) {
  switch (kind) {
    case EventKind::import: return "import";
    case EventKind::getattr: return "getattr";
    case EventKind::call: return "call";
    case EventKind::construct: return "construct";
    case EventKind::set_state: return "set_state";
    case EventKind::store: return "store";
    case EventKind::hash: return "hash";
    case EventKind::persistent: return "persistent";
  }
  return "call";
}

std::string_view to_string(StoreHow how) {
  switch (how) {
    case StoreHow::append: return "append";
    case StoreHow::extend: return "extend";
    case StoreHow::setitem: return "setitem";
    case StoreHow::add: return "add";
    case StoreHow::setattr: return "setattr";
  }
  return "append";
}

std::string_view to_string(EndKind kind) {
  switch (kind) {
    case EndKind::stop: return "stop";
    case EndKind::broken: return "broken";
    case EndKind::budget: return "budget";
    case EndKind::refused: return "refused";
    case EndKind::paused: return "paused";
  }
  return "broken";
}

std::vector<std::string_view> capability_names(Capabilities caps) {
  static constexpr std::string_view kNames[] = {
      "run_code", "process", "network", "write",       "delete",       "native", "import",
      "unpickle", "reach",   "read",    "environment", "global_state", "exit"};
  std::vector<std::string_view> out;
  for (unsigned bit = 0; bit < std::size(kNames); ++bit) {
    if ((caps >> bit & 1) != 0) out.push_back(kNames[bit]);
  }
  return out;
}

RefId Machine::Impl::intern(std::string_view module, std::string_view name) {
  key_buffer.assign(module);
  key_buffer += '\0';
  key_buffer += name;
  auto it = ref_ids.find(key_buffer);
  if (it != ref_ids.end()) return it->second;
  auto id = static_cast<RefId>(refs.size());
  refs.push_back({std::string(module), std::string(name)});
  ref_bytes += module.size() + name.size();
  ref_ids.emplace(key_buffer, id);
  if (name.ends_with("ArrayWrapper")) joblib_wrapper_named = true;
  return id;
}

// Hands an event with the current outcome's judgement to the sink, then what the outcome implies.
void Machine::Impl::emit(Event& event) {
  event.offset = op_offset;
  event.opcode = op_code;
  Judgement& judgement = outcome.judgement;
  if (poisoned && judgement.level < Level::suspicious) {
    judgement.level = Level::suspicious;
    judgement.code = 125;
    judgement.what = "runs after the stream changed what it did not build: no fact holds any more";
  }
  event.judgement = &judgement;
  if (judgement.level != Level::inert || sink.wants_inert()) sink.on_event(event, self);
  if (!outcome.implied.empty() || !outcome.nested.empty() || !outcome.extensions.empty() ||
      outcome.poisons) {
    after_outcome();
  }
}

void Machine::Impl::after_outcome() {
  for (const ImpliedEvent& implied : outcome.implied) {
    Event event;
    event.kind = implied.kind;
    event.offset = op_offset;
    event.opcode = op_code;
    event.module = implied.module;
    event.name = implied.name;
    event.written_module = implied.module;
    event.written_name = implied.name;
    event.callable = implied.callable;
    event.nargs = implied.nargs;
    event.computed = true;
    event.judgement = &implied.judgement;
    if (implied.judgement.level != Level::inert || sink.wants_inert()) sink.on_event(event, self);
  }
  for (const Outcome::Nested& nested : outcome.nested) {
    if (nested.place) {
      sink.on_nested_part(nested.place->first, nested.place->second, nested.loader, op_offset,
                          self);
    } else {
      sink.on_nested(nested.bytes, nested.loader, op_offset, self);
    }
  }
  for (const Outcome::Extension& extension : outcome.extensions) {
    extension_names[extension.code] = {extension.module, extension.name};
  }
  if (outcome.poisons) poisoned = true;
}

// The same, of a call of `callable`.
bool Machine::Impl::push_made(const Value& callable, std::uint64_t start, std::uint8_t depth) {
  if (joblib_wrapper_named) note_maker(callable, start);
  return push_outcome(start, depth);
}

// Pushes what the World said the effect gives. `start` is where the value's range begins.
bool Machine::Impl::push_outcome(std::uint64_t start, std::uint8_t depth) {
  Value value = Value::make(Kind::object, start, pos, outcome.type);
  value.depth = depth;
  Computed made;
  made.offset = op_offset;
  switch (outcome.result) {
    case Outcome::Result::object: return push(value);
    case Outcome::Result::unknown:
      // Spelled out again it must not look like what its callable gives to arguments that fit.
      if (sizeof(Computed) > limits.evaluated_bytes - computed_bytes) {
        return over_budget("evaluated_bytes");
      }
      computed_bytes += sizeof(Computed);
      computed.push_back(std::move(made));
      return push(Value::make(Kind::unknown, start, pos));
    case Outcome::Result::value: {
      Value given = outcome.result_value;
      if (tells_nothing_else(given)) return push(Value::make(Kind::unknown, start, pos));
      boxes.push_back({op_offset, given});
      Value entry = given;
      entry.flags = Value::kBoxed;
      entry.start = start & kMaxOffset;
      entry.end = (boxes.size() - 1) & kMaxOffset;
      return push(entry);
    }
    case Outcome::Result::ref: {
      if (refs.size() >= limits.references) return over_budget("references");
      made.kind = Kind::ref;
      made.ref = intern(outcome.result_module, outcome.result_name);
      value = Value::make(Kind::ref, start, pos, made.ref);
      computed.push_back(std::move(made));
      return push(value);
    }
    case Outcome::Result::str:
    case Outcome::Result::bytes:
      made.kind = outcome.result == Outcome::Result::str ? Kind::str : Kind::bytes;
      made.text = outcome.result_text;
      break;
    case Outcome::Result::integer:
    case Outcome::Result::boolean:
      made.kind = outcome.result == Outcome::Result::integer ? Kind::integer : Kind::boolean;
      made.integer = outcome.result_integer;
      break;
    case Outcome::Result::floating:
      made.kind = Kind::floating;
      made.floating = outcome.result_float;
      break;
    case Outcome::Result::none: made.kind = Kind::none; break;
  }
  if (made.text.size() + sizeof(Computed) > limits.evaluated_bytes - computed_bytes) {
    return push(Value::make(Kind::unknown, start, pos));
  }
  computed_bytes += made.text.size() + sizeof(Computed);
  value = Value::make(made.kind, start, pos, static_cast<std::uint32_t>(computed.size()));
  value.flags = Value::kComputed;
  computed.push_back(std::move(made));
  return push(value);
}

// A box can hold what tells itself; a value of no known place cannot be kept.
bool Machine::Impl::tells_nothing_else(const Value& value) const {
  return boxes.size() >= limits.aliases || value.kind_ > static_cast<std::uint64_t>(Kind::unknown);
}

// --- imports ---

// What the loader's find_class makes of a name before it imports.
bool Machine::Impl::rename(std::string_view& module, std::string_view& name, int at_proto) const {
  bool changed = false;
  if (world.maps_names() && profile.find_class == FindClass::pandas) {
    changed = map_pandas(module, name);
  }
  const bool weights_only = profile.unpickler == Unpickler::torch_weights_only;
  const bool old = world.maps_names() && at_proto < 3;
  return ((old || weights_only) && map_python2(module, name)) || changed;
}

// find_class; `start` is where the entry's range begins. Leaves the reference in `*out`.
bool Machine::Impl::do_import(std::string_view module, std::string_view name, std::uint64_t start,
                              Value* out) {
  if (module.size() > limits.text_bytes || name.size() > limits.text_bytes) {
    return over_budget("text_bytes");
  }
  if (refs.size() >= limits.references || ref_bytes >= limits.reference_bytes) {
    return over_budget("references");
  }
  ++result.imports;
  if (treated_specially(module, name)) result.divergence |= kDivergesByFindClass;
  if (is_dotted_identifier(module) && is_dotted_identifier(name)) result.imports_identifier = true;

  std::string_view real_module = module, real_name = name;
  rename(real_module, real_name, proto);
  if (restricted() &&
      !name_admitted(real_module, real_name, std::string(module) + "." + std::string(name))) {
    return false;
  }
  outcome.clear();
  // TorchScript's unpickler imports nothing: it resolves names in tables of its own.
  if (asks_world()) world.import(self, real_module, real_name, outcome);
  const bool known = outcome.judgement.level <= Level::note;

  Event event;
  event.kind = EventKind::import;
  event.module = real_module;
  event.name = real_name;
  event.written_module = module;
  event.written_name = name;
  std::string module_copy(real_module), name_copy(real_name);
  emit(event);

  const bool plain_names = proto < 4 || profile.find_class == FindClass::torch_package;
  if (world.maps_names() && plain_names && known && !poisoned && !restricted() &&
      name_copy.find('.') != std::string::npos) {
    return fail_op("Can't get attribute '" + name_copy + "'");
  }
  RefId id = intern(module_copy, name_copy);
  *out = Value::make(Kind::ref, start, pos, id);
  return true;
}

bool Machine::Impl::load_global(bool inst) {
  // C takes the mark of INST first, then the names, then the arguments.
  Mark mark{};
  if (inst) {
    if (marks.empty()) return fail_op("could not find MARK");
    mark = marks.back();
    marks.pop_back();
  }
  std::string module, name;
  if (!read_names(module, name, inst)) return false;
  Value ref{};
  if (!do_import(module, name, op_offset, &ref)) return false;
  if (!inst) return push(ref);
  std::span<const Value> args{stack.data() + mark.height,
                              static_cast<std::size_t>(height - mark.height)};
  height = mark.height;
  return instantiate(ref, args, mark.offset, CallHow::inst);
}

// The Python unpickler imports before it looks for the mark.
bool Machine::Impl::load_inst_py() {
  std::string module, name;
  if (!read_names(module, name, true)) return false;
  Value ref{};
  if (!do_import(module, name, op_offset, &ref)) return false;
  if (marks.empty()) return fail_op("could not find MARK");
  Mark mark = marks.back();
  marks.pop_back();
  std::span<const Value> args{stack.data() + mark.height,
                              static_cast<std::size_t>(height - mark.height)};
  height = mark.height;
  return instantiate(ref, args, mark.offset, CallHow::inst);
}

bool Machine::Impl::read_names(std::string& module, std::string& name, bool ascii) {
  for (std::string* part : {&module, &name}) {
    std::string_view line;
    bool ended = false;
    if (!read_line(line, ended)) return false;
    if (ended && !line.empty()) line.remove_suffix(1);
    if (line.empty()) {
      result.divergence |= kDivergesByUnpickler;
      if (!python()) return fail_op("an empty name");
    }
    if (line.size() > limits.text_bytes) return over_budget("text_bytes");
    if (!decodes(line, ascii ? Encoding::ascii : Encoding::utf8)) {
      return fail_op("a name that does not decode");
    }
    *part = std::string(line);
  }
  return true;
}

bool Machine::Impl::load_stack_global() {
  if (height < fence() + 2) return underflow();
  Value name_value = stack[height - 1], module_value = stack[height - 2];
  height -= 2;
  std::uint64_t start = module_value.start;
  const bool vague = name_value.kind() == Kind::unknown || module_value.kind() == Kind::unknown;
  if (vague) {
    outcome.clear();
    outcome.judgement.level = Level::suspicious;
    outcome.judgement.code = 121;
    outcome.judgement.what = "imports a name that is put together at run time";
    outcome.judgement.caps = kImport;
    Event event;
    event.kind = EventKind::import;
    emit(event);
    return push(Value::make(Kind::unknown, start, pos));
  }
  if (name_value.kind() != Kind::str || module_value.kind() != Kind::str) {
    return fail_op("STACK_GLOBAL requires str");
  }
  std::string module, name;
  std::uint64_t length = 0;
  if (!constant_text(module_value, module, limits.text_bytes, &length) ||
      length > limits.text_bytes || !constant_text(name_value, name, limits.text_bytes, &length) ||
      length > limits.text_bytes) {
    return over_budget("text_bytes");
  }
  Value ref{};
  if (!do_import(module, name, start, &ref)) return false;
  return push(ref);
}

bool Machine::Impl::load_extension(std::int64_t code) {
  result.uses_ext = true;
  if (code <= 0 && !python()) return fail_op("EXT specifies code <= 0");
  if (auto seen = extensions.find(code); seen != extensions.end()) {
    Value value = seen->second;
    value.start = op_offset & kMaxOffset;
    value.end = pos & kMaxOffset;
    return keep_extension(value);
  }
  if (auto named = extension_names.find(code); named != extension_names.end()) {
    Value ref{};
    std::pair<std::string, std::string> names = named->second;
    if (!do_import(names.first, names.second, op_offset, &ref)) return false;
    extensions[code] = ref;
    return keep_extension(ref);
  }
  if (!poisoned) return fail_op("unregistered extension code " + std::to_string(code));
  outcome.clear();
  outcome.judgement.level = Level::suspicious;
  outcome.judgement.code = 121;
  outcome.judgement.caps = kImport;
  outcome.judgement.what = "imports what a changed extension registry names";
  Event event;
  event.kind = EventKind::import;
  emit(event);
  return push(Value::make(Kind::unknown, op_offset, pos));
}

// A name pushed by EXT: its own bytes do not tell it, so it is kept.
bool Machine::Impl::keep_extension(const Value& ref) {
  if (computed_bytes + sizeof(Computed) > limits.evaluated_bytes)
    return over_budget("evaluated_bytes");
  computed_bytes += sizeof(Computed);
  Computed made;
  made.offset = op_offset;
  made.kind = Kind::ref;
  made.ref = ref.aux();
  computed.push_back(std::move(made));
  return push(ref);
}

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

// --- calls ---

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

bool Machine::Impl::do_reduce() {
  if (height < fence() + 2) return underflow();
  Value args_value = stack[height - 1];
  Value callable = stack[height - 2];
  const std::uint64_t args_at = height - 1;
  height -= 2;

  Args args;
  if (args_value.kind() == Kind::tuple) {
    if (tuple_fresh_until == op_offset && tuple_base == args_at && options.collapse) {
      if (tuple_count != 0) stack[args_at] = tuple_first;
      args.items = {stack.data() + args_at, static_cast<std::size_t>(tuple_count)};
    } else if (!unpack_tuple(args_value, args)) {
      return false;
    }
  } else {
    result.divergence |= kDivergesByUnpickler;
    if (args_value.kind() == Kind::unknown) {
      args.known = false;
    } else if (!python()) {
      return fail_op("argument list must be a tuple");
    } else if (!acts(callable.kind())) {
      return fail_op("the object is not callable");
    } else {
      if (!iterate(args_value, scratch_items, args.known)) return false;
      args.items = scratch_items;
    }
  }
  if (!acts(callable.kind())) return fail_op("the object is not callable");

  outcome.clear();
  if (asks_world()) world.call(self, callable, args, CallHow::reduce, outcome);
  if (wants_current_event()) {
    Event event;
    event.kind = EventKind::call;
    std::string name = target_name(callable);
    event.callable = name;
    event.nargs = args.known ? static_cast<std::int64_t>(args.items.size()) : -1;
    event.target = callable;
    event.argument = args_value;
    event.has_argument = true;
    emit(event);
  }
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

bool Machine::Impl::unpack_tuple(const Value& tuple, Args& args) {
  NodeId id = rebuild(tuple);
  scratch_items.clear();
  if (id == kNoNode || graph[id].kind != Kind::tuple) {
    args.known = false;
    return true;
  }
  for (NodeId item : graph[id].items) scratch_items.push_back(node_values[item]);
  args.items = scratch_items;
  return true;
}

bool Machine::Impl::wants_current_event() const {
  return poisoned || outcome.judgement.level != Level::inert || sink.wants_inert() ||
         !outcome.implied.empty() || !outcome.nested.empty() || !outcome.extensions.empty() ||
         outcome.poisons;
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
  if (args_value.kind() == Kind::tuple) {
    if (!ex && tuple_fresh_until == op_offset && tuple_base == args_at && options.collapse) {
      if (tuple_count != 0) stack[args_at] = tuple_first;
      args.items = {stack.data() + args_at, static_cast<std::size_t>(tuple_count)};
    } else if (!unpack_tuple(args_value, args)) {
      return false;
    }
  } else if (args_value.kind() == Kind::unknown) {
    args.known = false;
  } else if (!python()) {
    return fail_op("args argument must be a tuple");
  } else {
    if (!iterate(args_value, scratch_items, args.known)) return false;
    args.items = scratch_items;
  }
  if (ex && !keywords_fit(args.kwargs)) return false;

  outcome.clear();
  if (asks_world()) world.construct(self, cls, args, outcome);
  if (wants_current_event()) {
    Event event;
    event.kind = EventKind::construct;
    std::string name = target_name(cls);
    event.callable = name;
    event.nargs = args.known ? static_cast<std::int64_t>(args.items.size()) : -1;
    event.target = cls;
    event.argument = args_value;
    event.has_argument = true;
    event.key = args.kwargs;
    event.has_key = ex;
    emit(event);
  }
  return push_made(cls, cls.start, call_depth(cls));
}

// Keyword arguments: a dict whose keys are all text.
bool Machine::Impl::keywords_fit(const Value& kwargs) {
  switch (kwargs.kind()) {
    case Kind::dict: break;
    case Kind::unknown: return true;
    case Kind::ref:
    case Kind::object:
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
  if (marks.empty()) return fail_op("could not find MARK");
  Mark mark = marks.back();
  marks.pop_back();
  if (height - mark.height < 1) return underflow();
  Value cls = stack[mark.height];
  std::span<const Value> args{stack.data() + mark.height + 1,
                              static_cast<std::size_t>(height - mark.height - 1)};
  height = mark.height;
  return instantiate(cls, args, mark.offset, CallHow::obj);
}

// INST and OBJ: without arguments a type is only allocated, everything else is called.
bool Machine::Impl::instantiate(const Value& cls, std::span<const Value> items, std::uint64_t start,
                                CallHow how) {
  if (!acts(cls.kind())) return fail_op("the object is not callable");
  Args args;
  args.items = items;
  const bool allocate = items.empty() && world.maybe_type(self, cls);
  outcome.clear();
  if (allocate) {
    world.construct(self, cls, args, outcome);
  } else {
    world.call(self, cls, args, how, outcome);
  }
  if (wants_current_event()) {
    Event event;
    event.kind = allocate ? EventKind::construct : EventKind::call;
    std::string name = target_name(cls);
    event.callable = name;
    event.nargs = static_cast<std::int64_t>(items.size());
    event.target = cls;
    // The arguments as a tuple: the range from the first of them to this opcode.
    std::uint64_t first = items.empty() ? op_offset : items.front().start;
    event.argument = open_tuple(first, op_offset);
    event.has_argument = true;
    emit(event);
  }
  return push_made(cls, start, 0);
}

// --- state and stores ---

bool Machine::Impl::do_build() {
  if (height < fence() + 2) return underflow();
  Value state = stack[height - 1];
  --height;
  Value& inst = stack[height - 1];
  if (!acts(inst.kind())) return builtin_build(inst, state);

  outcome.clear();
  if (asks_world()) world.set_state(self, inst, state, outcome);
  const bool remembered = first_state(inst, state);
  if (wants_current_event()) {
    Event event;
    event.kind = EventKind::set_state;
    std::string name = target_name(inst);
    event.callable = name;
    event.target = inst;
    event.argument = state;
    event.has_argument = true;
    emit(event);
  }
  if (!remembered) return over_budget("nodes");
  if (inst.kind() != Kind::ref && !extend_target(inst, pos)) return false;
  if (joblib_wrapper_named) {
    result.divergence |= kDivergesByJoblib;
    if (profile.joblib != JoblibReads::nothing && may_be_wrapper(inst) && is_joblib_wrapper(inst)) {
      return read_array(inst);
    }
  }
  return true;
}

// Contracts speak of an object that is given its state once, and of a state that stays as it is:
// what __setstate__ keeps of it may be looked at again. No pickler gives a second one. False when
// there are too many objects to remember.
bool Machine::Impl::first_state(const Value& inst, const Value& state) {
  const Value& object = truth(inst);
  built_late = built_late || (!inst.direct() && !inst.in_place());
  if (object.kind() == Kind::object) {
    if (built.size() >= limits.nodes) return false;
    const std::uint64_t key = mutable_identity(object);
    if (!built.insert(key).second)
      hold_against("gives an object a second state, which no pickler writes");
  }
  if (state.kind() == Kind::dict && !state.direct()) states_given.insert(truth(state).start);
  return true;
}

// Judges the running effect as one that no fact covers.
void Machine::Impl::hold_against(std::string_view what) {
  if (outcome.judgement.level >= Level::suspicious) return;
  outcome.judgement.level = Level::suspicious;
  outcome.judgement.code = 124;
  outcome.judgement.what = what;
}

// BUILD on a built-in object: no __setstate__, no __dict__ and no settable attribute, so all that
// succeeds is giving it nothing; C and Python disagree on what nothing is.
bool Machine::Impl::builtin_build(const Value& inst, const Value& state) {
  (void)inst;
  result.divergence |= kDivergesByUnpickler;
  if (state.kind() == Kind::unknown) return true;
  auto nothing = [&](const Value& part, bool slots) {
    if (part.kind() == Kind::unknown) return true;
    if (python()) return falsy(part);
    return slots ? part.kind() == Kind::dict && falsy(part) : part.kind() == Kind::none;
  };
  if (state.kind() == Kind::tuple) {
    NodeId id = rebuild(state);
    if (id == kNoNode) return true;
    std::vector<Value> parts;
    for (NodeId item : graph[id].items) parts.push_back(node_values[item]);
    if (parts.size() == 2) {
      if (nothing(parts[0], false) && nothing(parts[1], true)) return true;
      return fail_op("the object takes no state");
    }
  }
  if (nothing(state, false)) return true;
  return fail_op("the object takes no state");
}

bool Machine::Impl::store_foreign(Value& target, StoreHow how, const Value* key,
                                  const Value& value) {
  outcome.clear();
  if (asks_world()) world.store(self, target, how, key, value, outcome);
  if (wants_current_event()) emit_store(target, how, key, value);
  return target.kind() == Kind::ref || extend_target(target, pos);
}

void Machine::Impl::emit_store(const Value& target, StoreHow how, const Value* key,
                               const Value& value) {
  Event event;
  event.kind = EventKind::store;
  std::string name = target_name(target);
  event.callable = name;
  event.how = how;
  event.target = target;
  event.argument = value;
  event.has_argument = true;
  if (key != nullptr) {
    event.key = *key;
    event.has_key = true;
  }
  emit(event);
}

// list[object] = value and bytearray[...] = object: what __index__ runs is the object's own.
void Machine::Impl::ask_index(const Value& target, StoreHow how, const Value* key,
                              const Value& value) {
  const bool asks = (key != nullptr && acts(key->kind())) ||
                    (target.kind() == Kind::bytearray && acts(value.kind()));
  if (!asks || !asks_world()) return;
  outcome.clear();
  world.store(self, target, how, key, value, outcome);
  if (outcome.judgement.level >= Level::suspicious) emit_store(target, how, key, value);
}

// Everything from stack[first] on goes into the list below it.
bool Machine::Impl::do_append(std::uint64_t first, bool single) {
  if (first <= fence()) return underflow();
  const std::uint64_t count = height - first;
  Value& target = stack[first - 1];
  const Kind kind = target.kind();
  const bool py = python();
  if (kind != Kind::list) result.divergence |= kDivergesByUnpickler;
  if (count == 0 && !py) return true;
  if (kind == Kind::list || kind == Kind::bytearray) {
    for (std::uint64_t i = first; kind == Kind::bytearray && i < height; ++i) {
      if (!is_byte(stack[i])) return fail_op("an integer in range(0, 256) is required");
      ask_index(target, StoreHow::append, nullptr, stack[i]);
    }
    changes(target);
    height = first;
    return count == 0 || extend_target(target, pos);
  }
  if (!acts(kind)) return fail_op("the object has no attribute 'append'");
  if (kind == Kind::buffer) return fail_op("memoryview has no attribute 'append'");

  const bool extends = (!py || !single) && world.has_extend(self, target);
  if (extends) {
    std::uint64_t from = count == 0 ? op_offset : stack[first].start;
    height = first;
    return store_foreign(target, StoreHow::extend, nullptr, open_tuple(from, op_offset));
  }
  for (std::uint64_t i = first; i < first + count; ++i) {
    if (!store_foreign(target, StoreHow::append, nullptr, stack[i])) return false;
  }
  height = first;
  return true;
}

bool Machine::Impl::do_setitems(std::uint64_t first, bool single) {
  (void)single;
  if (first <= fence()) return underflow();
  const std::uint64_t count = height - first;
  Value& target = stack[first - 1];
  const Kind kind = target.kind();
  if (count == 0) return true;
  const bool odd = (count & 1) != 0;
  if (odd) {
    result.divergence |= kDivergesByUnpickler;
    if (!python()) return fail_op("odd number of items for SETITEMS");
  }
  const bool sequence = kind == Kind::list || kind == Kind::bytearray;
  if (!sequence && kind != Kind::dict && !acts(kind)) {
    return fail_op("the object does not support item assignment");
  }
  for (std::uint64_t i = first; i + 1 < height; i += 2) {
    if (kind == Kind::dict) {
      if (!hash_key(stack[i])) return false;
    } else if (sequence) {
      if (!assignable_index(target, stack[i])) return false;
      if (kind == Kind::bytearray && !is_byte(stack[i + 1])) {
        return fail_op("an integer in range(0, 256) is required");
      }
      ask_index(target, StoreHow::setitem, &stack[i], stack[i + 1]);
    } else if (!store_foreign(target, StoreHow::setitem, &stack[i], stack[i + 1])) {
      return false;
    }
  }
  if (odd) return fail_op("list index out of range");
  height = first;
  if (kind == Kind::dict) return fill_dict(target);
  if (sequence) changes(target);
  return !sequence || extend_target(target, pos);
}

bool Machine::Impl::fill_dict(Value& target) {
  changes(target);
  if (!states_given.empty() && states_given.contains(truth(target).start)) {
    poisoned = true;  // it may be an object's __dict__ by now, where no contract looked
  }
  return extend_target(target, pos);
}

// What a bytearray takes; what is not known may be one.
bool Machine::Impl::is_byte(const Value& value) {
  std::int64_t number = 0;
  switch (value.kind()) {
    case Kind::integer:
    case Kind::boolean: return constant_integer(value, number) && number >= 0 && number < 256;
    case Kind::unknown: return true;
    case Kind::object:
    case Kind::persistent:
    case Kind::ref: return world.may_iterate(self, value);
    default: return false;
  }
}

// list[key] = value: an integer within the list.
bool Machine::Impl::assignable_index(const Value& target, const Value& key) {
  if (key.kind() == Kind::unknown) return true;
  if (key.kind() == Kind::object || key.kind() == Kind::persistent || key.kind() == Kind::ref) {
    if (world.may_iterate(self, key)) return true;  // may have __index__
    return fail_op("list indices must be integers or slices");
  }
  std::int64_t index = 0;
  if (key.kind() != Kind::integer && key.kind() != Kind::boolean) {
    return fail_op("list indices must be integers or slices");
  }
  if (!constant_integer(key, index)) return fail_op("cannot fit 'int' into an index-sized integer");
  NodeId id = rebuild(target);
  if (id == kNoNode || graph[id].kind == Kind::unknown) return true;
  auto size = static_cast<std::int64_t>(target.kind() == Kind::list
                                            ? graph[id].items.size()
                                            : graph[id].length + graph[id].appended().size());
  if (index < -size || index >= size) return fail_op("list assignment index out of range");
  return true;
}

bool Machine::Impl::do_additems() {
  if (marks.empty()) return fail_op("could not find MARK");
  Mark mark = marks.back();
  marks.pop_back();
  if (mark.height <= fence()) return underflow();
  Value& target = stack[mark.height - 1];
  const Kind kind = target.kind();
  if (kind != Kind::set) result.divergence |= kDivergesByUnpickler;
  const std::uint64_t count = height - mark.height;
  if (count == 0 && !python()) return true;
  if (kind == Kind::set) {
    for (std::uint64_t i = mark.height; i < height; ++i) {
      if (!hash_key(stack[i])) return false;
    }
    changes(target);
    height = mark.height;
    return count == 0 || extend_target(target, pos);
  }
  if (!acts(kind)) return fail_op("the object has no attribute 'add'");
  for (std::uint64_t i = mark.height; i < height; ++i) {
    if (!store_foreign(target, StoreHow::add, nullptr, stack[i])) return false;
  }
  height = mark.height;
  return true;
}

// Uses `key` as a dict key or set member: plain constants are silent, objects run their __hash__,
// tuples do so for each item, lists and dicts raise.
bool Machine::Impl::hash_key(const Value& key) {
  switch (key.kind()) {
    case Kind::none:
    case Kind::boolean:
    case Kind::integer:
    case Kind::floating:
    case Kind::str:
    case Kind::bytes:
    case Kind::frozenset: return true;
    case Kind::bytearray:
    case Kind::list:
    case Kind::dict:
    case Kind::set:
    case Kind::buffer:
      return fail_op("unhashable type");  // the only buffers are views of bytearrays
    case Kind::tuple: break;
    default: return hash_foreign(key);
  }
  std::vector<Value> foreign;
  const TupleHash how = hashed_items(key, foreign);
  for (const Value& item : foreign) {
    if (!hash_foreign(item)) return false;
  }
  switch (how) {
    case TupleHash::all: return true;
    case TupleHash::unhashable: return fail_op("unhashable type");
    case TupleHash::budget: break;
  }
  return over_budget("nodes");
}

// Python's own hash of a tuple calls itself for each tuple in it, and ends the process when the
// stack does (100,000 levels or more on a main thread, fewer on others).
constexpr std::size_t kMostHashedDepth = 2000;

// What a tuple's hash asks for one, depth first, up to an item that has none: the items that are
// not plain. A shared tuple is hashed at each place, and one budget bounds all of them. They are
// gathered first, because asking the World may clear the nodes.
Machine::Impl::TupleHash Machine::Impl::hashed_items(const Value& key,
                                                     std::vector<Value>& foreign) {
  NodeId root = rebuild(key);
  if (root == kNoNode) return TupleHash::budget;
  struct Frame {
    NodeId node;
    std::size_t next;
  };
  std::vector<Frame> path{{root, 0}};
  const std::uint64_t budget = limits.nodes + limits.rebuild_factor * window.size();
  while (!path.empty()) {
    Frame& frame = path.back();
    if (frame.next == graph[frame.node].items.size()) {
      path.pop_back();
      continue;
    }
    if (++hash_visits > budget) return TupleHash::budget;
    NodeId child = graph[frame.node].items[frame.next++];
    switch (graph[child].kind) {
      case Kind::tuple:
        hashes_deep = hashes_deep || path.size() > kMostHashedDepth;
        path.push_back({child, 0});
        break;
      case Kind::bytearray:
      case Kind::list:
      case Kind::dict:
      case Kind::set:
      case Kind::buffer: return TupleHash::unhashable;
      case Kind::none:
      case Kind::boolean:
      case Kind::integer:
      case Kind::floating:
      case Kind::str:
      case Kind::bytes:
      case Kind::frozenset: break;
      default: foreign.push_back(node_values[child]); break;
    }
  }
  return TupleHash::all;
}

bool Machine::Impl::hash_foreign(const Value& value) {
  outcome.clear();
  bool runs = false;
  bool hashable = !asks_world() || world.hash(self, value, runs, outcome);
  if (runs || outcome.judgement.level != Level::inert) {
    Event event;
    event.kind = EventKind::hash;
    std::string name = target_name(value);
    event.callable = name;
    event.target = value;
    emit(event);
  }
  if (!hashable) return fail_op("unhashable type");
  return true;
}

}  // namespace brine::pickle
