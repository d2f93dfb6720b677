// NumPy's type strings ("<f8", "O", "|S5", "datetime64[ns]"): what an element is and how long.
//
// The facts are those of numpy.dtype(str) as pickles and .npy headers write it, byte order first;
// everything else that numpy.dtype would take (names with commas, nested records) is not read here.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace brine {

struct ElementType {
  char kind = 0;  // b i u f c S U V M m O
  std::uint64_t size = 0;  // bytes of one element
  bool object() const { return kind == 'O'; }
  // Types whose size their own state may change: S, U, V.
  bool flexible() const { return kind == 'S' || kind == 'U' || kind == 'V'; }
};

std::optional<ElementType> parse_typestr(std::string_view text);

}  // namespace brine
