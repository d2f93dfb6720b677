#include "convert/contents.h"

#include <algorithm>
#include <array>
#include <functional>
#include <iterator>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "base/flat_index.h"
#include "convert/extras.h"
#include "convert/keepers.h"
#include "convert/kept.h"
#include "convert/layers.h"
#include "convert/values.h"

namespace brine::convert {
namespace {

using pickle::Kind;
using pickle::kNoNode;
using pickle::Node;
using pickle::NodeGraph;
using pickle::NodeId;

constexpr std::uint64_t kMaxSteps = 16u << 20;  // values visited, shared ones each time
constexpr std::size_t kMaxDepth = 10'000;  // containers in containers; names grow with it
// Shared values are written for each way to them: bytes per byte of the stream, and at least.
constexpr std::uint64_t kFactor = 16;
constexpr std::uint64_t kLeastNames = 16u << 20, kLeastExtras = 64u << 20;

bool is_whole_text(const Node& node) {
  return node.kind == Kind::str && node.length == node.text.size();
}

class Walk {
 public:
  Walk(const NodeGraph& nodes, const ContentsOptions& options, Around around)
      : nodes_(nodes),
        values_(nodes),
        options_(options),
        stream_bytes_(around.stream->size()),
        reader_(nodes, out_.storages, std::move(around)),
        json_(out_.extras),
        path_(joined(options.above)),
        parts_(options.above) {}

  Contents run(NodeId root) {
    out_.script = values_.class_name(node(root)).starts_with("__torch__.");
    for (const std::string& key : options_.root) {
      const std::optional<NodeId> next = child_named(root, key);
      if (!next) {
        out_.root_missing = true;
        return std::move(out_);
      }
      root = *next;
    }
    const Kind kind = node(root).kind;
    out_.container = kind == Kind::object || kind == Kind::dict || kind == Kind::list ||
                     kind == Kind::tuple || kind == Kind::set || kind == Kind::frozenset;
    visit(root, {});
    while (!frames_.empty() && !out_.over_budget) advance();
    check_beside();
    out_.over_budget = out_.over_budget || nodes_.exhausted();
    out_.ambiguous = values_.ambiguous() || remade_ || reader_.raises();
    out_.view_keys = reader_.view_keys();
    if (!options_.extras || out_.over_budget) out_.extras.clear();
    if (options_.rewrite && !out_.over_budget) {
      out_.rewritten =
          rewrite(nodes_, root, reader_, out_.storages, options_.dialect, options_.start);
      out_.over_budget = out_.rewritten.over_budget || nodes_.exhausted();
    }
    return std::move(out_);
  }

 private:
  // A container whose children are being visited.
  struct Frame {
    NodeId node = kNoNode;
    std::size_t path = 0;  // length of path_ above the children
    std::size_t parts = 0;
    std::vector<Child> children;
    std::vector<Pair> pairs;  // of a dict, in place of children
    std::size_t next = 0;
    std::size_t count() const { return children.size() + pairs.size(); }
    enum class Json : std::uint8_t { array, object, pairs } json = Json::array;
    int closing = 1;  // brackets
    bool opaque = false, silent = false;  // what holds for all below
    bool generator = false;
    bool layer = false;  // its children are a state_dict()'s
    bool named = true;  // it has a part of the way
  };

  const Node& node(NodeId id) const { return nodes_[id]; }

  std::optional<NodeId> child_named(NodeId id, std::string_view name) {
    if (id == kNoNode) return std::nullopt;
    std::vector<Child> found;
    if (const auto attributes = layer_state(id, nullptr)) {
      found = *attributes;
    } else if (auto pairs = values_.mapping(id)) {
      for (const Pair& pair : *pairs)
        found.push_back({values_.key_text(pair.key), pair.key, pair.value});
    } else {
      found = values_.parts_of(id);
    }
    for (const Child& child : found) {
      if (child.part == name) return child.value;
    }
    return std::nullopt;
  }

  // --- the walk ---

  void visit(NodeId id, std::string_view part) {
    id = values_.unwrapped(id);
    if (++steps_ > kMaxSteps || frames_.size() > kMaxDepth) {
      out_.over_budget = true;
      return;
    }
    const std::size_t path = path_.size();
    if (!frames_.empty()) {
      if (!parts_.empty()) path_ += '.';
      path_ += part;
      parts_.emplace_back(part);
    }
    if (options_.extras && is_over(out_.extras.size(), kLeastExtras)) {
      out_.limit = "the other values would be more than 16 times the pickle and 64 MB";
      out_.over_budget = true;
      return;
    }
    if (open(id, path)) return;  // leaves when its children are done
    leave(path);
  }

  // What gets no name is made by the loader all the same, which raises where torch does: values
  // whose place another took, tensors that are keys, states and attributes beside tensors.
  void check_beside() {
    std::vector<NodeId> left = values_.dropped();
    left.insert(left.end(), beside_.begin(), beside_.end());
    std::unordered_set<NodeId> seen;
    std::size_t known = 0;  // of the reader's
    while (!out_.over_budget) {
      for (; known < reader_.beside().size(); ++known) left.push_back(reader_.beside()[known]);
      if (left.empty()) return;
      const NodeId id = left.back();
      left.pop_back();
      if (id == kNoNode || !seen.insert(id).second) continue;
      if (++steps_ > kMaxSteps) out_.over_budget = true;
      const Node& value = node(id);
      const auto tensor = reader_.read(id);
      if (!tensor) out_.refused.push_back({"a value without a name", tensor.error().what});
      if (!tensor || *tensor) continue;
      remade_ = remade_ || !values_.device_loads(value);
      for (const auto* items :
           {&value.items, &value.states(), &value.appended(), &value.stored()}) {
        left.insert(left.end(), items->begin(), items->end());
      }
      left.push_back(value.args);
      left.push_back(value.kwargs());
    }
  }

  bool is_over(std::uint64_t bytes, std::uint64_t least) const {
    return bytes >
           std::max(checked_product(stream_bytes_, kFactor).value_or(~std::uint64_t{0}), least);
  }

  void leave(std::size_t path) {
    path_.resize(path);
    if (!parts_.empty()) parts_.pop_back();
  }

  bool opaque() const { return !frames_.empty() && frames_.back().opaque; }
  bool silent() const { return !frames_.empty() && frames_.back().silent; }

  // Writes the value; true when it has children and a frame was pushed.
  bool open(NodeId id, std::size_t path) {
    if (id == kNoNode) {
      json_.wrapped("$unknown", "");
      return false;
    }
    const Node& value = node(id);
    switch (value.kind) {
      case Kind::none: json_.null(); return false;
      case Kind::boolean: json_.boolean(value.integer != 0); return false;
      case Kind::integer: json_.integer(value); return false;
      case Kind::floating: json_.floating(value.floating); return false;
      case Kind::str: json_.string(value.text); return false;
      case Kind::bytes:
      case Kind::bytearray:
        json_.wrapped(value.kind == Kind::bytes ? "$bytes" : "$bytearray",
                      Extras::base64(value.text));
        return false;
      case Kind::ref: json_.wrapped("$ref", Values::dotted(value)); return false;
      case Kind::unknown:
      case Kind::buffer: json_.wrapped("$unknown", ""); return false;
      case Kind::persistent:
        if (!reader_.tensor_number(id)) return storage(id);
        break;
      case Kind::tuple:
      case Kind::list:
      case Kind::dict:
      case Kind::set:
      case Kind::frozenset: return container(id, path);
      case Kind::object: break;
    }
    if (is_storage(value)) return storage(id);
    if (written_bytes(value)) return false;
    Result<std::optional<Tensor>> tensor = reader_.read(id);
    if (!tensor) {
      out_.refused.push_back({name(), tensor.error().what});
      json_.wrapped("$refused", tensor.error().what);
      return false;
    }
    if (*tensor) {
      take(**tensor);
      return false;
    }
    if (const pickle::RawArray* raw = reader_.raw_array_of(id); raw != nullptr) {
      if (raw->objects) out_.inner.push_back({parts_.empty() ? "" : path_, raw->begin, opaque()});
      json_.wrapped("$array", raw->objects ? "O" : raw->type);
      return false;
    }
    return container(id, path);
  }

  // A storage that is pickled by itself, as a torch file in the pickle.
  bool is_storage(const Node& object) const {
    return object.callable != kNoNode && node(object.callable).kind == Kind::ref &&
           node(object.callable).module() == "torch.storage" &&
           node(object.callable).name() == "_load_from_bytes";
  }

  // torch.save of a storage by itself: one dimension of its type.
  bool storage(NodeId id) {
    const Result<std::uint32_t> index = reader_.storage_of(id);
    if (!index) {
      out_.refused.push_back({name(), index.error().what});
      json_.wrapped("$refused", index.error().what);
      return false;
    }
    const Storage& held = out_.storages[*index];
    TensorView view;
    view.storage = *index;
    view.dtype = held.dtype != nullptr ? held.dtype : tensor::find_dtype("uint8");
    view.swapped = held.swapped;
    view.shape = {held.size / view.dtype->itemsize};
    view.stride = {1};
    out_.root_storage = parts_.empty();
    take({{{"", std::move(view)}}, {{"class", "storage"}}, false});
    return false;
  }

  std::string name() const { return parts_.empty() ? "tensor" : path_; }

  // A name for the tensor that no other has.
  std::string unique_name(const std::string& suffix) {
    std::string wanted = name() + suffix;
    name_bytes_ += wanted.size();
    if (is_over(name_bytes_, kLeastNames)) {
      out_.limit = "the names of its tensors are more than 16 times the pickle and 16 MB";
      out_.over_budget = true;
    }
    return convert::unique_name(parts_, std::move(wanted), suffix,
                                [&](const std::string& name) { return take_name(name); });
  }
  // The names that are given stand beside the tensors, and here only their numbers.
  bool take_name(const std::string& name) {
    if (options_.taken != nullptr && options_.taken->contains(name)) return false;
    const std::size_t hash = std::hash<std::string_view>()(name);
    const auto is_name = [&](std::uint32_t i) { return out_.tensors[i].name == name; };
    if (names_.find(hash, is_name) != FlatIndex::kNone) return false;
    names_.insert(hash, static_cast<std::uint32_t>(out_.tensors.size()));
    return true;
  }

  void take(Tensor tensor) {
    if (tensor.without_data) {
      out_.without_data.push_back(name());
      json_.wrapped("$meta", name());
      return;
    }
    if (silent()) {
      out_.left_out.push_back(name());
      if (!frames_.back().generator || !json_.array(tensor.parts.front().view, out_.storages))
        json_.wrapped("$left_out", name());
      return;
    }
    if (opaque()) out_.opaque.push_back(name());
    if (parts_.empty()) out_.root_tensor = true;
    json_.begin_object();
    bool first = true;
    for (Part& part : tensor.parts) {
      NamedTensor& named = out_.add(unique_name(part.suffix), std::move(part.view));
      named.part = !first;
      if (first && !tensor.notes.empty()) {
        named.noted = std::make_unique<Notes>(std::move(tensor.notes));
      }
      json_.field(first ? "$tensor" : std::string_view(part.suffix).substr(1), named.name);
      first = false;
    }
    json_.end_object();
  }

  bool container(NodeId id, std::size_t path) {
    if (on_path_.contains(id)) {
      json_.wrapped("$same", name());
      return false;
    }
    Frame frame;
    frame.node = id;
    frame.path = path;
    frame.opaque = opaque();
    frame.silent = silent();
    frame.generator = !frames_.empty() && frames_.back().generator;
    const Node& value = node(id);
    if (value.kind == Kind::object) {
      open_object(id, frame);
    } else if (value.kind == Kind::dict) {
      frame.pairs = values_.distinct(value.items);
      open_mapping(frame);
    } else {
      open_items(value.kind, values_.parts_of(id), frame);
    }
    expect_tensors(frame);
    on_path_.insert(id);
    frames_.push_back(std::move(frame));
    return true;
  }

  // Room for a dict's many tensors at once: to grow would hold all of them twice.
  void expect_tensors(const Frame& frame) {
    const auto is_call = [&](const auto& part) {
      return part.value != kNoNode && nodes_.at(part.value).folded;
    };
    const auto count = static_cast<std::size_t>(std::ranges::count_if(frame.children, is_call) +
                                                std::ranges::count_if(frame.pairs, is_call));
    const std::size_t wanted = out_.tensors.size() + count;
    if (count == 0 || wanted <= 2 * out_.tensors.capacity()) return;
    out_.tensors.reserve(wanted);
    names_.reserve(wanted);
    reader_.expect(count);
  }

  // Items by their number. A set has its tensors in an order that only the loader knows.
  void open_items(Kind kind, std::vector<Child> items, Frame& frame) {
    frame.children = std::move(items);
    const bool set = kind == Kind::set || kind == Kind::frozenset;
    frame.opaque = frame.opaque || (set && frame.children.size() > 1);
    if (kind != Kind::list) {
      json_.begin_object();
      json_.key(kind == Kind::tuple ? "$tuple" : kind == Kind::set ? "$set" : "$frozenset");
      frame.closing = 2;
    }
    json_.begin_array();
  }

  // bytes and bytearray as protocols below 3 and 5 write them: calls.
  bool written_bytes(const Node& object) {
    if (const auto bytes = values_.latin1_bytes(object)) {
      json_.wrapped("$bytes", Extras::base64(*bytes));
      return true;
    }
    const std::vector<NodeId>* args = called(object, "bytearray");
    if (args == nullptr || args->size() != 1 || args->front() == kNoNode) return false;
    const Node& held = node(args->front());
    const auto bytes = held.kind == Kind::bytes ? std::optional(std::string(held.text))
                                                : values_.latin1_bytes(held);
    if (bytes) json_.wrapped("$bytearray", Extras::base64(*bytes));
    return bytes.has_value();
  }
  // The items of set([...]) and frozenset([...]), as protocols below 4 write them.
  bool written_set(const Node& object, Frame& frame) {
    for (const Kind kind : {Kind::set, Kind::frozenset}) {
      const auto* args = called(object, kind == Kind::set ? "set" : "frozenset");
      if (args == nullptr || args->size() != 1 || args->front() == kNoNode) continue;
      if (node(args->front()).kind != Kind::list || !object.appended().empty()) continue;
      open_items(kind, values_.parts_of(args->front()), frame);
      return true;
    }
    return false;
  }
  // The arguments of a call of a built-in type and nothing behind it; null for anything else.
  const std::vector<NodeId>* called(const Node& object, std::string_view type) const {
    if (object.callable == kNoNode || object.args == kNoNode || !object.states().empty()) {
      return nullptr;
    }
    const Node& callable = node(object.callable);
    const bool fits = callable.kind == Kind::ref && callable.module() == "builtins" &&
                      callable.name() == type && node(object.args).kind == Kind::tuple;
    return fits ? &node(object.args).items : nullptr;
  }

  // {"key": value} where all keys are plain text, else {"$dict": [[key, value], ...]}.
  void open_mapping(Frame& frame) {
    const bool plain = std::ranges::all_of(frame.pairs, [&](const Pair& pair) {
      return pair.key != kNoNode && is_whole_text(node(pair.key)) &&
             !node(pair.key).text.starts_with('$');
    });
    json_.begin_object();
    if (plain) {
      frame.json = Frame::Json::object;
      return;
    }
    json_.key("$dict");
    json_.begin_array();
    frame.json = Frame::Json::pairs;
    frame.closing = 2;
  }

  // An object: a module's state_dict, a mapping, or attributes and items.
  void open_object(NodeId id, Frame& frame) {
    const Node& object = node(id);
    const std::string cls = values_.class_name(object);
    if (written_set(object, frame)) return;
    if (const std::vector<NodeId>* items = values_.object_array(object)) {
      for (std::size_t i = 0; i < items->size(); ++i) {
        frame.children.push_back({std::to_string(i), kNoNode, (*items)[i]});
      }
      json_.begin_object();
      json_.key("$objects");
      json_.begin_array();
      frame.closing = 2;
      return;
    }
    std::vector<Child> rest;
    auto state = layer_state(id, &rest);
    json_.begin_object();
    json_.field("$class", cls);
    frame.json = Frame::Json::object;
    if (state) {
      frame.children = std::move(*state);
      // Behind the state_dict: what else the module holds, without its tensors.
      frame.children.push_back({"$attributes", kNoNode, id});
      module_rest_[id] = rest_of(object, cls, std::move(rest));
      frame.layer = true;
      json_.key("$module");
      json_.begin_object();
      frame.closing = 2;
      return;
    }
    auto pairs = values_.mapping(id);
    const bool builtin = cls == "collections.OrderedDict" || cls == "collections.defaultdict" ||
                         cls == "collections.Counter" || cls == "builtins.dict";
    if (pairs) {
      const auto fields = output_fields(cls);
      const bool shown =
          builtin || (!fields.empty() && values_.stores_its_fields(object, *pairs, fields));
      frame.opaque = frame.opaque || !shown;
      beside_.insert(beside_.end(), object.states().begin(), object.states().end());
      json_.key("$items");
      frame.pairs = std::move(*pairs);
      open_mapping(frame);
      frame.closing = frame.json == Frame::Json::pairs ? 3 : 2;
      return;
    }
    if (out_.script) note_script(object, cls);
    remade_ = remade_ || !values_.device_loads(object);
    const Keeper* keeper = keeper_of(cls);
    frame.generator = frame.generator || is_generator(cls);
    frame.silent = frame.silent || frame.generator;
    const bool optimizer = cls.starts_with("torch.optim.") &&
                           !cls.starts_with("torch.optim.lr_scheduler.") &&
                           !cls.starts_with("torch.optim.swa_utils.");
    remade_ = remade_ || (optimizer && makes_steps(object, cls));
    frame.opaque = frame.opaque || !is_kept(object, keeper, values_, reader_);
    if (object.args != kNoNode && node(object.args).kind == Kind::tuple) {
      const std::vector<NodeId>& args = items_of(object, cls);
      const std::size_t fields = result_fields(cls);
      remade_ = remade_ || (fields != 0 && args.size() != fields);
      for (std::size_t i = 0; i < args.size(); ++i) {
        frame.children.push_back({std::to_string(i), kNoNode, args[i]});
      }
    }
    for (Child& child : values_.parts_of(id)) {
      frame.opaque = frame.opaque || (keeper != nullptr && is_lost(*keeper, child));
      frame.children.push_back(std::move(child));
    }
    if (!values_.attributes(object)) {
      for (std::size_t i = 0; i < object.states().size(); ++i) {
        frame.children.push_back({"state", kNoNode, object.states()[i]});
      }
    }
    json_.key("$parts");
    json_.begin_object();
    frame.closing = 2;
  }

  // What an object of TorchScript's has: libtorch takes what its class declares.
  void note_script(const Node& object, const std::string& cls) {
    for (const Child& child : values_.attributes(object).value_or(std::vector<Child>())) {
      out_.script_attributes.emplace(cls, child.part);
    }
  }

  // A layer's state_dict; none for classes that keep all they are given as attributes.
  std::optional<std::vector<Child>> layer_state(NodeId id, std::vector<Child>* rest) const {
    if (keeper_of(values_.class_name(node(id))) != nullptr) return std::nullopt;
    return values_.module_state(id, rest);
  }

  // Whether torch.optim makes something else of a state: of numbers where it wants tensors, or an
  // error.
  bool makes_steps(const Node& optimizer, std::string_view cls) {
    const auto all = values_.attributes(optimizer);
    if (!all) return false;
    // Its class asks for these three, and each group for its parameters.
    for (const std::string_view part : {"state", "defaults", "param_groups"}) {
      if (std::ranges::find(*all, part, &Child::part) == all->end()) return true;
    }
    const auto groups = std::ranges::find(*all, "param_groups", &Child::part)->value;
    for (const Child& group : groups == kNoNode ? std::vector<Child>() : values_.parts_of(groups)) {
      if (!child_named(group.value, "params")) return true;
    }
    const auto state = std::ranges::find(*all, "state", &Child::part);
    if (state == all->end() || state->value == kNoNode) return false;
    const auto is_number = [&](NodeId id) {
      const Kind kind = id == kNoNode ? Kind::unknown : node(id).kind;
      return kind == Kind::integer || kind == Kind::floating || kind == Kind::boolean;
    };
    for (const Pair& slot : values_.mapping(state->value).value_or(std::vector<Pair>())) {
      if (slot.value == kNoNode) continue;
      for (const Pair& pair : values_.mapping(slot.value).value_or(std::vector<Pair>())) {
        const bool step = makes_tensor_of(cls, values_.key_text(pair.key));
        if (step && is_number(pair.value)) return true;
      }
    }
    return false;
  }

  // The arguments; of torch's named tuples what they hold, which is all of the first.
  const std::vector<NodeId>& items_of(const Node& object, std::string_view cls) const {
    const std::vector<NodeId>& args = node(object.args).items;
    const bool tuple = cls.starts_with("torch.return_types.") && !args.empty() &&
                       args.front() != kNoNode && node(args.front()).kind == Kind::tuple;
    return tuple ? node(args.front()).items : args;
  }

  // A weak reference to what nothing else may hold.
  bool is_lost(const Keeper& keeper, const Child& child) const {
    return !keeper.weak.empty() && child.part == keeper.weak && child.value != kNoNode &&
           node(child.value).kind != Kind::none && !on_path_.contains(child.value);
  }

  // What a layer holds besides its state_dict(): with its tensors where they stand there only. What
  // its own state_dict() makes of them is not known, or it is no part of another layer and would
  // give nothing: such a class (torchmetrics/metric.py:788) keeps its attributes.
  struct Rest {
    std::vector<Child> children;
    bool shown = false, kept = false;
  };
  Rest rest_of(const Node& object, std::string_view cls, std::vector<Child> children) const {
    Rest out{.children = std::move(children)};
    const OwnStateDict* own = own_state_dict(cls);
    if (own == nullptr || !own->adds.empty()) return out;
    const auto all = values_.attributes(object);
    const bool nothing = all && values_.adds_nothing(*own, *all);
    out.kept = nothing && !own->unless.empty() && (frames_.empty() || !frames_.back().layer);
    out.shown = out.kept || !nothing;
    return out;
  }

  void advance() {
    Frame& frame = frames_.back();
    if (frame.next == frame.count()) {
      close();
      return;
    }
    if (!options_.extras) out_.extras.clear();  // nobody wants them
    const Child child = next_of(frame);
    if (child.key != kNoNode && node(child.key).kind == Kind::object) beside_.push_back(child.key);
    if (child.part == "$attributes") {
      open_attributes(child.value);
      return;
    }
    if (frame.json == Frame::Json::object) {
      json_.raw_key(child.part);
    } else if (frame.json == Frame::Json::pairs) {
      json_.begin_array();
      key_of(child);
      in_pair_.push_back(frames_.size());
    }
    const NodeGraph::Mark mark = nodes_.mark();
    const std::size_t known = reader_.nodes_known();
    if (child.value != kNoNode && !is_interesting(child.value) && out_.other.size() < kNamesShown) {
      note_other(child);
    }
    const std::size_t height = frames_.size();
    // A key that is no constant has no text of its own: its number stands for it.
    const bool foreign = child.key != kNoNode && !values_.has_text(child.key);
    visit(child.value, foreign ? "#" + std::to_string(frame.next - 1) : child.part);
    if (frames_.size() == height) {
      end_pair();
      // Behind a value without children nothing is held that was spelled out for it.
      if (reader_.nodes_known() == known) nodes_.fold_back(mark);
    }
  }

  Child next_of(Frame& frame) const {
    const std::size_t next = frame.next++;
    if (frame.pairs.empty()) return std::move(frame.children[next]);
    const Pair& pair = frame.pairs[next];
    return {values_.key_text(pair.key), pair.key, pair.value};
  }

  void key_of(const Child& child) {
    if (child.key == kNoNode) return json_.key_of(nullptr, child.part);
    const Node& key = node(child.key);
    const auto bytes = key.kind == Kind::object ? values_.latin1_bytes(key) : std::nullopt;
    if (bytes) return json_.wrapped("$bytes", Extras::base64(*bytes));
    json_.key_of(&key, child.part);
  }

  // What else a module holds: no tensor of it gets a name.
  void open_attributes(NodeId id) {
    json_.key("$attributes");
    json_.begin_object();
    Frame frame;
    frame.node = kNoNode;
    frame.path = path_.size();
    // What a layer with a state_dict() of its own makes entries of stands here.
    auto [rest, shown, kept] = std::move(module_rest_[id]);
    module_rest_.erase(id);
    frame.children = std::move(rest);
    frame.json = Frame::Json::object;
    frame.silent = !shown || silent();
    frame.opaque = !kept || opaque();
    frame.named = false;
    frames_.push_back(std::move(frame));
  }

  void end_pair() {
    if (!in_pair_.empty() && in_pair_.back() == frames_.size()) {
      json_.end_array();
      in_pair_.pop_back();
    }
  }

  void close() {
    Frame& frame = frames_.back();
    int left = frame.closing;
    if (frame.json == Frame::Json::array) {
      json_.end_array();
      --left;
    } else if (frame.json == Frame::Json::pairs) {
      json_.end_array();
      --left;
    }
    for (; left > 0; --left) json_.end_object();
    if (frame.node != kNoNode) on_path_.erase(frame.node);
    const std::size_t path = frame.path;
    const bool named = frame.named;
    frames_.pop_back();
    if (named) leave(path);
    end_pair();
  }

  bool is_interesting(NodeId id) const {
    const Kind kind = node(id).kind;
    return kind == Kind::object || kind == Kind::persistent || kind == Kind::dict ||
           kind == Kind::list || kind == Kind::tuple;
  }

  void note_other(const Child& child) {
    if (silent()) return;
    out_.other.push_back(path_.empty() ? child.part : path_ + "." + child.part);
  }

  const NodeGraph& nodes_;
  Values values_;
  const ContentsOptions& options_;
  const std::uint64_t stream_bytes_;
  Contents out_;
  TensorReader reader_;
  Extras json_;
  std::string path_;
  std::vector<std::string> parts_;
  std::vector<Frame> frames_;
  std::vector<std::size_t> in_pair_;
  std::unordered_set<NodeId> on_path_;
  std::unordered_map<NodeId, Rest> module_rest_;
  FlatIndex names_;
  std::vector<NodeId> beside_;  // see check_beside()
  bool remade_ = false;  // a class of torch's makes something else of what it is given
  std::uint64_t steps_ = 0, name_bytes_ = 0;
};

}  // namespace

Contents read_contents(const NodeGraph& nodes, NodeId root, const ContentsOptions& options,
                       Around around) {
  return Walk(nodes, options, std::move(around)).run(root);
}

}  // namespace brine::convert
