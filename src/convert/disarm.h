// disarm: the tensors and plain values of a model file in a file of the same kind, without its
// code. What is said of the result is convert's (convert.h): verdict, cuts, missing tensors; the
// file that is written stands in Conversion::disarmed.
#pragma once

#include <string>

#include "convert/convert.h"

namespace brine::convert {

Conversion disarm_source(const std::string& path, const SourcePtr& source,
                         const ConvertOptions& options);

}  // namespace brine::convert
