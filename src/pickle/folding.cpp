// Folding: calls whose arguments are spelled out only while somebody looks at them.
//
// Problem: a checkpoint of a hundred thousand tensors has millions of values, nearly all of them
// arguments of the calls that rebuild tensors, and whoever converts it looks at one tensor at a
// time. Method: where the rebuilder completes such a call (rebuild_opcodes.cpp), the nodes that
// were made since its callable was pushed are cut off again, and the result stays as a node without
// contents. A reader that comes to it has its range run once more; behind the reader the nodes are
// cut off again. What is read a second time is shared, and stays. Invariant: nodes are cut off only
// from a place on above which nothing refers to anything behind it: every link from a node to a
// later one raises the barrier below which nothing is cut. Where something was changed through an
// alias, or DUP was used, nothing is folded.
#include <algorithm>

#include "pickle/machine_impl.h"

namespace brine::pickle {

const Node::Items Node::kNoItems;

void Node::fold() {
  folded = true;
  callable = args = kNoNode;
  made = Made::none;
  Items().swap(items);
  changes_.reset();
}

void Machine::Impl::cut_nodes(std::size_t count) {
  for (std::size_t id = graph.size(); id-- > count;) {
    const Kind kind = graph.at(static_cast<NodeId>(id)).kind;
    if (kind == Kind::ref || is_constant(kind)) continue;  // those are not found again
    node_ids.erase(IdentityHash()(identity(node_values[id])), static_cast<NodeId>(id));
  }
  for (; !texts.empty() && texts.back().node >= count; texts.pop_back())
    letters.cut(texts.back().before);
  while (!shared_texts.empty() && shared_texts.back().node >= count) shared_texts.pop_back();
  graph.cut(count);
  node_values.resize(count);
  node_states.resize(count);
  link_barrier = std::min(link_barrier, count);
}

void Machine::Impl::fold_back(std::size_t nodes, std::size_t first) {
  const auto begin = opened.begin() + static_cast<std::ptrdiff_t>(first);
  const bool stays =
      graph.exhausted() || nodes < open_barrier ||
      std::any_of(
          begin, opened.end(),
          [&](const Opened& node) { return node.id < nodes && graph.at(node.id).reopened; });
  if (stays) {
    open_barrier = graph.size();
  } else {
    std::for_each(begin, opened.end(), [&](const Opened& node) {
      if (node.id >= nodes) return;
      graph[node.id].fold();
      graph[node.id].reopened = true;
      node_values[node.id] = node.value;
    });
    cut_nodes(nodes);
  }
  opened.resize(first);
  graph.set_opened(first);
}

void Machine::fold_calls(bool (*folds)(std::string_view module, std::string_view name)) {
  impl_->folds = folds;
  impl_->graph.set_opener(impl_.get());
}

void Machine::clear_nodes() {
  impl_->nodes_stale = false;
  impl_->graph.clear();
  impl_->node_ids.clear();
  impl_->node_values.clear();
  impl_->node_states.clear();
  impl_->texts.clear();
  impl_->letters.clear();
  impl_->shared_texts.clear();
  impl_->text_at.clear();
  impl_->opened.clear();
  impl_->link_barrier = impl_->open_barrier = 0;
}

}  // namespace brine::pickle
