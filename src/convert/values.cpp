#include "convert/values.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <set>
#include <string>
#include <string_view>
#include <unordered_set>

#include "convert/layers.h"
#include "tensor/device.h"

namespace brine::convert {

using pickle::Kind;
using pickle::kNoNode;
using pickle::Node;
using pickle::NodeId;

namespace {

// Python's own mappings, and what a call of them takes.
struct Mapping {
  std::string_view name;
  std::size_t before = 0;  // arguments in front of the items
  bool pairs = true;  // also takes a list of pairs, which a Counter counts
  bool attributes = true;  // its instances can be given any
};
constexpr auto kMappings = std::to_array<Mapping>({
    {"collections.OrderedDict"},
    {"builtins.dict", 0, true, false},
    {"collections.defaultdict", 1, true, false},
    {"collections.Counter", 0, false, true},
});

const Mapping* find_mapping(std::string_view callable) {
  const auto* row = std::ranges::find(kMappings, callable, &Mapping::name);
  return row == kMappings.end() ? nullptr : row;
}

}  // namespace

// The keys and values that a call of one of Python's own mappings puts in; none when they do not
// stand in its arguments.
std::optional<std::vector<NodeId>> Values::called_with(const Node& object, std::size_t before,
                                                       bool pairs) const {
  if (object.made == pickle::Made::construct) return std::vector<NodeId>();  // no __init__ runs
  if (object.args == kNoNode || node(object.args).kind != Kind::tuple) return std::nullopt;
  const std::vector<NodeId>& args = node(object.args).items;
  if (args.size() <= before) return std::vector<NodeId>();
  if (args.size() != before + 1 || args.back() == kNoNode) return std::nullopt;
  const Node& given = node(args.back());
  if (given.kind == Kind::dict) return given.items;
  if (!pairs || (given.kind != Kind::list && given.kind != Kind::tuple)) return std::nullopt;
  std::vector<NodeId> out;
  for (const NodeId pair : given.items) {
    if (pair == kNoNode || node(pair).items.size() != 2 ||
        (node(pair).kind != Kind::list && node(pair).kind != Kind::tuple)) {
      return std::nullopt;
    }
    out.insert(out.end(), node(pair).items.begin(), node(pair).items.end());
  }
  return out;
}

// The pairs of a dict or of an object that is stored into like one.
std::optional<std::vector<Pair>> Values::mapping(NodeId id) const {
  const Node& value = node(id);
  if (value.kind == Kind::dict) return distinct(value.items);
  if (value.kind != Kind::object) return std::nullopt;
  const bool named = value.callable != kNoNode && node(value.callable).kind == Kind::ref;
  const Mapping* row = named ? find_mapping(dotted(node(value.callable))) : nullptr;
  std::vector<NodeId> items;
  if (row != nullptr) {
    auto given = called_with(value, row->before, row->pairs);
    if (!given && value.stored().empty()) return std::nullopt;
    const bool stated = std::ranges::any_of(value.states(), [&](NodeId state) {
      return state == kNoNode || node(state).kind != Kind::none;
    });
    doubt(!given || (stated && !row->attributes));
    if (given) items = std::move(*given);
  } else if (value.stored().empty()) {
    return std::nullopt;
  }
  items.insert(items.end(), value.stored().begin(), value.stored().end());
  return distinct(items);
}

// The attributes that BUILD gave an object; none when a state is of another kind.
std::optional<std::vector<Child>> Values::attributes(const Node& object) const {
  std::vector<NodeId> items;
  for (const NodeId id : object.states()) {
    if (id == kNoNode) return std::nullopt;
    const Node& state = node(id);
    if (state.kind == Kind::none) continue;
    if (state.kind == Kind::dict) {
      items.insert(items.end(), state.items.begin(), state.items.end());
    } else if (state.kind == Kind::tuple && state.items.size() == 2) {
      for (const NodeId half : state.items) {
        if (half == kNoNode) return std::nullopt;
        if (node(half).kind == Kind::dict) {
          items.insert(items.end(), node(half).items.begin(), node(half).items.end());
        } else if (node(half).kind != Kind::none) {
          return std::nullopt;
        }
      }
    } else {
      return std::nullopt;
    }
  }
  std::vector<Child> out;
  for (const Pair& pair : distinct(items)) out.push_back({key_text(pair.key), kNoNode, pair.value});
  return out;
}

namespace {

const Child* find(const std::vector<Child>& children, std::string_view name) {
  const auto found = std::ranges::find(children, name, &Child::part);
  return found == children.end() ? nullptr : &*found;
}

}  // namespace

// Whether RNNBase.__setstate__ (torch 2.13, nn/modules/rnn.py:419) gets through a recurrent layer's
// state: it asks for the first name of all weights and makes a weak reference to each flat one. An
// older state, whose names are made anew, is not told apart.
bool Values::recurrent_loads(const std::vector<Child>& state) const {
  const auto list_of = [&](std::string_view name) -> const Node* {
    const Child* held = find(state, name);
    const bool list = held != nullptr && held->value != kNoNode &&
                      node(held->value).kind == Kind::list && !node(held->value).items.empty();
    return list ? &node(held->value) : nullptr;
  };
  const Node* flat = list_of("_flat_weights");
  const Node* all = list_of("_all_weights");
  if (flat == nullptr || all == nullptr || all->items.front() == kNoNode) return false;
  const Node& names = node(all->items.front());
  return names.kind == Kind::list && !names.items.empty() &&
         std::ranges::all_of(flat->items, [&](NodeId weight) {
           return weight != kNoNode &&
                  (node(weight).kind == Kind::object || node(weight).kind == Kind::none);
         });
}

// Whether a class with a state_dict() of its own gives nothing more than its base would.
bool Values::adds_nothing(const OwnStateDict& own, const std::vector<Child>& state) const {
  const auto held_by = [&](std::string_view name) -> std::optional<std::vector<Pair>> {
    const Child* held = find(state, name);
    return held == nullptr || held->value == kNoNode ? std::nullopt : mapping(held->value);
  };
  if (!own.unless.empty()) {
    const auto pairs = held_by(own.unless);
    return find(state, own.unless) == nullptr ||
           (pairs && std::ranges::all_of(*pairs, [&](const Pair& pair) {
              return pair.value != kNoNode && node(pair.value).kind == Kind::boolean &&
                     node(pair.value).integer == 0;
            }));
  }
  const auto buffers = held_by("_buffers");
  if (!own.writes.empty()) {
    const auto parameters = held_by("_parameters");
    const auto written = [&](const Pair& pair) {
      return std::ranges::find(own.writes, key_text(pair.key)) != own.writes.end();
    };
    const auto shadowed = [&](std::string_view name) { return find(state, name) != nullptr; };
    return buffers && buffers->empty() && parameters && std::ranges::all_of(*parameters, written) &&
           std::ranges::none_of(own.writes, shadowed);
  }
  return !own.adds.empty() && buffers && std::ranges::all_of(own.adds, [&](std::string_view added) {
    return std::ranges::any_of(*buffers,
                               [&](const Pair& pair) { return key_text(pair.key) == added; });
  });
}

// Whether hooks are those of torch.nn.utils.spectral_norm, which note a version by the name of
// what they normalize, and raise when two have one name (torch/nn/utils/spectral_norm.py, 2.13).
bool Values::counts_versions(const std::vector<Pair>& hooks) const {
  constexpr std::string_view kModule = "torch.nn.utils.spectral_norm.";
  std::set<std::string, std::less<>> names;
  const auto part_of = [&](NodeId id, std::string_view cls, std::string_view part) {
    if (id == kNoNode || node(id).kind != Kind::object) return kNoNode;
    const Node* ref = class_of(node(id));
    const auto all = attributes(node(id));
    const Child* held = all ? find(*all, part) : nullptr;
    const bool fits = ref != nullptr && dotted(*ref) == std::string(kModule) + std::string(cls);
    return fits && held != nullptr ? held->value : kNoNode;
  };
  return std::ranges::all_of(hooks, [&](const Pair& pair) {
    const NodeId norm = part_of(pair.value, "SpectralNormStateDictHook", "fn");
    const NodeId name = part_of(norm, "SpectralNorm", "name");
    return name != kNoNode && is_whole_text(node(name)) && names.emplace(node(name).text).second;
  });
}

// Whether state_dict() gives what stands in a layer's dictionaries, by its class and by what the
// object itself holds.
bool Values::keeps_state_dict(const Node& object, const std::vector<Child>& state) const {
  constexpr std::string_view kHooks[] = {"_state_dict_hooks", "_state_dict_pre_hooks"};
  constexpr std::string_view kMethods[] = {"state_dict", "_save_to_state_dict"};
  const Node* ref = class_of(object);
  if (ref == nullptr) return false;
  if (layer_class(ref->module(), ref->name()) == LayerClass::other) return false;
  const std::string cls = dotted(*ref);
  if (cls.starts_with("torch.nn.modules.rnn.") && !cls.ends_with("Cell") &&
      !recurrent_loads(state)) {
    return false;
  }
  if (const OwnStateDict* own = own_state_dict(cls); own != nullptr && !adds_nothing(*own, state)) {
    return false;
  }
  const auto changes_nothing = [&](std::string_view name) {
    const Child* held = find(state, name);
    if (held == nullptr || held->value == kNoNode) return held == nullptr;
    const auto pairs = mapping(held->value);
    return pairs && (pairs->empty() || counts_versions(*pairs));
  };
  return std::ranges::all_of(kHooks, changes_nothing) &&
         std::ranges::none_of(kMethods,
                              [&](std::string_view name) { return find(state, name) != nullptr; });
}

// Whether state_dict() can ask a value for its entries: a layer among layers, else a tensor.
bool Values::gives_entries(NodeId id, bool layer) const {
  const Node& value = node(id);
  if (value.kind != Kind::object) return false;
  const Node* ref = class_of(value);
  if (!layer) {
    if (value.callable == kNoNode || node(value.callable).kind != Kind::ref) return false;
    constexpr auto kMakers = std::to_array<std::string_view>(
        {"torch", "torch._utils", "torch._tensor", "torch.nn.parameter"});
    return std::ranges::find(kMakers, node(value.callable).module()) != kMakers.end();
  }
  const auto state = attributes(value);
  return ref != nullptr && layer_class(ref->module(), ref->name()) == LayerClass::layer && state &&
         find(*state, "_parameters") != nullptr;
}

// The state_dict of a torch.nn.Module as children; none when the object is no module.
std::optional<std::vector<Child>> Values::module_state(NodeId id, std::vector<Child>* rest) const {
  const Node& object = node(id);
  if (object.kind != Kind::object || object.states().empty()) return std::nullopt;
  const auto all = attributes(object);
  if (!all) return std::nullopt;
  constexpr std::string_view kParts[] = {"_parameters", "_buffers", "_modules"};
  std::array<std::vector<Pair>, std::size(kParts)> pairs;
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    const Child* held = find(*all, kParts[i]);
    auto found = held == nullptr || held->value == kNoNode ? std::nullopt : mapping(held->value);
    if (!found) return std::nullopt;
    pairs[i] = std::move(*found);
  }
  doubt(!keeps_state_dict(object, *all));
  std::vector<Child> out;
  const Child* skipped = find(*all, "_non_persistent_buffers_set");
  std::unordered_set<std::string> names;
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    const std::string_view part = kParts[i];
    for (const Pair& pair : pairs[i]) {
      if (pair.value == kNoNode || node(pair.value).kind == Kind::none) continue;
      std::string name = key_text(pair.key);
      // torch lets no name in that has a dot or is there already; then state_dict() has one of two.
      const bool twice = !names.insert(name).second;
      doubt(twice || name.find('.') != std::string::npos ||
            !gives_entries(pair.value, part == "_modules"));
      if (part == "_buffers" && skipped != nullptr && has_member(skipped->value, name)) {
        if (rest != nullptr) rest->push_back({std::move(name), kNoNode, pair.value});
        continue;
      }
      out.push_back({std::move(name), kNoNode, pair.value});
    }
  }
  if (rest != nullptr) {
    for (const Child& child : *all) {
      if (std::ranges::find(kParts, child.part) == std::end(kParts)) rest->push_back(child);
    }
  }
  return out;
}

bool Values::has_member(NodeId set, std::string_view name) const {
  if (set == kNoNode) return false;
  const Node& members = node(set);
  const auto holds = [&](const std::vector<NodeId>& items) {
    return std::ranges::any_of(items, [&](NodeId item) {
      const bool text = item != kNoNode && is_whole_text(node(item));
      doubt(!text);  // a str of another class may equal the name
      return text && node(item).text == name;
    });
  };
  if (holds(members.items)) return true;
  // set(['name']), as protocols below 4 write it.
  return members.kind == Kind::object && members.args != kNoNode &&
         std::ranges::any_of(node(members.args).items, [&](NodeId item) {
           return item != kNoNode && holds(node(item).items);
         });
}

// Items and attributes of what is neither a dict nor a module.
std::vector<Child> Values::parts_of(NodeId id) const {
  const Node& value = node(id);
  std::vector<Child> out;
  const auto indexed = [&](const std::vector<NodeId>& items) {
    for (std::size_t i = 0; i < items.size(); ++i) {
      out.push_back({std::to_string(i), kNoNode, items[i]});
    }
  };
  if (value.kind != Kind::object) {
    indexed(value.items);
    return out;
  }
  indexed(value.appended());
  if (auto held = attributes(value)) {
    for (Child& child : *held) out.push_back(std::move(child));
  }
  return out;
}

// torch.jit._pickle.restore_type_tag(value, type), build_tensorlist(list) ...: one in another at
// most.
NodeId Values::unwrapped(NodeId id) const {
  for (int depth = 0; depth < 2 && id != kNoNode; ++depth) {
    const Node& call = node(id);
    if (call.kind != Kind::object || call.callable == kNoNode || call.args == kNoNode) break;
    const Node& callable = node(call.callable);
    const std::vector<NodeId>& args = node(call.args).items;
    if (callable.kind != Kind::ref || callable.module() != "torch.jit._pickle" || args.empty())
      break;
    if (callable.name() != "restore_type_tag" && !callable.name().starts_with("build_")) break;
    id = args[0];
  }
  return id;
}

// Whether NumPy knows the element type of the empty array that a state fills: it writes b'b'.
bool Values::is_empty_array(const Node& object) const {
  if (object.args == kNoNode || node(object.args).items.size() != 3) return false;
  const NodeId code = node(object.args).items[2];
  if (code == kNoNode) return false;
  const bool plain = node(code).kind == Kind::str || node(code).kind == Kind::bytes;
  const auto text = plain ? std::optional(std::string(node(code).text)) : latin1_bytes(node(code));
  constexpr std::string_view kCodes = "?bhilqBHILQefdgFDGSUVO";
  return text && text->size() == 1 && kCodes.contains(*text);
}

// _reconstruct(...) and BUILD (version, shape, dtype, fortran, list); NumPy writes and reads the
// list row by row, whatever the flag says.
const std::vector<NodeId>* Values::object_array(const Node& object) const {
  if (object.callable == kNoNode || object.states().size() != 1 || object.states()[0] == kNoNode) {
    return nullptr;
  }
  const Node& callable = node(object.callable);
  const Node& state = node(object.states()[0]);
  if (callable.kind != Kind::ref || callable.name() != "_reconstruct" ||
      !(callable.module() == "numpy.core.multiarray" ||
        callable.module() == "numpy._core.multiarray") ||
      state.kind != Kind::tuple || state.items.empty() || state.items.back() == kNoNode ||
      node(state.items.back()).kind != Kind::list) {
    return nullptr;
  }
  doubt(!is_empty_array(object));
  return &node(state.items.back()).items;
}

bool Values::device_loads(const Node& object) const {
  const Node* ref = class_of(object);
  if (ref == nullptr || dotted(*ref) != "torch.device") return true;
  if (object.args == kNoNode) return false;
  const std::vector<NodeId>& args = node(object.args).items;
  if (args.empty() || args.size() > 2 || args[0] == kNoNode || args.back() == kNoNode) return false;
  if (!is_whole_text(node(args[0]))) return false;
  const std::string_view type = node(args[0]).text;
  if (args.size() == 1) return tensor::is_device(type);
  const Node& number = node(args[1]);
  return tensor::is_device_type(type) && number.kind == Kind::integer && !number.big &&
         number.integer >= 0 && number.integer <= tensor::kLastDevice;
}

bool Values::has_arguments(const Node& object) const {
  if (object.args == kNoNode || node(object.args).kind != Kind::tuple) return true;
  const Node& callable = node(object.callable);
  const std::vector<NodeId>& args = node(object.args).items;
  if (callable.name() == "_reconstructor") return args.size() != 3;
  return !args.empty();
}

bool Values::stores_its_fields(const Node& object, const std::vector<Pair>& items,
                               std::span<const std::string_view> fields) const {
  std::set<std::string, std::less<>> stored;
  for (const Pair& pair : items) {
    if (pair.key == kNoNode || !is_whole_text(node(pair.key))) return false;
    stored.emplace(node(pair.key).text);
  }
  const auto is_field = [&](const std::string& key) {
    return std::ranges::find(fields, key) != fields.end();
  };
  if (!std::ranges::all_of(stored, is_field)) return false;
  if (object.args == kNoNode || node(object.args).kind != Kind::tuple) return false;
  const std::vector<NodeId>& args = node(object.args).items;
  if (args.empty()) return true;
  if (args.size() != fields.size() || object.made == pickle::Made::construct) return false;
  for (std::size_t i = 0; i < args.size(); ++i) {
    const bool none = args[i] != kNoNode && node(args[i]).kind == Kind::none;
    if (!none && !stored.contains(fields[i])) return false;
  }
  return true;
}

// _new_Index(pandas.Index, {'data': array, 'name': ...}): the array's own type is kept where it is
// one that every pandas has an index of.
NodeId Values::indexed_array(const Node& object) const {
  const Node* ref = class_of(object);
  if (ref == nullptr || dotted(*ref) != "pandas.core.indexes.base._new_Index") return kNoNode;
  if (object.args == kNoNode || !object.states().empty()) return kNoNode;
  const std::vector<NodeId>& args = node(object.args).items;
  if (args.size() != 2 || args[0] == kNoNode || args[1] == kNoNode) return kNoNode;
  const Node& cls = node(args[0]);
  if (cls.kind != Kind::ref || node(args[1]).kind != Kind::dict) return kNoNode;
  if (dotted(cls) != "pandas.Index" && dotted(cls) != "pandas.core.indexes.base.Index") {
    return kNoNode;
  }
  NodeId data = kNoNode;
  for (const Pair& pair : distinct(node(args[1]).items)) {
    if (pair.key == kNoNode || !is_whole_text(node(pair.key))) return kNoNode;
    const std::string_view key = node(pair.key).text;
    if (key == "data") {
      data = pair.value;
    } else if (key != "name") {
      return kNoNode;
    }
  }
  return data;
}

const Node* Values::class_of(const Node& object) const {
  if (object.callable == kNoNode) return nullptr;
  const Node& callable = node(object.callable);
  // A batch of torch-geometric's: DynamicInheritanceGetter()(Batch, Data).
  if (callable.kind == Kind::object && object.args != kNoNode &&
      class_name(callable) == "torch_geometric.data.batch.DynamicInheritanceGetter") {
    const std::vector<NodeId>& args = node(object.args).items;
    return args.size() == 2 && args[0] != kNoNode && node(args[0]).kind == Kind::ref
               ? &node(args[0])
               : nullptr;
  }
  if (callable.kind != Kind::ref) return nullptr;
  // copyreg._reconstructor(cls, base, state) and copyreg.__newobj__(cls, ...)
  if ((callable.module() == "copyreg" || callable.module() == "copy_reg") &&
      object.args != kNoNode && !node(object.args).items.empty() &&
      node(object.args).items[0] != kNoNode && node(node(object.args).items[0]).kind == Kind::ref) {
    return &node(node(object.args).items[0]);
  }
  return &callable;
}

std::string Values::class_name(const Node& object) const {
  const Node* ref = class_of(object);
  return ref == nullptr ? "?" : dotted(*ref);
}

}  // namespace brine::convert
