// Names of older times: what an unpickler calls them today.
//
// At protocols 0 to 2 find_class renames first the pair (module, name), else the module. The table
// is CPython's own (_compat_pickle), which is the same from 3.8 to 3.13.
#pragma once

#include <string_view>

namespace brine::pickle {

// Classes that moved within pandas, as its own unpickler for old files renames them.
bool map_pandas(std::string_view& module, std::string_view& name);
// Renames in place; what is written back points to static text. False when neither changed.
bool map_python2(std::string_view& module, std::string_view& name);

}  // namespace brine::pickle
