// Rewrite: a pickle of our own that holds a file's tensors and plain values and nothing else.
//
// Problem: torch.load(weights_only=True) refuses most real files, and a plain pickle cannot be
// opened at all without trust. Method: the value graph is written again in one of two dialects.
// *torch*: what the restricted unpickler admits, protocol 2, tensors over storages. *plain*:
// protocol 4, NumPy's arrays and single elements as such, for files without torch's tensors. In
// both, dicts, lists, tuples, sets, numbers, text, bytes and OrderedDict stay what they are, and
// everything else becomes a dict: an object that of its state with its class as text under
// "__class__". Sharing and cycles stay. Invariant: no name of the file is ever written as a name,
// only as text; the names that are written stand in spelling.cpp, numpy_spelling.cpp and here.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "convert/tensors.h"
#include "pickle/node.h"

namespace brine::convert {

enum class Dialect : std::uint8_t { torch, plain };

struct Rewritten {
  // A tensor (torch): what to leave out, or to write as None, when its storage is not whole.
  struct Loose {
    std::uint64_t begin = 0, end = 0;
    std::uint32_t storage = 0;
    bool entry = false;  // with its key: nothing stands in its place
  };
  // Raw bytes that belong into the pickle (plain).
  struct Splice {
    std::uint64_t at = 0;
    SourcePtr bytes;
  };
  // Where joblib's inner pickle, which begins at `start` of the stream, belongs: see embed().
  struct Hole {
    std::uint64_t at = 0, start = 0;
  };

  Dialect dialect = Dialect::plain;
  std::string pickle;  // empty: nothing was asked for
  std::vector<Loose> loose;  // by `begin`
  std::vector<Splice> splices;  // by `at`
  std::vector<Hole> holes;  // by `at`
  std::vector<std::uint32_t> storages;  // record "0", "1" ...: indices of Storages
  std::optional<std::vector<std::uint64_t>> array_shape;  // the result is an array of objects
  std::map<std::string, std::uint64_t> replaced;  // what became a dict or list, and how often
  std::string unsure;  // a value that could not be followed, in words
  std::uint64_t memo = 0;  // indices that are taken
  bool needs_torch = false;  // plain: there are tensors of torch in it
  bool over_budget = false;
};

// What is free: the indices of the memo and the names of records from there on.
struct RewriteStart {
  std::uint64_t memo = 0, record = 0;
};

// In the plain dialect, unless that cannot hold it or `only` says so.
Rewritten rewrite(const pickle::NodeGraph& nodes, pickle::NodeId root, TensorReader& reader,
                  const std::vector<Storage>& storages, std::optional<Dialect> only,
                  RewriteStart start = {});

// A tensor in the torch dialect: a call of _rebuild_tensor_v2 over the record of that number, or of
// v3 where the element type is not the storage's.
std::string spelled(const TensorView& view, const Storage& storage, std::uint64_t record);

// Puts the value of a whole pickle behind what is spelled so far. Its storages come behind
// `first_storage`, its memo and records where it was told to begin.
void append(Rewritten& outer, Rewritten inner, std::uint32_t first_storage);

// Puts the pickles into the holes, in order; their storages come behind `first_storages[i]`. All
// are of one dialect.
void embed(Rewritten& outer, std::vector<Rewritten> inner,
           const std::vector<std::uint32_t>& first_storages);

}  // namespace brine::convert
