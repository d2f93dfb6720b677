// Contents: the named tensors and the other values of one pickle.
//
// Problem: what stop returns is a graph of dicts, lists, objects and tensors, shared and possibly
// cyclic; people want a flat table of tensors and a record of the rest. Method: one walk, depth
// first, in the order in which Python would iterate. A name is the way to the value: keys, indices
// and attribute names joined by dots; a whole torch.nn.Module (an object whose state has
// _parameters, _buffers and _modules) gives the names of its state_dict. Everything that is no
// tensor is written as typed JSON ("extras"). Invariant: no recursion; the walk is bounded by
// kMaxSteps however often parts are shared, and names and extras by the size of the stream; two
// different tensors never get one name.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/text_pool.h"
#include "base/text_set.h"
#include "convert/rewrite.h"
#include "convert/tensors.h"
#include "pickle/node.h"

namespace brine::convert {

inline constexpr std::size_t kNamesShown = 8;  // of Contents::other

struct NamedTensor {
  std::string_view name;  // valid UTF-8; stands in Contents::letters
  TensorView view;
  std::unique_ptr<Notes> noted;  // null: nothing
  bool part = false;  // of the tensor before it

  std::span<const Note> notes() const {
    return noted == nullptr ? std::span<const Note>() : std::span<const Note>(*noted);
  }
};

struct Refusal {
  std::string name;
  std::string why;
};

// joblib's array of objects: a pickle of its own in the stream.
struct Inner {
  std::string name;
  std::uint64_t start = 0;
  bool opaque = false;
};

struct Contents {
  std::vector<Storage> storages;
  std::vector<NamedTensor> tensors;
  TextPool letters;  // of their names
  std::vector<Refusal> refused;  // tensors that cannot be taken
  std::vector<std::string> without_data;  // meta tensors
  std::vector<std::string> left_out;  // tensors of a module that its state_dict does not have
  // Tensors under what a callable or a class made of them: the loader may show them otherwise.
  std::vector<std::string> opaque;
  std::vector<Inner> inner;  // still to be read
  std::vector<std::string> other;  // names of the first values that are no tensors, for people
  std::string extras;  // JSON; empty unless asked for
  Rewritten rewritten;  // when asked for
  bool root_tensor = false;  // the result itself is a tensor, named "tensor"
  bool root_storage = false;  // namely a bare storage
  bool container = false;  // what was wanted can hold tensors
  bool script = false;  // the result is an object of TorchScript
  std::set<std::pair<std::string, std::string>>
      script_attributes;  // class and name, of its objects
  std::set<std::string> view_keys;  // of storages, of torch's first format
  bool nested = false;  // a nested tensor is among them
  bool ambiguous = false;  // keys of which only their class knows whether they are equal
  bool over_budget = false;
  std::string limit;  // which one, where that helps
  bool root_missing = false;  // no value under the wanted key

  NamedTensor& add(std::string_view name, TensorView view) {
    NamedTensor& added = tensors.emplace_back();
    added.name = letters.add(name);
    added.view = std::move(view);
    return added;
  }
};

struct ContentsOptions {
  std::vector<std::string> root;  // keys from the top down to the wanted value
  bool extras = false;
  bool rewrite = false;  // also as a pickle of our own
  std::optional<Dialect> dialect;  // of it; none: plain when that can hold everything
  RewriteStart start;
  // Of a value in a larger whole: the way to it, and the names that the whole has already.
  std::vector<std::string> above;
  const TextSet* taken = nullptr;
};

// `roots`: the result, or what lay on the stack when the stream broke (key, value pairs behind a
// dict belong to it: see salvage).
Contents read_contents(const pickle::NodeGraph& nodes, pickle::NodeId root,
                       const ContentsOptions& options, Around around);

// What stands under `name` (empty: at the top) in a container of several results; finish_parts()
// behind the last one.
void add_part(Contents& into, const std::string& name, Contents part);
void make_names_distinct(Contents& contents);
void finish_parts(Contents& into, bool extras);

}  // namespace brine::convert
