#include "catalogue/contract.h"

#include <algorithm>
#include <array>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "catalogue/storage.h"

namespace brine::catalogue {
namespace {

using pickle::Kind;
using pickle::Node;
using pickle::NodeId;

constexpr std::uint32_t kOptional = 1;
constexpr std::uint32_t kRepeat = 2;
constexpr std::size_t kLongestLiteral = 4096;
constexpr std::size_t kMostHashed = 10'000;  // tuples and frozensets in a key
constexpr std::size_t kFewHashed = 64;  // that no budget counts
constexpr std::uint64_t kHashedInAll = 1u << 22;
constexpr std::int64_t kLongestExtent = std::int64_t{1} << 31;  // cells of an array of objects

// The bit of a container kind in the patterns' masks; 0 for other kinds.
std::uint32_t mask_of(Kind kind) {
  switch (kind) {
    case Kind::tuple: return 1;
    case Kind::list: return 2;
    case Kind::set: return 4;
    case Kind::frozenset: return 8;
    case Kind::none:
    case Kind::boolean:
    case Kind::integer:
    case Kind::floating:
    case Kind::str:
    case Kind::bytes:
    case Kind::bytearray:
    case Kind::dict:
    case Kind::ref:
    case Kind::object:
    case Kind::persistent:
    case Kind::buffer:
    case Kind::unknown: return 0;
  }
  return 0;
}

bool is_scalar(Kind kind) {
  return kind == Kind::none || kind == Kind::boolean || kind == Kind::integer ||
         kind == Kind::floating || kind == Kind::str || kind == Kind::bytes;
}

Thing thing_of(const pickle::Value& value) { return Thing::of(value); }
Thing thing_of(const Thing& thing) { return thing; }

}  // namespace

Matcher::Pattern Matcher::at(std::uint32_t word) const {
  const Blob& blob = inspector_->blob();
  const std::uint32_t head = blob.word(word);
  return {static_cast<ContractOp>(head & 0xff), head >> 8, blob.word(word + 1), word + 2};
}

bool Matcher::arguments(std::uint32_t word, std::span<const pickle::Value> items) {
  return tuple_of(word, items);
}
bool Matcher::arguments(std::uint32_t word, std::span<const Thing> items) {
  return tuple_of(word, items);
}

template <class Item>
bool Matcher::tuple_of(std::uint32_t word, std::span<const Item> items) {
  if (word == 0) return false;
  const Pattern pattern = at(word);
  if (pattern.op == ContractOp::any) return true;
  if (pattern.op == ContractOp::sequence) return sequence(pattern, items);
  if (pattern.op == ContractOp::both) {
    return tuple_of(pattern.body, items) && tuple_of(pattern.body + at(pattern.body).words, items);
  }
  if (pattern.op == ContractOp::placed) {
    std::vector<Thing> things;
    for (const Item& item : items) things.push_back(thing_of(item));
    return placed(std::span<const Thing>(things));
  }
  if (pattern.op != ContractOp::alternatives) return false;
  std::uint32_t child = pattern.body;
  for (std::uint32_t i = 0; i < pattern.parts; ++i) {
    if (tuple_of(child, items)) return true;
    child += at(child).words;
  }
  return false;
}

// Item by item; a repeated part takes as many items as it matches.
template <class Item>
bool Matcher::sequence(const Pattern& pattern, std::span<const Item> items) {
  std::uint32_t at_word = pattern.body + 1;
  std::size_t next = 0;
  for (std::uint32_t i = 0; i < pattern.parts; ++i) {
    const std::uint32_t modifier = inspector_->blob().word(at_word);
    const std::uint32_t child = at_word + 1;
    if (modifier == kRepeat) {
      while (next < items.size() && value(child, thing_of(items[next]))) ++next;
    } else if (next < items.size() && value(child, thing_of(items[next]))) {
      ++next;
    } else if (modifier != kOptional) {
      return false;
    }
    at_word = child + at(child).words;
  }
  return next == items.size();
}

bool Matcher::value(std::uint32_t word, Thing thing) {
  if (word == 0) return false;
  const Pattern pattern = at(word);
  const Kind kind = inspector_->kind(thing);
  switch (pattern.op) {
    case ContractOp::any: return true;
    case ContractOp::none: return kind == Kind::none;
    case ContractOp::boolean: return kind == Kind::boolean;
    case ContractOp::integer: return kind == Kind::integer || kind == Kind::boolean;
    case ContractOp::floating: return kind == Kind::floating;
    case ContractOp::str: return kind == Kind::str;
    case ContractOp::bytes: return kind == Kind::bytes;
    case ContractOp::bytearray: return kind == Kind::bytearray;
    case ContractOp::plain: return plain(thing);
    case ContractOp::hashable: return hashable(thing);
    case ContractOp::range: return within(pattern, thing);
    case ContractOp::text: return literal(pattern, thing, Kind::str);
    case ContractOp::octets: return literal(pattern, thing, Kind::bytes);
    case ContractOp::chars: return characters(pattern, thing);
    case ContractOp::attrs: return attributes(pattern, thing);
    case ContractOp::alternatives: return alternatives(pattern, thing);
    case ContractOp::sequence: return fixed(pattern, thing);
    case ContractOp::collection: return collection(pattern, thing);
    case ContractOp::mapping: return mapping(pattern, thing);
    case ContractOp::ref:
    case ContractOp::class_ref:
    case ContractOp::inert_ref: return reference(pattern, thing);
    case ContractOp::object: return instance(pattern, thing);
    case ContractOp::empty: return instance(pattern, thing) && untouched(thing);
    case ContractOp::storage: return stored(thing);
    case ContractOp::fields: return fields(pattern, thing);
    case ContractOp::both:
      return value(pattern.body, thing) && value(pattern.body + at(pattern.body).words, thing);
    case ContractOp::made: return made(pattern, thing);
    case ContractOp::built: return built(pattern, thing);
    case ContractOp::when:
      return has_target_ && value(pattern.body, target_) &&
             value(pattern.body + at(pattern.body).words, thing);
    case ContractOp::cells: return cells(thing);
    case ContractOp::record: return record(thing);
    case ContractOp::filled: return filled(pattern, thing);
    case ContractOp::first:
      return has_target_ && states_of(target_) == std::size_t{0} &&
             !inspector_->machine().held_twice(target_.value);
    case ContractOp::stated: return states_of(thing).value_or(0) != 0;
    case ContractOp::attribute: return attribute(thing);
    case ContractOp::kdtree: return kdtree(thing);
    case ContractOp::codes: return codes(thing);
    case ContractOp::placed: return placed(thing);
    case ContractOp::elements: return elements(pattern, thing);
    case ContractOp::small: return small(thing);
    case ContractOp::weighed: return weighed(thing);
    case ContractOp::backed: return backed(thing);
    case ContractOp::at_most: return at_most(pattern, thing);
    case ContractOp::regex: return regex(thing);
  }
  return false;
}

bool Matcher::misfits(const Node& key) {
  misfit_ = std::string(key.text);
  return false;
}

bool Matcher::state(std::uint32_t word, Thing target, Thing given) {
  misfit_.clear();
  target_ = target;
  has_target_ = true;
  const bool fits = value(word, given);
  has_target_ = false;
  return fits;
}

bool Matcher::alternatives(const Pattern& pattern, const Thing& thing) {
  std::uint32_t child = pattern.body;
  for (std::uint32_t i = 0; i < pattern.parts; ++i) {
    if (value(child, thing)) return true;
    child += at(child).words;
  }
  return false;
}

bool Matcher::fixed(const Pattern& pattern, Thing& thing) {
  const std::uint32_t mask = inspector_->blob().word(pattern.body);
  if ((mask_of(inspector_->kind(thing)) & mask) == 0) return false;
  std::vector<Thing> items;
  return inspector_->items(thing, items) && sequence(pattern, std::span<const Thing>(items));
}

bool Matcher::collection(const Pattern& pattern, Thing& thing) {
  const std::uint32_t mask = inspector_->blob().word(pattern.body);
  if ((mask_of(inspector_->kind(thing)) & mask) == 0) return false;
  std::vector<Thing> items;
  if (!inspector_->items(thing, items)) return false;
  return std::all_of(items.begin(), items.end(),
                     [&](const Thing& item) { return value(pattern.body + 1, item); });
}

bool Matcher::mapping(const Pattern& pattern, Thing& thing) {
  if (inspector_->kind(thing) != Kind::dict) return false;
  const Node* node = inspector_->node(thing);
  if (node == nullptr) return false;
  const std::vector<NodeId> items = node->items;
  const std::uint32_t of_value = pattern.body + at(pattern.body).words;
  for (std::size_t i = 0; i + 1 < items.size(); i += 2) {
    if (!value(pattern.body, Thing::of(items[i])) || !value(of_value, Thing::of(items[i + 1]))) {
      return false;
    }
  }
  return true;
}

// Names of the form __x__, but for a docstring that is text: that is only ever shown.
bool is_special(std::string_view name) { return name.starts_with("__") && name.ends_with("__"); }

bool is_special(const Node& key, const Node& value) {
  const std::string_view name = key.text;
  if (!is_special(name)) return false;
  const bool text = value.kind == Kind::str || value.kind == Kind::none;
  return name != "__doc__" || !text;
}

// State that BUILD puts into an instance's __dict__. Names that are bytes (Python 2 files, read
// with that encoding) are no attributes: nothing finds them. A special name there would be found by
// later opcodes (`__setstate__`) or by the interpreter, and a forbidden one by the class's own
// methods.
bool Matcher::attributes(const Pattern& pattern, Thing& thing) {
  if (inspector_->kind(thing) != Kind::dict) return false;
  const Node* node = inspector_->node(thing);
  if (node == nullptr) return false;
  const auto& nodes = inspector_->machine().nodes();
  for (std::size_t i = 0; i + 1 < node->items.size(); i += 2) {
    const Node& key = nodes[node->items[i]];
    if (key.kind == Kind::bytes) continue;
    if (key.kind != Kind::str || key.length != key.text.size()) return false;
    if (is_special(key, nodes[node->items[i + 1]])) return misfits(key);
    for (std::uint32_t part = 0; part < pattern.parts; ++part) {
      const Blob& blob = inspector_->blob();
      if (key.text == blob.text(blob.word(pattern.body + part))) return misfits(key);
    }
  }
  return true;
}

// The same where the class's methods look into some of the attributes: those have a type, and a
// special name that is among them may be there.
bool Matcher::fields(const Pattern& pattern, Thing& thing) {
  if (inspector_->kind(thing) != Kind::dict) return false;
  const Node* node = inspector_->node(thing);
  if (node == nullptr) return false;
  const std::vector<NodeId> items = node->items;
  const Blob& blob = inspector_->blob();
  for (std::size_t i = 0; i + 1 < items.size(); i += 2) {
    const auto& nodes = inspector_->machine().nodes();
    const Node& key = nodes[items[i]];
    if (key.kind == Kind::bytes) continue;
    if (key.kind != Kind::str || key.length != key.text.size()) return false;
    const bool special = is_special(key, nodes[items[i + 1]]);
    bool listed = false;
    std::uint32_t entry = pattern.body;
    for (std::uint32_t part = 0; part < pattern.parts; ++part) {
      const std::uint32_t child = entry + 1;
      const bool named = key.text == blob.text(blob.word(entry));
      if (named && !value(child, Thing::of(items[i + 1]))) return misfits(nodes[items[i]]);
      listed = listed || named;
      entry = child + at(child).words;
    }
    if (special && !listed) return misfits(key);
  }
  return true;
}

bool Matcher::of_class(std::uint32_t number, const Thing& thing) {
  return inspector_->kind(thing) == Kind::object && number != 0 &&
         (inspector_->type(thing) & object_type::kNumber) == number;
}

bool Matcher::made(const Pattern& pattern, Thing& thing) {
  if (!of_class(inspector_->blob().word(pattern.body), thing)) return false;
  const Node* node = inspector_->node(thing);
  return node != nullptr && node->kind == Kind::object && node->args != pickle::kNoNode &&
         node->kwargs() == pickle::kNoNode && value(pattern.body + 1, Thing::of(node->args));
}

bool Matcher::built(const Pattern& pattern, Thing& thing) {
  if (!of_class(inspector_->blob().word(pattern.body), thing)) return false;
  const Node* node = inspector_->node(thing);
  if (node == nullptr || node->kind != Kind::object) return false;
  if (!node->appended().empty() || !node->stored().empty()) return false;
  if (node->callable == pickle::kNoNode) {  // joblib read it; objects are in a pickle of their own
    const pickle::RawArray* raw = inspector_->machine().raw_array(node->offset);
    if (raw == nullptr || raw->objects || raw->element == nullptr) return false;
  }
  const std::vector<NodeId> states = node->states();
  if (states.empty() && waits(*node)) return false;
  return std::all_of(states.begin(), states.end(),
                     [&](NodeId state) { return value(pattern.body + 1, Thing::of(state)); });
}

// Whether an object is only allocated before its state comes: it is another thing until then.
bool Matcher::waits(const Node& object) const {
  if (object.callable == pickle::kNoNode) return false;
  const Node& callable = inspector_->machine().nodes()[object.callable];
  return callable.kind == Kind::ref &&
         inspector_->known(callable.ref).fact.behaviour == Behaviour::allocate;
}

// Attributes that no method looks for: torch's version numbers.
bool Matcher::only_metadata(NodeId state) const {
  const auto& nodes = inspector_->machine().nodes();
  const Node& dict = nodes[state];
  if (dict.kind == Kind::none) return true;
  if (dict.kind != Kind::dict) return false;
  for (std::size_t i = 0; i + 1 < dict.items.size(); i += 2) {
    const Node& key = nodes[dict.items[i]];
    if (key.kind != Kind::str || key.text != "_metadata") return false;
  }
  return true;
}

// What is in it came by SETITEMS alone: no dict was handed to its class.
bool Matcher::filled(const Pattern& pattern, Thing& thing) {
  if (!of_class(inspector_->blob().word(pattern.body), thing)) return false;
  const Node* node = inspector_->node(thing);
  if (node == nullptr || node->kind != Kind::object || !node->appended().empty()) return false;
  if (node->kwargs() != pickle::kNoNode || node->args == pickle::kNoNode) return false;
  const std::vector<NodeId> stored = node->stored();
  if (!std::ranges::all_of(node->states(), [&](NodeId state) { return only_metadata(state); })) {
    return false;
  }
  const auto& nodes = inspector_->machine().nodes();
  for (const NodeId argument : nodes[node->args].items) {
    if (nodes[argument].kind != Kind::ref && nodes[argument].kind != Kind::none) return false;
  }
  const std::uint32_t key = pattern.body + 1;
  const std::uint32_t item = key + at(key).words;
  for (std::size_t i = 0; i + 1 < stored.size(); i += 2) {
    if (!value(key, Thing::of(stored[i])) || !value(item, Thing::of(stored[i + 1]))) return false;
  }
  return true;
}

// The key of a pair that becomes an attribute.
bool Matcher::attribute(Thing& thing) {
  if (inspector_->kind(thing) != Kind::str) return false;
  const Node* node = inspector_->node(thing);
  return node != nullptr && node->length == node->text.size() && !is_special(node->text);
}

// How many states an instance was given so far.
std::optional<std::size_t> Matcher::states_of(Thing thing) {
  const Node* node = inspector_->node(thing);
  if (node == nullptr || node->kind != Kind::object) return std::nullopt;
  return node->states().size();
}

// numpy reads as many items of the list as the shape says, whether they are there or not.
bool Matcher::cells(Thing& thing) {
  std::vector<Thing> parts;
  if (!inspector_->items(thing, parts)) return false;
  std::vector<Thing> shape;
  std::vector<Thing> items;
  const auto first = [&](Kind kind) {
    return std::find_if(parts.begin(), parts.end(),
                        [&](const Thing& part) { return inspector_->kind(part) == kind; });
  };
  const auto wanted = first(Kind::tuple);
  const auto given = first(Kind::list);
  if (wanted == parts.end() || given == parts.end()) return false;
  if (!inspector_->items(*wanted, shape) || !inspector_->items(*given, items)) return false;
  std::uint64_t product = 1;
  for (const Thing& extent : shape) {
    std::int64_t number = 0;
    if (!inspector_->integer(extent, number) || number < 0) return false;
    if (number > kLongestExtent) return false;
    product *= static_cast<std::uint64_t>(number);
    if (product > static_cast<std::uint64_t>(kLongestExtent)) return false;
  }
  return product == items.size();
}

bool Matcher::literal(const Pattern& pattern, const Thing& thing, Kind kind) {
  if (inspector_->kind(thing) != kind) return false;
  const std::string_view wanted = inspector_->blob().text(inspector_->blob().word(pattern.body));
  std::string text;
  return inspector_->text(thing, text, wanted.size()) && text == wanted;
}

bool Matcher::characters(const Pattern& pattern, const Thing& thing) {
  if (inspector_->kind(thing) != (pattern.parts == 0 ? Kind::bytes : Kind::str)) return false;
  const std::string_view allowed = inspector_->blob().text(inspector_->blob().word(pattern.body));
  std::string text;
  if (!inspector_->text(thing, text, kLongestLiteral)) return false;
  std::array<bool, 256> among{};
  for (const char c : allowed) among[static_cast<unsigned char>(c)] = true;
  return std::ranges::all_of(text, [&](char c) { return among[static_cast<unsigned char>(c)]; });
}

bool Matcher::within(const Pattern& pattern, const Thing& thing) {
  std::int64_t number = 0;
  const Kind kind = inspector_->kind(thing);
  if (kind != Kind::integer && kind != Kind::boolean) return false;
  if (!inspector_->integer(thing, number)) return false;
  const Blob& blob = inspector_->blob();
  const auto bound = [&](std::uint32_t word) {
    return static_cast<std::int64_t>(blob.word(word) |
                                     static_cast<std::uint64_t>(blob.word(word + 1)) << 32);
  };
  return number >= bound(pattern.body) && number <= bound(pattern.body + 2);
}

bool Matcher::reference(const Pattern& pattern, const Thing& thing) {
  const auto ref = inspector_->ref(thing);
  if (!ref) return false;
  const Inspector::Known& known = inspector_->known(*ref);
  if (known.rank == kNoRank || known.fact.danger) return false;
  if (pattern.op == ContractOp::inert_ref) return !calling_harms(known.fact);
  if (pattern.op == ContractOp::class_ref) {
    return known.fact.kind == FactKind::type && !calling_harms(known.fact);
  }
  for (std::uint32_t i = 0; i < pattern.parts; ++i) {
    if (inspector_->blob().word(pattern.body + i) == known.fact.canonical) return true;
  }
  return false;
}

// An instance that the stream made, or a constant of a module that is one (torch.float32).
bool Matcher::instance(const Pattern& pattern, const Thing& thing) {
  std::uint32_t number = 0;
  if (const auto ref = inspector_->ref(thing)) {
    const Inspector::Known& known = inspector_->known(*ref);
    if (known.rank == kNoRank || known.fact.kind != FactKind::constant) return false;
    number = known.fact.type;
  } else if (inspector_->kind(thing) == Kind::object) {
    number = inspector_->type(thing) & object_type::kNumber;
  }
  if (number == 0) return false;
  for (std::uint32_t i = 0; i < pattern.parts; ++i) {
    if (inspector_->blob().word(pattern.body + i) == number) return true;
  }
  return false;
}

// A node has no type of its own: its persistent id is read again.
bool Matcher::stored(const Thing& thing) {
  if (inspector_->kind(thing) != Kind::persistent) return false;
  if (thing.node == pickle::kNoNode) return thing.value.aux() == object_type::kStorage;
  const auto& nodes = inspector_->machine().nodes();
  return tensor::parse_storage_id(nodes, nodes[thing.node].args).has_value();
}

bool Matcher::untouched(Thing& thing) {
  const Node* node = inspector_->node(thing);
  if (node == nullptr || node->kind != Kind::object) return false;
  const auto& nodes = inspector_->machine().nodes();
  const bool no_arguments =
      node->args == pickle::kNoNode ||
      (nodes[node->args].kind == Kind::tuple && nodes[node->args].items.empty());
  return no_arguments && node->kwargs() == pickle::kNoNode && node->states().empty() &&
         node->appended().empty() && node->stored().empty();
}

// What a constant weighs for a loader that formats, hashes or compares it.
std::uint64_t weight_of(const Node& constant) {
  constexpr std::uint64_t kUnit = 64;  // bytes
  return 1 + std::max<std::uint64_t>(constant.length, constant.text.size()) / kUnit;
}

// A loader that formats, hashes or compares a value comes to each part of it once for each way that
// leads there. So parts that are shared are weighed for each way, and against what stands in the
// stream once.
bool Matcher::plain(Thing& thing) {
  constexpr std::uint64_t kMostWays = 4;
  constexpr std::uint64_t kSpareWays = 1u << 20;
  const auto is_constant = [](Kind kind) { return is_scalar(kind) || kind == Kind::bytearray; };
  const auto is_container = [](Kind kind) { return mask_of(kind) != 0 || kind == Kind::dict; };
  const Kind kind = inspector_->kind(thing);
  if (is_constant(kind)) return true;
  if (!is_container(kind) || inspector_->node(thing) == nullptr) return false;
  const auto& nodes = inspector_->machine().nodes();
  struct Open {
    NodeId id;
    std::size_t next = 0;
    std::uint64_t weight = 1;
  };
  std::unordered_map<NodeId, std::uint64_t> weights{{thing.node, 1}};  // 1 while it is open
  std::unordered_set<std::uint64_t> constants;  // heavy ones, by offset
  std::uint64_t once = 0;
  std::vector<Open> open{{thing.node}};
  while (true) {
    Open& top = open.back();
    const std::vector<NodeId>& items = nodes[top.id].items;
    if (top.weight > kMostWays * once + kSpareWays) return false;
    if (top.next == items.size()) {
      const std::uint64_t weight = top.weight;
      weights[top.id] = weight;
      open.pop_back();
      if (open.empty()) return true;
      open.back().weight += weight;
      continue;
    }
    const NodeId child = items[top.next++];
    const Node& part = nodes[child];
    if (is_constant(part.kind)) {
      const std::uint64_t weight = weight_of(part);
      top.weight += weight;
      if (weight == 1 || constants.insert(part.offset).second) once += weight;
      continue;
    }
    if (!is_container(part.kind)) return false;
    const auto [known, fresh] = weights.try_emplace(child, 1);
    if (!fresh) {
      top.weight += known->second;
      continue;
    }
    ++once;
    inspector_->machine().note_seen(part.offset);
    open.push_back({child});
  }
}

// A tuple keeps no hash: Python hashes a part as often as it is referred to, and calls itself for
// it.
bool Matcher::hashable(Thing& thing) {
  if (is_scalar(inspector_->kind(thing))) return true;
  std::vector<Thing> open{thing};
  std::size_t hashed = 0;
  if (hashed_ > kHashedInAll) return false;
  std::vector<Thing> items;
  while (!open.empty()) {
    Thing next = open.back();
    open.pop_back();
    const Kind kind = inspector_->kind(next);
    if (is_scalar(kind) || kind == Kind::persistent) continue;
    if (kind == Kind::ref) {
      const Inspector::Known& known = inspector_->known(*inspector_->ref(next));
      if (known.rank == kNoRank) return false;
      if (known.fact.kind == FactKind::constant &&
          !inspector_->blob().type(known.fact.type).hash_inert) {
        return false;
      }
      continue;
    }
    if (kind == Kind::object) {
      const std::uint32_t number = inspector_->type(next) & object_type::kNumber;
      if (!inspector_->blob().type(number).hash_inert) return false;
      continue;
    }
    if (kind != Kind::tuple && kind != Kind::frozenset) return false;
    if (!inspector_->items(next, items)) return false;
    if (++hashed > kFewHashed) ++hashed_;
    if (hashed > kMostHashed) return false;
    open.insert(open.end(), items.begin(), items.end());
  }
  return true;
}

}  // namespace brine::catalogue
