// Kept: whether an object shows the tensors that it was given as they stand in the file.
//
// Its class has to be a keeper (keepers.h), and the object one that its class changes nothing of:
// made without arguments, with the attributes that the class would make, and without those that it
// gives another name. An index of pandas is kept where every release takes its numbers as they are.
#pragma once

#include "convert/keepers.h"
#include "convert/tensors.h"
#include "convert/values.h"

namespace brine::convert {

// `keeper`: of its class; null where that is none.
bool is_kept(const pickle::Node& object, const Keeper* keeper, const Values& values,
             TensorReader& reader);

}  // namespace brine::convert
