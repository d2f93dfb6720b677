#include "catalogue/storage.h"

#include <limits>

namespace brine::tensor {
namespace {

using pickle::Kind;
using pickle::kNoNode;
using pickle::Node;
using pickle::NodeGraph;
using pickle::NodeId;

// torch decodes its own words when a Python 2 file gave bytes.
bool is_text(const Node& node) {
  return (node.kind == Kind::str || node.kind == Kind::bytes) && node.length == node.text.size();
}

bool read_count(const Node& node, std::uint64_t& out) {
  if (node.kind != Kind::integer || node.big || node.integer < 0) return false;
  out = static_cast<std::uint64_t>(node.integer);
  return true;
}

bool read_class(const Node& node, StorageId& out) {
  if (node.kind != Kind::ref) return false;
  out.storage_class = node.name();
  if (is_untyped_storage(node.module(), node.name())) return true;
  out.dtype = dtype_of_storage(node.name());
  if (out.dtype == nullptr) return false;
  out.itemsize = out.dtype->itemsize;
  return true;
}

// Keys are text in files of today and numbers in some old ones.
bool read_key(const Node& node, std::string& out) {
  if (is_text(node)) {
    out = node.text;
    return true;
  }
  if (node.kind != Kind::integer || node.big) return false;
  out = std::to_string(node.integer);
  return true;
}

bool read_view(const NodeGraph& nodes, const Node& node, StorageId& out) {
  if (node.kind == Kind::none) return true;
  if (node.kind != Kind::tuple || node.items.size() != 3) return false;
  out.view = true;
  return read_key(nodes[node.items[0]], out.view_key) &&
         read_count(nodes[node.items[1]], out.view_offset) &&
         read_count(nodes[node.items[2]], out.view_numel);
}

}  // namespace

std::optional<std::uint64_t> StorageId::byte_size() const {
  if (numel > std::numeric_limits<std::uint64_t>::max() / itemsize) return std::nullopt;
  return numel * itemsize;
}

std::optional<StorageId> parse_storage_id(const NodeGraph& nodes, NodeId id) {
  if (id == kNoNode) return std::nullopt;
  const Node& tuple = nodes[id];
  if (tuple.kind != Kind::tuple || tuple.items.size() < 5 || tuple.items.size() > 6) {
    return std::nullopt;
  }
  const auto item = [&](std::size_t index) -> const Node& { return nodes[tuple.items[index]]; };
  if (!is_text(item(0)) || item(0).text != "storage") return std::nullopt;
  StorageId out;
  if (!read_class(item(1), out) || !read_key(item(2), out.key)) return std::nullopt;
  if (!is_text(item(3)) || !read_count(item(4), out.numel)) return std::nullopt;
  out.location = item(3).text;
  out.number = item(2).kind == Kind::integer;
  out.items = static_cast<std::uint8_t>(tuple.items.size());
  if (tuple.items.size() == 6 && !read_view(nodes, item(5), out)) return std::nullopt;
  return out;
}

std::optional<StorageId> parse_storage_id(pickle::Machine& machine, const pickle::Value& id) {
  if (id.kind() != Kind::tuple) return std::nullopt;
  const NodeId node = machine.rebuild(id);
  if (node == kNoNode) return std::nullopt;
  return parse_storage_id(machine.nodes(), node);
}

NodeId parse_container_id(pickle::Machine& machine, const pickle::Value& id) {
  if (id.kind() != Kind::tuple) return kNoNode;
  const NodeId node = machine.rebuild(id);
  if (node == kNoNode) return kNoNode;
  const NodeGraph& nodes = machine.nodes();
  const std::vector<NodeId>& items = nodes[node].items;
  if (items.size() != 4 || !is_text(nodes[items[0]]) || nodes[items[0]].text != "module") {
    return kNoNode;
  }
  const auto text = [&](NodeId item) {
    return nodes[item].kind == Kind::str || nodes[item].kind == Kind::bytes ||
           nodes[item].kind == Kind::none;
  };
  const bool fits = nodes[items[1]].kind == Kind::ref && text(items[2]) && text(items[3]);
  return fits ? items[1] : kNoNode;
}

}  // namespace brine::tensor
