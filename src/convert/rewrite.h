// Rewrite: a pickle of our own that holds a file's tensors and plain values and nothing else.
//
// Problem: some tools read torch files only, and torch.load(weights_only=True) refuses most real
// ones. Method: the value graph is written again with the few opcodes and names that the restricted
// unpickler admits (protocol 2): dicts, lists, tuples, numbers, text, bytes, OrderedDict and
// tensors over storages. Everything else becomes a dict: an object that of its state with its class
// as text under "__class__". Sharing and cycles of containers and tensors stay; a tuple that
// contains itself is cut. Invariant: no name of the file is ever written as a name, only as text.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "convert/tensors.h"
#include "pickle/node.h"

namespace brine::convert {

struct Rewritten {
  std::string pickle;
  std::vector<std::uint32_t> storages;  // record "0", "1" ...: indices of Storages
  bool replaced = false;  // something was no plain value
  bool over_budget = false;
};

Rewritten rewrite(const pickle::NodeGraph& nodes, pickle::NodeId root, TensorReader& reader,
                  const std::vector<Storage>& storages);

}  // namespace brine::convert
