// The state of SciPy's k-d trees, held against itself.
//
// Problem: cKDTree.__setstate__ copies its nodes from the bytes of an array and follows the numbers
// of their children without looking at them, by recursion; a number outside of the nodes, or a
// circle, writes to or reads from memory that is not the tree's. Queries follow the nodes' ranges
// of points in the same way. Method: what the nodes say is read as SciPy reads it, and they must be
// one tree over the points. Facts: scipy 1.17, spatial/_ckdtree.pyx (__setstate__,
// _post_init_traverse), ckdtree_decl.h (the node, in the machine's own byte order).
#include <span>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "catalogue/contract.h"
#include "catalogue/numbers.h"

namespace brine::catalogue {

namespace {

constexpr std::uint64_t kNodeBytes = 72;  // split_dim, children, split, start, end, 2 pointers, 2
constexpr std::int64_t kMostNumber = std::int64_t{1} << 40;
constexpr unsigned kDeepest = 2000;  // SciPy's recursion
constexpr std::size_t kParts = 10;
enum Part : std::size_t { nodes, data, points, dims, leaf, maxes, mins, indices, box, box_data };

std::int64_t number_at(std::span<const std::uint8_t> bytes, std::uint64_t offset) {
  return static_cast<std::int64_t>(load_le64(bytes.data() + offset));
}

bool below(std::int64_t number, std::uint64_t limit) {
  return number >= 0 && static_cast<std::uint64_t>(number) < limit;
}

// Each node but the root is the child of one other, each range lies within the points.
bool is_tree(std::span<const std::uint8_t> bytes, std::uint64_t points, std::uint64_t dims) {
  constexpr std::uint64_t kStart = 24, kEnd = 32, kLess = 56, kGreater = 64;
  const std::uint64_t count = bytes.size() / kNodeBytes;
  if (count == 0 || bytes.size() % kNodeBytes != 0) return false;
  struct Open {
    std::uint64_t node;
    unsigned depth;
  };
  std::vector<Open> open{{0, 1}};
  std::vector<bool> seen(count, false);
  while (!open.empty()) {
    const auto [index, depth] = open.back();
    open.pop_back();
    if (seen[index] || depth > kDeepest) return false;
    seen[index] = true;
    const auto node = bytes.subspan(index * kNodeBytes, kNodeBytes);
    const std::int64_t start = number_at(node, kStart), end = number_at(node, kEnd);
    if (start < 0 || start > end || !below(end, points + 1)) return false;
    const std::int64_t split = number_at(node, 0);
    if (split == -1) continue;
    if (!below(split, dims)) return false;
    for (const std::uint64_t child : {kLess, kGreater}) {
      const std::int64_t next = number_at(node, child);
      if (!below(next, count)) return false;
      open.push_back({static_cast<std::uint64_t>(next), depth + 1});
    }
  }
  return true;
}

bool are_points(std::span<const std::uint8_t> bytes, std::uint64_t points) {
  constexpr std::uint64_t kIndex = 8;
  if (bytes.size() != points * kIndex) return false;
  for (std::uint64_t at = 0; at < bytes.size(); at += kIndex) {
    if (!below(number_at(bytes, at), points)) return false;
  }
  return true;
}

}  // namespace

bool Matcher::kdtree(Thing& thing) {
  std::vector<Thing> parts;
  if (!inspector_->items(thing, parts) || parts.size() != kParts) return false;
  std::int64_t count = 0, width = 0;
  if (!inspector_->integer(parts[points], count) || !inspector_->integer(parts[dims], width) ||
      !below(count, kMostNumber) || !below(width, kMostNumber)) {
    return false;
  }
  const auto n = static_cast<std::uint64_t>(count), m = static_cast<std::uint64_t>(width);
  pickle::Machine& machine = inspector_->machine();
  const pickle::NodeGraph& graph = machine.nodes();
  const auto is = [&](Part part, std::string_view type, const std::vector<std::uint64_t>& shape) {
    const auto array = numbers_of(machine, parts[part].node);
    return array && array->rows && array->type == type && array->shape == shape;
  };
  const auto is_none_or = [&](Part part, std::uint64_t length) {
    return graph[parts[part].node].kind == pickle::Kind::none || is(part, "<f8", {length});
  };
  if (!is(data, "<f8", {n, m}) || !is(maxes, "<f8", {m}) || !is(mins, "<f8", {m}) ||
      !is(indices, "<i8", {n}) || !is_none_or(box, m) || !is_none_or(box_data, 2 * m)) {
    return false;
  }
  const auto tree = numbers_of(machine, parts[nodes].node);
  if (!tree || !tree->rows || tree->type != "|S1") return false;
  const auto order = numbers_of(machine, parts[indices].node);
  const auto octets = elements_of(*evaluator_, *tree);
  if (!octets || tree->shape != std::vector<std::uint64_t>{octets->size()}) return false;
  const auto numbers = elements_of(*evaluator_, *order);
  return numbers && is_tree(*octets, n, m) && are_points(*numbers, n);
}

}  // namespace brine::catalogue
