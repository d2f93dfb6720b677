// Bounds: what a value makes its loader do is no more than the file pays for.
//
// Problem: a few bytes of a file may ask for much: elements of no bytes, of which there may be any
// number; an item of a size that stands in its type alone; a tensor that shows one element many
// times; texts and numbers that a parser reads in the square of their length; sets of characters
// that a compiler of regular expressions walks one by one. Method: each is a question that can be
// answered from what the stream says; what does not say it is over its bound.
#include <algorithm>
#include <string>
#include <string_view>

#include "catalogue/contract.h"
#include "catalogue/numbers.h"
#include "catalogue/storage.h"

namespace brine::catalogue {

using pickle::Kind;
using pickle::kNoNode;
using pickle::Node;
using pickle::NodeGraph;
using pickle::NodeId;

namespace {

constexpr std::int64_t kLargestItem = 16 << 10;  // bytes of one item
constexpr std::uint64_t kFewItems = 1000;  // of no bytes
constexpr std::uint64_t kLongestOfNone = 1u << 24;  // of an array without items
constexpr int kMostWraps = 8;  // a parameter of a parameter ...
constexpr std::size_t kLongestPattern = 32 << 10;  // characters of a regular expression
constexpr std::uint64_t kMostRanges = 400;  // of characters beyond Latin-1, in one stream
constexpr double kBitsOfDigit = 3.33;  // more than log2(10)

// How many ranges of a regular expression may be longer than 256 characters: those that end in a
// character beyond ASCII, or in its escape.
std::uint64_t wide_ranges(std::string_view pattern) {
  std::uint64_t out = 0;
  for (std::size_t at = pattern.find('-'); at != std::string_view::npos;
       at = pattern.find('-', at + 1)) {
    const std::string_view end = pattern.substr(at + 1, 2);
    if (end.empty()) continue;
    const bool escaped = end.size() == 2 && end[0] == '\\';
    const bool wide = escaped ? end[1] == 'u' || end[1] == 'U' || end[1] == 'N'
                              : static_cast<unsigned char>(end[0]) >= 0x80;
    if (wide) ++out;
  }
  return out;
}

// The product of the extents; none beyond `limit`.
std::optional<std::uint64_t> product_of(const std::vector<std::uint64_t>& shape,
                                        std::uint64_t limit) {
  if (std::ranges::find(shape, 0u) != shape.end()) return 0;
  std::uint64_t out = 1;
  for (const std::uint64_t extent : shape) {
    if (extent > limit / out) return std::nullopt;
    out *= extent;
  }
  return out;
}

// The view that a tensor was made as: (storage, offset, sizes, strides ...).
const Node* view_of(const NodeGraph& graph, NodeId id) {
  constexpr std::string_view kViews[] = {"_rebuild_tensor", "_rebuild_tensor_v2",
                                         "_rebuild_tensor_v3", "_rebuild_qtensor"};
  for (int wrap = 0; wrap < kMostWraps; ++wrap) {
    if (id == kNoNode || graph[id].kind != Kind::object) return nullptr;
    const Node& made = graph[id];
    if (made.callable == kNoNode || made.args == kNoNode) return nullptr;
    const Node& callable = graph[made.callable];
    const Node& args = graph[made.args];
    if (callable.kind != Kind::ref || args.kind != Kind::tuple || args.items.empty()) {
      return nullptr;
    }
    if (callable.module() == "torch._utils" &&
        std::ranges::find(kViews, callable.name()) != std::end(kViews)) {
      return args.items.size() < 4 ? nullptr : &args;
    }
    const bool wrapped =
        (callable.module() == "torch._utils" &&
         (callable.name() == "_rebuild_parameter" ||
          callable.name() == "_rebuild_parameter_with_state")) ||
        (callable.module().starts_with("torch.nn.parameter") && callable.name() == "Parameter");
    if (!wrapped) return nullptr;
    id = args.items.front();
  }
  return nullptr;
}

// At most as many elements as a storage has.
std::optional<std::uint64_t> elements_in(const NodeGraph& graph, NodeId id) {
  if (id == kNoNode) return std::nullopt;
  const Node& storage = graph[id];
  if (storage.kind == Kind::persistent) {
    const auto parsed = tensor::parse_storage_id(graph, storage.args);
    if (!parsed) return std::nullopt;
    return parsed->view ? std::min(parsed->numel, parsed->view_numel) : parsed->numel;
  }
  // Plain pickle has it as the bytes of a file of its own.
  if (storage.kind != Kind::object || storage.args == kNoNode) return std::nullopt;
  const Node& args = graph[storage.args];
  if (args.kind != Kind::tuple || args.items.size() != 1 || args.items.front() == kNoNode) {
    return std::nullopt;
  }
  const Node& file = graph[args.items.front()];
  return file.kind == Kind::bytes ? std::optional(file.length) : std::nullopt;
}

}  // namespace

// One element at least, and no more than a small number of bytes.
bool Matcher::small(Thing& thing) {
  if (inspector_->node(thing) == nullptr) return false;
  const auto size = element_size(thing);
  return size && *size > 0 && *size <= kLargestItem;
}

// An array's state: what has no bytes is not many.
bool Matcher::weighed(Thing& thing) {
  std::vector<Thing> parts;
  if (!inspector_->items(thing, parts)) return false;
  const auto shape = std::ranges::find_if(
      parts, [&](const Thing& part) { return inspector_->kind(part) == Kind::tuple; });
  if (shape == parts.end() || shape + 1 == parts.end()) return false;
  Thing type = *(shape + 1);
  if (inspector_->node(*shape) == nullptr || inspector_->node(type) == nullptr) return false;
  const auto size = element_size(type);
  if (!size) return false;
  auto extents = shape_of(inspector_->machine().nodes(), shape->node);
  if (!extents) return false;
  const bool none = std::erase(*extents, 0u) != 0;
  // An array of no items may be long in one direction: code that goes by its length would be lost.
  if (none) return product_of(*extents, kLongestOfNone).has_value();
  return *size > 0 || product_of(*extents, kFewItems).has_value();
}

bool Matcher::elements(const Pattern& pattern, Thing& thing) {
  if (inspector_->node(thing) == nullptr || class_of(thing.node) != "numpy:ndarray") return false;
  const auto array = numbers_of(inspector_->machine(), thing.node);
  if (!array || array->record) return false;
  const std::string type = array->kind + std::to_string(array->size);
  const Blob& blob = inspector_->blob();
  for (std::uint32_t i = 0; i < pattern.parts; ++i) {
    const std::string_view wanted = blob.text(blob.word(pattern.body + i));
    if (wanted == type || (wanted.size() == 1 && wanted[0] == array->kind)) return true;
  }
  return false;
}

bool Matcher::backed(Thing& thing) {
  if (inspector_->node(thing) == nullptr) return false;
  const NodeGraph& graph = inspector_->machine().nodes();
  const Node* view = view_of(graph, thing.node);
  if (view == nullptr) return false;
  NodeId sizes = view->items[2];
  if (sizes == kNoNode) return false;
  if (graph[sizes].kind == Kind::object) {  // torch.Size(...)
    const NodeId args = graph[sizes].args;
    if (args == kNoNode || graph[args].items.size() != 1) return false;
    sizes = graph[args].items.front();
    if (sizes == kNoNode) return false;
  }
  const auto extents = shape_of(graph, sizes);
  const auto elements = elements_in(graph, view->items[0]);
  return extents && elements && product_of(*extents, *elements).has_value();
}

// A str (parts: 1) or bytes (0) of at most so many characters; an int (2) of so many bits.
bool Matcher::at_most(const Pattern& pattern, Thing& thing) {
  constexpr std::uint32_t kText = 1, kNumber = 2;
  const std::uint64_t most = inspector_->blob().word(pattern.body);
  const Kind kind = inspector_->kind(thing);
  if (pattern.parts == kNumber) {
    if (kind != Kind::integer && kind != Kind::boolean) return false;
    const Node* node = inspector_->node(thing);
    if (node == nullptr || !node->big) return node != nullptr;
    return !node->text.empty() &&
           static_cast<double>(node->text.size()) * kBitsOfDigit <= static_cast<double>(most);
  }
  if (kind != (pattern.parts == kText ? Kind::str : Kind::bytes)) return false;
  const Node* node = inspector_->node(thing);
  return node != nullptr && node->length <= most;
}

// The text of a regular expression. Python walks the characters of each range when it compiles it,
// and their cases one by one when that is asked for.
bool Matcher::regex(Thing& thing) {
  if (inspector_->kind(thing) != Kind::str) {
    const Evaluator::Octets octets = evaluator_->octets(thing);
    return octets.whole && octets.bytes.size() <= kLongestPattern;
  }
  std::string text;
  if (!inspector_->text(thing, text, kLongestPattern)) return false;
  ranges_ += wide_ranges(text);
  return ranges_ <= kMostRanges;
}

}  // namespace brine::catalogue
