// What the functions give that torch's restricted unpickler admits.
#pragma once

#include <algorithm>
#include <array>
#include <string_view>

#include "pickle/value.h"

namespace brine::scan::torch_type {

enum Type : pickle::TypeId {
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
  pickle::TypeId type;
  std::string_view name;
  bool hashable;
};
inline constexpr auto kTypes = std::to_array<TypeRow>({
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

// Null for what nobody knows.
inline const TypeRow* row_of(pickle::TypeId type) {
  const auto* row = std::ranges::find(kTypes, type, &TypeRow::type);
  return row == kTypes.end() ? nullptr : row;
}

}  // namespace brine::scan::torch_type
