// What plain values are made from: dicts, sets, sizes, devices, bytes, layouts.

#include <algorithm>

#include "scan/torch_calls.h"
#include "scan/torch_types.h"
#include "tensor/device.h"

namespace brine::scan {
namespace {

using namespace torch_type;
using pickle::kAllReleases;
using pickle::kFrom2_6;
using pickle::Kind;
using pickle::kNoNode;
using pickle::Node;
using pickle::NodeId;
using pickle::Releases;

struct LayoutRow {
  std::string_view name;
  Releases releases;
};
constexpr auto kLayouts = std::to_array<LayoutRow>({
    {"torch.strided", kAllReleases},
    {"torch.sparse_coo", kAllReleases},
    {"torch.sparse_csr", kAllReleases},
    {"torch.sparse_csc", kAllReleases},
    {"torch.sparse_bsr", kAllReleases},
    {"torch.sparse_bsc", kAllReleases},
    {"torch._mkldnn", kAllReleases},
    {"torch.jagged", kFrom2_6},
});

constexpr std::size_t kMostKeyParts = 1024;

}  // namespace

TorchCalls::Says TorchCalls::ordered_dict(const Items& args) {
  if (args.empty()) return {};
  const bool dict =
      node(args[0]).kind == Kind::dict || name_of(args[0]) == "collections.OrderedDict";
  if (args.size() == 1 && (dict || pairs(args[0]))) return {};
  return doubts("an OrderedDict of what is no list of pairs");
}

TorchCalls::Says TorchCalls::counter(const Items& args) {
  if (args.empty() || (args.size() == 1 && node(args[0]).kind == Kind::dict)) return {};
  return doubts("a Counter of what is no dict");
}

TorchCalls::Says TorchCalls::size(const Items& args) {
  if (args.empty()) return {};
  const bool list = node(args[0]).kind == Kind::tuple || node(args[0]).kind == Kind::list;
  const bool numbers = list && std::ranges::all_of(node(args[0]).items, [&](NodeId item) {
                         return node(item).kind == Kind::integer && !node(item).big;
                       });
  return args.size() == 1 && numbers ? Says{} : doubts("a torch.Size of what are no numbers");
}

TorchCalls::Says TorchCalls::device(const Items& args) {
  if (args.empty() || args.size() > 2 || !is_text(args[0]) ||
      !tensor::is_known_location(node(args[0]).text)) {
    return doubts("a torch.device that not every release has");
  }
  const bool indexed =
      args.size() == 1 ||
      (node(args[1]).kind == Kind::integer && !node(args[1]).big && node(args[1]).integer >= 0 &&
       node(args[1]).integer < 100 && node(args[0]).text.find(':') == std::string_view::npos);
  return indexed ? Says{} : doubts("a torch.device with an odd index");
}

// _codecs.encode(text, codec)
TorchCalls::Says TorchCalls::encode(const Items& args) {
  const bool told = !args.empty() && args.size() <= 2 && is_text(args[0]) &&
                    (args.size() == 1 || is_text(args[1]));
  if (!told) return doubts("_codecs.encode of what is not told");
  const std::string_view text = node(args[0]).text;
  const std::string_view codec = args.size() == 1 ? "utf-8" : node(args[1]).text;
  const auto lead = [](char c) { return static_cast<unsigned char>(c); };
  if (codec == "latin1" || codec == "latin-1") {
    if (std::ranges::all_of(text, [&](char c) { return lead(c) < 0xc4; })) return {};
    return raises("text that latin1 cannot encode");
  }
  // Surrogates, which UTF-8 cannot encode, begin with ED.
  const bool plain = std::ranges::all_of(text, [&](char c) { return lead(c) != 0xed; });
  if ((codec == "utf-8" || codec == "utf8") && plain) return {};
  return doubts("_codecs.encode with the codec " + std::string(codec));
}

TorchCalls::Says TorchCalls::byte_array(const Items& args) {
  if (args.empty()) return {};
  if (args.size() == 1 &&
      (node(args[0]).kind == Kind::bytes || name_of(args[0]) == "_codecs.encode"))
    return {};
  return args.size() == 2 ? encode(args) : doubts("a bytearray of what are no bytes");
}

TorchCalls::Says TorchCalls::set(const Items& args) {
  if (args.empty()) return {};
  const Kind kind = node(args[0]).kind;
  if (args.size() != 1 || (kind != Kind::list && kind != Kind::tuple)) {
    return doubts("a set of what is no list");
  }
  const Items items = node(args[0]).items;
  const bool fits = std::ranges::all_of(items, [&](NodeId item) { return hashable(item); });
  return fits ? Says{} : doubts("a set of what may have no hash");
}

TorchCalls::Says TorchCalls::complex(const Items& args) {
  const bool numbers = args.size() <= 2 && std::ranges::all_of(args, [&](NodeId item) {
                         return node(item).kind == Kind::floating ||
                                (node(item).kind == Kind::integer && !node(item).big);
                       });
  return numbers ? Says{} : doubts("a complex of what are no numbers");
}

TorchCalls::Says TorchCalls::layout(const Items& args) {
  if (args.size() != 1 || !is_text(args[0])) return doubts("a layout that is not told");
  const auto* row = std::ranges::find(kLayouts, node(args[0]).text, &LayoutRow::name);
  const Releases known = row == kLayouts.end() ? Releases{0} : row->releases;
  if (known == kAllReleases) return {};
  return raises("no layout " + std::string(node(args[0]).text),
                static_cast<Releases>(kAllReleases & ~known));
}

bool TorchCalls::is_text(NodeId id) const {
  return node(id).kind == Kind::str && node(id).length == node(id).text.size();
}

bool TorchCalls::hashable(NodeId id) const {
  std::vector<NodeId> open{id};
  for (std::size_t visits = 0; !open.empty(); ++visits) {
    if (visits == kMostKeyParts) return false;
    const Node& part = node(open.back());
    open.pop_back();
    if (part.kind <= Kind::bytes || part.kind == Kind::ref || part.kind == Kind::persistent)
      continue;
    if (part.kind == Kind::tuple) {
      open.insert(open.end(), part.items.begin(), part.items.end());
      continue;
    }
    const TypeRow* row = part.kind == Kind::object ? row_of(part.type) : nullptr;
    if (row == nullptr || !row->hashable) return false;
  }
  return true;
}

bool TorchCalls::pairs(NodeId id) const {
  const Node& list = node(id);
  if (list.kind != Kind::list && list.kind != Kind::tuple) return false;
  return std::ranges::all_of(list.items, [&](NodeId item) {
    const Node& pair = node(item);
    return (pair.kind == Kind::list || pair.kind == Kind::tuple) && pair.items.size() == 2 &&
           hashable(pair.items[0]);
  });
}

// The dotted name of a reference, or of the callable that made an object.
std::string TorchCalls::name_of(NodeId id) const {
  const Node* named = &node(id);
  if (named->kind == Kind::object && named->callable != kNoNode) named = &node(named->callable);
  if (named->kind != Kind::ref) return {};
  return std::string(named->module()) + "." + std::string(named->name());
}

}  // namespace brine::scan
