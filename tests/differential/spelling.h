// Spelling: a value that the machine rebuilt, as the same text that oracle.py makes of CPython's.
//
// Whatever has an identity in Python gets a number when it is met first and is "@number"
// afterwards, so that two equal texts mean equal graphs, sharing included. "?" stands where the
// machine does not know; the comparison then skips the line and counts it.
#pragma once

#include <string>

#include "pickle/machine.h"

namespace brine::differential {

// " value"
std::string spell(pickle::Machine& machine, const pickle::Value& value);
// " (item,item,)" of a tuple, as arguments stand
std::string spell_items(pickle::Machine& machine, const pickle::Value& arguments);

}  // namespace brine::differential
