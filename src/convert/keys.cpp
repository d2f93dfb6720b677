#include "convert/keys.h"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <unordered_map>
#include <utility>

#include "base/bytes.h"
#include "base/escape.h"
#include "catalogue/blob.h"

namespace brine::convert {

using pickle::Kind;
using pickle::kNoNode;
using pickle::Node;
using pickle::NodeId;

bool is_whole_text(const Node& node) {
  return node.kind == Kind::str && node.length == node.text.size();
}

namespace {

// A component of a name whose own dots must not be taken for the way's.
std::string without_dots(std::string_view part) {
  std::string out;
  for (const char c : part) {
    if (c == '.') {
      out += "%2E";
    } else if (c == '%') {
      out += "%25";
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace

std::string joined(const std::vector<std::string>& parts) {
  std::string out;
  for (const std::string& part : parts) {
    if (&part != parts.data()) out += '.';
    out += part;
  }
  return out;
}

std::string unique_name(const std::vector<std::string>& parts, std::string wanted,
                        const std::string& suffix,
                        const std::function<bool(const std::string&)>& take) {
  if (take(wanted)) return wanted;
  std::vector<std::string> escaped;
  for (const std::string& part : parts) escaped.push_back(without_dots(part));
  std::string out = joined(escaped) + suffix;
  for (int i = 2; !take(out); ++i) out = wanted + "%" + std::to_string(i);
  return out;
}

// Text of a file as valid UTF-8: what is none (lone surrogates) becomes %XX.
std::string valid_name(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const CodePoint point = decode_utf8(text);
    if (point.bytes != 0) {
      out.append(text.substr(0, point.bytes));
      text.remove_prefix(point.bytes);
      continue;
    }
    constexpr char kHex[] = "0123456789ABCDEF";
    const auto byte = static_cast<unsigned char>(text.front());
    out += '%';
    out += kHex[byte >> 4];
    out += kHex[byte & 15];
    text.remove_prefix(1);
  }
  return out;
}

// The shortest digits that give the number again, with an exponent below 1e-4 and from 1e16 on.
std::string float_text(double value) {
  if (!std::isfinite(value)) return std::isnan(value) ? "nan" : value < 0 ? "-inf" : "inf";
  std::array<char, 40> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), std::abs(value),
                                 std::chars_format::scientific);
  const std::string_view written(text.data(), static_cast<std::size_t>(end.ptr - text.data()));
  const std::size_t e = written.find('e');
  std::string digits(written.substr(0, e));
  std::erase(digits, '.');
  int exponent = 0;
  const bool negative = written[e + 1] == '-';
  std::from_chars(written.data() + e + 2, end.ptr, exponent);
  if (negative) exponent = -exponent;
  std::string out = std::signbit(value) ? "-" : "";
  if (exponent < -4 || exponent >= 16) {
    out += digits[0];
    if (digits.size() > 1) out += "." + digits.substr(1);
    const std::string power = std::to_string(std::abs(exponent));
    return out + (negative ? "e-" : "e+") + (power.size() < 2 ? "0" : "") + power;
  }
  if (exponent < 0)
    return out + "0." + std::string(static_cast<std::size_t>(-exponent - 1), '0') + digits;
  const auto whole = static_cast<std::size_t>(exponent) + 1;
  if (digits.size() <= whole) return out + digits + std::string(whole - digits.size(), '0') + ".0";
  return out + digits.substr(0, whole) + "." + digits.substr(whole);
}

std::string Keys::dotted(const Node& ref) {
  return std::string(ref.module()) + "." + std::string(ref.name());
}

namespace {

constexpr std::size_t kLongestKey = 1u << 16;

// Other names of one element type: torch's and, on Linux, NumPy's.
struct Alias {
  std::string_view name, same;
};
constexpr auto kDtypes = std::to_array<Alias>({
    {"numpy.byte", "numpy.int8"},          {"numpy.ubyte", "numpy.uint8"},
    {"numpy.short", "numpy.int16"},        {"numpy.ushort", "numpy.uint16"},
    {"numpy.intc", "numpy.int32"},         {"numpy.uintc", "numpy.uint32"},
    {"numpy.int_", "numpy.int64"},         {"numpy.intp", "numpy.int64"},
    {"numpy.long", "numpy.int64"},         {"numpy.uint", "numpy.uint64"},
    {"numpy.uintp", "numpy.uint64"},       {"numpy.ulong", "numpy.uint64"},
    {"numpy.half", "numpy.float16"},       {"numpy.single", "numpy.float32"},
    {"numpy.double", "numpy.float64"},     {"numpy.csingle", "numpy.complex64"},
    {"numpy.cdouble", "numpy.complex128"}, {"numpy.bool_", "numpy.bool"},
    {"torch.float", "torch.float32"},      {"torch.double", "torch.float64"},
    {"torch.half", "torch.float16"},       {"torch.short", "torch.int16"},
    {"torch.int", "torch.int32"},          {"torch.long", "torch.int64"},
    {"torch.chalf", "torch.complex32"},    {"torch.cfloat", "torch.complex64"},
    {"torch.cdouble", "torch.complex128"},
});

// The first of a reference's names, where facts or the table above know several.
std::string first_name(const Node& ref) {
  const std::string name = Keys::dotted(ref);
  const auto* row = std::ranges::find(kDtypes, name, &Alias::name);
  if (row != kDtypes.end()) return std::string(row->same);
  const catalogue::Blob& facts = catalogue::Blob::embedded();
  const catalogue::Rank rank = facts.find_name(ref.module(), ref.name());
  return rank == catalogue::kNoRank ? name : facts.dotted(facts.fact(rank).canonical);
}

}  // namespace

std::string Keys::key_text(NodeId id, unsigned depth) const {
  if (id == kNoNode) return "?";
  const Node& key = node(id);
  switch (key.kind) {
    case Kind::str: return valid_name(key.text);
    case Kind::bytes:
    case Kind::bytearray: return python_bytes(key.text);
    case Kind::integer: return key.big ? std::string(key.text) : std::to_string(key.integer);
    case Kind::boolean: return key.integer != 0 ? "True" : "False";
    case Kind::none: return "None";
    case Kind::floating: return float_text(key.floating);
    case Kind::ref:
      if (is_storage_type(key)) break;
      return valid_name(first_name(key));
    case Kind::tuple: {
      if (depth == 0) return "(...)";
      const std::string out = "(" + items_text(key.items, depth - 1);
      return out + (key.items.size() == 1 ? ",)" : ")");
    }
    case Kind::object:
      if (const auto scalar = numpy_scalar(key)) return valid_name(scalar->text);
      if (const auto bytes = latin1_bytes(key)) return python_bytes(*bytes);
      if (const auto* sizes = sizes_of(key)) return "torch.Size([" + items_text(*sizes, 0) + "])";
      break;
    default: break;
  }
  return "key@" + std::to_string(key.offset);
}

bool Keys::has_text(NodeId id, unsigned depth) const {
  if (id == kNoNode || depth == 0) return true;
  const Node& key = node(id);
  if (key.kind == Kind::str) return true;
  if (key.kind == Kind::tuple) {
    return std::ranges::all_of(key.items, [&](NodeId item) { return has_text(item, depth - 1); });
  }
  return !key_text(id, depth).starts_with("key@");
}

// torch.load makes an object of its own of every name with "Storage" in it that is an element
// type's, each time that it is asked for (torch/serialization.py, StorageType).
bool Keys::is_storage_type(const Node& ref) {
  return ref.name().find("Storage") != std::string_view::npos;
}

std::string Keys::items_text(const std::vector<NodeId>& items, unsigned depth) const {
  std::string out;
  for (const NodeId item : items) {
    const bool text = item != kNoNode && node(item).kind == Kind::str;
    if (!out.empty()) out += ", ";
    out += text ? python_str(node(item).text) : key_text(item, depth);
    if (out.size() > kLongestKey) return out + "...";
  }
  return out;
}

// The numbers of a torch.Size, which equals a tuple of them; null for anything else.
const std::vector<NodeId>* Keys::sizes_of(const Node& object) const {
  if (object.callable == kNoNode || object.args == kNoNode || !object.states().empty() ||
      node(object.callable).kind != Kind::ref || dotted(node(object.callable)) != "torch.Size") {
    return nullptr;
  }
  const std::vector<NodeId>& args = node(object.args).items;
  if (args.size() != 1 || args[0] == kNoNode) return nullptr;
  const Node& sizes = node(args[0]);
  const bool sequence = sizes.kind == Kind::tuple || sizes.kind == Kind::list;
  return sequence ? &sizes.items : nullptr;
}

namespace {

// Whole numbers are equal whatever their type; -0.0 is 0; a NaN equals nothing but itself.
std::optional<std::string> number_identity(double value) {
  if (std::isnan(value)) return std::nullopt;
  if (std::isinf(value) || value != std::floor(value)) {
    return "f" + std::to_string(std::bit_cast<std::uint64_t>(value));
  }
  std::array<char, 400> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value == 0 ? 0.0 : value,
                                 std::chars_format::fixed, 0);
  return "i" + std::string(text.data(), end.ptr);
}

}  // namespace

// numpy's scalar(dtype, bytes).
std::optional<Keys::Scalar> Keys::numpy_scalar(const Node& object) const {
  if (object.callable == kNoNode || object.args == kNoNode || !object.states().empty()) {
    return std::nullopt;
  }
  const Node& callable = node(object.callable);
  const std::vector<NodeId>& args = node(object.args).items;
  if (callable.kind != Kind::ref || callable.name() != "scalar" ||
      !callable.module().ends_with(".multiarray") || args.size() != 2 || args[0] == kNoNode ||
      args[1] == kNoNode) {
    return std::nullopt;
  }
  const Node& dtype = node(args[0]);
  if (dtype.args == kNoNode || node(dtype.args).items.empty() ||
      node(dtype.args).items[0] == kNoNode || !is_whole_text(node(node(dtype.args).items[0]))) {
    return std::nullopt;
  }
  const Node& held = node(args[1]);
  const bool whole = held.kind == Kind::bytes && held.length == held.text.size();
  const auto bytes = whole ? std::optional(std::string(held.text)) : latin1_bytes(held);
  if (!bytes) return std::nullopt;
  // In the machine's own byte order, as NumPy's types are where nobody changed it.
  if (dtype.states().size() > 1) return std::nullopt;
  if (!dtype.states().empty() && dtype.states()[0] != kNoNode) {
    const std::vector<NodeId>& state = node(dtype.states()[0]).items;
    if (state.size() < 2 || state[1] == kNoNode || node(state[1]).text == ">") return std::nullopt;
  }
  const std::string_view type = node(node(dtype.args).items[0]).text;
  if (type.starts_with('U')) return utf32_text(*bytes);
  std::uint64_t raw = 0;
  if (bytes->empty() || bytes->size() > 8) return std::nullopt;
  for (std::size_t i = bytes->size(); i-- > 0;) {
    raw = raw << 8 | static_cast<unsigned char>((*bytes)[i]);
  }
  if (type == "b1") return Scalar{raw != 0 ? "True" : "False", raw != 0 ? "i1" : "i0"};
  if (type == "f8" && bytes->size() == 8) {
    const auto value = std::bit_cast<double>(raw);
    const auto same = number_identity(value);
    return same ? std::optional(Scalar{float_text(value), *same}) : std::nullopt;
  }
  if (type == "u1" || type == "u2" || type == "u4" || type == "u8") {
    return Scalar{std::to_string(raw), "i" + std::to_string(raw)};
  }
  if (type != "i1" && type != "i2" && type != "i4" && type != "i8") return std::nullopt;
  const unsigned unused = 64 - 8 * static_cast<unsigned>(bytes->size());
  const std::string text = std::to_string(static_cast<std::int64_t>(raw << unused) >> unused);
  return Scalar{text, "i" + text};
}

// A numpy.str_, which equals Python's text: code points of four bytes, without NULs at the end.
std::optional<Keys::Scalar> Keys::utf32_text(std::string_view bytes) {
  std::string out;
  std::size_t end = bytes.size() / 4 * 4;
  const auto at = [&](std::size_t i) { return load_le32(as_bytes(bytes).data() + i); };
  while (end != 0 && at(end - 4) == 0) end -= 4;
  for (std::size_t i = 0; i < end; i += 4) {
    if (at(i) > 0x10ffff) return std::nullopt;
    append_utf8(out, at(i));
  }
  return Scalar{out, "s" + out};
}

// A text that is the same for keys that Python calls equal; none when the node itself is all that
// can be compared.
std::optional<std::string> Keys::identity(NodeId id, unsigned depth) const {
  if (id == kNoNode || depth == 0) return std::nullopt;
  const Node& key = node(id);
  switch (key.kind) {
    case Kind::none: return "N";
    case Kind::boolean: return "i" + std::to_string(key.integer);
    case Kind::integer:
      if (key.big && key.text.empty()) return std::nullopt;
      return "i" + (key.big ? std::string(key.text) : std::to_string(key.integer));
    case Kind::floating: return number_identity(key.floating);
    case Kind::str:
    case Kind::bytes:
      if (key.length != key.text.size()) return std::nullopt;
      return (key.kind == Kind::str ? "s" : "b") + std::string(key.text);
    case Kind::ref: return "r" + first_name(key);
    case Kind::tuple:
    case Kind::frozenset: return items_identity(key.items, key.kind == Kind::frozenset, depth);
    case Kind::object: {
      if (auto scalar = numpy_scalar(key)) return std::move(scalar->identity);
      if (const auto* sizes = sizes_of(key)) return items_identity(*sizes, false, depth);
      if (auto bytes = latin1_bytes(key)) return "b" + *bytes;
      // Made of constants alone: its class may call two of them equal.
      if (!key.states().empty() || key.args == kNoNode || key.callable == kNoNode) {
        return std::nullopt;
      }
      const auto callable = identity(key.callable, depth - 1);
      const auto args = identity(key.args, depth - 1);
      if (!callable || !args) return std::nullopt;
      return "o" + std::to_string(callable->size()) + ":" + *callable + *args;
    }
    default: return std::nullopt;
  }
}

std::optional<std::string> Keys::items_identity(const std::vector<NodeId>& items, bool set,
                                                unsigned depth) const {
  std::vector<std::string> parts;
  std::size_t size = 0;
  for (const NodeId item : items) {
    auto part = identity(item, depth - 1);
    if (!part) part = "n" + std::to_string(item);
    size += part->size();
    if (size > kLongestKey) return std::nullopt;
    parts.push_back(std::to_string(part->size()) + ":" + std::move(*part));
  }
  if (set) std::ranges::sort(parts);
  std::string out = set ? "z" : "t";
  for (const std::string& part : parts) out += part;
  return out;
}

// Pairs with Python's rule for a key that comes twice: the first place, the last value.
std::vector<Pair> Keys::distinct(const std::vector<NodeId>& items) const {
  std::vector<Pair> out;
  std::unordered_map<std::string, std::size_t> places;
  for (std::size_t i = 0; i + 1 < items.size(); i += 2) {
    const bool object = items[i] != kNoNode && node(items[i]).kind == Kind::object;
    auto key = identity(items[i], kKeyDepth);
    if (!key) key = "n" + std::to_string(items[i]);
    auto [place, fresh] = places.emplace(std::move(*key), out.size());
    if (!fresh && out[place->second].key != items[i] &&
        (object || is_opaque(items[i], kKeyDepth))) {
      doubt();
      fresh = true;
    }
    if (fresh) {
      out.push_back({items[i], items[i + 1]});
    } else {
      dropped_.push_back(std::exchange(out[place->second].value, items[i + 1]));
    }
  }
  doubt(may_meet(out));
  return out;
}

// Whether only a key's class knows if it equals another: NumPy's numbers equal Python's, a
// torch.Size a tuple, a path another that is written otherwise.
bool Keys::may_meet(const std::vector<Pair>& pairs) const {
  return pairs.size() > 1 && std::ranges::any_of(pairs, [&](const Pair& pair) {
           return is_opaque(pair.key, kKeyDepth);
         });
}

// An object, or something that holds one, whose equality is not that of what is written.
bool Keys::is_opaque(NodeId id, unsigned depth) const {
  if (id == kNoNode || depth == 0) return true;
  const Node& key = node(id);
  if (key.kind == Kind::tuple || key.kind == Kind::frozenset) {
    return std::ranges::any_of(key.items, [&](NodeId item) { return is_opaque(item, depth - 1); });
  }
  if (key.kind == Kind::ref) return is_storage_type(key);
  if (key.kind != Kind::object) return false;
  // A tensor's hash is its address: as a key it equals itself alone.
  const bool made = key.callable != kNoNode && node(key.callable).kind == Kind::ref;
  const std::string maker = made ? dotted(node(key.callable)) : std::string();
  if (maker.starts_with("torch._utils._rebuild_") || maker.starts_with("torch._tensor._rebuild_")) {
    return false;
  }
  const auto known = identity(id, depth);
  return !known || std::string_view("ibfst").find(known->front()) == std::string_view::npos;
}

// The bytes of _codecs.encode(text, 'latin1'), as protocol 2 has them.
std::optional<std::string> Keys::latin1_bytes(const Node& object) const {
  if (object.callable == kNoNode || object.args == kNoNode || !object.states().empty() ||
      node(object.callable).kind != Kind::ref) {
    return std::nullopt;
  }
  const std::vector<NodeId>& args = node(object.args).items;
  const std::string maker = dotted(node(object.callable));
  if (maker == "builtins.bytes" && args.empty()) return "";
  if (maker != "_codecs.encode") return std::nullopt;
  if (args.size() != 2 || node(args[0]).kind != Kind::str || node(args[1]).text != "latin1" ||
      node(args[0]).length != node(args[0]).text.size()) {
    return std::nullopt;
  }
  std::string out;
  unsigned high = 0;
  for (const char c : node(args[0]).text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0xc4) return std::nullopt;  // beyond latin1
    if (byte >= 0xc0) {
      high = (byte & 3u) << 6;
    } else {
      out += static_cast<char>(byte < 0x80 ? byte : high | (byte & 0x3fu));
    }
  }
  return out;
}

}  // namespace brine::convert
