// The state of a numpy.dtype, held against itself.
//
// Problem: numpy takes a type's fields, names, size and part array from the state without checking
// that they agree, and reads or writes outside of the element, or crashes, when they do not.
// Method: the sizes of the parts are computed as numpy computes them, and each part must lie within
// the element. Facts: numpy 2.4, arraydescr_setstate and arraydescr_new.
#include <algorithm>

#include "base/typestr.h"
#include "catalogue/contract.h"

namespace brine::catalogue {

using pickle::Kind;
using pickle::kNoNode;
using pickle::Node;

namespace {

constexpr std::int64_t kLargest = std::int64_t{1} << 31;
// The parts of the state: (version, order, part array, names, fields, size, alignment, flags ...).
constexpr std::size_t kSubarray = 2, kNames = 3, kFields = 4, kSize = 5, kAlignment = 6;

// A file of Python 2 read with its texts as bytes has these for letters and names; numpy takes
// both.
bool is_text(const Node& node) { return node.kind == Kind::str || node.kind == Kind::bytes; }

bool power_of_two(std::int64_t number) { return number > 0 && (number & (number - 1)) == 0; }

}  // namespace

// The bytes of an element of a dtype: by the letters that it was made from, and its last state's
// size where these leave that open.
std::optional<std::int64_t> Matcher::element_size(Thing dtype) {
  const Node* made_from = letters_of(dtype);
  if (made_from == nullptr) return std::nullopt;
  const Node* node = inspector_->node(dtype);
  const Node& letters = *made_from;
  std::int64_t size = 0;
  bool open = letters.kind == Kind::ref;  // numpy.record
  if (is_text(letters)) {
    const auto type = parse_typestr(letters.text);
    if (!type || type->size > static_cast<std::uint64_t>(kLargest)) return std::nullopt;
    size = static_cast<std::int64_t>(type->size);
    open = type->flexible();
  } else if (!open) {
    return std::nullopt;
  }
  if (!open || node->states().empty()) return size;
  // NumPy takes any size that the state gives such a type, also -1.
  std::vector<Thing> parts;
  std::int64_t stated = 0;
  Thing last = Thing::of(node->states().back());
  if (!inspector_->items(last, parts) || parts.size() <= kSize) return std::nullopt;
  if (!inspector_->integer(parts[kSize], stated)) return std::nullopt;
  return stated < 0 ? std::nullopt : std::optional(stated);
}

// What the type was made from: its letters, or a class.
const Node* Matcher::letters_of(Thing dtype) {
  const Node* node = inspector_->node(dtype);
  if (node == nullptr || node->kind != Kind::object || node->args == kNoNode) return nullptr;
  const auto& nodes = inspector_->machine().nodes();
  const std::vector<pickle::NodeId>& args = nodes[node->args].items;
  return args.empty() ? nullptr : &nodes[args.front()];
}

// Whether the type was made from the class numpy.record, which leaves its size open.
bool Matcher::is_record_class(Thing dtype) {
  const Node* letters = letters_of(dtype);
  return letters != nullptr && letters->kind == Kind::ref;
}

// Whether NumPy takes its size from its state.
bool Matcher::is_flexible(Thing dtype) {
  const Node* letters = letters_of(dtype);
  if (letters == nullptr || !is_text(*letters)) return true;
  const auto type = parse_typestr(letters->text);
  return !type || type->flexible();
}

// `target_` gets its state once: an array that has the type already would read on behind its bytes.
bool Matcher::record(Thing& thing) {
  const Node* type = has_target_ ? inspector_->node(target_) : nullptr;
  if (type == nullptr || !type->states().empty()) return false;
  std::vector<Thing> parts;
  std::int64_t size = 0, alignment = 0;
  if (!inspector_->items(thing, parts) || parts.size() <= kAlignment) return false;
  if (!inspector_->integer(parts[kSize], size) || size < -1 || size > kLargest) return false;
  if (!inspector_->integer(parts[kAlignment], alignment)) return false;
  if (alignment != -1 && (!power_of_two(alignment) || alignment > 64)) return false;
  const auto own = element_size(target_);
  if (!own) return false;
  if (size == -1 && is_flexible(target_)) return false;
  if (size == -1) size = *own;
  if (size != *own && !is_record_class(target_)) return false;
  return subarray(parts[kSubarray], size) && fields_within(parts[kNames], parts[kFields], size);
}

// (dtype, shape): as many elements as fill the whole.
bool Matcher::subarray(Thing pair, std::int64_t size) {
  if (inspector_->kind(pair) == Kind::none) return true;
  std::vector<Thing> parts;
  std::vector<Thing> shape;
  if (!inspector_->items(pair, parts) || parts.size() != 2) return false;
  auto bytes = element_size(parts[0]);
  if (!bytes || !inspector_->items(parts[1], shape)) return false;
  for (const Thing& extent : shape) {
    std::int64_t number = 0;
    if (!inspector_->integer(extent, number) || number < 0 || number > kLargest) return false;
    *bytes *= number;
    if (*bytes > kLargest) return false;
  }
  return *bytes == size;
}

bool Matcher::whole_text(Thing thing, std::string& out) {
  const Node* node = inspector_->node(thing);
  if (node == nullptr || !is_text(*node) || node->length != node->text.size()) return false;
  out = node->text;
  return true;
}

// Names and fields are the same but for titles, by which a field is found as well, and each field
// lies within the element.
bool Matcher::fields_within(Thing names, Thing fields, std::int64_t size) {
  const bool none = inspector_->kind(names) == Kind::none;
  if (none != (inspector_->kind(fields) == Kind::none)) return false;
  if (none) return true;
  std::vector<Thing> listed;
  const Node* dict = inspector_->node(fields);
  if (dict == nullptr || dict->kind != Kind::dict || !inspector_->items(names, listed))
    return false;
  const std::vector<pickle::NodeId> items = dict->items;
  std::vector<std::string> keys;
  for (std::size_t i = 0; i + 1 < items.size(); i += 2) {
    std::string key;
    if (!whole_text(Thing::of(items[i]), key)) return false;
    std::vector<Thing> field;
    std::int64_t offset = 0;
    Thing entry = Thing::of(items[i + 1]);
    if (!inspector_->items(entry, field) || field.size() < 2 || field.size() > 3) return false;
    std::string title;
    if (field.size() == 3 && !whole_text(field[2], title)) return false;
    if (field.size() != 3 || title != key) keys.push_back(key);
    const auto bytes = element_size(field[0]);
    if (!bytes || !inspector_->integer(field[1], offset)) return false;
    if (offset < 0 || offset > size || *bytes > size - offset) return false;
  }
  std::vector<std::string> wanted;
  for (Thing& name : listed) {
    if (!whole_text(name, wanted.emplace_back())) return false;
  }
  std::ranges::sort(keys);
  std::ranges::sort(wanted);
  return keys == wanted && std::ranges::adjacent_find(keys) == keys.end();
}

}  // namespace brine::catalogue
