#include "scan/torch_calls.h"

#include <algorithm>
#include <utility>

#include "tensor/device.h"

namespace brine::scan {
namespace {

using pickle::Args;
using pickle::k1_13;
using pickle::k2_13;
using pickle::kAllReleases;
using pickle::kFrom2_6;
using pickle::Kind;
using pickle::kNoNode;
using pickle::kTorchReleases;
using pickle::Machine;
using pickle::Node;
using pickle::NodeId;
using pickle::Outcome;
using pickle::Releases;
using pickle::TypeId;
using pickle::Value;
using tensor::Dtype;

// What the allowed functions give.
enum Type : TypeId {
  kUnknown,
  kTensor,
  kParameter,
  kOrderedDict,
  kCounter,
  kSize,
  kDevice,
  kBytes,
  kByteArray,
  kSet,
  kComplex,
  kLayout,
  kStorage,
};
struct TypeRow {
  TypeId type;
  std::string_view name;
  bool hashable;
};
constexpr auto kTypes = std::to_array<TypeRow>({
    {kTensor, "torch.Tensor", true},
    {kParameter, "torch.nn.parameter.Parameter", true},
    {kOrderedDict, "collections.OrderedDict", false},
    {kCounter, "collections.Counter", false},
    {kSize, "torch.Size", true},
    {kDevice, "torch.device", true},
    {kBytes, "builtins.bytes", true},
    {kByteArray, "builtins.bytearray", false},
    {kSet, "builtins.set", false},
    {kComplex, "builtins.complex", true},
    {kLayout, "torch.layout", true},
    {kStorage, "torch.storage.TypedStorage", true},
});

const TypeRow* row_of(TypeId type) {
  const auto* row = std::ranges::find(kTypes, type, &TypeRow::type);
  return row == kTypes.end() ? nullptr : row;
}

// Attributes of a tensor that are computed: setting one may raise.
constexpr auto kComputedAttributes = std::to_array<std::string_view>({
    "H",
    "T",
    "_backward_hooks",
    "_base",
    "_cdata",
    "_grad",
    "_grad_fn",
    "_version",
    "data",
    "device",
    "dtype",
    "grad",
    "grad_dtype",
    "grad_fn",
    "imag",
    "is_cpu",
    "is_cuda",
    "is_ipu",
    "is_leaf",
    "is_maia",
    "is_meta",
    "is_mkldnn",
    "is_mps",
    "is_mtia",
    "is_nested",
    "is_ort",
    "is_quantized",
    "is_sparse",
    "is_sparse_csr",
    "is_vulkan",
    "is_xla",
    "is_xpu",
    "itemsize",
    "layout",
    "mH",
    "mT",
    "name",
    "names",
    "nbytes",
    "ndim",
    "output_nr",
    "real",
    "requires_grad",
    "retains_grad",
    "shape",
    "volatile",
    "_python_dispatch",
    "_post_accumulate_grad_hooks",
    "_has_symbolic_sizes_strides",
});

struct LayoutRow {
  std::string_view name;
  Releases releases;
};
constexpr auto kLayouts = std::to_array<LayoutRow>({
    {"torch.strided", kAllReleases},
    {"torch.sparse_coo", kAllReleases},
    {"torch.sparse_csr", kAllReleases},
    {"torch.sparse_csc", kAllReleases},
    {"torch.sparse_bsr", kAllReleases},
    {"torch.sparse_bsc", kAllReleases},
    {"torch._mkldnn", kAllReleases},
    {"torch.jagged", kFrom2_6},
});

constexpr unsigned kMostCalls = 6;  // a parameter of a subclass of a sparse tensor of tensors
constexpr std::size_t kMostKeyParts = 1024;
constexpr std::size_t kMostDimensions = 64;

bool is_float(std::string_view dtype) { return dtype.starts_with("float") || dtype == "bfloat16"; }
bool is_quantized(std::string_view dtype) { return dtype.starts_with("q"); }

// Types of which several elements lie in an item of the storage.
std::uint64_t elements_in_item(const Dtype& dtype) {
  return dtype.name == "quint4x2" ? 2 : dtype.name == "quint2x4" ? 4 : 1;
}

}  // namespace

TorchCalls::TorchCalls(FindStorage records) : records_(std::move(records)) {}

const std::optional<TorchCalls::Note>& TorchCalls::failure(pickle::TorchRelease release) const {
  return failures_[static_cast<std::size_t>(release)];
}
const std::optional<TorchCalls::Note>& TorchCalls::doubt(pickle::TorchRelease release) const {
  return doubts_[static_cast<std::size_t>(release)];
}

TorchCalls::Says TorchCalls::raises(std::string why, Releases by) {
  return {by, 0, std::move(why), {}};
}
TorchCalls::Says TorchCalls::doubts(std::string why, Releases by) {
  return {0, by, {}, std::move(why)};
}

// What holds when both have to work.
TorchCalls::Says TorchCalls::both(Says first, Says second) {
  if (first.raises == 0) first.why = std::move(second.why);
  if (first.doubts == 0) first.doubt = std::move(second.doubt);
  first.raises |= second.raises;
  first.doubts |= second.doubts;
  return first;
}

void TorchCalls::on_event(const pickle::Event& event, Machine& machine) {
  if (!pending_.works()) note(pending_, event.offset, event.opcode);
  pending_ = {};
  machine.clear_nodes();
}

void TorchCalls::note(const Says& says, std::uint64_t offset, std::uint8_t opcode) {
  for (std::size_t i = 0; i < kTorchReleases.size(); ++i) {
    const Releases bit = set_of(kTorchReleases[i]);
    if ((says.raises & bit) != 0 && !failures_[i]) failures_[i] = Note{offset, opcode, says.why};
    if ((says.doubts & bit) != 0 && !doubts_[i]) doubts_[i] = Note{offset, opcode, says.doubt};
  }
}

// --- the World ---

const TorchCalls::Function* TorchCalls::find(std::string_view name) {
  static constexpr auto kFunctions = std::to_array<Function>({
      {"collections.OrderedDict", kOrderedDict, &TorchCalls::ordered_dict},
      {"collections.Counter", kCounter, &TorchCalls::counter},
      {"torch.Size", kSize, &TorchCalls::size},
      {"torch.device", kDevice, &TorchCalls::device},
      {"_codecs.encode", kBytes, &TorchCalls::encode},
      {"builtins.bytearray", kByteArray, &TorchCalls::byte_array},
      {"builtins.set", kSet, &TorchCalls::set},
      {"builtins.complex", kComplex, &TorchCalls::complex},
      {"torch.serialization._get_layout", kLayout, &TorchCalls::layout},
      {"torch.Tensor", kTensor, &TorchCalls::empty_tensor},
      {"torch.nn.parameter.Parameter", kParameter, &TorchCalls::parameter},
      {"torch._utils._rebuild_tensor", kTensor, &TorchCalls::rebuilt},
      {"torch._utils._rebuild_tensor_v2", kTensor, &TorchCalls::rebuilt_v2},
      {"torch._utils._rebuild_tensor_v3", kTensor, &TorchCalls::rebuilt_v3},
      {"torch._utils._rebuild_parameter", kParameter, &TorchCalls::rebuilt_parameter},
      {"torch._utils._rebuild_parameter_with_state", kParameter, &TorchCalls::parameter_with_state},
      {"torch._tensor._rebuild_from_type_v2", kTensor, &TorchCalls::from_type},
      {"torch._utils._rebuild_qtensor", kTensor, &TorchCalls::quantized},
      {"torch._utils._rebuild_sparse_tensor", kTensor, &TorchCalls::sparse},
      {"torch._utils._rebuild_nested_tensor", kTensor, &TorchCalls::nested},
      {"torch._utils._rebuild_meta_tensor_no_storage", kTensor, &TorchCalls::meta},
      {"torch._utils._rebuild_device_tensor_from_cpu_tensor", kTensor, &TorchCalls::from_cpu},
      {"torch._utils._rebuild_device_tensor_from_numpy", kTensor, &TorchCalls::not_followed},
      {"torch._utils._rebuild_sparse_csr_tensor", kTensor, &TorchCalls::not_followed},
      {"torch._utils._rebuild_wrapper_subclass", kUnknown, &TorchCalls::not_followed},
      {"torch.nested._internal.nested_tensor._rebuild_njt", kUnknown, &TorchCalls::not_followed},
      {"torch.distributed._mesh_layout._FlatLayout", kUnknown, &TorchCalls::not_followed},
      {"torch.distributed._mesh_layout._MeshLayout", kUnknown, &TorchCalls::not_followed},
  });
  const auto* row = std::ranges::find(kFunctions, name, &Function::name);
  return row == kFunctions.end() ? nullptr : row;
}

TorchCalls::Says TorchCalls::call_of(std::string_view name, const Items& args) {
  if (const Function* row = find(name)) return (this->*row->says)(args);
  if (name == "torch.storage.UntypedStorage") return doubts("what it gives is not followed");
  if (name.ends_with("Storage")) {
    // From 2.6 on these names stand for the element type alone.
    return both(raises("storage classes are not callable", kFrom2_6),
                doubts("what " + std::string(name) + "() gives is not followed", k1_13));
  }
  if (name.starts_with("torch.") && name.ends_with("Tensor")) {
    const bool plain = std::ranges::count(name, '.') == 1;  // no device's, none that is sparse
    if (plain && args.empty()) return {};
    return doubts("what " + std::string(name) + " gives is not followed");
  }
  if (name.starts_with("torch.")) return raises(std::string(name) + " is not callable");
  return doubts("what " + std::string(name) + " gives is not followed");
}

std::optional<TorchCalls::Items> TorchCalls::items_of(const Args& args) {
  if (!args.known || args.has_kwargs) return std::nullopt;
  Items out;
  for (const Value& value : args.items) {
    const NodeId id = machine_->rebuild(value);
    if (id == kNoNode) return std::nullopt;
    out.push_back(id);
  }
  return out;
}

void TorchCalls::call(Machine& machine, const Value& callable, const Args& args,
                      pickle::CallHow /*how*/, Outcome& out) {
  machine_ = &machine;
  const std::optional<Items> items = items_of(args);
  const bool named = callable.kind() == Kind::ref;
  pending_ = items && named ? call_of(std::string(machine.module_of(callable.aux())) + "." +
                                          std::string(machine.name_of(callable.aux())),
                                      *items)
                            : doubts("a call whose arguments are not known");
  out.type = named ? result_type(machine, callable.aux()) : TypeId{kUnknown};
  if (out.type == kUnknown) out.result = Outcome::Result::unknown;
}

// cls.__new__(cls, *args), but Parameter(*args).
void TorchCalls::construct(Machine& machine, const Value& cls, const Args& args, Outcome& out) {
  machine_ = &machine;
  out.type = result_type(machine, cls.aux());
  const std::string name =
      std::string(machine.module_of(cls.aux())) + "." + std::string(machine.name_of(cls.aux()));
  const std::optional<Items> items = items_of(args);
  const TypeRow* row = row_of(out.type);
  const bool is_class = row != nullptr && row->name == name;
  if (items && out.type == kParameter && is_class) {
    pending_ = parameter(*items);
  } else if (items && items->empty() && is_class && out.type >= kOrderedDict) {
    pending_ = {};
  } else {
    pending_ = doubts("what making a " + name + " this way gives is not followed");
  }
  if (out.type == kUnknown) out.result = Outcome::Result::unknown;
}

pickle::World::StateRule TorchCalls::set_state(Machine& machine, const Value& target,
                                               const Value& state, Outcome& /*out*/) {
  machine_ = &machine;
  const TypeId type = target.kind() == Kind::object ? target.aux() : TypeId{kUnknown};
  if ((type == kOrderedDict || type == kCounter) && state.kind() == Kind::dict) {
    pending_ = {};
  } else if (type == kOrderedDict && state.kind() <= Kind::floating) {
    pending_ = raises("an OrderedDict whose state is no dict");
  } else if (type == kTensor) {
    // inst.set_(*state): storage, offset, sizes, strides
    const NodeId id = machine.rebuild(state);
    const bool four = id != kNoNode && node(id).kind == Kind::tuple && node(id).items.size() == 4;
    Made made;
    if (four) {
      const Items items = node(id).items;
      pending_ = view({items[0], items[1], items[2], items[3]}, &made);
    }
    // The class of the tensor must be that of the storage's elements.
    const std::string name = machine.render(target, 64);
    const bool floats = made.dtype != nullptr && made.dtype->name == "float32" &&
                        (name.starts_with("torch.FloatTensor") || name.starts_with("torch.Tensor"));
    if (!four || !floats) pending_ = both(pending_, doubts("a tensor whose state is set"));
  } else {
    pending_ = doubts("what this state does to the object is not followed");
  }
  return StateRule::dict;
}

void TorchCalls::store(Machine& machine, const Value& target, pickle::StoreHow how,
                       const Value* key, const Value& /*value*/, Outcome& /*out*/) {
  machine_ = &machine;
  const TypeId type = target.kind() == Kind::object ? target.aux() : TypeId{kUnknown};
  const bool mapping = type == kOrderedDict || type == kCounter;
  pending_ = {};
  if (!mapping || how != pickle::StoreHow::setitem || key == nullptr) {
    pending_ = doubts("what storing into this object does is not followed");
  } else if (key->kind() == Kind::list || key->kind() == Kind::dict || key->kind() == Kind::set) {
    pending_ = raises("unhashable type");
  } else if (!key_fits(machine, *key)) {
    pending_ = doubts("an object of which nobody knows whether it can be a key");
  }
}

bool TorchCalls::key_fits(Machine& machine, const Value& key) {
  if (key.kind() <= Kind::bytes || key.kind() == Kind::ref) return true;
  const NodeId id = machine.rebuild(key);
  return id != kNoNode && hashable(id);
}

bool TorchCalls::hash(Machine& machine, const Value& value, bool& event, Outcome& /*out*/) {
  machine_ = &machine;
  if (value.kind() == Kind::ref || value.kind() == Kind::persistent) return true;
  const TypeRow* row = value.kind() == Kind::object ? row_of(value.aux()) : nullptr;
  if (row != nullptr) return row->hashable;
  event = true;
  pending_ = doubts("an object of which nobody knows whether it can be a key");
  return true;
}

void TorchCalls::persistent(Machine& machine, const pickle::Profile& /*profile*/, const Value& id,
                            Outcome& out) {
  machine_ = &machine;
  out.type = kStorage;
  const NodeId told = machine.rebuild(id);
  const auto parsed =
      told == kNoNode ? std::nullopt : tensor::parse_storage_id(machine.nodes(), told);
  if (parsed) {
    pending_ = storage(*parsed, node(told).items.size());
  } else if (told != kNoNode && node(told).kind != Kind::unknown &&
             (node(told).kind != Kind::tuple || node(told).items.empty())) {
    pending_ = raises("a persistent id that is no tuple of values");
  } else {
    pending_ = doubts("a persistent id that is not as torch writes it");
  }
}

pickle::TypeId TorchCalls::result_type(Machine& machine, pickle::RefId callable) {
  const std::string name =
      std::string(machine.module_of(callable)) + "." + std::string(machine.name_of(callable));
  if (const Function* row = find(name)) return row->type;
  const bool plain = name.starts_with("torch.") && std::ranges::count(name, '.') == 1;
  return plain && name.ends_with("Tensor") ? kTensor : kUnknown;
}

std::string TorchCalls::type_name(Machine& /*machine*/, TypeId type) {
  const TypeRow* row = row_of(type);
  return row == nullptr ? "?" : std::string(row->name);
}

// persistent_load of ('storage', class, key, location, elements[, view])
TorchCalls::Says TorchCalls::storage(const tensor::StorageId& id, std::size_t values) {
  const bool zip = records_ != nullptr;
  if (values != (zip ? 5u : 6u)) {
    return raises("a storage's id of " + std::to_string(values) + " values");
  }
  const std::optional<std::uint64_t> bytes = id.byte_size();
  const auto [known, fresh] = storages_.emplace(id.key, Seen{id.dtype, id.numel});
  if (!fresh) {
    if (known->second.dtype == id.dtype && known->second.numel == id.numel) return {};
    return doubts("storage " + id.key + " is named twice with different types or sizes");
  }
  if (!bytes) return doubts("a storage of more bytes than there are");
  if (!zip && id.dtype == nullptr) return raises("an untyped storage in torch's first format");
  Says says;
  if (zip) {
    const std::optional<format::StorageRecord> record = records_(id.key);
    if (!record) {
      return raises("the record of storage " + id.key + " is missing");
    }
    if (record->size != *bytes) {
      // Before 2.10 nobody compares the two.
      const std::string why = "storage " + id.key + " wants " + std::to_string(*bytes) +
                              " bytes, its record has " + std::to_string(record->size);
      says = both(raises(why, k2_13), doubts(why, k1_13 | pickle::k2_6));
    } else if (!record->agreed) {
      says = doubts("readers disagree about the record of storage " + id.key);
    }
  }
  if (id.location == "cpu" || id.location == "meta") return says;
  if (id.location.starts_with("cpu") || !tensor::is_known_location(id.location)) {
    return both(raises("don't know how to restore data location of " + id.location), says);
  }
  devices_.insert(id.location);
  return says;
}

// --- what the functions say, one by one ---

TorchCalls::Says TorchCalls::ordered_dict(const Items& args) {
  if (args.empty()) return {};
  const bool dict =
      node(args[0]).kind == Kind::dict || name_of(args[0]) == "collections.OrderedDict";
  if (args.size() == 1 && (dict || pairs(args[0]))) return {};
  return doubts("an OrderedDict of what is no list of pairs");
}

TorchCalls::Says TorchCalls::counter(const Items& args) {
  if (args.empty() || (args.size() == 1 && node(args[0]).kind == Kind::dict)) return {};
  return doubts("a Counter of what is no dict");
}

TorchCalls::Says TorchCalls::size(const Items& args) {
  if (args.empty()) return {};
  const bool list = node(args[0]).kind == Kind::tuple || node(args[0]).kind == Kind::list;
  const bool numbers = list && std::ranges::all_of(node(args[0]).items, [&](NodeId item) {
                         return node(item).kind == Kind::integer && !node(item).big;
                       });
  return args.size() == 1 && numbers ? Says{} : doubts("a torch.Size of what are no numbers");
}

TorchCalls::Says TorchCalls::device(const Items& args) {
  if (args.empty() || args.size() > 2 || !is_text(args[0]) ||
      !tensor::is_known_location(node(args[0]).text)) {
    return doubts("a torch.device that not every release has");
  }
  const bool indexed =
      args.size() == 1 ||
      (node(args[1]).kind == Kind::integer && !node(args[1]).big && node(args[1]).integer >= 0 &&
       node(args[1]).integer < 100 && node(args[0]).text.find(':') == std::string_view::npos);
  return indexed ? Says{} : doubts("a torch.device with an odd index");
}

// _codecs.encode(text, codec)
TorchCalls::Says TorchCalls::encode(const Items& args) {
  const bool told = !args.empty() && args.size() <= 2 && is_text(args[0]) &&
                    (args.size() == 1 || is_text(args[1]));
  if (!told) return doubts("_codecs.encode of what is not told");
  const std::string_view text = node(args[0]).text;
  const std::string_view codec = args.size() == 1 ? "utf-8" : node(args[1]).text;
  const auto lead = [](char c) { return static_cast<unsigned char>(c); };
  if (codec == "latin1" || codec == "latin-1") {
    if (std::ranges::all_of(text, [&](char c) { return lead(c) < 0xc4; })) return {};
    return raises("text that latin1 cannot encode");
  }
  // Surrogates, which UTF-8 cannot encode, begin with ED.
  const bool plain = std::ranges::all_of(text, [&](char c) { return lead(c) != 0xed; });
  if ((codec == "utf-8" || codec == "utf8") && plain) return {};
  return doubts("_codecs.encode with the codec " + std::string(codec));
}

TorchCalls::Says TorchCalls::byte_array(const Items& args) {
  if (args.empty()) return {};
  if (args.size() == 1 &&
      (node(args[0]).kind == Kind::bytes || name_of(args[0]) == "_codecs.encode"))
    return {};
  return args.size() == 2 ? encode(args) : doubts("a bytearray of what are no bytes");
}

TorchCalls::Says TorchCalls::set(const Items& args) {
  if (args.empty()) return {};
  const Kind kind = node(args[0]).kind;
  if (args.size() != 1 || (kind != Kind::list && kind != Kind::tuple)) {
    return doubts("a set of what is no list");
  }
  const Items items = node(args[0]).items;
  const bool fits = std::ranges::all_of(items, [&](NodeId item) { return hashable(item); });
  return fits ? Says{} : doubts("a set of what may have no hash");
}

TorchCalls::Says TorchCalls::complex(const Items& args) {
  const bool numbers = args.size() <= 2 && std::ranges::all_of(args, [&](NodeId item) {
                         return node(item).kind == Kind::floating ||
                                (node(item).kind == Kind::integer && !node(item).big);
                       });
  return numbers ? Says{} : doubts("a complex of what are no numbers");
}

TorchCalls::Says TorchCalls::layout(const Items& args) {
  if (args.size() != 1 || !is_text(args[0])) return doubts("a layout that is not told");
  const auto* row = std::ranges::find(kLayouts, node(args[0]).text, &LayoutRow::name);
  const Releases known = row == kLayouts.end() ? Releases{0} : row->releases;
  if (known == kAllReleases) return {};
  return raises("no layout " + std::string(node(args[0]).text),
                static_cast<Releases>(kAllReleases & ~known));
}

TorchCalls::Says TorchCalls::empty_tensor(const Items& args) {
  return args.empty() ? Says{} : doubts("a torch.Tensor made of values");
}

TorchCalls::Says TorchCalls::parameter(const Items& args) {
  if (args.empty()) return {};
  if (args.size() > 2) return doubts("a Parameter with odd arguments");
  const bool none = node(args[0]).kind == Kind::none;  // an empty one
  const auto made = none ? Made{tensor::find_dtype("float32"), {0}} : tensor_of(args[0]);
  if (!made) return doubts("a Parameter of what is no tensor that is followed");
  if (args.size() == 2) return gradient(made->dtype, args[1]);
  const bool able = made->dtype != nullptr &&
                    (is_float(made->dtype->name) || made->dtype->name.starts_with("complex"));
  return able ? Says{} : raises("a Parameter of numbers that have no gradient");
}

// (storage, offset, size, stride)
TorchCalls::Says TorchCalls::rebuilt(const Items& args) {
  if (args.size() != 4) return raises("_rebuild_tensor of other than four arguments");
  return view({args[0], args[1], args[2], args[3]});
}

// (storage, offset, size, stride, requires_grad, hooks[, metadata])
TorchCalls::Says TorchCalls::rebuilt_v2(const Items& args) {
  if (args.size() != 6 && args.size() != 7) {
    return raises("_rebuild_tensor_v2 of other than six or seven arguments");
  }
  Made made;
  Says says = view({args[0], args[1], args[2], args[3]}, &made);
  says = both(std::move(says), gradient(made.dtype, args[4]));
  says = both(std::move(says), hooks(args[5]));
  if (args.size() == 6) return says;
  says = both(std::move(says), raises("_rebuild_tensor_v2 of seven arguments", k1_13));
  const Node& metadata = node(args[6]);
  if (metadata.kind == Kind::none) return says;
  if (metadata.kind != Kind::dict)
    return both(std::move(says), doubts("metadata that are no dict"));
  for (std::size_t i = 0; i + 1 < metadata.items.size(); i += 2) {
    const bool neg = is_text(metadata.items[i]) && node(metadata.items[i]).text == "neg";
    const bool conj = is_text(metadata.items[i]) && node(metadata.items[i]).text == "conj";
    const bool complexes = made.dtype != nullptr && made.dtype->name.starts_with("complex");
    if (node(metadata.items[i + 1]).kind != Kind::boolean || !(neg || (conj && complexes))) {
      return both(std::move(says), doubts("metadata of a tensor that torch does not write"));
    }
  }
  return says;
}

// (storage, offset, size, stride, requires_grad, hooks, dtype[, metadata])
TorchCalls::Says TorchCalls::rebuilt_v3(const Items& args) {
  if (args.size() != 7 && args.size() != 8) {
    return raises("_rebuild_tensor_v3 of other than seven or eight arguments");
  }
  Made made;
  Says says = view({args[0], args[1], args[2], args[3], args[6]}, &made);
  says = both(std::move(says), gradient(made.dtype, args[4]));
  says = both(std::move(says), hooks(args[5]));
  const bool plain = args.size() == 7 || node(args[7]).kind == Kind::none ||
                     (node(args[7]).kind == Kind::dict && node(args[7]).items.empty());
  return plain ? says : both(std::move(says), doubts("metadata of a tensor of a newer type"));
}

// (tensor, requires_grad, hooks)
TorchCalls::Says TorchCalls::rebuilt_parameter(const Items& args) {
  if (args.size() != 3) return raises("_rebuild_parameter of other than three arguments");
  return both(parameter({args[0], args[1]}), hooks(args[2]));
}

TorchCalls::Says TorchCalls::parameter_with_state(const Items& args) {
  if (args.size() != 4) return raises("_rebuild_parameter_with_state of other than four arguments");
  return both(rebuilt_parameter({args[0], args[1], args[2]}), attributes(args[3]));
}

// (function, class, arguments, state)
TorchCalls::Says TorchCalls::from_type(const Items& args) {
  if (args.size() != 4) return raises("_rebuild_from_type_v2 of other than four arguments");
  if (node(args[0]).kind != Kind::ref || node(args[1]).kind != Kind::ref ||
      node(args[2]).kind != Kind::tuple) {
    return doubts("_rebuild_from_type_v2 of what is not told");
  }
  const std::string function = name_of(args[0]);
  const Function* row = find(function);
  if (row == nullptr || row->type != kTensor || row->says == &TorchCalls::from_type ||
      name_of(args[1]) != "torch.Tensor") {
    return doubts("a subclass of Tensor that is not followed");
  }
  const Items inner = node(args[2]).items;
  return both((this->*row->says)(inner), attributes(args[3]));
}

// (storage, offset, size, stride, (scheme, scale, zero_point[, axis]), requires_grad, hooks)
TorchCalls::Says TorchCalls::quantized(const Items& args) {
  if (args.size() != 7) return raises("_rebuild_qtensor of other than seven arguments");
  Made made;
  Says says = both(view({args[0], args[1], args[2], args[3]}, &made), hooks(args[6]));
  Says odd = doubts("a quantized tensor that is not as torch writes it");
  if (made.dtype == nullptr || !is_quantized(made.dtype->name) ||
      node(args[5]).kind != Kind::boolean || node(args[5]).integer != 0 ||
      node(args[4]).kind != Kind::tuple) {
    return both(std::move(says), odd);
  }
  const Items scheme = node(args[4]).items;
  const std::string name = scheme.empty() ? std::string() : name_of(scheme[0]);
  if (name == "torch.per_tensor_affine" && scheme.size() == 3 &&
      node(scheme[1]).kind == Kind::floating && node(scheme[2]).kind == Kind::integer &&
      !node(scheme[2]).big && std::abs(node(scheme[2]).integer) <= 127) {
    return says;
  }
  const bool by_channel = name == "torch.per_channel_affine";
  // Zero points of packed types are floats whatever the scheme is called.
  const bool floats = name == "torch.per_channel_affine_float_qparams" ||
                      (by_channel && elements_in_item(*made.dtype) > 1);
  if ((!by_channel && !floats) || scheme.size() != 4) {
    return both(std::move(says), odd);
  }
  const auto scales = tensor_of(scheme[1]), zeros = tensor_of(scheme[2]);
  const Node& axis = node(scheme[3]);
  const bool fits =
      scales && zeros && scales->dtype != nullptr && zeros->dtype != nullptr &&
      axis.kind == Kind::integer && !axis.big && axis.integer >= 0 &&
      static_cast<std::uint64_t>(axis.integer) < made.shape.size() &&
      scales->dtype->name == (floats ? "float32" : "float64") &&
      zeros->dtype->name == (floats ? "float32" : "int64") &&
      scales->shape == std::vector{made.shape[static_cast<std::size_t>(axis.integer)]} &&
      zeros->shape == scales->shape;
  return fits ? says : both(std::move(says), odd);
}

// (layout, (indices, values, size[, coalesced]))
TorchCalls::Says TorchCalls::sparse(const Items& args) {
  if (args.size() != 2) return raises("_rebuild_sparse_tensor of other than two arguments");
  Says odd = doubts("a sparse tensor that is not as torch writes it");
  const Node& data = node(args[1]);
  const Node& how = node(args[0]);
  if (data.kind != Kind::tuple || name_of(args[0]) != "torch.serialization._get_layout" ||
      how.args == kNoNode || node(how.args).items.size() != 1 ||
      !is_text(node(how.args).items[0])) {
    return odd;
  }
  const std::string_view layout = node(node(how.args).items[0]).text;
  const Items items = data.items;
  const bool coo = layout == "torch.sparse_coo";
  if (items.size() < 3 || items.size() > 4) return odd;
  const auto first = tensor_of(items[0]), second = tensor_of(items[1]);
  const auto shape = sizes(items[coo ? 2 : items.size() - 1]);
  const auto integers = [](const std::optional<Made>& made) {
    return made && made->dtype != nullptr &&
           (made->dtype->name == "int64" || made->dtype->name == "int32");
  };
  // Older releases look at the indices themselves, which lie in the records.
  Says says = doubts("whether a sparse tensor loads depends on its indices", k1_13 | pickle::k2_6);
  if (coo) {
    if (items.size() == 4) {
      says = both(raises("a sparse tensor of four values", k1_13), std::move(says));
      if (node(items[3]).kind != Kind::boolean) return odd;
    }
    const bool fits =
        first && first->dtype != nullptr && first->dtype->name == "int64" &&
        first->shape.size() == 2 && second && !second->shape.empty() && shape &&
        second->shape[0] == first->shape[1] &&
        shape->size() == first->shape[0] + second->shape.size() - 1 &&
        std::equal(second->shape.begin() + 1, second->shape.end(),
                   shape->end() - static_cast<std::ptrdiff_t>(second->shape.size()) + 1);
    return fits ? says : odd;
  }
  says = both(raises("a sparse tensor of a layout other than COO", k1_13), std::move(says));
  const bool compressed = layout == "torch.sparse_csr" || layout == "torch.sparse_csc" ||
                          layout == "torch.sparse_bsr" || layout == "torch.sparse_bsc";
  const auto values = items.size() == 4 ? tensor_of(items[2]) : std::nullopt;
  const bool blocks = layout == "torch.sparse_bsr" || layout == "torch.sparse_bsc";
  const bool fits = compressed && integers(first) && integers(second) && values && shape &&
                    first->dtype == second->dtype && first->shape.size() == 1 &&
                    second->shape.size() == 1 && shape->size() == 2 &&
                    values->shape.size() == (blocks ? 3u : 1u) &&
                    values->shape[0] == second->shape[0];
  return fits ? says : odd;
}

TorchCalls::Says TorchCalls::nested(const Items& /*args*/) {
  return doubts("whether a nested tensor loads depends on its sizes, which lie in the records");
}

// (dtype, size, stride, requires_grad)
TorchCalls::Says TorchCalls::meta(const Items& args) {
  if (args.size() != 4) return raises("a meta tensor of other than four arguments");
  const Dtype* dtype = dtype_of(args[0]);
  const auto size = sizes(args[1]), stride = sizes(args[2]);
  if (dtype == nullptr || is_quantized(dtype->name) || !size || !stride ||
      size->size() != stride->size() || size->size() > kMostDimensions) {
    return doubts("a meta tensor that is not as torch writes it");
  }
  std::uint64_t count = 1;
  bool fits = true;
  for (const std::uint64_t n : *size) fits = fits && !__builtin_mul_overflow(count, n, &count);
  for (const std::uint64_t n : *stride) fits = fits && n < (std::uint64_t{1} << 40);
  fits = fits && count < (std::uint64_t{1} << 40);
  return fits ? gradient(dtype, args[3]) : doubts("a meta tensor of very many elements");
}

// (tensor, dtype, device, requires_grad)
TorchCalls::Says TorchCalls::from_cpu(const Items& args) {
  if (args.size() != 4) return raises("a device's tensor of other than four arguments");
  const auto made = tensor_of(args[0]);
  const Dtype* dtype = dtype_of(args[1]);
  if (!made || dtype == nullptr || dtype != made->dtype || !is_text(args[2]) ||
      !tensor::is_known_location(node(args[2]).text)) {
    return doubts("a device's tensor that is not as torch writes it");
  }
  if (node(args[2]).text != "cpu") devices_.emplace(node(args[2]).text);
  return gradient(dtype, args[3]);
}

TorchCalls::Says TorchCalls::not_followed(const Items& /*args*/) {
  return doubts("what this function gives is not followed");
}

// --- what they look at ---

TorchCalls::Says TorchCalls::view(const Strided& pieces, Made* made) {
  const Node& id = node(pieces.storage);
  const auto parsed = id.kind == Kind::persistent
                          ? tensor::parse_storage_id(machine_->nodes(), id.args)
                          : std::nullopt;
  if (!parsed) return doubts("a tensor of a storage that is not as torch writes it");
  const Dtype* stored = parsed->dtype != nullptr ? parsed->dtype : tensor::find_dtype("uint8");
  const Dtype* dtype = pieces.dtype == kNoNode ? stored : dtype_of(pieces.dtype);
  const auto shape = sizes(pieces.size), stride = sizes(pieces.stride);
  if (dtype != nullptr && made != nullptr) made->dtype = dtype;
  if (shape && made != nullptr) made->shape = *shape;
  const Node& offset = node(pieces.offset);
  if (dtype == nullptr || !shape || !stride || offset.kind != Kind::integer || offset.big ||
      offset.integer < 0 || shape->size() > kMostDimensions) {
    return doubts("a tensor whose type, offset, sizes or strides torch may not take");
  }
  if (shape->size() != stride->size()) return doubts("a tensor with other sizes than strides");
  const std::uint64_t count = parsed->view ? parsed->view_numel : parsed->numel;
  if (parsed->view && parsed->view_numel + parsed->view_offset > parsed->numel) {
    return doubts("a storage's view that reaches behind it");
  }
  std::uint64_t bytes = 0;
  if (__builtin_mul_overflow(count, std::uint64_t{stored->itemsize}, &bytes)) {
    return doubts("a storage of more bytes than there are");
  }
  const std::uint64_t packed = elements_in_item(*dtype);
  const std::uint64_t items = bytes / dtype->itemsize;
  const std::uint64_t limit = items > ~std::uint64_t{0} / packed ? items : items * packed;
  std::uint64_t last = static_cast<std::uint64_t>(offset.integer), elements = 1, step = 0;
  bool fits = true;
  for (std::size_t i = 0; i < shape->size(); ++i) {
    fits = fits && !__builtin_mul_overflow(elements, (*shape)[i], &elements);
    if ((*shape)[i] == 0) continue;
    fits = fits && !__builtin_mul_overflow((*shape)[i] - 1, (*stride)[i], &step) &&
           !__builtin_add_overflow(last, step, &last);
  }
  fits = fits && elements < (std::uint64_t{1} << 48) && last < (std::uint64_t{1} << 48);
  if (!fits || (elements != 0 && last >= limit)) {
    const std::string why = "a tensor that reaches behind its storage";
    // The storage of a record cannot grow, one of the first format can.
    const bool fixed = fits && records_ != nullptr && count != 0 && packed == 1;
    return fixed ? both(raises(why, kFrom2_6), doubts(why, k1_13)) : doubts(why);
  }
  return {};
}

TorchCalls::Says TorchCalls::gradient(const Dtype* dtype, NodeId wanted) const {
  if (node(wanted).kind == Kind::unknown || node(wanted).kind == Kind::object) {
    return doubts("requires_grad is not told");
  }
  if (node(wanted).kind != Kind::boolean) return raises("requires_grad must be a bool");
  if (node(wanted).integer == 0) return {};
  if (dtype == nullptr) return doubts("whether numbers of this type have a gradient");
  const std::string_view name = dtype->name;
  if (name == "float64" || name == "float32" || name == "float16" || name == "bfloat16" ||
      name == "complex64" || name == "complex128") {
    return {};
  }
  if (is_float(name) || name.starts_with("complex")) {
    return doubts("whether numbers of this type have a gradient");
  }
  return raises("only floating point and complex numbers can require gradients");
}

// An empty OrderedDict, as torch writes; None, as it once did.
TorchCalls::Says TorchCalls::hooks(NodeId id) const {
  const Kind kind = node(id).kind;
  if (kind == Kind::none || kind == Kind::dict || name_of(id) == "collections.OrderedDict")
    return {};
  return doubts("backward hooks that torch does not write");
}

// setattr of each item of a dict, or of two dicts.
TorchCalls::Says TorchCalls::attributes(NodeId state) const {
  std::vector<NodeId> dicts{state};
  if (node(state).kind == Kind::tuple) {
    dicts = node(state).items;
    if (dicts.size() != 2) return raises("a state of other than two dicts");
  }
  for (const NodeId id : dicts) {
    const Node& dict = node(id);
    if (dict.kind == Kind::none) continue;
    if (dict.kind != Kind::dict) return doubts("a state that is no dict");
    for (std::size_t i = 0; i + 1 < dict.items.size(); i += 2) {
      const bool text = is_text(dict.items[i]);
      const std::string_view name = text ? node(dict.items[i]).text : "";
      if (!text || name.starts_with("__") ||
          std::ranges::find(kComputedAttributes, name) != kComputedAttributes.end()) {
        return doubts("an attribute that tensors may not let set");
      }
    }
  }
  return {};
}

std::optional<TorchCalls::Made> TorchCalls::tensor_of(NodeId id, unsigned depth) {
  if (id == kNoNode || depth == kMostCalls) return std::nullopt;
  const Node& object = node(id);
  if (object.kind != Kind::object || object.callable == kNoNode || object.args == kNoNode ||
      !object.states().empty() || node(object.args).kind != Kind::tuple) {
    return std::nullopt;
  }
  std::string name = name_of(id);
  Items args = node(object.args).items;
  if (name == "torch._tensor._rebuild_from_type_v2") {
    if (args.size() != 4 || node(args[2]).kind != Kind::tuple) return std::nullopt;
    name = name_of(args[0]);
    args = Items(node(args[2]).items);
  }
  if (name == "torch._utils._rebuild_parameter" || name == "torch.nn.parameter.Parameter" ||
      name == "torch._utils._rebuild_parameter_with_state" ||
      name == "torch._utils._rebuild_device_tensor_from_cpu_tensor") {
    return args.empty() ? std::nullopt : tensor_of(args[0], depth + 1);
  }
  const bool v3 = name == "torch._utils._rebuild_tensor_v3";
  if ((name != "torch._utils._rebuild_tensor" && name != "torch._utils._rebuild_tensor_v2" &&
       !v3) ||
      args.size() < (v3 ? 7u : 4u)) {
    return std::nullopt;
  }
  Made made;
  view({args[0], args[1], args[2], args[3], v3 ? args[6] : kNoNode}, &made);
  return made;
}

std::optional<std::vector<std::uint64_t>> TorchCalls::sizes(NodeId id) const {
  const Node* list = &node(id);
  if (name_of(id) == "torch.Size" && list->kind == Kind::object && list->args != kNoNode &&
      node(list->args).items.size() == 1) {
    list = &node(node(list->args).items[0]);
  }
  if (list->kind != Kind::tuple && list->kind != Kind::list) return std::nullopt;
  std::vector<std::uint64_t> out;
  for (const NodeId item : list->items) {
    const Node& number = node(item);
    if (number.kind != Kind::integer || number.big || number.integer < 0) return std::nullopt;
    out.push_back(static_cast<std::uint64_t>(number.integer));
  }
  return out;
}

const Dtype* TorchCalls::dtype_of(NodeId id) const {
  const std::string name = name_of(id);
  if (node(id).kind != Kind::ref || !name.starts_with("torch.")) return nullptr;
  return tensor::find_dtype(std::string_view(name).substr(6));
}

bool TorchCalls::is_text(NodeId id) const {
  return node(id).kind == Kind::str && node(id).length == node(id).text.size();
}

bool TorchCalls::hashable(NodeId id) const {
  std::vector<NodeId> open{id};
  for (std::size_t visits = 0; !open.empty(); ++visits) {
    if (visits == kMostKeyParts) return false;
    const Node& part = node(open.back());
    open.pop_back();
    if (part.kind <= Kind::bytes || part.kind == Kind::ref || part.kind == Kind::persistent)
      continue;
    if (part.kind == Kind::tuple) {
      open.insert(open.end(), part.items.begin(), part.items.end());
      continue;
    }
    const TypeRow* row = part.kind == Kind::object ? row_of(part.type) : nullptr;
    if (row == nullptr || !row->hashable) return false;
  }
  return true;
}

bool TorchCalls::pairs(NodeId id) const {
  const Node& list = node(id);
  if (list.kind != Kind::list && list.kind != Kind::tuple) return false;
  return std::ranges::all_of(list.items, [&](NodeId item) {
    const Node& pair = node(item);
    return (pair.kind == Kind::list || pair.kind == Kind::tuple) && pair.items.size() == 2 &&
           hashable(pair.items[0]);
  });
}

// The dotted name of a reference, or of the callable that made an object.
std::string TorchCalls::name_of(NodeId id) const {
  const Node* named = &node(id);
  if (named->kind == Kind::object && named->callable != kNoNode) named = &node(named->callable);
  if (named->kind != Kind::ref) return {};
  return std::string(named->module()) + "." + std::string(named->name());
}

}  // namespace brine::scan
