#include "convert/tensors.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <limits>

#include "convert/arrays.h"
#include "convert/casts.h"
#include "convert/chunks.h"
#include "convert/layouts.h"
#include "convert/values.h"
#include "tensor/device.h"

namespace brine::convert {
namespace {

using pickle::Kind;
using pickle::kNoNode;
using pickle::Node;
using pickle::NodeId;
using tensor::Dtype;

constexpr std::string_view kChanged = "a tensor that is changed after it was made";
constexpr unsigned kMaxDepth = 4;  // a subclass of a parameter of a sparse tensor of tensors
constexpr std::uint64_t kMaxDimensions = 64;  // torch's own limit of a TensorIterator

const Node kEmptyText = [] {
  Node text;
  text.kind = Kind::str;
  text.offset = ~std::uint64_t{0};  // stands nowhere in the stream
  return text;
}();

std::unexpected<Error> cannot(std::string what) {
  return fail({ErrorCode::unsupported, 0, std::move(what)});
}
std::unexpected<Error> broken(std::string what) {
  return fail(Error::malformed(0, std::move(what)));
}

// Whether something was stored into it or appended to it.
bool is_filled(const Node& object) {
  return !object.stored().empty() || !object.appended().empty();
}

bool is_text(const Node& node) { return node.kind == Kind::str && node.length == node.text.size(); }

}  // namespace

bool lies_within(const TensorView& view, std::uint64_t limit) {
  std::uint64_t last = view.offset, count = 1, step = 0;
  for (std::size_t i = 0; i < view.shape.size(); ++i) {
    if (__builtin_mul_overflow(view.shape[i] - 1, view.stride[i], &step) ||
        __builtin_add_overflow(last, step, &last) ||
        __builtin_mul_overflow(count, view.shape[i], &count)) {
      return false;
    }
  }
  return last < limit && count <= ~std::uint64_t{0} / 32;
}

bool counted(std::span<const std::uint64_t> shape) {
  constexpr std::uint64_t kMost = std::numeric_limits<std::int64_t>::max();
  std::uint64_t count = 1;
  return std::ranges::all_of(shape, [&](std::uint64_t size) {
    return size <= kMost && !__builtin_mul_overflow(count, size, &count) && count <= kMost;
  });
}

std::optional<std::uint64_t> checked_product(std::uint64_t a, std::uint64_t b) {
  std::uint64_t out = 0;
  if (__builtin_mul_overflow(a, b, &out)) return std::nullopt;
  return out;
}
std::optional<std::uint64_t> checked_sum(std::uint64_t a, std::uint64_t b) {
  std::uint64_t out = 0;
  if (__builtin_add_overflow(a, b, &out)) return std::nullopt;
  return out;
}

std::optional<std::vector<std::uint64_t>> sizes_of(const pickle::NodeGraph& nodes, NodeId id) {
  if (id == kNoNode) return std::nullopt;
  const Node* tuple = &nodes[id];
  if (tuple->kind == Kind::object && tuple->callable != kNoNode &&
      nodes[tuple->callable].kind == Kind::ref && nodes[tuple->callable].name() == "Size" &&
      tuple->args != kNoNode && nodes[tuple->args].items.size() == 1 &&
      nodes[tuple->args].items[0] != kNoNode) {
    tuple = &nodes[nodes[tuple->args].items[0]];
  }
  if (tuple->kind != Kind::tuple && tuple->kind != Kind::list) return std::nullopt;
  std::vector<std::uint64_t> out;
  for (const NodeId item : tuple->items) {
    if (item == kNoNode) return std::nullopt;
    const Node& size = nodes[item];
    if (size.kind != Kind::integer || size.big || size.integer < 0) return std::nullopt;
    out.push_back(static_cast<std::uint64_t>(size.integer));
  }
  return out;
}

std::uint64_t TensorView::elements() const {
  std::uint64_t count = 1;
  for (const std::uint64_t size : shape) count *= size;
  return count;
}

bool TensorView::contiguous() const {
  std::uint64_t expected = 1;
  for (std::size_t i = shape.size(); i-- > 0;) {
    if (shape[i] == 1) continue;
    if (stride[i] != expected) return false;
    expected *= shape[i];
  }
  return true;
}

const TensorReader::Function* TensorReader::find(std::string_view module, std::string_view name) {
  static constexpr auto kFunctions = std::to_array<Function>({
      {"torch._utils", "_rebuild_tensor", &TensorReader::strided},
      {"torch._utils", "_rebuild_tensor_v2", &TensorReader::strided},
      {"torch._utils", "_rebuild_tensor_v3", &TensorReader::strided_v3},
      {"torch._utils", "_rebuild_parameter", &TensorReader::inner},
      {"torch._utils", "_rebuild_parameter_with_state", &TensorReader::inner},
      {"torch.nn.parameter", "Parameter", &TensorReader::parameter},
      {"torch.nn.parameter", "Buffer", &TensorReader::buffer},
      {"torch._tensor", "_rebuild_from_type_v2", &TensorReader::from_type},
      {"torch._tensor", "_rebuild_from_type", &TensorReader::from_type},
      {"torch._utils", "_rebuild_qtensor", &TensorReader::quantized},
      {"torch._utils", "_rebuild_sparse_tensor", &TensorReader::sparse},
      {"torch._utils", "_rebuild_sparse_csr_tensor", &TensorReader::sparse},
      {"torch._utils", "_rebuild_nested_tensor", &TensorReader::nested},
      {"torch._utils", "_rebuild_meta_tensor_no_storage", &TensorReader::meta},
      {"torch._utils", "_rebuild_device_tensor_from_numpy", &TensorReader::cast},
      {"torch._utils", "_rebuild_xla_tensor", &TensorReader::cast},
      {"torch._utils", "_rebuild_device_tensor_from_cpu_tensor", &TensorReader::cast},
      {"numpy.core.numeric", "_frombuffer", &TensorReader::from_buffer},
      {"numpy._core.numeric", "_frombuffer", &TensorReader::from_buffer},
  });
  const auto* row = std::ranges::find_if(kFunctions, [&](const Function& function) {
    return function.module == module && function.name == name;
  });
  return row == kFunctions.end() ? nullptr : row;
}

Result<std::optional<Tensor>> TensorReader::read(NodeId id) {
  if (depth_ == kMaxDepth) return cannot("a tensor of a tensor of a tensor");
  ++depth_;
  Result<std::optional<Tensor>> out = read_object(id);
  --depth_;
  return out;
}

Result<std::optional<Tensor>> TensorReader::read_object(NodeId id) {
  if (id == kNoNode) return std::nullopt;
  if (tensor_number(id)) return numbered(id);
  const Node& object = node(id);
  if (object.kind != Kind::object) return std::nullopt;
  if (const pickle::RawArray* raw = raw_array_of(id)) {
    if (!object.states().empty() || is_filled(object)) return cannot(std::string(kChanged));
    return raw_array(*raw);
  }
  if (object.callable == kNoNode) return std::nullopt;
  const Node& callable = node(object.callable);
  if (callable.kind != Kind::ref) return std::nullopt;
  if (callable.name() == "_reconstruct" && (callable.module() == "numpy.core.multiarray" ||
                                            callable.module() == "numpy._core.multiarray")) {
    return array(object);
  }
  if (callable.name().ends_with("Tensor") &&
      (callable.module() == "torch" || callable.module() == "torch.cuda") &&
      !object.states().empty()) {
    if (callable.module() != "torch") return cannot("a tensor that is made on a device");
    return set_by_state(object);
  }
  if (object.args == kNoNode || node(object.args).kind != Kind::tuple) return std::nullopt;
  calling_ = id;
  BRINE_TRY(std::optional<Tensor> out,
            call(callable.module(), callable.name(), node(object.args).items));
  if (out && is_changed(object)) return cannot(std::string(kChanged));
  if (out && !object.states().empty()) {
    BRINE_CHECK_STATUS(check_gradient(*out, node(object.states()[0]).items, 0));
  }
  return out;
}

// Whether something is done to a tensor behind its making: what, only torch can tell. An old
// Parameter has a state of three: whether it has a gradient, and hooks.
bool TensorReader::is_changed(const Node& object) const {
  if (is_filled(object)) return true;
  if (object.states().empty()) return false;
  if (object.states().size() != 1 || object.states()[0] == kNoNode) return true;
  const Node& state = node(object.states()[0]);
  return state.kind != Kind::tuple || state.items.size() != 3;
}

// Whether a state sets attributes that change the tensor itself, or whose code is not known.
bool TensorReader::sets_tensor(NodeId state) const {
  // torch.Tensor's own that can be set, of torch 1.13 to 2.13.
  static constexpr auto kSettable = std::to_array<std::string_view>(
      {"data", "grad", "_grad", "_grad_fn", "_backward_hooks", "_post_accumulate_grad_hooks",
       "requires_grad", "names", "real", "imag", "volatile", "_base", "_cdata", "grad_dtype"});
  if (state == kNoNode) return false;
  const Node& value = node(state);
  if (value.kind == Kind::tuple) {  // attributes and slots, neither a tuple again
    return std::ranges::any_of(value.items, [&](NodeId half) {
      return half == kNoNode || node(half).kind == Kind::tuple || sets_tensor(half);
    });
  }
  if (value.kind != Kind::dict) return value.kind != Kind::none && value.kind != Kind::boolean;
  for (std::size_t i = 0; i + 1 < value.items.size(); i += 2) {
    const Node& key = node(value.items[i]);
    if (!is_text(key) || key.text.starts_with("__") ||
        std::ranges::find(kSettable, key.text) != kSettable.end()) {
      return true;
    }
  }
  return false;
}

Result<std::optional<Tensor>> TensorReader::call(std::string_view module, std::string_view name,
                                                 const Items& args) {
  const Function* row = find(module, name);
  if (row != nullptr) return (this->*row->read)(args);
  const bool rebuilds =
      (module == "torch._utils" || module == "torch._tensor") && name.starts_with("_rebuild_");
  if (rebuilds) return cannot("a tensor made by " + std::string(name) + " is not converted yet");
  return std::nullopt;
}

// (storage, offset, size, stride, [requires_grad, hooks, [metadata]])
Result<std::optional<Tensor>> TensorReader::strided(const Items& args) {
  if (args.size() < 4) return broken("a tensor without storage, offset, sizes or strides");
  BRINE_TRY(TensorView out, view({args[0], args[1], args[2], args[3], kNoNode,
                                  args.size() > 6 ? args[6] : kNoNode}));
  Tensor tensor{{{"", std::move(out)}}, {}, false};
  BRINE_CHECK_STATUS(check_gradient(tensor, args, 4));
  return tensor;
}

// (storage, offset, size, stride, requires_grad, hooks, dtype, [metadata])
Result<std::optional<Tensor>> TensorReader::strided_v3(const Items& args) {
  if (args.size() < 7) return broken("a tensor without its element type");
  BRINE_TRY(TensorView out, view({args[0], args[1], args[2], args[3], args[6],
                                  args.size() > 7 ? args[7] : kNoNode}));
  Tensor tensor{{{"", std::move(out)}}, {}, false};
  BRINE_CHECK_STATUS(check_gradient(tensor, args, 4));
  // torch makes a leaf first, which it cannot set any more when that wants a gradient.
  raises_ = raises_ || wants_gradient(args, 4);
  return tensor;
}

// (tensor, ...): what wraps a tensor.
Result<std::optional<Tensor>> TensorReader::inner(const Items& args) {
  BRINE_TRY(std::optional<Tensor> out, buffer(args));
  if (out) BRINE_CHECK_STATUS(check_gradient(*out, args, 1));
  if (args.size() > 3) beside_.push_back(args[3]);
  if (out && args.size() > 3 && sets_tensor(args[3])) return cannot(std::string(kChanged));
  return out;
}

// (tensor, requires_grad): it has a gradient when nothing is said.
Result<std::optional<Tensor>> TensorReader::parameter(const Items& args) {
  BRINE_TRY(std::optional<Tensor> out, inner(args));
  if (out && args.size() == 1) BRINE_CHECK_STATUS(check_able(*out));
  return out;
}

Result<std::optional<Tensor>> TensorReader::buffer(const Items& args) {
  if (args.empty()) return broken("a parameter without a tensor");
  return read(args[0]);
}

// (function, class, arguments, state)
Result<std::optional<Tensor>> TensorReader::from_type(const Items& args) {
  if (args.size() < 3 || node(args[0]).kind != Kind::ref || node(args[2]).kind != Kind::tuple) {
    return broken("a tensor subclass without function, class or arguments");
  }
  const Function* row = find(node(args[0]).module(), node(args[0]).name());
  if (row == nullptr) {
    return cannot("a tensor subclass made by " + std::string(node(args[0]).name()));
  }
  BRINE_TRY(std::optional<Tensor> out, (this->*row->read)(node(args[2]).items));
  if (args.size() > 3) beside_.push_back(args[3]);
  if (out && args.size() > 3 && sets_tensor(args[3])) return cannot(std::string(kChanged));
  if (out && node(args[1]).kind == Kind::ref) {
    out->notes.emplace_back(
        "class", std::string(node(args[1]).module()) + "." + std::string(node(args[1]).name()));
  }
  return out;
}

// (storage, offset, size, stride, (scheme, scale, zero_point[, axis]), requires_grad, hooks)
Result<std::optional<Tensor>> TensorReader::quantized(const Items& args) {
  if (args.size() < 5 || node(args[4]).kind != Kind::tuple) {
    return broken("a quantized tensor without its scheme");
  }
  BRINE_TRY(TensorView values, view({args[0], args[1], args[2], args[3]}));
  struct Integers {
    std::string_view quantized, plain;
  };
  constexpr auto kIntegers =
      std::to_array<Integers>({{"qint8", "int8"}, {"quint8", "uint8"}, {"qint32", "int32"}});
  const auto* row = std::ranges::find(kIntegers, values.dtype->name, &Integers::quantized);
  if (row == kIntegers.end()) {
    return cannot("a quantized tensor of " + std::string(values.dtype->name) +
                  " is not converted yet");
  }
  values.dtype = tensor::find_dtype(row->plain);
  Tensor out;
  out.notes.emplace_back("qdtype", std::string(row->quantized));
  const Items& scheme = node(args[4]).items;
  if (scheme.size() < 3 || node(scheme[0]).kind != Kind::ref) {
    return broken("a quantized tensor without scale or zero point");
  }
  if (args.size() > 5 && node(args[5]).kind == Kind::boolean && node(args[5]).integer != 0) {
    return broken("a quantized tensor that wants a gradient, which torch refuses");
  }
  const std::string_view name = node(scheme[0]).name();
  const bool channels = name.starts_with("per_channel_");
  if (scheme.size() != (channels ? 4 : 3)) {
    return broken("a quantized tensor whose scheme has other parts than torch writes");
  }
  out.notes.emplace_back("qscheme", "torch." + std::string(name));
  out.parts.push_back({"", std::move(values)});
  if (name == "per_tensor_affine") {
    BRINE_TRY(Part scale, number(".scale", scheme[1], true));
    BRINE_TRY(Part zero, number(".zero_point", scheme[2], false));
    out.parts.push_back(std::move(scale));
    out.parts.push_back(std::move(zero));
    return out;
  }
  if (name != "per_channel_affine" && name != "per_channel_affine_float_qparams") {
    return cannot("a quantized tensor of the scheme " + std::string(name) +
                  " is not converted yet");
  }
  for (std::size_t i = 1; i <= 2; ++i) {
    BRINE_TRY(std::optional<Tensor> part, read(scheme[i]));
    if (!part || part->parts.size() != 1) return broken("a scale that is no tensor");
    out.parts.push_back({i == 1 ? ".scale" : ".zero_point", std::move(part->parts[0].view)});
  }
  if (node(scheme[3]).kind != Kind::integer || node(scheme[3]).big) {
    return broken("a quantized tensor whose axis is no number");
  }
  const std::int64_t axis = node(scheme[3]).integer;
  if (Complaint wrong = channels_complaint(name, out.parts, axis)) return cannot(std::move(*wrong));
  out.notes.emplace_back("axis", std::to_string(axis));
  return out;
}

// (layout, (tensors ..., size[, coalesced]))
Result<std::optional<Tensor>> TensorReader::sparse(const Items& args) {
  if (args.size() < 2 || constant(args[0]).empty() || node(args[1]).kind != Kind::tuple) {
    return broken("a sparse tensor without its layout");
  }
  struct Layout {
    std::string_view name;
    std::array<std::string_view, 3> parts;
  };
  constexpr auto kLayouts = std::to_array<Layout>({
      {"sparse_coo", {".indices", ".values", ""}},
      {"sparse_csr", {".crow_indices", ".col_indices", ".values"}},
      {"sparse_bsr", {".crow_indices", ".col_indices", ".values"}},
      {"sparse_csc", {".ccol_indices", ".row_indices", ".values"}},
      {"sparse_bsc", {".ccol_indices", ".row_indices", ".values"}},
  });
  const auto* row = std::ranges::find(kLayouts, constant(args[0]), &Layout::name);
  if (row == kLayouts.end()) {
    return cannot("a tensor of the layout " + std::string(constant(args[0])) +
                  " is not converted yet");
  }
  Tensor out;
  out.notes.emplace_back("layout", "torch." + std::string(row->name));
  const Items& items = node(args[1]).items;
  std::size_t at = 0;
  for (const std::string_view suffix : row->parts) {
    if (suffix.empty()) break;
    if (at >= items.size()) return broken("a sparse tensor with too few parts");
    BRINE_TRY(std::optional<Tensor> part, read(items[at++]));
    if (!part || part->parts.size() != 1) return broken("a sparse tensor of no tensors");
    out.parts.push_back({std::string(suffix), std::move(part->parts[0].view)});
  }
  const auto shape = at < items.size() ? sizes(items[at]) : std::nullopt;
  if (!shape) return broken("a sparse tensor without its sizes");
  if (!counted(*shape)) return broken("a sparse tensor with more elements than torch can count");
  if (Complaint wrong = sparse_complaint(row->name, out.parts, *shape)) {
    return cannot(std::move(*wrong));
  }
  std::string text = "[";
  for (std::size_t i = 0; i < shape->size(); ++i) {
    text += (i == 0 ? "" : ", ") + std::to_string((*shape)[i]);
  }
  out.notes.emplace_back("shape", text + "]");
  return out;
}

// (buffer, sizes, strides, offsets): tensors of several sizes in one buffer, which is written as it
// is, with the three tables that torch keeps beside it.
Result<std::optional<Tensor>> TensorReader::nested(const Items& args) {
  if (args.size() < 4) return broken("a nested tensor without sizes, strides or offsets");
  constexpr std::array<std::string_view, 4> kParts = {".values", ".sizes", ".strides", ".offsets"};
  Tensor out;
  out.notes.emplace_back("layout", "nested");
  for (std::size_t i = 0; i < kParts.size(); ++i) {
    BRINE_TRY(std::optional<Tensor> part, read(args[i]));
    if (!part || part->parts.size() != 1 || part->without_data) {
      return broken("a nested tensor of no tensors");
    }
    out.parts.push_back({std::string(kParts[i]), std::move(part->parts[0].view)});
  }
  return out;
}

Result<std::optional<Tensor>> TensorReader::meta(const Items& /*args*/) {
  return Tensor{{}, {}, true};
}

// (tensor or array, dtype, device, requires_grad). A cast needs the bytes at hand: an array's stand
// in the pickle.
Result<std::optional<Tensor>> TensorReader::cast(const Items& args) {
  if (args.size() < 2 || node(args[1]).kind != Kind::ref) {
    return broken("a device's tensor without its element type");
  }
  const NodeId own = calling_;
  BRINE_TRY(std::optional<Tensor> out, read(args[0]));
  if (!out || out->parts.size() != 1) return cannot("a device's tensor of no array");
  const Dtype* wanted = tensor::find_dtype(node(args[1]).name());
  if (args.size() != 4 || !is_text(node(args[2])) ||
      !tensor::is_known_location(node(args[2]).text)) {
    return broken("a device's tensor without a device that torch knows");
  }
  if (node(args[2]).text == "meta") return Tensor{{}, {}, true};
  TensorView& view = out->parts[0].view;
  if (wanted == view.dtype) {
    BRINE_CHECK_STATUS(check_gradient(*out, args, 3));
    return out;
  }
  const SourcePtr bytes = storages_[view.storage].bytes;
  std::optional<TensorView> cast =
      wanted == nullptr ? std::nullopt : laid_out(*wanted, view.shape, false);
  if (!cast || bytes == nullptr || !can_cast(*view.dtype, *wanted)) {
    return cannot("a tensor that is cast to " + std::string(node(args[1]).name()) +
                  " is not converted yet");
  }
  auto known = by_node_.find(own);
  if (known == by_node_.end()) {
    auto source = std::make_shared<CastSource>(rows_of(view, bytes), *view.dtype, *wanted);
    const std::uint64_t size = source->size();
    known = by_node_.emplace(own, keep({"", wanted, size, "cpu", std::move(source), false})).first;
  }
  cast->storage = known->second;
  view = std::move(*cast);
  BRINE_CHECK_STATUS(check_gradient(*out, args, 3));
  return out;
}

// torch.FloatTensor() and then set_(storage, offset, size, stride)
Result<std::optional<Tensor>> TensorReader::set_by_state(const Node& object) {
  const Node& state = node(object.states().back());
  if (object.states().size() != 1 || state.kind != Kind::tuple) {
    return cannot("a tensor of an old file whose state is no tuple");
  }
  if (state.items.size() == 4) {
    BRINE_TRY(std::optional<Tensor> out, strided(state.items));
    const std::string_view cls = node(object.callable).name();
    if (Complaint wrong = old_class_complaint(cls, out->parts[0].view)) {
      return cannot(std::move(*wrong));
    }
    return out;
  }
  return cannot("a tensor of an old file with a state of " + std::to_string(state.items.size()) +
                " values");
}

Result<TensorView> TensorReader::view(const Pieces& pieces) {
  BRINE_TRY(const StorageUse use, use_of(pieces.storage));
  const Storage& storage = storages_[use.index];
  TensorView out;
  out.storage = use.index;
  out.dtype = storage.dtype;
  out.swapped = storage.swapped;
  std::uint64_t limit = use.count;
  if (storage.dtype != nullptr && storage.dtype->name.starts_with("quint") &&
      storage.dtype->name != "quint8") {
    return cannot("a quantized tensor of " + std::string(storage.dtype->name) +
                  " is not converted yet");
  }
  if (pieces.dtype != kNoNode) {
    const Node& dtype = node(pieces.dtype);
    out.dtype = dtype.kind == Kind::ref ? tensor::find_dtype(dtype.name()) : nullptr;
    if (out.dtype == nullptr) return cannot("an element type that torch does not have");
    const std::uint64_t wide = storage.dtype == nullptr ? 1 : storage.dtype->itemsize;
    const auto bytes = checked_product(limit, wide);
    if (!bytes || use.first != 0) return cannot("a view of a view with another element type");
    limit = *bytes / out.dtype->itemsize;
  }
  if (out.dtype == nullptr) return cannot("a tensor of an untyped storage");
  const Node& offset = node(pieces.offset);
  const auto shape = sizes(pieces.size);
  const auto stride = sizes(pieces.stride);
  if (offset.kind != Kind::integer || offset.big || offset.integer < 0 || !shape || !stride ||
      shape->size() != stride->size() || shape->size() > kMaxDimensions) {
    return broken("a tensor whose offset, sizes or strides make no sense");
  }
  out.shape = *shape;
  out.stride = *stride;
  out.offset = static_cast<std::uint64_t>(offset.integer);
  const bool empty = std::ranges::find(out.shape, 0u) != out.shape.end();
  if (empty) {
    if (!counted(out.shape)) return broken("a tensor with more elements than torch can count");
    out.offset = 0;
  } else if (!lies_within(out, limit)) {
    return broken("a tensor that reaches behind its storage");
  } else {
    out.offset += use.first;
  }
  out.conj = has_key(pieces.metadata, "conj");
  out.neg = has_key(pieces.metadata, "neg");
  if (out.conj && !out.dtype->name.starts_with("complex")) {
    return cannot("a conjugate of numbers that are not complex");
  }
  // Of other types the negative is more than another sign bit, or torch has none.
  static constexpr auto kSigned =
      std::to_array<std::string_view>({"float32", "float64", "complex64", "complex128"});
  if (out.neg && std::ranges::find(kSigned, out.dtype->name) == kSigned.end()) {
    return cannot("a negative of " + std::string(out.dtype->name) + " is not converted yet");
  }
  return out;
}

// The name of a constant of torch's: the reference itself, or what _get_layout looks up.
std::string_view TensorReader::constant(NodeId id) const {
  if (id == kNoNode) return {};
  const Node& value = node(id);
  if (value.kind == Kind::ref) return value.name();
  if (value.kind != Kind::object || value.callable == kNoNode || value.args == kNoNode ||
      node(value.callable).name() != "_get_layout" || node(value.args).items.size() != 1 ||
      !is_text(node(node(value.args).items[0]))) {
    return {};
  }
  const std::string_view text = node(node(value.args).items[0]).text;
  return text.starts_with("torch.") ? text.substr(6) : std::string_view();
}

// torch looks whether the key is there, not at its value.
bool TensorReader::has_key(NodeId dict, std::string_view name) const {
  if (dict == kNoNode || node(dict).kind != Kind::dict) return false;
  const Items& items = node(dict).items;
  for (std::size_t i = 0; i + 1 < items.size(); i += 2) {
    if (is_text(node(items[i])) && node(items[i]).text == name) return true;
  }
  return false;
}

std::set<std::string> TensorReader::view_keys() const {
  std::set<std::string> out;
  for (const auto& [key, view] : views_) out.insert(out.end(), key);
  return out;
}

std::uint32_t TensorReader::keep(Storage storage) {
  storages_.push_back(std::move(storage));
  return static_cast<std::uint32_t>(storages_.size() - 1);
}

Result<std::uint32_t> TensorReader::storage_of(NodeId id) {
  BRINE_TRY(const StorageUse use, use_of(id));
  const Storage& kept = storages_[use.index];
  const std::uint64_t wide = kept.dtype == nullptr ? 1 : kept.dtype->itemsize;
  if (use.first != 0 || use.count != kept.size / wide) {
    return cannot("a storage that is a view of another one");
  }
  return use.index;
}

Result<TensorReader::StorageUse> TensorReader::use_of(NodeId id) {
  if (id == kNoNode) return broken("a tensor without a storage");
  const Node& storage = node(id);
  if (storage.kind == Kind::persistent && around_.tar != nullptr) return use_of_tar(id);
  if (storage.kind == Kind::persistent) {
    const auto parsed = tensor::parse_storage_id(nodes_, storage.args);
    if (!parsed) return cannot("a storage whose id is not torch's");
    return use_of_record(*parsed);
  }
  if (storage.kind != Kind::object || storage.callable == kNoNode ||
      node(storage.callable).kind != Kind::ref) {
    return cannot("a storage that is no storage of torch's");
  }
  const Node& callable = node(storage.callable);
  if (callable.module() != "torch.storage" || callable.name() != "_load_from_bytes" ||
      storage.args == kNoNode || node(storage.args).items.size() != 1) {
    return cannot("a storage made by " + std::string(callable.module()) + "." +
                  std::string(callable.name()));
  }
  auto known = by_node_.find(id);
  if (known == by_node_.end()) {
    const SourcePtr bytes = octets(node(storage.args).items[0]);
    if (bytes == nullptr) return cannot("a file in the pickle that cannot be read");
    BRINE_TRY(Storage inside, around_.nested(bytes));
    known = by_node_.emplace(id, keep(std::move(inside))).first;
  }
  const Storage& kept = storages_[known->second];
  return StorageUse{known->second, 0,
                    kept.size / (kept.dtype == nullptr ? 1 : kept.dtype->itemsize)};
}

Location TensorReader::location_of(std::string_view device) {
  if (last_location_.text() != device) last_location_ = device;
  return last_location_;
}

Result<TensorReader::StorageUse> TensorReader::use_of_record(const tensor::StorageId& id) {
  const auto size = id.byte_size();
  if (!size) return broken("a storage of more bytes than there are");
  std::uint32_t known = known_record(id.key);
  if (known == FlatIndex::kNone) {
    Storage fresh{id.key, id.dtype, *size, location_of(id.location), nullptr, false};
    fresh.number = id.number;
    fresh.id_items = id.items;
    known = keep(std::move(fresh));
    by_key_.insert(std::hash<std::string_view>()(id.key), known);
  }
  const Storage& kept = storages_[known];
  if (kept.dtype != id.dtype || kept.size != *size || kept.number != id.number ||
      kept.id_items != id.items || kept.location.text() != id.location) {
    return cannot("storage " + id.key + " is named twice with different types, sizes or devices");
  }
  // torch keeps storages and views of them in one table by their keys.
  if (views_.contains(id.key) || (id.view && known_record(id.view_key) != FlatIndex::kNone)) {
    return cannot("a storage's view that has the key of a storage");
  }
  if (!id.view) return StorageUse{known, 0, id.numel};
  const auto end = checked_sum(id.view_offset, id.view_numel);
  if (!end || *end > id.numel) return broken("a storage's view that reaches behind it");
  const ViewKey now{id.key, id.view_offset, id.view_numel};
  if (views_.emplace(id.view_key, now).first->second != now) {
    return cannot("a storage's view that is named twice");
  }
  return StorageUse{known, id.view_offset, id.view_numel};
}

// torch raises when numbers that are not real or complex are to have a gradient.
bool TensorReader::wants_gradient(const Items& args, std::size_t at) const {
  return args.size() > at && node(args[at]).kind == Kind::boolean && node(args[at]).integer != 0;
}

Status TensorReader::check_gradient(const Tensor& tensor, const Items& args, std::size_t at) const {
  return wants_gradient(args, at) ? check_able(tensor) : Status{};
}

Status TensorReader::check_able(const Tensor& tensor) const {
  const bool able = std::ranges::all_of(tensor.parts, [](const Part& part) {
    const std::string_view name = part.view.dtype->name;
    return name.starts_with("float") || name.starts_with("bfloat") || name.starts_with("complex");
  });
  if (tensor.parts.size() != 1 || able) return {};
  return broken("a tensor of " + std::string(tensor.parts[0].view.dtype->name) +
                " that wants a gradient, which torch refuses");
}

// Whether the value is bytes, or text that stands for them: what protocols below 3 write as
// _codecs.encode(text, 'latin1'), and a str of Python 2, which NumPy encodes so by itself.
bool TensorReader::is_octets(NodeId id) const {
  if (id == kNoNode) return false;
  const Node& value = node(id);
  return value.kind == Kind::bytes || value.kind == Kind::bytearray || value.kind == Kind::str ||
         encoded(value) != nullptr;
}

// The text of _codecs.encode(text, 'latin1'); null for anything else.
const Node* TensorReader::encoded(const Node& object) const {
  if (object.kind != Kind::object || object.callable == kNoNode || object.args == kNoNode ||
      !object.states().empty()) {
    return nullptr;
  }
  const Node& callable = node(object.callable);
  const Items& args = node(object.args).items;
  // bytes(), which protocols below 3 write for no bytes at all.
  if (callable.module() == "builtins" && callable.name() == "bytes" && args.empty())
    return &kEmptyText;
  if (callable.module() != "_codecs" || callable.name() != "encode" || args.size() != 2 ||
      node(args[0]).kind != Kind::str || !is_text(node(args[1])) ||
      node(args[1]).text != "latin1") {
    return nullptr;
  }
  return &node(args[0]);
}

SourcePtr TensorReader::octets(NodeId id) const {
  const Node& value = node(id);
  const Node* text = value.kind == Kind::str ? &value : encoded(value);
  if (text == nullptr) {
    const bool bytes = value.kind == Kind::bytes || value.kind == Kind::bytearray;
    return bytes ? around_.bytes_of(value) : nullptr;
  }
  const SourcePtr utf8 = around_.bytes_of(*text);
  const auto read =
      utf8 == nullptr ? Result<std::vector<std::uint8_t>>() : utf8->read_vector(0, utf8->size());
  if (utf8 == nullptr || !read) return nullptr;
  std::vector<std::uint8_t> out;
  for (std::size_t at = 0; at < read->size(); ++at) {
    const std::uint8_t byte = (*read)[at];
    if (byte < 0x80) {
      out.push_back(byte);
    } else if ((byte == 0xc2 || byte == 0xc3) && at + 1 < read->size()) {
      out.push_back(static_cast<std::uint8_t>((byte & 3) << 6 | ((*read)[++at] & 0x3f)));
    } else {
      return nullptr;  // no latin1
    }
  }
  return std::make_shared<MemorySource>(std::move(out));
}

// A float64 or int64 of no dimension.
Result<Part> TensorReader::number(std::string suffix, NodeId id, bool floating) {
  const Node& value = node(id);
  std::array<std::uint8_t, 8> bytes{};
  if (floating && (value.kind == Kind::floating || value.kind == Kind::integer)) {
    const double real =
        value.kind == Kind::floating ? value.floating : static_cast<double>(value.integer);
    std::memcpy(bytes.data(), &real, bytes.size());
  } else if (!floating && value.kind == Kind::integer && !value.big) {
    std::memcpy(bytes.data(), &value.integer, bytes.size());
  } else {
    return cannot("a scale or zero point that is no number");
  }
  const Dtype* dtype = tensor::find_dtype(floating ? "float64" : "int64");
  const std::uint32_t index =
      keep({"", dtype, bytes.size(), "cpu",
            std::make_shared<MemorySource>(std::vector<std::uint8_t>(bytes.begin(), bytes.end())),
            false});
  TensorView out;
  out.storage = index;
  out.dtype = dtype;
  return Part{std::move(suffix), std::move(out)};
}

// _reconstruct(ndarray, (0,), b'b') and BUILD (version, shape, dtype, fortran, bytes)
Result<std::optional<Tensor>> TensorReader::array(const Node& object) {
  if (object.states().size() != 1 || is_filled(object)) {
    return cannot("an array of no state, or of more than one");
  }
  if (node(object.states()[0]).kind != Kind::tuple) return std::nullopt;
  Items state = node(object.states()[0]).items;
  if (state.size() == 4) state.insert(state.begin(), kNoNode);  // the first version has no number
  if (state.size() == 5 && state[0] != kNoNode &&
      (node(state[0]).kind != Kind::integer || node(state[0]).integer < 0 ||
       node(state[0]).integer > 1)) {
    return cannot("an array of a version that NumPy does not know");
  }
  if (state.size() != 5 || !is_octets(state[4])) return std::nullopt;
  if (!Values(nodes_).is_empty_array(object)) {
    return cannot("an array of a type that NumPy does not know");
  }
  return array_of(node(state[2]), state[1], node(state[3]).integer != 0, state[4]);
}

// (bytes, dtype, shape, order)
Result<std::optional<Tensor>> TensorReader::from_buffer(const Items& args) {
  if (args.size() < 4 || !is_text(node(args[3]))) return std::nullopt;
  if (!is_octets(args[0])) {
    return cannot("an array whose buffer does not stand in the pickle");
  }
  return array_of(node(args[1]), args[2], node(args[3]).text == "F", args[0]);
}

Result<std::optional<Tensor>> TensorReader::array_of(const Node& dtype, NodeId shape, bool fortran,
                                                     NodeId bytes) {
  if (dtype.kind != Kind::object || dtype.callable == kNoNode || dtype.args == kNoNode ||
      node(dtype.callable).name() != "dtype" || node(dtype.args).items.empty() ||
      !is_text(node(node(dtype.args).items[0]))) {
    return std::nullopt;
  }
  BRINE_TRY(std::optional<NumpyElement> element,
            numpy_element(node(node(dtype.args).items[0]).text));
  if (!element) return std::nullopt;  // text, objects, records, dates
  if (dtype.states().size() > 1) return cannot("an array whose element type is changed twice");
  if (!dtype.states().empty()) {
    const Node& state = node(dtype.states()[0]);
    if (state.kind != Kind::tuple || state.items.size() < 5) return std::nullopt;
    if (std::ranges::any_of(std::span(state.items).subspan(2, 3),
                            [&](NodeId item) { return node(item).kind != Kind::none; })) {
      return std::nullopt;  // parts or fields
    }
    const Node& order = node(state.items[1]);
    if (order.kind != Kind::str && order.kind != Kind::bytes) return std::nullopt;
    element->swapped = order.text == ">";
  }
  const auto extents = sizes(shape);
  if (!extents) return std::nullopt;
  std::optional<TensorView> out = laid_out(*element->dtype, *extents, fortran);
  const std::uint64_t wanted = out ? out->elements() * element->dtype->itemsize : 0;
  auto known = by_node_.find(bytes);
  if (known == by_node_.end()) {
    SourcePtr source = octets(bytes);
    if (source == nullptr) return cannot("an array whose bytes cannot be read");
    if (!out || wanted != source->size()) {
      return broken("an array of another size than its bytes");
    }
    known =
        by_node_
            .emplace(bytes,
                     keep({"", element->dtype, wanted, "cpu", std::move(source), element->swapped}))
            .first;
  }
  if (!out || wanted != storages_[known->second].size) {
    return broken("an array of another size than its bytes");
  }
  out->storage = known->second;
  out->swapped = element->swapped;
  return Tensor{{{"", std::move(*out)}}, {}, false};
}

const pickle::RawArray* TensorReader::raw_array_of(NodeId id) const {
  const Node& object = node(id);
  return object.kind == Kind::object && object.callable == kNoNode ? around_.raw_array(object)
                                                                   : nullptr;
}

// Elements that stand in the stream behind joblib's wrapper.
Result<std::optional<Tensor>> TensorReader::raw_array(const pickle::RawArray& array) {
  if (array.objects) return std::nullopt;
  BRINE_TRY(const std::optional<NumpyElement> element, numpy_element(array.type));
  if (!element) return std::nullopt;
  std::optional<TensorView> out = laid_out(*element->dtype, array.shape, array.fortran);
  const std::uint64_t size = array.end - array.begin;
  if (!out || out->elements() * element->dtype->itemsize != size) {
    return broken("an array of another size than its bytes");
  }
  auto known = by_place_.find(array.begin);
  if (known == by_place_.end()) {
    auto bytes = std::make_shared<SliceSource>(around_.stream, array.begin, size);
    known =
        by_place_
            .emplace(array.begin,
                     keep({"", element->dtype, size, "cpu", std::move(bytes), element->swapped}))
            .first;
  }
  out->storage = known->second;
  out->swapped = element->swapped;
  return Tensor{{{"", std::move(*out)}}, {}, false};
}

}  // namespace brine::convert
