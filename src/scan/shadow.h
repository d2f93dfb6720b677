// Shadowing: a file beside the model that Python would import instead of a library.
//
// With the model's folder on the import path (a script that lies there, a notebook started there) a
// `json.py`, a folder `json/` or a `json.so` beside the model is what `import json` runs.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace brine::catalogue {
class Trust;
}

namespace brine::scan {

class Policy;

// The top-level modules that files of these names would take the place of. Folders end in '/'.
std::vector<std::string> shadowing_modules(const std::vector<std::string>& neighbours);
// What a policy trusts; null for no policy.
const catalogue::Trust* trust_of(const Policy* policy);

}  // namespace brine::scan
