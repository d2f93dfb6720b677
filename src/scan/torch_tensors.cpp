// What tensors are made from: a view of a storage that reaches no further than the storage does, of
// a type that can have a gradient if one is wanted, with hooks and attributes that may be set.

#include <algorithm>

#include "scan/torch_calls.h"
#include "scan/torch_types.h"
#include "tensor/device.h"

namespace brine::scan {
namespace {

using namespace torch_type;
using pickle::k1_13;
using pickle::kFrom2_6;
using pickle::Kind;
using pickle::kNoNode;
using pickle::Node;
using pickle::NodeId;
using tensor::Dtype;

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

constexpr unsigned kMostCalls = 6;  // a parameter of a subclass of a sparse tensor of tensors
constexpr std::size_t kMostDimensions = 64;

bool is_float(std::string_view dtype) { return dtype.starts_with("float") || dtype == "bfloat16"; }
bool is_quantized(std::string_view dtype) { return dtype.starts_with("q"); }

// Types of which several elements lie in an item of the storage.
std::uint64_t elements_in_item(const Dtype& dtype) {
  return dtype.name == "quint4x2" ? 2 : dtype.name == "quint2x4" ? 4 : 1;
}

// How far a strided tensor reaches, in elements.
struct Reach {
  bool told = true;  // in numbers that a machine may have
  std::uint64_t elements = 1, last = 0;
};
Reach reach_of(std::uint64_t offset, const std::vector<std::uint64_t>& shape,
               const std::vector<std::uint64_t>& stride) {
  constexpr std::uint64_t kMost = std::uint64_t{1} << 48;
  Reach out{true, 1, offset};
  std::uint64_t step = 0;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    out.told = out.told && !__builtin_mul_overflow(out.elements, shape[i], &out.elements);
    if (shape[i] == 0) continue;
    out.told = out.told && !__builtin_mul_overflow(shape[i] - 1, stride[i], &step) &&
               !__builtin_add_overflow(out.last, step, &out.last);
  }
  out.told = out.told && out.elements < kMost && out.last < kMost;
  return out;
}

}  // namespace

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

// (layout, (indices, values, size[, coalesced])), of compressed layouts two lists of indices
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
  if (items.size() < 3 || items.size() > 4) return odd;
  const bool coo = layout == "torch.sparse_coo";
  if (!(coo ? fits_coo(items) : fits_compressed(layout, items))) return odd;
  // Older releases look at the indices themselves, which lie in the records.
  Says says = doubts("whether a sparse tensor loads depends on its indices", k1_13 | pickle::k2_6);
  if (coo && items.size() == 3) return says;
  return both(
      raises(coo ? "a sparse tensor of four values" : "a sparse tensor of a layout other than COO",
             k1_13),
      std::move(says));
}

bool TorchCalls::fits_coo(const Items& items) {
  if (items.size() == 4 && node(items[3]).kind != Kind::boolean) return false;
  const auto indices = tensor_of(items[0]), values = tensor_of(items[1]);
  const auto shape = sizes(items[2]);
  return indices && indices->dtype != nullptr && indices->dtype->name == "int64" &&
         indices->shape.size() == 2 && values && !values->shape.empty() && shape &&
         values->shape[0] == indices->shape[1] &&
         shape->size() == indices->shape[0] + values->shape.size() - 1 &&
         std::equal(values->shape.begin() + 1, values->shape.end(),
                    shape->end() - static_cast<std::ptrdiff_t>(values->shape.size()) + 1);
}

bool TorchCalls::fits_compressed(std::string_view layout, const Items& items) {
  const bool blocks = layout == "torch.sparse_bsr" || layout == "torch.sparse_bsc";
  if (!blocks && layout != "torch.sparse_csr" && layout != "torch.sparse_csc") return false;
  if (items.size() != 4) return false;
  const auto first = tensor_of(items[0]), second = tensor_of(items[1]);
  const auto values = tensor_of(items[2]);
  const auto shape = sizes(items[3]);
  const auto integers = [](const std::optional<Made>& made) {
    return made && made->dtype != nullptr &&
           (made->dtype->name == "int64" || made->dtype->name == "int32");
  };
  return integers(first) && integers(second) && values && shape && first->dtype == second->dtype &&
         first->shape.size() == 1 && second->shape.size() == 1 && shape->size() == 2 &&
         values->shape.size() == (blocks ? 3u : 1u) && values->shape[0] == second->shape[0];
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
  const Reach reach = reach_of(static_cast<std::uint64_t>(offset.integer), *shape, *stride);
  if (!reach.told || (reach.elements != 0 && reach.last >= limit)) {
    const std::string why = "a tensor that reaches behind its storage";
    // The storage of a record cannot grow, one of the first format can.
    const bool fixed = reach.told && records_ != nullptr && count != 0 && packed == 1;
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

}  // namespace brine::scan
