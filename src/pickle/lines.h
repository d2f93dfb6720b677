// LineWriter: where the printers of this folder send what they print, one line at a time.
#pragma once

#include <functional>
#include <string_view>

namespace brine::pickle {

// Gets a line without its newline: printable text, escaped, UTF-8 (or ASCII where asked for).
using LineWriter = std::function<void(std::string_view)>;

}  // namespace brine::pickle
