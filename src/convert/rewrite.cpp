#include "convert/rewrite.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "convert/numpy_spelling.h"
#include "convert/numpy_values.h"
#include "convert/spelling.h"
#include "convert/values.h"
#include "tensor/device.h"

namespace brine::convert {
namespace {

namespace op = pickle::op;
using pickle::Kind;
using pickle::kNoNode;
using pickle::Node;
using pickle::NodeGraph;
using pickle::NodeId;
using pickle::NumpyType;
using spell::boolean;
using spell::code;
using spell::global;
using spell::integer;
using spell::text;

constexpr std::uint64_t kMaxSteps = 16u << 20;
constexpr std::uint64_t kMaxBytes = std::uint64_t{1} << 30;  // of the pickle without its arrays
constexpr std::uint64_t kSmall = 4096;  // bytes that are kept in the pickle itself
constexpr std::size_t kLongestInteger = 255;  // bytes; LONG1's, which all unpicklers know
constexpr auto kReserved = std::to_array<std::string_view>(
    {"__class__", "__args__", "__kwargs__", "__items__", "__list__", "__state__"});

// What a value is written as. All but `leaf` are filled when they have been remembered, so that
// what is inside can refer to them.
enum class Form : std::uint8_t { leaf, list, dict, ordered, instance, objects };

class Rewriter {
 public:
  Rewriter(const NodeGraph& nodes, TensorReader& reader, const std::vector<Storage>& storages,
           Dialect dialect, RewriteStart start)
      : nodes_(nodes),
        values_(nodes),
        reader_(reader),
        storages_(storages),
        torch_(dialect == Dialect::torch),
        first_record_(start.record) {
    out_.dialect = dialect;
    out_.memo = start.memo;
  }

  // `shells`: first all containers, empty, then what is in them; for tuples that hold themselves.
  Rewritten run(NodeId root, bool shells) {
    put(code(op::PROTO) + code(torch_ ? 2 : 4));
    tasks_.push_back({.value = root});
    if (shells) make_shells(root);
    while (!tasks_.empty() && !out_.over_budget && !out_.needs_torch && !tuple_in_itself_) {
      const Task task = std::move(tasks_.back());
      tasks_.pop_back();
      if (task.role == Role::key) entry_ = out_.pickle.size();
      put(task.raw);
      if (task.done != kNoNode) finish(task.done);
      if (task.fill != kNoNode) fill(task.fill, form_of(task.fill));
      if (task.value != kNoNode) value(task.value, task.role);
      out_.over_budget = out_.over_budget || ++steps_ > kMaxSteps || out_.pickle.size() > kMaxBytes;
    }
    if (const auto array = numpy_array(nodes_, root); array && array->items != nullptr) {
      out_.array_shape = array->shape;
    }
    put(code(op::STOP));
    return std::move(out_);
  }

  bool tuple_in_itself() const { return tuple_in_itself_; }

 private:
  enum class Role : std::uint8_t { element, key, entry };
  // Bytes to write, then what is complete, then what is to be filled or written.
  struct Task {
    NodeId value = kNoNode;
    std::string raw{};
    NodeId done = kNoNode;
    NodeId fill = kNoNode;
    Role role = Role::element;
  };
  struct Known {
    std::uint64_t index = 0;
    std::optional<std::uint32_t> storage;  // of a tensor
  };

  const Node& node(NodeId id) const { return nodes_[id]; }
  void put(std::string_view bytes) { out_.pickle += bytes; }
  void raw(std::string bytes, Role role = Role::element) {
    tasks_.push_back({.raw = std::move(bytes), .role = role});
  }
  void later(NodeId id, Role role = Role::element) {
    if (id == kNoNode) return raw(code(op::NONE), role);
    tasks_.push_back({.value = id, .role = role});
  }

  // --- the memo ---

  void remember(NodeId id, std::optional<std::uint32_t> storage = {}) {
    memo_.emplace(id, Known{out_.memo, storage});
    put(spell::put(out_.memo++));
  }
  bool recalled(NodeId id, Role role) {
    const auto known = memo_.find(id);
    if (known == memo_.end()) return false;
    const std::uint64_t begin = out_.pickle.size();
    put(spell::get(known->second.index));
    if (known->second.storage) loose(begin, *known->second.storage, role == Role::entry);
    return true;
  }
  void finish(NodeId tuple) {
    open_tuples_.erase(tuple);
    remember(tuple);
  }

  // --- tuples that hold themselves ---

  void make_shells(NodeId root) {
    std::vector<NodeId> containers;
    std::unordered_set<NodeId> seen{root};
    for (std::vector<NodeId> open{root}; !open.empty();) {
      const NodeId id = open.back();
      open.pop_back();
      const Form form = form_of(id);
      if (form != Form::leaf) containers.push_back(id);
      const Node& value = node(id);
      if (form == Form::leaf && value.kind == Kind::object) continue;
      const auto next = [&](NodeId child) {
        if (child != kNoNode && seen.insert(child).second) open.push_back(child);
      };
      for (const auto* items :
           {&value.items, &value.states(), &value.appended(), &value.stored()}) {
        for (const NodeId child : *items) next(child);
      }
      next(value.args);
      next(value.kwargs());
    }
    put(code(op::EMPTY_LIST) + code(op::MARK));
    for (const NodeId id : containers) open(id, form_of(id));
    put(code(op::APPENDS));
    // The restricted unpickler knows no POP; what lies under the result harms nobody.
    const std::string pop = torch_ ? "" : code(op::POP);
    put(pop + code(op::EMPTY_LIST) + code(op::MARK));
    raw(code(op::APPENDS) + pop);
    for (const NodeId id : containers) {
      tasks_.push_back({.raw = spell::get(memo_.at(id).index), .fill = id});
    }
  }

  // --- values ---

  void value(NodeId id, Role role) {
    const Node& value = node(id);
    switch (value.kind) {
      case Kind::none: return put(code(op::NONE));
      case Kind::boolean: return put(boolean(value.integer != 0));
      case Kind::integer: return number(value);
      case Kind::floating: return put(spell::floating(value.floating));
      case Kind::str: return string(value);
      case Kind::bytes: return octets(id);
      case Kind::ref: return reference(value);
      case Kind::unknown:
      case Kind::buffer: return unknown("a value that cannot be followed");
      default: break;
    }
    if (recalled(id, role)) return;
    switch (value.kind) {
      case Kind::tuple: return tuple(id);
      case Kind::set:
      case Kind::frozenset: return set(id, value.items, value.kind == Kind::frozenset);
      case Kind::bytearray: return bytearray(id, id);
      case Kind::persistent: return numbered(id, role);
      default: break;
    }
    const Form form = form_of(id);
    if (form == Form::leaf) return leaf(id, role);
    open(id, form);
    fill(id, form);
  }

  void number(const Node& value) {
    if (!value.big) return put(integer(value.integer));
    if (const auto spelled = spell::big_integer(value.text, kLongestInteger)) return put(*spelled);
    if (value.text.empty()) return unknown("an integer of many digits");
    replaced("int");
    plain("__int__", std::string(value.text));
  }

  void string(const Node& value) {
    const auto whole = whole_text(value);
    if (!whole || whole->size() > UINT32_MAX) return unknown("a text that cannot be read");
    put(text(*whole));
  }

  std::optional<std::string> whole_text(const Node& value) const {
    if (value.length == value.text.size()) return std::string(value.text);
    const SourcePtr source = reader_.around().bytes_of(value);
    return source == nullptr ? std::nullopt : read_all(*source);
  }

  static std::optional<std::string> read_all(ByteSource& source) {
    if (source.size() > kMaxBytes) return std::nullopt;
    const auto bytes = source.read_vector(0, source.size());
    if (!bytes) return std::nullopt;
    return std::string(bytes->begin(), bytes->end());
  }

  void reference(const Node& value) {
    const auto* dtype = value.module() == "torch" ? tensor::find_dtype(value.name()) : nullptr;
    if (torch_ && dtype != nullptr) return put(global("torch", dtype->name));
    const std::string name = Values::dotted(value);
    replaced(name);
    plain("__ref__", name);
  }

  // {"name": "text"} for what is no plain value.
  void plain(std::string_view name, const std::string& what) {
    put(code(op::EMPTY_DICT) + text(name) + text(valid_name(what)) + code(op::SETITEM));
  }
  void unknown(std::string_view what) {
    if (out_.unsure.empty()) out_.unsure = what;
    plain("__unknown__", std::string(what));
  }
  void replaced(const std::string& what) { ++out_.replaced[valid_name(what)]; }

  // Bytes, however the file spells them.
  void octets(NodeId id) {
    const SourcePtr source = reader_.octets(id);
    if (source == nullptr) return unknown("bytes that cannot be read");
    spliced(source);
  }
  void spliced(const SourcePtr& source) {
    if (!torch_) put(spell::bytes_head(source->size()));
    if (!torch_ && source->size() > kSmall) {
      out_.splices.push_back({out_.pickle.size(), source});
      return;
    }
    const auto bytes = read_all(*source);
    if (!bytes || bytes->size() > UINT32_MAX / 2) {
      out_.over_budget = true;
      return;
    }
    put(torch_ ? spell::latin1(*bytes) : *bytes);
  }

  // bytearray(bytes), in protocol 2 bytearray(text, 'latin-1').
  void bytearray(NodeId id, NodeId bytes) {
    const SourcePtr source =
        bytes == kNoNode ? std::make_shared<MemorySource>(ByteSpan{}) : reader_.octets(bytes);
    if (source == nullptr) return unknown("bytes that cannot be read");
    put(global(torch_ ? "__builtin__" : "builtins", "bytearray"));
    spliced(source);
    put(code(op::TUPLE1) + code(op::REDUCE));
    remember(id);
  }

  void tuple(NodeId id) {
    if (!open_tuples_.insert(id).second) {
      tuple_in_itself_ = true;
      return;
    }
    put(code(op::MARK));
    tasks_.push_back({.raw = code(op::TUPLE), .done = id});
    elements(node(id).items);
  }
  void elements(const std::vector<NodeId>& items) {
    for (std::size_t i = items.size(); i-- > 0;) later(items[i]);
  }

  // A set of what may become dicts is a list.
  void set(NodeId id, const std::vector<NodeId>& items, bool frozen) {
    const bool able =
        std::ranges::all_of(items, [&](NodeId item) { return hashable(item, kKeyDepth); });
    if (!able || (frozen && torch_)) {
      replaced(frozen ? "frozenset" : "set");
      put(code(op::EMPTY_LIST));
      remember(id);
      put(code(op::MARK));
      raw(code(op::APPENDS));
    } else if (torch_) {
      put(global("__builtin__", "set") + code(op::EMPTY_LIST) + code(op::MARK));
      tasks_.push_back(
          {.raw = code(op::APPENDS) + code(op::TUPLE1) + code(op::REDUCE), .done = id});
    } else if (frozen) {
      put(code(op::MARK));
      tasks_.push_back({.raw = code(op::FROZENSET), .done = id});
    } else {
      put(code(op::EMPTY_SET));
      remember(id);
      put(code(op::MARK));
      raw(code(op::ADDITEMS));
    }
    elements(items);
  }

  // Numbers and text of NumPy's; records are not hashable.
  bool is_hashable_scalar(NodeId id) const {
    const auto scalar = numpy_scalar(nodes_, reader_, id);
    return scalar && scalar->type.kind != 'V' && (!torch_ || python_number(*scalar));
  }

  // Constants and tuples of them, which stay what they are.
  bool hashable(NodeId id, unsigned depth) const {
    if (id == kNoNode || depth == 0) return false;
    const Node& value = node(id);
    switch (value.kind) {
      case Kind::none:
      case Kind::boolean:
      case Kind::floating:
      case Kind::bytes: return true;
      case Kind::str: return is_whole_text(value);
      case Kind::integer:
        return !value.big || spell::big_integer(value.text, kLongestInteger).has_value();
      case Kind::tuple:
        return value.items.size() <= 64 && std::ranges::all_of(value.items, [&](NodeId item) {
                 return hashable(item, depth - 1);
               });
      case Kind::object:
        if (called(value, "_codecs", "encode")) return reader_.octets(id) != nullptr;
        return is_hashable_scalar(id);
      default: return false;
    }
  }

  // --- containers ---

  Form form_of(NodeId id) {
    const Node& value = node(id);
    if (value.kind == Kind::list) return Form::list;
    if (value.kind == Kind::dict) return Form::dict;
    if (value.kind != Kind::object) return Form::leaf;
    if (const auto array = numpy_array(nodes_, id)) {
      if (array->items != nullptr) return torch_ ? Form::instance : Form::objects;
      if (!torch_) return Form::leaf;
    }
    if (is_leaf(id)) return Form::leaf;
    if (called(value, "collections", "OrderedDict") && values_.mapping(id)) return Form::ordered;
    const bool dict = called(value, "collections", "defaultdict") ||
                      called(value, "collections", "Counter") || called(value, "builtins", "dict");
    return dict && values_.mapping(id) ? Form::dict : Form::instance;
  }

  void open(NodeId id, Form form) {
    switch (form) {
      case Form::list: put(code(op::EMPTY_LIST)); break;
      case Form::ordered:
        put(global("collections", "OrderedDict") + code(op::EMPTY_TUPLE) + code(op::REDUCE));
        break;
      case Form::objects: put(spell::array_begin()); break;
      default: put(code(op::EMPTY_DICT)); break;
    }
    remember(id);
  }

  void fill(NodeId id, Form form) {
    const Node& value = node(id);
    switch (form) {
      case Form::leaf: return;
      case Form::list:
        put(code(op::MARK));
        raw(code(op::APPENDS));
        return elements(value.items);
      case Form::dict:
        if (value.kind == Kind::object) replaced(values_.class_name(value));
        return fill_mapping(*values_.mapping(id), {});
      case Form::ordered: return fill_ordered(id);
      case Form::instance: return fill_instance(id);
      case Form::objects: {
        const auto array = numpy_array(nodes_, id);
        note_class(*array);
        put(spell::array_state(array->shape, array->type, false) + code(op::EMPTY_LIST) +
            code(op::MARK));
        raw(code(op::APPENDS) + spell::array_end());
        return elements(*array->items);
      }
    }
  }

  void fill_mapping(const std::vector<Pair>& pairs, std::string behind) {
    put(code(op::MARK));
    raw(code(op::SETITEMS) + std::move(behind));
    entries(pairs);
  }

  // A key must be hashable for the loader: what is no constant becomes text that no other key has.
  void entries(const std::vector<Pair>& pairs) {
    std::unordered_set<std::string> texts;
    std::vector<std::string> spelled(pairs.size());
    for (std::size_t i = 0; i < pairs.size(); ++i) {
      if (hashable(pairs[i].key, kKeyDepth)) continue;
      if (texts.empty()) {
        for (const Pair& pair : pairs) {
          if (pair.key != kNoNode && is_whole_text(node(pair.key))) {
            texts.emplace(node(pair.key).text);
          }
        }
      }
      replaced("a key that is no constant");
      spelled[i] = values_.key_text(pairs[i].key);
      for (int n = 2; !texts.insert(spelled[i]).second; ++n) {
        spelled[i] = values_.key_text(pairs[i].key) + "%" + std::to_string(n);
      }
    }
    for (std::size_t i = pairs.size(); i-- > 0;) {
      later(pairs[i].value, Role::entry);
      if (spelled[i].empty()) {
        later(pairs[i].key, Role::key);
      } else {
        raw(text(spelled[i]), Role::key);
      }
    }
  }

  // The attribute _metadata of a state_dict has the versions of its layers.
  void fill_ordered(NodeId id) {
    NodeId metadata = kNoNode;
    const Node& value = node(id);
    for (const Child& child : values_.attributes(value).value_or(std::vector<Child>{})) {
      if (child.part == "_metadata") metadata = child.value;
    }
    const auto pairs = *values_.mapping(id);
    if (metadata == kNoNode) {
      if (!value.states().empty()) replaced("attributes of an OrderedDict");
      return fill_mapping(pairs, {});
    }
    raw(code(op::SETITEM) + code(op::BUILD));
    later(metadata);
    raw(code(op::EMPTY_DICT) + text("_metadata"));
    fill_mapping(pairs, {});
  }

  // {"__class__": "m.n", attributes ..., "__args__": (...), "__items__": ...}
  void fill_instance(NodeId id) {
    const Node& value = node(id);
    if (const auto array = numpy_array(nodes_, id)) return array_as_dict(*array);
    const std::string cls = values_.class_name(value);
    replaced(cls);
    put(code(op::MARK) + text("__class__") + text(valid_name(cls)));
    raw(code(op::SETITEMS));
    if (value.kwargs() != kNoNode) named("__kwargs__", value.kwargs());
    if (has_arguments(value)) named("__args__", value.args);
    if (!value.appended().empty()) {
      raw(code(op::APPENDS));
      elements(value.appended());
      raw(text("__list__") + code(op::EMPTY_LIST) + code(op::MARK));
    }
    if (!value.stored().empty()) {
      raw(code(op::SETITEMS));
      entries(values_.distinct(value.stored()));
      raw(text("__items__") + code(op::EMPTY_DICT) + code(op::MARK));
    }
    const auto attributes = values_.attributes(value);
    const bool clash = attributes && std::ranges::any_of(*attributes, [](const Child& child) {
                         return std::ranges::find(kReserved, child.part) != kReserved.end();
                       });
    if (attributes && !clash) {
      for (std::size_t i = attributes->size(); i-- > 0;) {
        later((*attributes)[i].value, Role::entry);
        raw(text((*attributes)[i].part), Role::key);
      }
    } else if (value.states().size() == 1) {
      named("__state__", value.states()[0]);
    } else if (!value.states().empty()) {
      raw(code(op::APPENDS));
      elements(value.states());
      raw(text("__state__") + code(op::EMPTY_LIST) + code(op::MARK));
    }
  }
  void named(std::string_view name, NodeId id) {
    later(id, Role::entry);
    raw(text(name), Role::key);
  }

  // Whether what made the object was given anything but its class.
  bool has_arguments(const Node& object) const {
    if (object.args == kNoNode) return false;
    const Node& args = node(object.args);
    if (args.kind != Kind::tuple) return true;
    const bool copyreg = object.callable != kNoNode && node(object.callable).kind == Kind::ref &&
                         node(object.callable).name() == "_reconstructor" &&
                         args.items.size() == 3 && args.items[2] != kNoNode &&
                         node(args.items[2]).kind == Kind::none;
    return !copyreg && !args.items.empty();
  }

  // --- objects that are no containers ---

  static constexpr std::string_view kBuiltins[] = {"set",   "frozenset", "complex",  "bytes",
                                                   "slice", "range",     "bytearray"};

  bool called(const Node& value, std::string_view module, std::string_view name) const {
    return value.kind == Kind::object && value.callable != kNoNode &&
           node(value.callable).kind == Kind::ref && node(value.callable).module() == module &&
           node(value.callable).name() == name;
  }
  const std::vector<NodeId>* arguments(const Node& value) const {
    const bool bare = value.states().empty() && value.stored().empty() &&
                      value.appended().empty() && value.kwargs() == kNoNode &&
                      value.args != kNoNode && node(value.args).kind == Kind::tuple;
    return bare ? &node(value.args).items : nullptr;
  }
  // The name of a built-in class whose call with these arguments is a plain value here.
  std::string_view builtin(const Node& value) const {
    const auto* args = arguments(value);
    if (args == nullptr) return {};
    for (const std::string_view name : kBuiltins) {
      if (!called(value, "builtins", name)) continue;
      const bool iterable = name == "set" || name == "frozenset";
      if (iterable) {
        const bool list =
            args->size() == 1 && (*args)[0] != kNoNode &&
            (node((*args)[0]).kind == Kind::list || node((*args)[0]).kind == Kind::tuple);
        return list ? name : std::string_view();
      }
      if (name == "bytes") return args->empty() ? name : std::string_view();
      if (name == "bytearray") {
        const bool bytes = args->empty() || reader_.octets((*args)[0]) != nullptr;
        return args->size() <= 2 && bytes ? name : std::string_view();
      }
      if (torch_ && name != "complex") return {};
      return is_callable(name, *args) ? name : std::string_view();
    }
    return {};
  }

  // Whether Python raises nothing for these arguments.
  bool is_callable(std::string_view name, const std::vector<NodeId>& args) const {
    const std::size_t most = name == "complex" ? 2 : 3;
    if (args.empty() || args.size() > most) return false;
    for (std::size_t i = 0; i < args.size(); ++i) {
      const Node* item = args[i] == kNoNode ? nullptr : &node(args[i]);
      if (item == nullptr) return false;
      const bool whole = item->kind == Kind::integer && !item->big;
      const bool able = name == "range"   ? whole && (i != 2 || item->integer != 0)
                        : name == "slice" ? whole || item->kind == Kind::none
                                          : whole || item->kind == Kind::floating;
      if (!able) return false;
    }
    return true;
  }

  bool is_leaf(NodeId id) {
    const Node& value = node(id);
    if (reader_.raw_array_of(id) != nullptr) return true;
    if (called(value, "torch.storage", "_load_from_bytes") || !builtin(value).empty()) return true;
    if (called(value, "_codecs", "encode")) return reader_.octets(id) != nullptr;
    if (numpy_scalar(nodes_, reader_, id)) return true;
    if (!torch_ && pickle::numpy_type(nodes_, id)) return true;
    if (torch_ && (is_size(value) || is_device(value))) return true;
    if (!torch_ && !of_torch(value)) return false;
    const auto tensor = reader_.read(id);
    return !tensor || tensor->has_value();
  }
  bool of_torch(const Node& value) const {
    return value.callable != kNoNode && node(value.callable).kind == Kind::ref &&
           (node(value.callable).module() == "torch" ||
            node(value.callable).module().starts_with("torch."));
  }

  void leaf(NodeId id, Role role) {
    const Node& value = node(id);
    if (const std::string_view name = builtin(value); !name.empty()) return built_in(id, name);
    if (called(value, "_codecs", "encode")) return octets(id);
    if (const auto* inner = reader_.raw_array_of(id); inner != nullptr) {
      if (inner->objects) {
        out_.holes.push_back({out_.pickle.size(), inner->begin});
        return remember(id);
      }
      if (!torch_) return raw_array(id, *inner);
    }
    if (!torch_) {
      if (const auto array = numpy_array(nodes_, id)) {
        note_class(*array);
        const SourcePtr bytes = reader_.octets(array->bytes);
        if (bytes == nullptr || bytes->size() != array->size) {
          return unknown("an array of another size than its bytes");
        }
        return whole_array(id, array->shape, array->type, array->fortran, bytes);
      }
      if (const auto type = pickle::numpy_type(nodes_, id)) return put(spell::numpy_type(*type));
    }
    if (const auto scalar = numpy_scalar(nodes_, reader_, id)) return single(id, *scalar);
    if (torch_ && is_size(value)) return torch_size(id);
    if (torch_ && is_device(value)) return torch_device(value);
    if (called(value, "torch.storage", "_load_from_bytes")) return storage(id, role);
    tensor(id, role);
  }

  void tensor(NodeId id, Role role) {
    const auto tensor = reader_.read(id);
    if (!tensor) return plain("__refused__", tensor.error().what);
    if (!*tensor) return unknown("an array of a type that is not known");
    if (!torch_) {
      out_.needs_torch = true;
      return;
    }
    parts(id, **tensor, role);
  }

  // What a persistent id stands for. One number is one tensor, however often it is named.
  void numbered(NodeId id, Role role) {
    const auto number = reader_.tensor_number(id);
    if (!number) return storage(id, role);
    const NodeId first = by_number_.emplace(*number, id).first->second;
    if (!recalled(first, role)) tensor(first, role);
  }

  void built_in(NodeId id, std::string_view name) {
    const std::vector<NodeId>& args = *arguments(node(id));
    if (name == "set" || name == "frozenset") {
      return set(id, node(args[0]).items, name == "frozenset");
    }
    if (name == "bytes") return spliced(std::make_shared<MemorySource>(ByteSpan{}));
    if (name == "bytearray") return bytearray(id, args.empty() ? kNoNode : args[0]);
    put(global(torch_ ? "__builtin__" : "builtins", name) + code(op::MARK));
    for (const NodeId item : args) value(item, Role::element);
    put(code(op::TUPLE) + code(op::REDUCE));
  }

  bool is_size(const Node& value) const {
    const auto* args = arguments(value);
    return called(value, "torch", "Size") && args != nullptr && args->size() == 1 &&
           (*args)[0] != kNoNode && node((*args)[0]).kind == Kind::tuple &&
           std::ranges::all_of(node((*args)[0]).items, [&](NodeId item) {
             return item != kNoNode && node(item).kind == Kind::integer && !node(item).big;
           });
  }
  void torch_size(NodeId id) {
    put(global("torch", "Size") + code(op::MARK));
    for (const NodeId item : node(node(node(id).args).items[0]).items) value(item, Role::element);
    put(code(op::TUPLE) + code(op::TUPLE1) + code(op::REDUCE));
    remember(id);
  }
  // Devices that every torch since 2.0 has a name for.
  bool is_device(const Node& value) const {
    constexpr auto kDevices =
        std::to_array<std::string_view>({"cpu", "cuda", "mps", "xpu", "meta", "hpu", "xla"});
    const auto* args = arguments(value);
    if (!called(value, "torch", "device") || args == nullptr || args->empty() || args->size() > 2 ||
        (*args)[0] == kNoNode || !is_whole_text(node((*args)[0]))) {
      return false;
    }
    const std::string_view text = node((*args)[0]).text;
    const std::size_t colon = text.find(':');
    if (!tensor::is_known_location(text) ||
        std::ranges::find(kDevices, text.substr(0, colon)) == kDevices.end()) {
      return false;
    }
    if (args->size() == 1) return true;
    const Node* index = (*args)[1] == kNoNode ? nullptr : &node((*args)[1]);
    return colon == std::string_view::npos && index != nullptr && index->kind == Kind::integer &&
           !index->big && index->integer >= 0 && index->integer < 128;
  }
  void torch_device(const Node& value) {
    put(global("torch", "device") + code(op::MARK));
    for (const NodeId item : node(value.args).items) this->value(item, Role::element);
    put(code(op::TUPLE) + code(op::REDUCE));
  }

  // --- NumPy ---

  void note_class(const NumpyArray& array) {
    if (!array.subclass.empty()) replaced(array.subclass);
  }

  void whole_array(NodeId id, const std::vector<std::uint64_t>& shape, const NumpyType& type,
                   bool fortran, const SourcePtr& bytes) {
    put(spell::array_begin());
    remember(id);
    put(spell::array_state(shape, type, fortran));
    spliced(bytes);
    put(spell::array_end());
  }

  void raw_array(NodeId id, const pickle::RawArray& array) {
    if (!array.element) return unknown("an array of a type that is not known");
    whole_array(id, array.shape, *array.element, array.fortran,
                std::make_shared<SliceSource>(reader_.around().stream, array.begin,
                                              array.end - array.begin));
  }

  // An array that has no tensor: {"__class__": "numpy.ndarray", "dtype": "<U5", "shape": ...}
  void array_as_dict(const NumpyArray& array) {
    replaced("numpy.ndarray of " + pickle::type_text(array.type));
    put(code(op::MARK) + text("__class__") + text("numpy.ndarray") + text("dtype") +
        text(pickle::type_text(array.type)) + text("shape") + spell::sizes(array.shape));
    raw(code(op::SETITEMS));
    if (array.items == nullptr) {
      put(text("fortran_order") + boolean(array.fortran) + text("bytes"));
      return octets(array.bytes);
    }
    put(text("items") + code(op::EMPTY_LIST) + code(op::MARK));
    raw(code(op::APPENDS));
    elements(*array.items);
  }

  // A single element; in the torch dialect a number of Python's.
  void single(NodeId id, const NumpyScalar& scalar) {
    if (!torch_) {
      put(spell::scalar_begin(scalar.type) + spell::bytes_head(scalar.bytes.size()) + scalar.bytes +
          spell::scalar_end());
      return remember(id);
    }
    replaced("numpy." + pickle::type_text(scalar.type));
    if (const auto number = python_number(scalar)) return put(*number);
    put(code(op::EMPTY_DICT) + code(op::MARK) + text("__class__") + text("numpy.generic") +
        text("dtype") + text(pickle::type_text(scalar.type)) + text("bytes") +
        spell::latin1(scalar.bytes) + code(op::SETITEMS));
  }

  // --- tensors ---

  void loose(std::uint64_t begin, std::uint32_t storage, bool entry) {
    if (storages_[storage].size == 0) return;
    out_.loose.push_back({entry ? entry_ : begin, out_.pickle.size(), storage, entry});
  }

  void parts(NodeId id, const Tensor& tensor, Role role) {
    if (tensor.without_data) {
      replaced("a tensor without data");
      return plain("__class__", "torch.Tensor on the device meta");
    }
    if (tensor.parts.size() == 1 && tensor.parts[0].suffix.empty()) {
      return one(id, tensor.parts[0].view, role);
    }
    replaced("a sparse or quantized tensor");
    put(code(op::EMPTY_DICT));
    remember(id);
    put(code(op::MARK));
    for (const auto& [key, note] : tensor.notes) put(text(key) + text(note));
    for (const Part& part : tensor.parts) {
      entry_ = out_.pickle.size();
      put(text(part.suffix.empty() ? "values" : std::string_view(part.suffix).substr(1)));
      view(part.view);
      loose(entry_, part.view.storage, true);
    }
    put(code(op::SETITEMS));
  }
  void one(NodeId id, const TensorView& tensor, Role role) {
    const std::uint64_t begin = out_.pickle.size();
    view(tensor);
    remember(id, tensor.storage);
    loose(begin, tensor.storage, role == Role::entry);
  }

  // A storage by itself: a tensor of its type, or of bytes.
  void storage(NodeId id, Role role) {
    if (!torch_) {
      out_.needs_torch = true;
      return;
    }
    const auto index = reader_.storage_of(id);
    if (!index) return plain("__refused__", index.error().what);
    const Storage& held = storages_[*index];
    TensorView flat;
    flat.storage = *index;
    flat.dtype = held.dtype != nullptr ? held.dtype : tensor::find_dtype("uint8");
    flat.shape = {held.size / flat.dtype->itemsize};
    flat.stride = {1};
    replaced("a storage by itself");
    one(id, flat, role);
  }

  std::uint64_t record(std::uint32_t storage) {
    const auto [place, fresh] = records_.emplace(storage, first_record_ + out_.storages.size());
    if (fresh) out_.storages.push_back(storage);
    return place->second;
  }

  void view(const TensorView& tensor) {
    put(spelled(tensor, storages_[tensor.storage], record(tensor.storage)));
  }

  const NodeGraph& nodes_;
  Values values_;
  TensorReader& reader_;
  const std::vector<Storage>& storages_;
  const bool torch_;
  std::unordered_map<std::int64_t, NodeId> by_number_;  // torch's tar: the first that names it
  const std::uint64_t first_record_;
  Rewritten out_;
  std::vector<Task> tasks_;
  std::unordered_map<NodeId, Known> memo_;
  std::unordered_set<NodeId> open_tuples_;
  std::unordered_map<std::uint32_t, std::uint64_t> records_;
  std::uint64_t entry_ = 0;  // where the key began whose value comes
  std::uint64_t steps_ = 0;
  bool tuple_in_itself_ = false;
};

Rewritten rewrite_as(const NodeGraph& nodes, NodeId root, TensorReader& reader,
                     const std::vector<Storage>& storages, Dialect dialect, RewriteStart start) {
  Rewriter rewriter(nodes, reader, storages, dialect, start);
  Rewritten out = rewriter.run(root, false);
  if (!rewriter.tuple_in_itself()) return out;
  Rewriter again(nodes, reader, storages, dialect, start);
  out = again.run(root, true);
  if (again.tuple_in_itself()) out.unsure = "a tuple of nothing but itself";
  out.over_budget = out.over_budget || again.tuple_in_itself();
  return out;
}

}  // namespace

Rewritten rewrite(const NodeGraph& nodes, NodeId root, TensorReader& reader,
                  const std::vector<Storage>& storages, std::optional<Dialect> only,
                  RewriteStart start) {
  Rewritten out = rewrite_as(nodes, root, reader, storages, only.value_or(Dialect::plain), start);
  if (out.needs_torch && !only) {
    return rewrite_as(nodes, root, reader, storages, Dialect::torch, start);
  }
  return out;
}

std::string spelled(const TensorView& view, const Storage& storage, std::uint64_t record) {
  const bool typed = storage.dtype != nullptr && !storage.dtype->storage.empty();
  const bool same = typed && storage.dtype == view.dtype;
  const std::uint64_t count = typed ? storage.size / storage.dtype->itemsize : storage.size;
  std::string out = global("torch._utils", same ? "_rebuild_tensor_v2" : "_rebuild_tensor_v3");
  out += code(op::MARK) + code(op::MARK) + text("storage") +
         (typed ? global("torch", storage.dtype->storage)
                : global("torch.storage", "UntypedStorage")) +
         text(std::to_string(record)) + text("cpu") + integer(static_cast<std::int64_t>(count)) +
         code(op::TUPLE) + code(op::BINPERSID);
  out += integer(static_cast<std::int64_t>(view.offset)) + spell::sizes(view.shape) +
         spell::sizes(view.stride) + boolean(false);
  out += global("collections", "OrderedDict") + code(op::EMPTY_TUPLE) + code(op::REDUCE);
  if (!same) out += global("torch", view.dtype->name);
  if (view.conj || view.neg) {
    out += code(op::EMPTY_DICT) + code(op::MARK);
    if (view.conj) out += text("conj") + boolean(true);
    if (view.neg) out += text("neg") + boolean(true);
    out += code(op::SETITEMS);
  }
  return out + code(op::TUPLE) + code(op::REDUCE);
}

void append(Rewritten& outer, Rewritten inner, std::uint32_t first_storage) {
  constexpr std::uint64_t kProto = 2;  // PROTO and its number; a STOP ends it
  if (inner.pickle.size() < kProto + 1) return;
  const std::uint64_t place = outer.pickle.size() - kProto;
  outer.pickle.append(inner.pickle, kProto, inner.pickle.size() - kProto - 1);
  for (const Rewritten::Loose& piece : inner.loose) {
    outer.loose.push_back(
        {piece.begin + place, piece.end + place, piece.storage + first_storage, piece.entry});
  }
  for (Rewritten::Splice& splice : inner.splices) {
    outer.splices.push_back({splice.at + place, std::move(splice.bytes)});
  }
  for (const std::uint32_t storage : inner.storages) {
    outer.storages.push_back(storage + first_storage);
  }
  for (const auto& [what, count] : inner.replaced) outer.replaced[what] += count;
  if (outer.unsure.empty()) outer.unsure = std::move(inner.unsure);
  outer.over_budget = outer.over_budget || inner.over_budget;
  outer.needs_torch = outer.needs_torch || inner.needs_torch;
}

void embed(Rewritten& outer, std::vector<Rewritten> inner,
           const std::vector<std::uint32_t>& first_storages) {
  Rewritten out = std::move(outer);
  const std::string pickle = std::exchange(out.pickle, {});
  const auto loose = std::exchange(out.loose, {});
  const auto splices = std::exchange(out.splices, {});
  const auto holes = std::exchange(out.holes, {});
  std::size_t next_loose = 0, next_splice = 0;
  std::uint64_t from = 0, moved = 0;
  const auto take = [&](std::uint64_t until) {
    for (; next_loose < loose.size() && loose[next_loose].end <= until; ++next_loose) {
      out.loose.push_back(loose[next_loose]);
      out.loose.back().begin += moved;
      out.loose.back().end += moved;
    }
    for (; next_splice < splices.size() && splices[next_splice].at <= until; ++next_splice) {
      out.splices.push_back(splices[next_splice]);
      out.splices.back().at += moved;
    }
    out.pickle.append(pickle, from, until - from);
    from = until;
  };
  for (std::size_t i = 0; i < std::min(holes.size(), inner.size()); ++i) {
    take(holes[i].at);
    append(out, std::move(inner[i]), first_storages[i]);
    moved = out.pickle.size() - from;
  }
  take(pickle.size());
  outer = std::move(out);
}

}  // namespace brine::convert
