// Keepers: classes whose instances show every tensor of their state as it stands in the file.
//
// Facts say it of classes that run no code of their own (`keeps`); of others it is said here. They
// have no __setstate__, or one that adds what old files lack (torch.optim sets defaults) or
// checks (sklearn.base, sklearn.tree._tree). What an object of any other class holds may be shown
// otherwise. Read in torch 2.13, CPython 3.13, scikit-learn 1.9, SciPy 1.17, NumPy 2.4,
// torch-geometric 2.5 and 2.8, gymnasium 1.4, xarray 2026.9, pandas 1.5, 2.3 and 3.1, and
// transformers 4.20 to 5.24.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace brine::convert {

struct Keeper {
  std::string_view name;  // ending in a dot: what is below it
  bool keeps = true;  // false: an exception from a row below
  bool arguments = false;  // may be made with arguments, which are numbers of its own
  std::string_view weak =
      {};  // the attribute that becomes a weak reference: to what it is a part of
  std::span<const std::string_view> wants = {};  // attributes that it makes where they are missing
  std::span<const std::string_view> renames = {};  // attributes that it gives another name
};
// Null for a class that is none.
const Keeper* keeper_of(std::string_view cls);

// Whether an optimizer's __setstate__ makes a tensor of this part of a parameter's state when it is
// a number: torch counted steps in Python before 1.12.
bool makes_tensor_of(std::string_view optimizer, std::string_view part);

// How many values a named tuple wants ("torch.return_types.svd"); 0 for other classes.
std::size_t result_fields(std::string_view cls);

// The fields of a dict of transformers' that takes them as arguments as well, in their order; none
// for other classes, and for those whose fields are not the same in every release.
std::span<const std::string_view> output_fields(std::string_view cls);

// Generators of random numbers: their numbers are no tensors of a model.
bool is_generator(std::string_view cls);

}  // namespace brine::convert
