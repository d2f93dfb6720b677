// Wanted: whether a pickle's result is what its loader goes on to use.
//
// Problem: torch reads its older files as several pickles, joblib and NumPy read arrays as pickles,
// and all of them ask the results for attributes, compare them and walk through them. An object
// that is harmless to build answers with methods of its own class, which may call what it holds.
// Method: for each use a shape, made of Python's own types and of the classes that the loader
// knows. Invariant: of a result that fits, the loader's own code runs no method that is not
// Python's, NumPy's or torch's. Facts: torch/serialization.py (_legacy_load, legacy_load) of 1.13
// to 2.13, torch/distributed/checkpoint/_nested_dict.py of 2.13, joblib/numpy_pickle.py and
// numpy_pickle_compat.py of 1.6.
#pragma once

#include "pickle/machine.h"

namespace brine::catalogue {

// `result` of a run under machine.profile(). May leave nodes in the machine.
bool is_wanted(pickle::Machine& machine, pickle::World& world, const pickle::Value& result);

}  // namespace brine::catalogue
