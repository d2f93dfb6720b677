#include "convert/capture.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <iterator>

#include "base/bytes.h"
#include "convert/late_changes.h"
#include "convert/torch_tar.h"
#include "pickle/opcode.h"

namespace brine::convert {
namespace {

using pickle::EndKind;
using pickle::Kind;
using pickle::kNoNode;
using pickle::Machine;
using pickle::Node;
using pickle::NodeGraph;
using pickle::NodeId;
using pickle::Unpickler;

// Loaders whose result is converted, the one that a file is made for first.
constexpr auto kLoaders = std::to_array<std::string_view>({
    "torch.load",
    "torch.load(latin1)",
    "torch.jit.load",
    "torch.storage._load_from_bytes",
    "pickle.load",
    "joblib.load",
    "pandas.read_pickle",
    "numpy.load",
});

int rank_of(std::string_view loader) {
  const auto* row = std::ranges::find(kLoaders, loader);
  return row == kLoaders.end() ? 0 : static_cast<int>(kLoaders.end() - row);
}

// torch's own format before all else, then joblib's, whose arrays no other loader reads: it stops
// inside them. Then what is read to its end.
int bonus(bool legacy, bool joblib, const scan::ViewEnd& how) {
  return (legacy ? 1000 : 0) + (joblib ? 500 : 0) + (how.end.kind == EndKind::stop ? 100 : 0);
}

// torch.jit.load has no other reading of its file.
bool restricted(const pickle::Profile& profile) {
  return profile.unpickler == Unpickler::torch_weights_only;
}

// torch's magic number, 0x1950a86a20f9469cfc6c.
constexpr std::string_view kTorchMagic = "119547037146038801333356";

bool is_magic(const pickle::RunResult& result, Machine& machine) {
  if (result.end.kind != EndKind::stop || result.result.kind() != Kind::integer) return false;
  const NodeId id = machine.rebuild(result.result);
  return id != kNoNode && machine.nodes()[id].big && machine.nodes()[id].text == kTorchMagic;
}

// The bytes of a constant: a part of the stream where they stand in it as they are, else a copy.
SourcePtr bytes_of(const SourcePtr& stream, const Node& node) {
  std::array<std::uint8_t, 9> head{};
  const std::uint64_t left = stream->size() - std::min(stream->size(), node.offset);
  const std::span<std::uint8_t> wanted(head.data(), std::min<std::size_t>(head.size(), left));
  if (left > 0 && stream->read(node.offset, wanted)) {
    std::uint64_t prefix = 0, length = 0;
    switch (head[0]) {
      case pickle::op::SHORT_BINBYTES:
      case pickle::op::SHORT_BINUNICODE:
        prefix = 2;
        length = head[1];
        break;
      case pickle::op::BINBYTES:
      case pickle::op::BINUNICODE:
        prefix = 5;
        length = load_le32(head.data() + 1);
        break;
      case pickle::op::BINBYTES8:
      case pickle::op::BINUNICODE8:
      case pickle::op::BYTEARRAY8:
        prefix = 9;
        length = load_le64(head.data() + 1);
        break;
      default: break;
    }
    if (prefix != 0 && prefix <= left && length <= left - prefix && length == node.length) {
      return std::make_shared<SliceSource>(stream, node.offset + prefix, length);
    }
  }
  if (node.text.size() != node.length) return nullptr;
  return std::make_shared<MemorySource>(
      std::vector<std::uint8_t>(node.text.begin(), node.text.end()));
}

// Calls that give tensors, which are looked at one by one.
bool gives_tensor(std::string_view module, std::string_view name) {
  return (module == "torch._utils" || module == "torch._tensor") && name.starts_with("_rebuild_");
}

// What had been built when the stream broke: values that lie behind a mark belong to the container
// below it, as the opcode that never came would have put them there. A key without its value is
// dropped, and so is what is not finished: an object whose arguments or state were being built.
NodeId unfinished(Machine& machine) {
  const std::size_t height = machine.stack_height();
  if (height == 0) return kNoNode;
  std::vector<NodeId> values;
  for (std::size_t i = height; i-- > 0;) values.push_back(machine.rebuild(machine.stack_at(i)));
  if (std::ranges::find(values, kNoNode) != values.end()) return kNoNode;
  NodeGraph& nodes = machine.nodes();
  std::size_t end = height;
  for (std::size_t mark = machine.mark_count(); mark-- > 0;) {
    const std::size_t first = machine.mark_height(mark);
    if (first == 0 || first > end) continue;
    Node& target = nodes[values[first - 1]];
    const bool plain = target.kind == Kind::dict || target.kind == Kind::list;
    const bool object = target.kind == Kind::object && target.callable != kNoNode &&
                        nodes[target.callable].kind == Kind::ref &&
                        nodes[target.callable].module() == "collections";
    if (!plain && !object) {
      if (first > 1) end = first - 1;
      continue;
    }
    std::size_t count = end - first;
    if (target.kind != Kind::list) count -= count % 2;
    std::vector<NodeId>& into = plain ? target.items : target.changes().stored;
    for (std::size_t i = 0; i < count; ++i) into.push_back(values[first + i]);
    end = first;
  }
  return values.front();
}

class NoSink final : public pickle::TraceSink {
 public:
  bool wants_inert() const override { return false; }
  void on_event(const pickle::Event&, Machine&) override {}
};

Around around(const SourcePtr& source, Machine& machine, const Around::NestedStorage& nested,
              const TorchTar* tar) {
  return {source, [source](const Node& node) { return bytes_of(source, node); }, nested,
          [&machine](const Node& node) { return machine.raw_array(node.offset); }, tar};
}

}  // namespace

// joblib's arrays of objects are pickles of their own, which the scan has judged already.
std::optional<Contents> Capture::inner_contents(const scan::ViewStart& view, const Machine& outer,
                                                std::uint64_t start,
                                                const ContentsOptions& options) {
  pickle::OpaqueWorld world;
  NoSink sink;
  pickle::Profile profile = view.profile;
  profile.joblib = pickle::JoblibReads::nothing;
  Machine machine(*view.source, profile, world, sink, outer.limits(),
                  {.collapse = true, .start = start});
  const pickle::RunResult result = machine.run();
  if (result.end.kind != EndKind::stop) return std::nullopt;
  machine.fold_calls(gives_tensor);
  const NodeId root = machine.rebuild(result.result);
  if (root == kNoNode) return std::nullopt;
  Contents contents =
      read_contents(machine.nodes(), root, options, around(view.source, machine, nested_, tar_));
  if (machine.irregular() ||
      changes_late(*view.source, start, result.end.offset, machine.jumps())) {
    contents.ambiguous = true;
  }
  return contents;
}

void Capture::read_inner(const scan::ViewStart& view, const Machine& outer, Contents& contents) {
  const std::vector<Inner> all = std::move(contents.inner);
  contents.inner.clear();
  ContentsOptions options = options_;
  options.rewrite = false;
  for (const Inner& inner : all) {
    std::optional<Contents> part = inner_contents(view, outer, inner.start, options);
    if (!part) {
      contents.refused.push_back({inner.name, "an array of objects that cannot be followed"});
      continue;
    }
    if (inner.opaque) {
      for (const NamedTensor& tensor : part->tensors) part->opaque.emplace_back(tensor.name);
    }
    part->extras.clear();
    add_part(contents, inner.name, std::move(*part));
  }
  make_names_distinct(contents);
}

// The same arrays once more, as parts of the pickle that is written.
void Capture::rewrite_inner(const scan::ViewStart& view, const Machine& outer, Contents& contents) {
  Rewritten& rewritten = contents.rewritten;
  std::vector<Rewritten> parts;
  std::vector<std::uint32_t> first_storages;
  ContentsOptions options = options_;
  options.dialect = rewritten.dialect;
  options.extras = false;
  options.root.clear();
  options.start = {rewritten.memo, rewritten.storages.size()};
  for (const Rewritten::Hole& hole : rewritten.holes) {
    first_storages.push_back(static_cast<std::uint32_t>(contents.storages.size()));
    std::optional<Contents> part = inner_contents(view, outer, hole.start, options);
    contents.over_budget = contents.over_budget || !part || part->over_budget;
    if (contents.over_budget) return;
    options.start.memo = part->rewritten.memo;
    options.start.record += part->rewritten.storages.size();
    std::ranges::move(part->storages, std::back_inserter(contents.storages));
    parts.push_back(std::move(part->rewritten));
  }
  embed(rewritten, std::move(parts), first_storages);
}

pickle::TraceSink* Capture::begin(const scan::ViewStart& view) {
  running_[&view] = {};
  return nullptr;
}

void Capture::ran(const scan::ViewStart& view, const pickle::RunResult& result, Machine& machine) {
  Running& running = running_[&view];
  const int index = running.pickles++;
  const std::uint64_t start = index == 0 ? view.start : running.next;
  running.next = result.end.offset;
  if (restricted(view.profile) || view.nested || view.member.size() > 1) return;
  // Of its members torch unpickles one to an object, and looks at no others.
  if (tar_ != nullptr && view.member != std::vector{std::string(kTarObject)}) return;
  if (index == 0 && is_magic(result, machine)) running.legacy = true;
  if (index != (running.legacy ? 3 : 0)) return;
  machine.clear_nodes();
  // A pass of its own, with tables of its own: not beside the nodes and what is made of them.
  const bool late = changes_late(*view.source, start, result.end.offset, machine.jumps());
  machine.fold_calls(gives_tensor);
  running.joblib = view.profile.joblib == pickle::JoblibReads::arrays && machine.first_array();
  const bool whole = result.end.kind == EndKind::stop;
  const NodeId root = whole ? machine.rebuild(result.result) : unfinished(machine);
  if (root == kNoNode) {
    running.contents.emplace();
    running.contents->over_budget = whole;
  } else {
    ContentsOptions options = options_;
    const bool torch = !view.member.empty() && view.member.back().ends_with("/data.pkl");
    if (running.legacy || torch || tar_ != nullptr) options.dialect = Dialect::torch;
    const auto read = [&] {
      running.contents = read_contents(machine.nodes(), root, options,
                                       around(view.source, machine, nested_, tar_));
      if (!running.contents->rewritten.holes.empty()) {
        rewrite_inner(view, machine, *running.contents);
      }
    };
    read();
    if (running.contents->rewritten.needs_torch) {
      options.dialect = Dialect::torch;
      read();
    }
    // What was dropped, or given a state late, may have changed what is read here.
    if (machine.irregular() || late) running.contents->ambiguous = true;
    if (!running.contents->inner.empty()) read_inner(view, machine, *running.contents);
  }
  machine.clear_nodes();
  machine.fold_calls(nullptr);
}

void Capture::end(const scan::ViewStart& view, const scan::ViewEnd& how) {
  auto running = running_.extract(&view);
  if (running.empty() || !running.mapped().contents) return;
  std::string loader = view.loader;
  for (const std::string& also : how.also) {
    // torch.load shares the run of a pickle that it then refuses.
    if (also.starts_with("torch.") && !loader.starts_with("torch.")) continue;
    if (rank_of(also) > rank_of(loader)) loader = also;
  }
  // torch.load refuses a pickle that has no magic number in front.
  const bool refused = how.end.kind == EndKind::refused && !running.mapped().legacy;
  const int rank =
      refused || rank_of(loader) == 0
          ? 0
          : rank_of(loader) + bonus(running.mapped().legacy, running.mapped().joblib, how);
  if (rank == 0) return;
  Best& best = best_[view.member];
  if (rank <= best.rank) return;
  best.rank = rank;
  best.captured = Captured{std::move(loader),
                           view.member,
                           std::move(*running.mapped().contents),
                           how.end,
                           how.storages,
                           view.source,
                           running.mapped().legacy,
                           how.number_keys,
                           {}};
}

std::optional<Captured> Capture::take() {
  std::vector<Captured*> found;
  for (auto& [member, best] : best_) {
    // Of a torch zip torch reads one pickle; of any other archive nobody says which one.
    const bool torch = best.captured.loader.starts_with("torch.") && !member.empty() &&
                       member.back().ends_with("/data.pkl");
    if (best_.size() == 1 || torch) found.push_back(&best.captured);
  }
  if (found.empty()) {
    // A name that promises a pickle has its compressed bytes tried as one.
    for (auto& [member, best] : best_) {
      const Captured& held = best.captured;
      const bool nothing = held.contents.tensors.empty() && held.contents.refused.empty();
      if (held.end.kind == EndKind::stop || !nothing) found.push_back(&best.captured);
    }
  }
  return found.size() == 1 ? std::optional(std::move(*found.front())) : std::nullopt;
}

std::optional<Contents> Capture::take_member(const std::string& name) {
  const auto found = best_.find({name});
  if (found == best_.end() || found->second.captured.end.kind != EndKind::stop) return std::nullopt;
  return std::move(found->second.captured.contents);
}

}  // namespace brine::convert
