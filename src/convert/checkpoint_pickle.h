// The state_dict of a distributed checkpoint as one pickle of torch's, for disarm.
//
// Problem: a folder of DCP cannot be written without the classes of its index, which no restricted
// unpickler admits. Method: what dcp_to_torch_save() would save is spelled as it is walked: dicts
// and lists are opened and closed, tensors are calls over storages, and each other value is the
// rewritten pickle of its own file (rewrite.h), put in place. Invariant: names of the file are only
// ever written as text.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "convert/rewrite.h"

namespace brine::convert {

class CheckpointPickle {
 public:
  CheckpointPickle();

  void open(bool list);
  void close();
  // In front of what is put into a dict or, without a text, into a list.
  void key(std::string_view text);
  void item();

  void tensor(const TensorView& view, const Storage& storage);
  void value(Rewritten part, std::uint32_t first_storage);
  void missing();

  // What is free for the next value.
  RewriteStart start() const { return {out_.memo, out_.storages.size()}; }
  std::uint64_t size() const { return out_.pickle.size(); }
  Rewritten take();

 private:
  Rewritten out_;
  std::vector<bool> open_;  // whether it is a list
  std::uint64_t entry_ = 0;  // where the key, or the value, begins
  bool keyed_ = false;
};

}  // namespace brine::convert
