#include "convert/values.h"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <unordered_map>
#include <unordered_set>

#include "base/escape.h"

namespace brine::convert {

using pickle::Kind;
using pickle::kNoNode;
using pickle::Node;
using pickle::NodeId;

bool is_whole_text(const Node& node) {
  return node.kind == Kind::str && node.length == node.text.size();
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

std::string float_text(double value) {
  std::array<char, 40> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value);
  std::string out(text.data(), end.ptr);
  if (std::isfinite(value) && out.find_first_of(".e") == std::string::npos) out += ".0";
  return out;
}

std::string Values::dotted(const Node& ref) {
  return std::string(ref.module()) + "." + std::string(ref.name());
}

std::string Values::key_text(NodeId id) const {
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
    case Kind::ref: return valid_name(dotted(key));
    case Kind::tuple: {
      std::string out = "(";
      for (const NodeId item : key.items) {
        const Kind kind = item == kNoNode ? Kind::unknown : node(item).kind;
        if (out.size() > 1) out += ", ";
        out += kind == Kind::str     ? python_str(node(item).text)
               : kind == Kind::tuple ? "(...)"
                                     : key_text(item);
      }
      if (key.items.size() == 1) out += ',';
      return out + ")";
    }
    case Kind::object:
      if (const auto number = numpy_scalar(key)) return *number;
      break;
    default: break;
  }
  return "key@" + std::to_string(key.offset);
}

// numpy's scalar(dtype, bytes), where the bytes stand as such.
std::optional<std::string> Values::numpy_scalar(const Node& object) const {
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
  const Node& bytes = node(args[1]);
  if (dtype.args == kNoNode || node(dtype.args).items.empty() || bytes.kind != Kind::bytes ||
      node(dtype.args).items[0] == kNoNode || !is_whole_text(node(node(dtype.args).items[0]))) {
    return std::nullopt;
  }
  // In the machine's own byte order, as NumPy's types are where nobody changed it.
  if (dtype.states().size() > 1) return std::nullopt;
  if (!dtype.states().empty() && dtype.states()[0] != kNoNode) {
    const std::vector<NodeId>& state = node(dtype.states()[0]).items;
    if (state.size() < 2 || state[1] == kNoNode || node(state[1]).text == ">") return std::nullopt;
  }
  const std::string_view type = node(node(dtype.args).items[0]).text;
  std::uint64_t raw = 0;
  if (bytes.text.size() != bytes.length || bytes.length == 0 || bytes.length > 8) {
    return std::nullopt;
  }
  for (std::size_t i = bytes.text.size(); i-- > 0;) {
    raw = raw << 8 | static_cast<unsigned char>(bytes.text[i]);
  }
  if (type == "b1") return raw != 0 ? "True" : "False";
  if (type == "f8" && bytes.length == 8) return float_text(std::bit_cast<double>(raw));
  if (type == "u1" || type == "u2" || type == "u4" || type == "u8") return std::to_string(raw);
  if (type != "i1" && type != "i2" && type != "i4" && type != "i8") return std::nullopt;
  const unsigned unused = 64 - 8 * static_cast<unsigned>(bytes.length);
  return std::to_string(static_cast<std::int64_t>(raw << unused) >> unused);
}

namespace {

constexpr unsigned kKeyDepth = 8;  // tuples in tuples as keys
constexpr std::size_t kLongestKey = 1u << 16;

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

// A text that is the same for keys that Python calls equal; none when the node itself is all that
// can be compared.
std::optional<std::string> Values::identity(NodeId id, unsigned depth) const {
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
    case Kind::ref: return "r" + dotted(key);
    case Kind::tuple:
    case Kind::frozenset: {
      std::vector<std::string> parts;
      std::size_t size = 0;
      for (const NodeId item : key.items) {
        auto part = identity(item, depth - 1);
        if (!part) part = "n" + std::to_string(item);
        size += part->size();
        if (size > kLongestKey) return std::nullopt;
        parts.push_back(std::to_string(part->size()) + ":" + std::move(*part));
      }
      const bool set = key.kind == Kind::frozenset;
      if (set) std::ranges::sort(parts);
      std::string out = set ? "z" : "t";
      for (const std::string& part : parts) out += part;
      return out;
    }
    case Kind::object: {
      // NumPy's whole numbers equal Python's.
      if (const auto number = numpy_scalar(key)) {
        const bool whole = number->find_first_not_of("-0123456789") == std::string::npos;
        if (whole) return "i" + *number;
      }
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

// Makers of values that equal others of their kind which are written otherwise.
bool compares_widely(std::string_view maker) {
  static constexpr auto kModules = std::to_array<std::string_view>(
      {"builtins.", "__builtin__.", "decimal.", "fractions.", "numpy.", "torch.", "collections.",
       "datetime.", "_codecs."});
  return std::ranges::any_of(kModules,
                             [&](std::string_view module) { return maker.starts_with(module); });
}

// Pairs with Python's rule for a key that comes twice: the first place, the last value.
std::vector<Pair> Values::distinct(const std::vector<NodeId>& items) const {
  std::vector<Pair> out;
  std::unordered_map<std::string, std::size_t> places;
  for (std::size_t i = 0; i + 1 < items.size(); i += 2) {
    const bool object = items[i] != kNoNode && node(items[i]).kind == Kind::object;
    auto key = identity(items[i], kKeyDepth);
    if (!key) key = "n" + std::to_string(items[i]);
    auto [place, fresh] = places.emplace(std::move(*key), out.size());
    if (!fresh && object && out[place->second].key != items[i]) {
      ambiguous_ = true;
      fresh = true;
    }
    if (fresh) {
      out.push_back({items[i], items[i + 1]});
    } else {
      out[place->second].value = items[i + 1];
    }
  }
  ambiguous_ = ambiguous_ || may_meet(out);
  return out;
}

// Whether only a key's class knows if it equals another: NumPy's numbers equal Python's, a
// torch.Size a tuple, a Decimal an int.
bool Values::may_meet(const std::vector<Pair>& pairs) const {
  if (pairs.size() < 2) return false;
  std::size_t opaque = 0;
  bool alike = true;
  std::string first;
  for (const Pair& pair : pairs) {
    if (!is_opaque(pair.key, kKeyDepth)) continue;
    const Node& key = node(pair.key);
    const bool made = key.kind == Kind::object && key.callable != kNoNode;
    const std::string maker = made ? dotted(node(key.callable)) : std::string();
    if (opaque++ == 0) first = maker;
    alike = alike && !maker.empty() && maker == first && !compares_widely(maker);
  }
  return opaque != 0 && (!alike || opaque != pairs.size());
}

// An object, or something that holds one, whose equality is not that of what is written.
bool Values::is_opaque(NodeId id, unsigned depth) const {
  if (id == kNoNode || depth == 0) return true;
  const Node& key = node(id);
  if (key.kind == Kind::tuple || key.kind == Kind::frozenset) {
    return std::ranges::any_of(key.items, [&](NodeId item) { return is_opaque(item, depth - 1); });
  }
  if (key.kind != Kind::object) return false;
  // A tensor's hash is its address: as a key it equals itself alone.
  const bool made = key.callable != kNoNode && node(key.callable).kind == Kind::ref;
  const std::string maker = made ? dotted(node(key.callable)) : std::string();
  if (maker.starts_with("torch._utils._rebuild_") || maker.starts_with("torch._tensor._rebuild_")) {
    return false;
  }
  const auto known = identity(id, depth);
  return !known || !(known->starts_with('i') || known->starts_with('b'));
}

// The bytes of _codecs.encode(text, 'latin1'), as protocol 2 has them.
std::optional<std::string> Values::latin1_bytes(const Node& object) const {
  if (object.callable == kNoNode || object.args == kNoNode || !object.states().empty() ||
      node(object.callable).kind != Kind::ref ||
      dotted(node(object.callable)) != "_codecs.encode") {
    return std::nullopt;
  }
  const std::vector<NodeId>& args = node(object.args).items;
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

// The pairs of a dict or of an object that is stored into like one.
std::optional<std::vector<Pair>> Values::mapping(NodeId id) const {
  const Node& value = node(id);
  if (value.kind == Kind::dict) return distinct(value.items);
  if (value.kind != Kind::object) return std::nullopt;
  const bool ordered = value.callable != kNoNode && node(value.callable).kind == Kind::ref &&
                       node(value.callable).module() == "collections" &&
                       node(value.callable).name() == "OrderedDict";
  if (!ordered && value.stored().empty()) return std::nullopt;
  std::vector<NodeId> items;
  if (ordered && value.args != kNoNode && node(value.args).items.size() == 1) {
    // OrderedDict([[key, value], ...]), as Python 2 wrote it.
    const Node& list = node(node(value.args).items[0]);
    for (const NodeId pair : list.items) {
      if (pair == kNoNode || node(pair).items.size() != 2) return std::nullopt;
      items.insert(items.end(), node(pair).items.begin(), node(pair).items.end());
    }
  }
  items.insert(items.end(), value.stored().begin(), value.stored().end());
  return distinct(items);
}

// The attributes that BUILD gave an object; none when a state is of another kind.
std::optional<std::vector<Child>> Values::attributes(const Node& object) const {
  std::vector<NodeId> items;
  for (const NodeId id : object.states()) {
    if (id == kNoNode) return std::nullopt;
    const Node& state = node(id);
    if (state.kind == Kind::none) continue;
    if (state.kind == Kind::dict) {
      items.insert(items.end(), state.items.begin(), state.items.end());
    } else if (state.kind == Kind::tuple && state.items.size() == 2) {
      for (const NodeId half : state.items) {
        if (half == kNoNode) return std::nullopt;
        if (node(half).kind == Kind::dict) {
          items.insert(items.end(), node(half).items.begin(), node(half).items.end());
        } else if (node(half).kind != Kind::none) {
          return std::nullopt;
        }
      }
    } else {
      return std::nullopt;
    }
  }
  std::vector<Child> out;
  for (const Pair& pair : distinct(items)) out.push_back({key_text(pair.key), kNoNode, pair.value});
  return out;
}

namespace {

const Child* find(const std::vector<Child>& children, std::string_view name) {
  const auto found = std::ranges::find(children, name, &Child::part);
  return found == children.end() ? nullptr : &*found;
}

}  // namespace

// Whether RNNBase.__setstate__ (torch 2.13, nn/modules/rnn.py:419) gets through a recurrent layer's
// state: it asks for the first name of all weights and makes a weak reference to each flat one. An
// older state, whose names are made anew, is not told apart.
bool Values::recurrent_loads(const std::vector<Child>& state) const {
  const auto list_of = [&](std::string_view name) -> const Node* {
    const Child* held = find(state, name);
    const bool list = held != nullptr && held->value != kNoNode &&
                      node(held->value).kind == Kind::list && !node(held->value).items.empty();
    return list ? &node(held->value) : nullptr;
  };
  const Node* flat = list_of("_flat_weights");
  const Node* all = list_of("_all_weights");
  if (flat == nullptr || all == nullptr || all->items.front() == kNoNode) return false;
  const Node& names = node(all->items.front());
  return names.kind == Kind::list && !names.items.empty() &&
         std::ranges::all_of(flat->items, [&](NodeId weight) {
           return weight != kNoNode &&
                  (node(weight).kind == Kind::object || node(weight).kind == Kind::none);
         });
}

// The state_dict of a torch.nn.Module as children; none when the object is no module.
std::optional<std::vector<Child>> Values::module_state(NodeId id, std::vector<Child>* rest) const {
  const Node& object = node(id);
  if (object.kind != Kind::object || object.states().empty()) return std::nullopt;
  const auto all = attributes(object);
  if (!all) return std::nullopt;
  constexpr std::string_view kParts[] = {"_parameters", "_buffers", "_modules"};
  const std::string cls = class_name(object);
  if (cls.starts_with("torch.nn.modules.rnn.") && !cls.ends_with("Cell")) {
    ambiguous_ = ambiguous_ || !recurrent_loads(*all);
  }
  std::vector<Child> out;
  const Child* skipped = find(*all, "_non_persistent_buffers_set");
  std::unordered_set<std::string> names;
  for (const std::string_view part : kParts) {
    const Child* held = find(*all, part);
    if (held == nullptr || held->value == kNoNode) return std::nullopt;
    const auto pairs = mapping(held->value);
    if (!pairs) return std::nullopt;
    for (const Pair& pair : *pairs) {
      if (pair.value == kNoNode || node(pair.value).kind == Kind::none) continue;
      std::string name = key_text(pair.key);
      // torch lets no name in that has a dot or is there already; then state_dict() has one of two.
      const bool twice = !names.insert(name).second;
      ambiguous_ = ambiguous_ || twice || name.find('.') != std::string::npos;
      if (part == "_buffers" && skipped != nullptr && has_member(skipped->value, name)) {
        if (rest != nullptr) rest->push_back({std::move(name), kNoNode, pair.value});
        continue;
      }
      out.push_back({std::move(name), kNoNode, pair.value});
    }
  }
  if (rest != nullptr) {
    for (const Child& child : *all) {
      if (std::ranges::find(kParts, child.part) == std::end(kParts)) rest->push_back(child);
    }
  }
  return out;
}

bool Values::has_member(NodeId set, std::string_view name) const {
  if (set == kNoNode) return false;
  const Node& members = node(set);
  const auto holds = [&](const std::vector<NodeId>& items) {
    return std::ranges::any_of(items, [&](NodeId item) {
      return item != kNoNode && is_whole_text(node(item)) && node(item).text == name;
    });
  };
  if (holds(members.items)) return true;
  // set(['name']), as protocols below 4 write it.
  return members.kind == Kind::object && members.args != kNoNode &&
         std::ranges::any_of(node(members.args).items, [&](NodeId item) {
           return item != kNoNode && holds(node(item).items);
         });
}

// Items and attributes of what is neither a dict nor a module.
std::vector<Child> Values::parts_of(NodeId id) const {
  const Node& value = node(id);
  std::vector<Child> out;
  const auto indexed = [&](const std::vector<NodeId>& items) {
    for (std::size_t i = 0; i < items.size(); ++i) {
      out.push_back({std::to_string(i), kNoNode, items[i]});
    }
  };
  if (value.kind != Kind::object) {
    indexed(value.items);
    return out;
  }
  indexed(value.appended());
  if (auto held = attributes(value)) {
    for (Child& child : *held) out.push_back(std::move(child));
  }
  return out;
}

// torch.jit._pickle.restore_type_tag(value, type), build_tensorlist(list) ...: one in another at
// most.
NodeId Values::unwrapped(NodeId id) const {
  for (int depth = 0; depth < 2 && id != kNoNode; ++depth) {
    const Node& call = node(id);
    if (call.kind != Kind::object || call.callable == kNoNode || call.args == kNoNode) break;
    const Node& callable = node(call.callable);
    const std::vector<NodeId>& args = node(call.args).items;
    if (callable.kind != Kind::ref || callable.module() != "torch.jit._pickle" || args.empty())
      break;
    if (callable.name() != "restore_type_tag" && !callable.name().starts_with("build_")) break;
    id = args[0];
  }
  return id;
}

// _reconstruct(...) and BUILD (version, shape, dtype, fortran, list); NumPy writes and reads the
// list row by row, whatever the flag says.
const std::vector<NodeId>* Values::object_array(const Node& object) const {
  if (object.callable == kNoNode || object.states().size() != 1 || object.states()[0] == kNoNode) {
    return nullptr;
  }
  const Node& callable = node(object.callable);
  const Node& state = node(object.states()[0]);
  if (callable.kind != Kind::ref || callable.name() != "_reconstruct" ||
      !(callable.module() == "numpy.core.multiarray" ||
        callable.module() == "numpy._core.multiarray") ||
      state.kind != Kind::tuple || state.items.empty() || state.items.back() == kNoNode ||
      node(state.items.back()).kind != Kind::list) {
    return nullptr;
  }
  return &node(state.items.back()).items;
}

std::string Values::class_name(const Node& object) const {
  if (object.callable == kNoNode) return "?";
  const Node& callable = node(object.callable);
  if (callable.kind != Kind::ref) return "?";
  // copyreg._reconstructor(cls, base, state) and copyreg.__newobj__(cls, ...)
  if ((callable.module() == "copyreg" || callable.module() == "copy_reg") &&
      object.args != kNoNode && !node(object.args).items.empty() &&
      node(object.args).items[0] != kNoNode && node(node(object.args).items[0]).kind == Kind::ref) {
    return dotted(node(node(object.args).items[0]));
  }
  return dotted(callable);
}

}  // namespace brine::convert
