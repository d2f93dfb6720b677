#include "tensor/dtype.h"

#include <algorithm>
#include <array>

namespace brine::tensor {
namespace {

constexpr std::array kDtypes = {
    Dtype{"float64", "DoubleStorage", "F64", 8},
    Dtype{"float32", "FloatStorage", "F32", 4},
    Dtype{"float16", "HalfStorage", "F16", 2},
    Dtype{"bfloat16", "BFloat16Storage", "BF16", 2},
    Dtype{"int64", "LongStorage", "I64", 8},
    Dtype{"int32", "IntStorage", "I32", 4},
    Dtype{"int16", "ShortStorage", "I16", 2},
    Dtype{"int8", "CharStorage", "I8", 1},
    Dtype{"uint8", "ByteStorage", "U8", 1},
    Dtype{"bool", "BoolStorage", "BOOL", 1},
    Dtype{"complex128", "ComplexDoubleStorage", "", 16},
    Dtype{"complex64", "ComplexFloatStorage", "C64", 8},
    Dtype{"qint8", "QInt8Storage", "", 1},
    Dtype{"quint8", "QUInt8Storage", "", 1},
    Dtype{"qint32", "QInt32Storage", "", 4},
    Dtype{"quint4x2", "QUInt4x2Storage", "", 1},
    Dtype{"quint2x4", "QUInt2x4Storage", "", 1},
    Dtype{"complex32", "", "", 4},
    Dtype{"uint16", "", "U16", 2},
    Dtype{"uint32", "", "U32", 4},
    Dtype{"uint64", "", "U64", 8},
    Dtype{"float8_e4m3fn", "", "F8_E4M3", 1},
    Dtype{"float8_e4m3fnuz", "", "F8_E4M3FNUZ", 1},
    Dtype{"float8_e5m2", "", "F8_E5M2", 1},
    Dtype{"float8_e5m2fnuz", "", "F8_E5M2FNUZ", 1},
    Dtype{"float8_e8m0fnu", "", "F8_E8M0", 1},
    Dtype{"float4_e2m1fn_x2", "", "F4", 1},
    Dtype{"bits8", "", "", 1},
    Dtype{"bits16", "", "", 2},
    Dtype{"bits1x8", "", "", 1},
    Dtype{"bits2x4", "", "", 1},
    Dtype{"bits4x2", "", "", 1},
    Dtype{"int1", "", "", 1},
    Dtype{"int2", "", "", 1},
    Dtype{"int3", "", "", 1},
    Dtype{"int4", "", "", 1},
    Dtype{"int5", "", "", 1},
    Dtype{"int6", "", "", 1},
    Dtype{"int7", "", "", 1},
    Dtype{"uint1", "", "", 1},
    Dtype{"uint2", "", "", 1},
    Dtype{"uint3", "", "", 1},
    Dtype{"uint4", "", "", 1},
    Dtype{"uint5", "", "", 1},
    Dtype{"uint6", "", "", 1},
    Dtype{"uint7", "", "", 1},
};

struct Alias {
  std::string_view name, dtype;
};
constexpr std::array kAliases = {
    Alias{"double", "float64"},     Alias{"float", "float32"},    Alias{"half", "float16"},
    Alias{"long", "int64"},         Alias{"int", "int32"},        Alias{"short", "int16"},
    Alias{"cdouble", "complex128"}, Alias{"cfloat", "complex64"}, Alias{"chalf", "complex32"},
    Alias{"bit", "uint1"},
};

}  // namespace

std::span<const Dtype> all_dtypes() { return kDtypes; }

const Dtype* find_dtype(std::string_view name) {
  const auto* alias = std::find_if(kAliases.begin(), kAliases.end(),
                                   [name](const Alias& row) { return row.name == name; });
  if (alias != kAliases.end()) name = alias->dtype;
  const auto* found = std::find_if(kDtypes.begin(), kDtypes.end(),
                                   [name](const Dtype& row) { return row.name == name; });
  return found == kDtypes.end() ? nullptr : &*found;
}

const Dtype* dtype_of_storage(std::string_view storage_class) {
  if (storage_class.empty()) return nullptr;
  const auto* found =
      std::find_if(kDtypes.begin(), kDtypes.end(),
                   [storage_class](const Dtype& row) { return row.storage == storage_class; });
  return found == kDtypes.end() ? nullptr : &*found;
}

bool is_untyped_storage(std::string_view module, std::string_view name) {
  return (module == "torch.storage" || module == "torch") &&
         (name == "UntypedStorage" || name == "_UntypedStorage");
}

}  // namespace brine::tensor
