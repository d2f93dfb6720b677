// Element types: what torch, its storage classes and safetensors call them, and how wide they are.
//
// One table is the truth for all three namings. Facts: torch 2.13 (torch.storage's maps, itemsize
// of each dtype) and safetensors 0.8.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace brine::tensor {

struct Dtype {
  std::string_view name;         // "float32", as in torch.float32
  std::string_view storage;      // "FloatStorage", or empty: only untyped storages hold it
  std::string_view safetensors;  // "F32", or empty: the format has no such type
  std::uint8_t itemsize;         // bytes of one element as torch stores it
};

std::span<const Dtype> all_dtypes();
// By torch's name without its module ("float32", "double"); nullptr when there is no such dtype.
const Dtype* find_dtype(std::string_view name);
// By a typed storage class's name ("FloatStorage"), which is what torch.load resolves whatever
// module it is said to be in; nullptr for any other name.
const Dtype* dtype_of_storage(std::string_view storage_class);
// Whether the class is one of torch.storage's untyped ones, whose elements are bytes.
bool is_untyped_storage(std::string_view module, std::string_view name);

}  // namespace brine::tensor
