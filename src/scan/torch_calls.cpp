// How a call comes to its row, and what is known behind it. The rows are in torch_values.cpp and
// torch_tensors.cpp.

#include "scan/torch_calls.h"

#include <algorithm>
#include <utility>

#include "scan/torch_types.h"
#include "tensor/device.h"

namespace brine::scan {
namespace {

using namespace torch_type;
using pickle::Args;
using pickle::k1_13;
using pickle::k2_13;
using pickle::kFrom2_6;
using pickle::Kind;
using pickle::kNoNode;
using pickle::kTorchReleases;
using pickle::Machine;
using pickle::NodeId;
using pickle::Outcome;
using pickle::Releases;
using pickle::TypeId;
using pickle::Value;

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

}  // namespace brine::scan
