// The restricted unpicklers: torch's weights_only one and TorchScript's C++ one.
//
// Both run pickle's stack discipline on a small set of opcodes and refuse the rest; the
// weights_only unpickler also compares what a stream names, calls, builds and stores into with
// lists of its own. Method: before such an opcode runs, `admitted` looks at what it would act on
// and notes which of the releases that are followed refuse it by rule (torch_release.h); the run
// ends as `refused` with the last of them. What is admitted runs as in the Python unpickler. Facts:
// torch/_weights_only_unpickler.py of each release, and
// torch/csrc/jit/serialization/unpickler.cpp of 2.13.

#include <algorithm>
#include <array>
#include <string_view>

#include "pickle/machine_impl.h"
#include "pickle/names.h"

namespace brine::pickle {
namespace {

using OpcodeSet = std::array<bool, 256>;

constexpr OpcodeSet opcodes_of(std::initializer_list<std::uint8_t> codes) {
  OpcodeSet set{};
  for (std::uint8_t code : codes) set[code] = true;
  return set;
}

constexpr OpcodeSet kWeightsOnly = opcodes_of(
    {op::GLOBAL,          op::NEWOBJ,      op::REDUCE,     op::BUILD,       op::APPEND,
     op::APPENDS,         op::SETITEM,     op::SETITEMS,   op::MARK,        op::TUPLE,
     op::TUPLE1,          op::TUPLE2,      op::TUPLE3,     op::NONE,        op::NEWFALSE,
     op::NEWTRUE,         op::EMPTY_TUPLE, op::EMPTY_LIST, op::EMPTY_DICT,  op::EMPTY_SET,
     op::BININT,          op::BININT1,     op::BININT2,    op::BINFLOAT,    op::BINUNICODE,
     op::SHORT_BINSTRING, op::BINPERSID,   op::BINGET,     op::LONG_BINGET, op::BINPUT,
     op::LONG_BINPUT,     op::LONG1,       op::PROTO,      op::STOP});
constexpr OpcodeSet kNotIn1_13 = opcodes_of({op::BINFLOAT});

constexpr OpcodeSet kLibtorch = opcodes_of(
    {op::EMPTY_LIST, op::EMPTY_TUPLE, op::EMPTY_DICT, op::BINPUT,  op::LONG_BINPUT, op::MARK,
     op::NEWTRUE,    op::NEWFALSE,    op::NONE,       op::BININT1, op::BININT2,     op::BININT,
     op::LONG1,      op::BINUNICODE,  op::BINFLOAT,   op::TUPLE,   op::TUPLE1,      op::TUPLE2,
     op::TUPLE3,     op::APPENDS,     op::LIST,       op::DICT,    op::SETITEMS,    op::SETITEM,
     op::BINGET,     op::LONG_BINGET, op::STOP,       op::GLOBAL,  op::NEWOBJ,      op::BUILD,
     op::REDUCE,     op::BINPERSID,   op::PROTO});

struct AllowedName {
  std::string_view name;
  Releases releases;
};
constexpr AllowedName kWeightsOnlyNames[] = {
#include "pickle/weights_only_names.inc"
};
constexpr std::string_view kBlockedModules[] = {"sys", "os", "posix", "nt"};  // from 2.6 on
// Names that a module adds to the list when the program imports it; nothing else does.
struct AddedByImport {
  std::string_view prefix, module;
};
constexpr AddedByImport kAddedByImport[] = {
    {"torch.distributed.device_mesh.", "torch.distributed.tensor"},
    {"torch.distributed.tensor.", "torch.distributed.tensor"},
    {"torch.nested._internal.nested_tensor.", "torch.nested and torch._dynamo"},
    {"torch._dynamo.decorators.", "torch.nested and torch._dynamo"},
};

// The releases that let a stream name it.
Releases allowed(std::string_view name) {
  const auto* row = std::lower_bound(
      std::begin(kWeightsOnlyNames), std::end(kWeightsOnlyNames), name,
      [](const AllowedName& one, std::string_view wanted) { return one.name < wanted; });
  return row != std::end(kWeightsOnlyNames) && row->name == name ? row->releases : Releases{0};
}

// What TorchScript's unpickler resolves by itself; every other name is a class of the archive's
// code.
constexpr std::string_view kLibtorchNames[] = {"__main__.IntList",
                                               "__main__.TensorID",
                                               "builtins.complex",
                                               "collections.OrderedDict",
                                               "torch._tensor._rebuild_from_type_v2",
                                               "torch._utils._rebuild_qtensor",
                                               "torch._utils._rebuild_sparse_tensor",
                                               "torch._utils._rebuild_tensor_v2",
                                               "torch.device",
                                               "torch.distributed.rpc.rref",
                                               "torch.jit._pickle.build_boollist",
                                               "torch.jit._pickle.build_doublelist",
                                               "torch.jit._pickle.build_intlist",
                                               "torch.jit._pickle.build_tensor_from_id",
                                               "torch.jit._pickle.build_tensorlist",
                                               "torch.jit._pickle.restore_type_tag"};

}  // namespace

bool Machine::Impl::opcode_admitted(std::uint8_t code) {
  const bool libtorch = profile.unpickler == Unpickler::libtorch;
  Releases missing = (libtorch ? kLibtorch : kWeightsOnly)[code] ? Releases{0} : kAllReleases;
  if (!libtorch && kNotIn1_13[code]) missing |= k1_13;
  if (missing == 0) return true;
  const Opcode* row = find_opcode(code);
  std::string what = "Unsupported operand " + std::to_string(code);
  if (row != nullptr) what += " (" + std::string(row->name) + ")";
  return refuse(std::move(what), missing);
}

// Ends the run for these releases; true while another one goes on.
bool Machine::Impl::refuse(std::string error, Releases by) {
  by &= following;
  if (by == 0) return true;
  for (const TorchRelease release : kTorchReleases) {
    if ((by & set_of(release)) != 0)
      result.refusals.push_back({release, op_offset, op_code, error});
  }
  following &= static_cast<Releases>(~by);
  if (following != 0) return true;
  end.kind = EndKind::refused;
  end.error = std::move(error);
  return false;
}

// `written`: the name as it stands in the stream, without Python 2's names mapped.
bool Machine::Impl::name_admitted(std::string_view module, std::string_view name,
                                  std::string_view written) {
  const std::string full = std::string(module) + "." + std::string(name);
  if (profile.unpickler == Unpickler::torch_weights_only) {
    if (std::find(std::begin(kBlockedModules), std::end(kBlockedModules), module) !=
            std::end(kBlockedModules) &&
        !refuse("GLOBAL " + full + ": the module is blocked", kFrom2_6)) {
      return false;
    }
    // 1.13 maps no names.
    if ((allowed(written) & k1_13) == 0 &&
        !refuse("Unsupported global: GLOBAL " + std::string(written), k1_13)) {
      return false;
    }
    const auto refusing = static_cast<Releases>(~allowed(full) & kFrom2_6);
    if (refusing == 0) return true;
    std::string why = "Unsupported global: GLOBAL " + full;
    const auto* row =
        std::find_if(std::begin(kAddedByImport), std::end(kAddedByImport),
                     [&](const AddedByImport& one) { return full.starts_with(one.prefix); });
    if (row != std::end(kAddedByImport))
      why += " (a program that imports " + std::string(row->module) + " may allow it)";
    return refuse(std::move(why), refusing);
  }
  if (profile.unpickler == Unpickler::libtorch) {
    if (std::binary_search(std::begin(kLibtorchNames), std::end(kLibtorchNames), full)) return true;
    const bool own_module =
        module == "torch" || module == "torch.jit._pickle" || module == "__main__";
    const bool storage =
        module == "torch" && (name.ends_with("Storage") || name.starts_with("per_"));
    if (storage) return true;
    if (own_module || !module.starts_with("__torch__")) {
      return refuse("Unpickler found unknown type " + full);
    }
  }
  return true;
}

// SETITEMS of nothing on an empty stack: whether a release goes on, which looks for no target then.
bool Machine::Impl::nothing_to_set() {
  if (profile.unpickler != Unpickler::torch_weights_only) return false;
  if ((following & static_cast<Releases>(~k2_13)) == 0) return false;
  return refuse("SETITEMS: nothing to set items of", k2_13);
}

// The dotted class of an entry as the weights_only unpickler's type() would find it.
std::string Machine::Impl::class_name(const Value& value) {
  switch (value.kind()) {
    case Kind::list: return "list";
    case Kind::dict: return "dict";
    case Kind::tuple: return "tuple";
    case Kind::integer: return "int";
    case Kind::object: return target_name(value);
    case Kind::persistent: return world.type_name(self, value.aux());
    default: return "?";
  }
}

// Looks at what a restricted unpickler checks before the opcode acts. `pos` stands behind its byte.
bool Machine::Impl::admitted(std::uint8_t code) {
  if (!opcode_admitted(code)) return false;
  return profile.unpickler != Unpickler::torch_weights_only || entry_admitted(code);
}

// What the weights_only unpickler asks of the entries that the opcode acts upon.
bool Machine::Impl::entry_admitted(std::uint8_t code) {
  const std::uint64_t floor = fence();
  auto entry = [&](std::uint64_t from_top) -> const Value* {
    return height >= floor + from_top + 1 ? &stack[height - 1 - from_top] : nullptr;
  };
  // The entry below the topmost mark.
  auto below_mark = [&]() -> const Value* {
    return marks.empty() || marks.back().height == 0 ? nullptr : &stack[marks.back().height - 1];
  };
  switch (code) {
    case op::REDUCE: {
      const Value* callable = entry(1);
      if (callable == nullptr || callable->kind() == Kind::ref) return true;
      return refuse("Trying to call reduce for unrecognized function");
    }
    case op::NEWOBJ: {
      const Value* cls = entry(1);
      if (cls == nullptr) return true;
      std::string why = "Can only create new object for nn.Parameter or classes allowlisted";
      if (cls->kind() != Kind::ref) return refuse(std::move(why));
      const std::string name = target_name(*cls);
      return name == "torch.nn.parameter.Parameter" || refuse(why + ": " + name, k1_13);
    }
    case op::BUILD: {
      const Value* inst = entry(1);
      if (inst == nullptr || inst->kind() == Kind::unknown) return true;
      const std::string name = class_name(*inst);
      const bool object = inst->kind() == Kind::object || inst->kind() == Kind::persistent;
      const bool tensor = name == "torch.Tensor" || name == "torch.nn.parameter.Parameter" ||
                          name == "collections.OrderedDict" ||
                          name.starts_with("torch._utils._rebuild_");
      if (object && tensor) return true;
      Releases taking = object ? allowed(name) & kFrom2_6 : 0;
      return refuse("Can only build Tensor, Parameter, OrderedDict or types allowlisted",
                    static_cast<Releases>(~taking & kAllReleases));
    }
    case op::APPEND:
    case op::APPENDS: {
      const Value* target = code == op::APPEND ? entry(1) : below_mark();
      if (target == nullptr || target->kind() == Kind::list || target->kind() == Kind::unknown)
        return true;
      return refuse("Can only append to lists");
    }
    case op::SETITEM:
    case op::SETITEMS: {
      const Value* target = code == op::SETITEM ? entry(2) : below_mark();
      if (target == nullptr || target->kind() == Kind::dict || target->kind() == Kind::unknown)
        return true;
      std::string name = class_name(*target);
      if (name == "collections.OrderedDict" || name == "collections.Counter") return true;
      return refuse("Can only set items of dict, collections.OrderedDict, collections.Counter",
                    k2_13);
    }
    case op::BINPERSID: {
      const Value* id = entry(0);
      if (id == nullptr || id->kind() == Kind::unknown || id->kind() == Kind::integer) return true;
      // Before 2.13 the test of the type is turned round; persistent_load refuses in its place.
      if (id->kind() != Kind::tuple) return refuse("persistent_load id must be tuple or int");
      NodeId node = rebuild(*id);
      bool storage = node == kNoNode || graph[node].items.empty();
      if (!storage) {
        const Node& first = graph[graph[node].items.front()];
        storage = first.text == "storage" && (first.kind == Kind::str || first.kind == Kind::bytes);
      }
      return storage ? true : refuse("Only persistent_load of storage is allowed");
    }
    default: return true;
  }
}

}  // namespace brine::pickle
