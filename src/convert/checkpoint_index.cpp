#include "convert/checkpoint_index.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "convert/late_changes.h"
#include "convert/values.h"
#include "pickle/machine.h"
#include "pickle/world.h"

namespace brine::convert {
namespace {

using format::dcp::StorageInfo;
using pickle::Kind;
using pickle::kNoNode;
using pickle::Node;
using pickle::NodeGraph;
using pickle::NodeId;

class NoSink final : public pickle::TraceSink {
 public:
  bool wants_inert() const override { return false; }
  void on_event(const pickle::Event&, pickle::Machine&) override {}
};

std::unexpected<Error> strange(const std::string& what) { return fail(Error::malformed(0, what)); }

class IndexReader {
 public:
  explicit IndexReader(const NodeGraph& nodes) : nodes_(nodes), values_(nodes) {}

  Result<CheckpointIndex> read(NodeId root) {
    if (!is_a(root, "metadata.Metadata")) return strange("no index of a distributed checkpoint");
    BRINE_CHECK_STATUS(read_places(attribute(root, "storage_data")));
    const NodeId all = attribute(root, "state_dict_metadata");
    const NodeId planned = attribute(root, "planner_data");
    if (all == kNoNode || nodes_[all].kind != Kind::dict) {
      return strange("an index without a table of what it holds");
    }
    BRINE_CHECK_STATUS(read_paths(planned));
    for (const Pair& pair : values_.distinct(nodes_[all].items)) {
      BRINE_TRY(const std::string key, text(pair.key));
      BRINE_TRY(CheckpointItem item, read_item(key, pair.value));
      out_.items.push_back(std::move(item));
    }
    out_.ambiguous = values_.ambiguous();
    return std::move(out_);
  }

 private:
  bool is_a(NodeId id, std::string_view name) const {
    return id != kNoNode && nodes_[id].kind == Kind::object &&
           format::dcp::below_package(values_.class_name(nodes_[id])) == name;
  }

  // kNoNode: it has none.
  NodeId attribute(NodeId object, std::string_view name) const {
    const auto all = values_.attributes(nodes_[object]);
    if (!all) return kNoNode;
    const auto found = std::ranges::find(*all, name, &Child::part);
    return found == all->end() ? kNoNode : found->value;
  }
  bool is_none(NodeId id) const { return id == kNoNode || nodes_[id].kind == Kind::none; }

  Result<std::string> text(NodeId id) const {
    if (id == kNoNode || !is_whole_text(nodes_[id])) return strange("a name that is no text");
    return std::string(nodes_[id].text);
  }
  std::optional<std::uint64_t> count(NodeId id) const {
    if (id == kNoNode) return std::nullopt;
    const Node& number = nodes_[id];
    if (number.kind != Kind::integer || number.big || number.integer < 0) return std::nullopt;
    return static_cast<std::uint64_t>(number.integer);
  }

  // {MetadataIndex: _StorageInfo}
  Status read_places(NodeId id) {
    if (id == kNoNode || nodes_[id].kind != Kind::dict) {
      return strange("an index that does not say where its parts lie");
    }
    const std::vector<NodeId>& items = nodes_[id].items;
    for (std::size_t i = 0; i + 1 < items.size(); i += 2) {
      if (!is_a(items[i], "metadata.MetadataIndex") ||
          !is_a(items[i + 1], "filesystem._StorageInfo")) {
        return strange("a part's place that is not as DCP writes it");
      }
      CheckpointIndex::Part part;
      BRINE_TRY(part.first, text(attribute(items[i], "fqn")));
      if (const NodeId offset = attribute(items[i], "offset"); !is_none(offset)) {
        part.second = sizes_of(nodes_, offset);
        if (!part.second) return strange(part.first + ": a part that begins at no place");
      }
      StorageInfo place;
      BRINE_TRY(place.path, text(attribute(items[i + 1], "relative_path")));
      const auto offset = count(attribute(items[i + 1], "offset"));
      const auto length = count(attribute(items[i + 1], "length"));
      if (!offset || !length) return strange(part.first + ": a place without numbers");
      place.offset = *offset;
      place.length = *length;
      place.transformed = !is_none(attribute(items[i + 1], "transform_descriptors"));
      const std::string name = part.first;
      if (!out_.places.emplace(std::move(part), std::move(place)).second) {
        return strange(name + ": one part in two places");
      }
    }
    return {};
  }

  // {key: (step, ...)}, or None.
  Status read_paths(NodeId id) {
    if (is_none(id)) return {};
    if (nodes_[id].kind != Kind::dict) return strange("ways to the values that are no dict");
    for (const Pair& pair : values_.distinct(nodes_[id].items)) {
      BRINE_TRY(const std::string key, text(pair.key));
      if (pair.value == kNoNode || nodes_[pair.value].kind != Kind::tuple) {
        return strange(key + ": a way to it that is no tuple");
      }
      std::vector<Step> path;
      for (const NodeId step : nodes_[pair.value].items) {
        const auto index = count(step);
        if (index) {
          path.push_back({std::to_string(*index), index});
        } else {
          BRINE_TRY(std::string name, text(step));
          path.push_back({std::move(name), std::nullopt});
        }
      }
      paths_.emplace(key, std::move(path));
    }
    return {};
  }

  Result<CheckpointItem> read_item(const std::string& key, NodeId id) {
    CheckpointItem out;
    out.key = key;
    if (const auto path = paths_.find(key); path != paths_.end()) {
      out.path = std::move(path->second);
      // The loader flattens what it has put together, and must come to the same key.
      std::string joined;
      for (const Step& step : out.path) joined += (&step == out.path.data() ? "" : ".") + step.text;
      if (out.path.empty() || joined != key) {
        return strange(key + ": the way to it has another name");
      }
    } else {
      out.path.push_back({key, std::nullopt});
    }
    if (is_a(id, "metadata.BytesStorageMetadata")) return out;
    if (!is_a(id, "metadata.TensorStorageMetadata")) {
      return strange(key + ": neither a tensor nor a value as DCP writes them");
    }
    const auto shape = sizes_of(nodes_, attribute(id, "size"));
    if (!shape) return strange(key + ": a tensor without its sizes");
    out.shape = *shape;
    BRINE_TRY(out.dtype, dtype_of(key, attribute(id, "properties")));
    const NodeId chunks = attribute(id, "chunks");
    if (chunks == kNoNode || nodes_[chunks].kind != Kind::list) {
      return strange(key + ": a tensor without its chunks");
    }
    for (const NodeId chunk : nodes_[chunks].items) {
      if (!is_a(chunk, "metadata.ChunkStorageMetadata")) return strange(key + ": a strange chunk");
      auto offsets = sizes_of(nodes_, attribute(chunk, "offsets"));
      auto sizes = sizes_of(nodes_, attribute(chunk, "sizes"));
      if (!offsets || !sizes) return strange(key + ": a chunk without its place or its sizes");
      out.chunks.push_back({std::move(*offsets), std::move(*sizes)});
    }
    return out;
  }

  // TensorProperties has a state of its own: (dtype, layout, requires_grad, memory_format, pinned).
  Result<const tensor::Dtype*> dtype_of(const std::string& key, NodeId properties) const {
    const auto no_type = [&] { return strange(key + ": a tensor without its element type"); };
    if (properties == kNoNode || nodes_[properties].kind != Kind::object) return no_type();
    const Node& object = nodes_[properties];
    if (object.states().size() != 1 || object.states()[0] == kNoNode) return no_type();
    const Node& state = nodes_[object.states()[0]];
    if (!values_.class_name(object).ends_with("metadata.TensorProperties") ||
        state.kind != Kind::tuple || state.items.size() != 5 || state.items[0] == kNoNode) {
      return no_type();
    }
    if (!is_layout(state.items[1])) return strange(key + ": a tensor of no layout of torch's");
    const Node& type = nodes_[state.items[0]];
    const tensor::Dtype* dtype = type.kind == Kind::ref && type.module() == "torch"
                                     ? tensor::find_dtype(type.name())
                                     : nullptr;
    if (dtype == nullptr) return no_type();
    return dtype;
  }

  // torch.serialization._get_layout(name), which raises for other names.
  bool is_layout(NodeId id) const {
    constexpr std::array<std::string_view, 7> kLayouts = {
        "torch.strided",    "torch.sparse_coo", "torch.sparse_csr", "torch.sparse_csc",
        "torch.sparse_bsr", "torch.sparse_bsc", "torch.jagged"};
    if (id == kNoNode || nodes_[id].kind != Kind::object || nodes_[id].args == kNoNode ||
        values_.class_name(nodes_[id]) != "torch.serialization._get_layout") {
      return false;
    }
    const std::vector<NodeId>& args = nodes_[nodes_[id].args].items;
    return args.size() == 1 && args[0] != kNoNode && is_whole_text(nodes_[args[0]]) &&
           std::ranges::find(kLayouts, nodes_[args[0]].text) != kLayouts.end();
  }

  const NodeGraph& nodes_;
  Values values_;
  CheckpointIndex out_;
  std::map<std::string, std::vector<Step>> paths_;
};

}  // namespace

Result<CheckpointIndex> read_checkpoint_index(const SourcePtr& source, const Limits& limits) {
  pickle::OpaqueWorld world;
  NoSink sink;
  pickle::Machine machine(*source, pickle::Profile{}, world, sink, limits);
  const pickle::RunResult result = machine.run();
  if (result.end.kind == pickle::EndKind::budget) {
    return fail(Error::budget(result.end.offset, "a limit was reached: " + result.end.error));
  }
  if (result.end.kind != pickle::EndKind::stop) {
    return fail(Error::malformed(
        result.end.offset,
        "the index breaks at byte " + std::to_string(result.end.offset) + ": " + result.end.error));
  }
  const NodeId root = machine.rebuild(result.result);
  if (root == kNoNode) {
    return fail(Error::budget(0, "a limit was reached: the index holds more values than nodes"));
  }
  BRINE_TRY(CheckpointIndex out, IndexReader(machine.nodes()).read(root));
  out.ambiguous = out.ambiguous || machine.irregular() ||
                  changes_late(*source, 0, result.end.offset, machine.jumps());
  return out;
}

}  // namespace brine::convert
