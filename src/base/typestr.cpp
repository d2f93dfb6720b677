#include "base/typestr.h"

#include <array>

namespace brine {

namespace {

struct Named {
  std::string_view name;
  ElementType type;
};
// One-letter codes and names on a machine with 64-bit longs.
constexpr auto kNamed = std::to_array<Named>({
    {"?", {'b', 1}},           {"bool", {'b', 1}},        {"b", {'i', 1}},
    {"B", {'u', 1}},           {"h", {'i', 2}},           {"H", {'u', 2}},
    {"i", {'i', 4}},           {"I", {'u', 4}},           {"l", {'i', 8}},
    {"L", {'u', 8}},           {"q", {'i', 8}},           {"Q", {'u', 8}},
    {"p", {'i', 8}},           {"P", {'u', 8}},           {"e", {'f', 2}},
    {"f", {'f', 4}},           {"d", {'f', 8}},           {"g", {'f', 16}},
    {"F", {'c', 8}},           {"D", {'c', 16}},          {"G", {'c', 32}},
    {"O", {'O', 8}},           {"int8", {'i', 1}},        {"uint8", {'u', 1}},
    {"int16", {'i', 2}},       {"uint16", {'u', 2}},      {"int32", {'i', 4}},
    {"uint32", {'u', 4}},      {"int64", {'i', 8}},       {"uint64", {'u', 8}},
    {"int", {'i', 8}},         {"float", {'f', 8}},       {"float16", {'f', 2}},
    {"float32", {'f', 4}},     {"float64", {'f', 8}},     {"complex64", {'c', 8}},
    {"complex128", {'c', 16}}, {"object", {'O', 8}},      {"S", {'S', 0}},
    {"U", {'U', 0}},           {"V", {'V', 0}},           {"c", {'S', 1}},
    {"datetime64", {'M', 8}},  {"timedelta64", {'m', 8}}, {"M", {'M', 8}},
    {"m", {'m', 8}},
});

constexpr std::uint64_t kLongest = 1u << 31;  // NumPy counts an element's bytes in an int

std::optional<std::uint64_t> digits(std::string_view text) {
  if (text.empty() || text.size() > 10) return std::nullopt;
  std::uint64_t value = 0;
  for (char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + static_cast<std::uint64_t>(c - '0');
  }
  return value;
}

bool is_number_size(char kind, std::uint64_t size) {
  switch (kind) {
    case 'b': return size == 1;
    case 'i':
    case 'u': return size == 1 || size == 2 || size == 4 || size == 8;
    case 'f': return size == 2 || size == 4 || size == 8 || size == 16;
    case 'c': return size == 8 || size == 16 || size == 32;
    case 'O': return size == 8 || size == 4;
    case 'M':
    case 'm': return size == 8;
    default: return false;
  }
}

}  // namespace

std::optional<ElementType> parse_typestr(std::string_view text) {
  if (!text.empty() && (text[0] == '<' || text[0] == '>' || text[0] == '|' || text[0] == '=')) {
    text.remove_prefix(1);
  }
  // A date's unit changes nothing about its size.
  if (const std::size_t unit = text.find('['); unit != std::string_view::npos) {
    const std::string_view name = text.substr(0, unit);
    if (!text.ends_with("]")) return std::nullopt;
    if (name == "M8" || name == "datetime64") return ElementType{'M', 8};
    if (name == "m8" || name == "timedelta64") return ElementType{'m', 8};
    return std::nullopt;
  }
  for (const Named& row : kNamed) {
    if (row.name == text) return row.type;
  }
  if (text.size() < 2) return std::nullopt;
  const char kind = text[0] == 'a' ? 'S' : text[0];
  const std::optional<std::uint64_t> count = digits(text.substr(1));
  if (!count) return std::nullopt;
  ElementType type{kind, kind == 'U' ? *count * 4 : *count};
  if (type.flexible()) return type.size < kLongest ? std::optional(type) : std::nullopt;
  if (kind == 'O') type.size = 8;
  return is_number_size(kind, *count) ? std::optional(type) : std::nullopt;
}

}  // namespace brine
