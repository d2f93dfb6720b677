#include "format/dcp/metadata.h"

#include <algorithm>
#include <array>

#include "pickle/machine.h"
#include "pickle/world.h"

namespace brine::format::dcp {

namespace {

using pickle::Event;
using pickle::EventKind;
using pickle::Kind;
using pickle::Machine;
using pickle::Node;
using pickle::NodeId;

// Below one of torch's two packages of this purpose.
constexpr auto kPackages = std::to_array<std::string_view>(
    {"torch.distributed.checkpoint.", "torch.distributed._shard.checkpoint."});
constexpr std::string_view kStorageInfo = "filesystem._StorageInfo";
constexpr auto kClasses = std::to_array<std::string_view>({
    kStorageInfo,
    "metadata.Metadata",
    "metadata.TensorStorageMetadata",
    "metadata.BytesStorageMetadata",
    "metadata.ChunkStorageMetadata",
    "metadata.TensorProperties",
    "metadata.MetadataIndex",
    "metadata.StorageMeta",
});
// What else an index calls, on its way to plain values.
constexpr auto kCalls = std::to_array<std::string_view>({
    "builtins.getattr",
    "collections.OrderedDict",
    "pathlib.PosixPath",
    "pathlib.WindowsPath",
    "pathlib._local.PosixPath",
    "pathlib._local.WindowsPath",
    "torch.Size",
    "torch.serialization._get_layout",
});
constexpr std::string_view kEncodings = "metadata._MEM_FORMAT_ENCODING";

bool is_class(std::string_view name) {
  return std::ranges::find(kClasses, below_package(name)) != kClasses.end();
}
bool is_call(std::string_view name) {
  return std::ranges::find(kCalls, name) != kCalls.end() || below_package(name) == kEncodings;
}

class IndexSink final : public pickle::TraceSink {
 public:
  bool wants_inert() const override { return true; }
  void on_event(const Event& event, Machine& machine) override {
    if (!allowed(event)) known_ = false;
    if (below_package(event.callable) != kStorageInfo) return;
    index_.checkpoint = true;
    if (event.kind != EventKind::set_state) return;
    std::optional<StorageInfo> slice = slice_of(machine, event);
    machine.clear_nodes();
    slice ? index_.slices.push_back(std::move(*slice)) : void(known_ = false);
  }
  Index take(bool stopped) {
    index_.known = index_.checkpoint && known_ && stopped;
    return std::move(index_);
  }

 private:
  // A slice comes from a state alone: no call makes one, no store changes one.
  static bool allowed(const Event& event) {
    switch (event.kind) {
      case EventKind::import:
      case EventKind::getattr:
      case EventKind::hash: return true;
      case EventKind::call: return is_call(event.callable);
      case EventKind::construct:
        return event.nargs == 0 ? is_class(event.callable) : is_call(event.callable);
      case EventKind::set_state: return is_class(event.callable);
      case EventKind::store:
      case EventKind::persistent: return false;
    }
    return false;
  }

  static std::optional<StorageInfo> slice_of(Machine& machine, const Event& event) {
    const NodeId id = event.has_argument ? machine.rebuild(event.argument) : pickle::kNoNode;
    if (id == pickle::kNoNode || machine.nodes()[id].kind != Kind::dict) return std::nullopt;
    const std::vector<NodeId>& items = machine.nodes()[id].items;
    StorageInfo slice;
    unsigned found = 0;
    for (std::size_t i = 0; i + 1 < items.size(); i += 2) {
      const Node& key = machine.nodes()[items[i]];
      const Node& value = machine.nodes()[items[i + 1]];
      if (key.kind != Kind::str) return std::nullopt;
      if (key.text == "relative_path" && value.kind == Kind::str &&
          value.length == value.text.size()) {
        slice.path = value.text;
        found |= 1;
      } else if (key.text == "offset" && count_of(value)) {
        slice.offset = *count_of(value);
        found |= 2;
      } else if (key.text == "length" && count_of(value)) {
        slice.length = *count_of(value);
        found |= 4;
      } else if (key.text == "transform_descriptors") {
        slice.transformed = value.kind != Kind::none;
      } else {
        return std::nullopt;
      }
    }
    return found == 7 ? std::optional(std::move(slice)) : std::nullopt;
  }
  static std::optional<std::uint64_t> count_of(const Node& node) {
    if (node.kind != Kind::integer || node.big || node.integer < 0) return std::nullopt;
    return static_cast<std::uint64_t>(node.integer);
  }

  Index index_;
  bool known_ = true;
};

// The digits that begin `text`, which go; nothing when there are none.
std::optional<std::string> take_number(std::string_view& text) {
  const std::size_t count = std::min(text.find_first_not_of("0123456789"), text.size());
  if (count == 0) return std::nullopt;
  std::string out(text.substr(0, count));
  text.remove_prefix(count);
  return out;
}

bool take(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

}  // namespace

std::string_view below_package(std::string_view name) {
  for (std::string_view package : kPackages) {
    if (name.starts_with(package)) return name.substr(package.size());
  }
  return {};
}

Index read_index(ByteSource& source, const Limits& limits) {
  pickle::OpaqueWorld world;
  IndexSink sink;
  Machine machine(source, pickle::Profile{}, world, sink, limits);
  const bool stopped = machine.run().end.kind == pickle::EndKind::stop;
  return sink.take(stopped);
}

std::optional<std::string> rank_of(std::string_view file) {
  if (!take(file, "__")) return std::nullopt;
  std::optional<std::string> rank = take_number(file);
  if (!rank || !take(file, "_") || !take_number(file) || file != ".distcp") return std::nullopt;
  return rank;
}

std::optional<std::string> rank_of_index(std::string_view file) {
  if (file == kMetadata) return std::string();
  if (!take(file, "__")) return std::nullopt;
  std::optional<std::string> rank = take_number(file);
  if (!rank || file != kMetadata) return std::nullopt;
  return rank;
}

}  // namespace brine::format::dcp
