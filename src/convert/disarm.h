// disarm: the tensors and plain values of a model file in a file of the same kind, without its
// code. What is said of the result is convert's (convert.h): verdict, cuts, missing tensors; the
// file that is written stands in Conversion::disarmed.
#pragma once

#include <string>

#include "convert/convert.h"

namespace brine::convert {

Conversion disarm_source(const std::string& path, const SourcePtr& source,
                         const ConvertOptions& options);

// A distributed checkpoint by its index, as convert_checkpoint() takes it: one torch file.
SourcedConversion disarm_checkpoint(const std::string& path, const SourcePtr& index,
                                    const ConvertOptions& options);

// Scans what was written, under the name that it is to get. Fails as unsupported, with the finding,
// when that is suspicious or worse: plain values may by chance spell the beginning of another
// format.
Status check_disarmed(const std::string& name, const SourcePtr& written);

}  // namespace brine::convert
