#include "convert/torch_tar.h"

#include <algorithm>
#include <array>

#include "archive/tar/reader.h"
#include "base/bytes.h"
#include "convert/keys.h"
#include "format/profiles.h"
#include "pickle/machine.h"
#include "pickle/world.h"

namespace brine::convert {
namespace {

using pickle::Kind;
using pickle::kNoNode;
using pickle::Machine;
using pickle::Node;
using pickle::NodeGraph;
using pickle::NodeId;

constexpr std::string_view kStorages = "storages", kTensors = "tensors";
constexpr std::size_t kBlock = 512;
constexpr std::uint32_t kMostDimensions = 64;

std::unexpected<Error> strange(std::string what) {
  return fail(Error::malformed(0, std::move(what)));
}

class NoSink final : public pickle::TraceSink {
 public:
  bool wants_inert() const override { return false; }
  void on_event(const pickle::Event&, Machine&) override {}
};

// One of the two members: pickles and raw numbers, front to back.
class Member {
 public:
  Member(std::string_view name, SourcePtr source, const Limits& limits)
      : name_(name),
        source_(std::move(source)),
        limits_(limits),
        profile_(format::torch_tar_loaders(name).front().profile) {}

  // Runs the next pickle; `take` gets its nodes and its result.
  template <typename Take>
  Status pickle(const Take& take) {
    pickle::OpaqueWorld world;
    NoSink sink;
    Machine machine(*source_, profile_, world, sink, limits_, {.collapse = true, .start = at_});
    const pickle::RunResult result = machine.run();
    const NodeId root =
        result.end.kind == pickle::EndKind::stop ? machine.rebuild(result.result) : kNoNode;
    if (root == kNoNode) {
      return strange(std::string(name_) + " breaks at byte " + std::to_string(result.end.offset));
    }
    at_ = machine.position();
    return take(machine.nodes(), root);
  }

  Result<std::uint64_t> count() {
    std::uint64_t out = 0;
    BRINE_CHECK_STATUS(pickle([&](const NodeGraph& nodes, NodeId id) -> Status {
      const Node& node = nodes[id];
      if (node.kind != Kind::integer || node.big || node.integer < 0) {
        return strange(std::string(name_) + " does not begin with a number");
      }
      out = static_cast<std::uint64_t>(node.integer);
      return {};
    }));
    return out;
  }

  Result<std::uint64_t> word(std::size_t bytes) {
    std::array<std::uint8_t, 8> out{};
    if (source_->size() - at_ < bytes) return strange(std::string(name_) + " is cut off");
    BRINE_CHECK_STATUS(source_->read(at_, std::span(out).first(bytes)));
    at_ += bytes;
    return load_le64(out.data());
  }

  Result<SourcePtr> bytes(std::uint64_t count) {
    if (source_->size() - at_ < count) return strange(std::string(name_) + " is cut off");
    auto out = std::make_shared<SliceSource>(source_, at_, count);
    at_ += count;
    return out;
  }

 private:
  std::string_view name_;
  SourcePtr source_;
  const Limits& limits_;
  pickle::Profile profile_;
  std::uint64_t at_ = 0;
};

// A tuple's items that are numbers; none when they are something else.
std::optional<std::int64_t> number(const NodeGraph& nodes, NodeId id) {
  if (id == kNoNode || nodes[id].kind != Kind::integer || nodes[id].big) return std::nullopt;
  return nodes[id].integer;
}

class TarReader {
 public:
  Status read_storages(Member member) {
    BRINE_TRY(const std::uint64_t count, member.count());
    for (std::uint64_t i = 0; i < count; ++i) BRINE_CHECK_STATUS(read_storage(member));
    return member.pickle([&](const NodeGraph& nodes, NodeId id) -> Status {
      if (nodes[id].kind != Kind::list && nodes[id].kind != Kind::tuple) {
        return strange("storages does not end with a list of views");
      }
      for (const NodeId view : nodes[id].items) BRINE_CHECK_STATUS(read_view(nodes, view));
      return {};
    });
  }

  Status read_tensors(Member member) {
    BRINE_TRY(const std::uint64_t count, member.count());
    for (std::uint64_t i = 0; i < count; ++i) BRINE_CHECK_STATUS(read_tensor(member));
    return {};
  }

  TorchTar take() { return std::move(out_); }

 private:
  bool is_new(std::int64_t key) const {
    return !out_.storages.contains(key) && !out_.tensors.contains(key);
  }

  // (key, location, class), a number of elements, the elements
  Status read_storage(Member& member) {
    std::int64_t key = 0;
    Storage storage;
    BRINE_CHECK_STATUS(member.pickle([&](const NodeGraph& nodes, NodeId id) -> Status {
      const std::vector<NodeId>& items = nodes[id].items;
      if (nodes[id].kind != Kind::tuple || items.size() != 3 || items[1] == kNoNode ||
          items[2] == kNoNode) {
        return strange("a storage that is not told by three values");
      }
      const auto own = number(nodes, items[0]);
      const Node& cls = nodes[items[2]];
      if (!own || !is_new(*own) || !is_whole_text(nodes[items[1]])) {
        return strange("a storage without a number of its own, or without a device");
      }
      const bool torch =
          cls.kind == Kind::ref && (cls.module() == "torch" || cls.module() == "torch.cuda");
      storage.dtype = torch ? tensor::dtype_of_storage(cls.name()) : nullptr;
      if (storage.dtype == nullptr) return strange("a storage of no type that torch knows");
      storage.location = nodes[items[1]].text;
      key = *own;
      return {};
    }));
    BRINE_TRY(const std::uint64_t count, member.word(8));
    const auto size = checked_product(count, storage.dtype->itemsize);
    if (!size) return strange("a storage of more bytes than there are");
    storage.size = *size;
    BRINE_TRY(storage.bytes, member.bytes(*size));
    out_.storages.emplace(key, TorchTar::Part{key, 0, count});
    out_.roots.emplace(key, std::move(storage));
    return {};
  }

  // (key, key of the root, offset, number of elements)
  Status read_view(const NodeGraph& nodes, NodeId id) {
    if (id == kNoNode || nodes[id].kind != Kind::tuple || nodes[id].items.size() != 4) {
      return strange("a view of a storage that is not told by four values");
    }
    std::array<std::int64_t, 4> values{};
    for (std::size_t i = 0; i < values.size(); ++i) {
      const auto value = number(nodes, nodes[id].items[i]);
      if (!value) return strange("a view of a storage that is not told by numbers");
      values[i] = *value;
    }
    const auto [key, root, offset, count] = values;
    const auto part = out_.storages.find(root);
    if (part == out_.storages.end() || !is_new(key) || offset < 0 || count < 0) {
      return strange("a view of no storage");
    }
    const auto first = static_cast<std::uint64_t>(offset);
    const auto length = static_cast<std::uint64_t>(count);
    if (first > part->second.count || length > part->second.count - first) {
      return strange("a storage's view that reaches behind it");
    }
    out_.storages.emplace(key,
                          TorchTar::Part{part->second.root, part->second.first + first, length});
    return {};
  }

  // (key, key of the storage, class), dimensions and four unused bytes, sizes, strides, offset
  Status read_tensor(Member& member) {
    std::int64_t key = 0, of = 0;
    BRINE_CHECK_STATUS(member.pickle([&](const NodeGraph& nodes, NodeId id) -> Status {
      if (nodes[id].kind != Kind::tuple || nodes[id].items.size() != 3) {
        return strange("a tensor that is not told by three values");
      }
      const auto own = number(nodes, nodes[id].items[0]);
      const auto storage = number(nodes, nodes[id].items[1]);
      if (!own || !storage || !is_new(*own) || !out_.storages.contains(*storage)) {
        return strange("a tensor without a number of its own, or without a storage");
      }
      key = *own;
      of = *storage;
      return {};
    }));
    const TorchTar::Part part = out_.storages.at(of);
    TorchTar::Shown shown{part.root, {}};
    shown.view.dtype = out_.roots.at(part.root).dtype;
    BRINE_TRY(const std::uint64_t dimensions, member.word(4));
    BRINE_CHECK_STATUS(member.word(4));
    if (dimensions > kMostDimensions) return strange("a tensor of more dimensions than torch has");
    for (Extents* extents : {&shown.view.shape, &shown.view.stride}) {
      for (std::uint64_t i = 0; i < dimensions; ++i) {
        BRINE_TRY(const std::uint64_t extent, member.word(8));
        if (extent >> 63 != 0) return strange("a tensor of sizes or strides below 0");
        extents->push_back(extent);
      }
    }
    BRINE_TRY(shown.view.offset, member.word(8));
    const bool empty = std::ranges::find(shown.view.shape, 0u) != shown.view.shape.end();
    if (empty) {
      shown.view.offset = 0;
    } else if (!lies_within(shown.view, part.count)) {
      return strange("a tensor that reaches behind its storage");
    } else {
      shown.view.offset += part.first;
    }
    out_.tensors.emplace(key, std::move(shown));
    return {};
  }

  TorchTar out_;
};

}  // namespace

Result<std::optional<TorchTar>> read_torch_tar(const SourcePtr& file, const Limits& limits) {
  std::array<std::uint8_t, kBlock> head{};
  if (file->size() < head.size() || !file->read(0, head) || !archive::is_tar_header(head)) {
    return std::optional<TorchTar>();
  }
  BRINE_TRY(const archive::TarListing listing, archive::list_tar(*file, limits));
  std::map<std::string_view, const archive::TarMember*> found;
  for (const archive::TarMember& member : listing.members) {
    if (member.beyond) continue;
    for (const std::string_view name : {kStorages, kTensors, kTarObject}) {
      if (member.name == name && !found.emplace(name, &member).second) {
        return strange("a tar with two members of the name " + member.name);
      }
    }
  }
  if (!found.contains(kStorages)) return std::optional<TorchTar>();
  for (const std::string_view name : {kStorages, kTensors, kTarObject}) {
    const auto member = found.find(name);
    if (member == found.end()) return strange("a tar of torch's without " + std::string(name));
    if (!member->second->regular() || member->second->is_sparse || member->second->odd) {
      return strange(std::string(name) + " is no plain member of the tar");
    }
  }
  const auto open = [&](std::string_view name) {
    return Member(name, archive::open_tar_member(file, *found.at(name)), limits);
  };
  TarReader reader;
  BRINE_CHECK_STATUS(reader.read_storages(open(kStorages)));
  BRINE_CHECK_STATUS(reader.read_tensors(open(kTensors)));
  return std::optional(reader.take());
}

}  // namespace brine::convert
