// Tensors: what the nodes of a torch pickle say of tensors, without torch.
//
// Problem: a tensor in a pickle is a call of one of torch's rebuild functions over a storage, sizes
// and strides; NumPy's arrays are calls of their own. Method: one row a function; each row reads
// its arguments from nodes and gives views of storages. Invariant: a view that is given lies within
// its storage as the pickle tells it, all arithmetic is checked, and what no row knows is an Error
// with its name, never a guess. Facts: torch 2.13 (torch/_utils.py, _tensor.py), NumPy 2.4.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/flat_index.h"
#include "base/result.h"
#include "base/small_vector.h"
#include "catalogue/storage.h"
#include "io/source.h"
#include "pickle/node.h"
#include "tensor/dtype.h"

namespace brine::convert {

// Raw bytes behind tensors: a record of a torch archive, or bytes that stand in the pickle itself.
// The device that a storage was saved from, "cpu" or "cuda:0": most of a file's have one text.
class Location {
 public:
  Location() = default;
  Location(const char* text) : Location(std::string_view(text)) {}
  Location(std::string_view text) : text_(std::make_shared<const std::string>(text)) {}
  std::string_view text() const {
    return text_ == nullptr ? std::string_view() : std::string_view(*text_);
  }

 private:
  std::shared_ptr<const std::string> text_;
};

struct Storage {
  std::string key;  // of the record; empty: the bytes stand in the pickle
  const tensor::Dtype* dtype = nullptr;  // null: untyped
  std::uint64_t size = 0;  // bytes that the pickle promises
  Location location;
  SourcePtr bytes;  // null: still to be found, or missing
  bool swapped = false;  // elements of `dtype` lie in the other byte order
  bool number = false;  // the key is a number
  std::uint8_t id_items = 0;  // of the record's id in the pickle
};

// A number for each dimension; most tensors have one or two.
using Extents = SmallVector<std::uint64_t, 2>;

struct TensorView {
  std::uint32_t storage = 0;  // index of a Storage
  bool conj = false;  // complex: the conjugate is meant
  bool neg = false;  // the negative is meant
  bool swapped = false;  // elements lie in the other byte order
  const tensor::Dtype* dtype = nullptr;
  std::uint64_t offset = 0;  // elements
  Extents shape, stride;  // elements; equally many

  std::uint64_t elements() const;  // what was checked not to overflow
  bool contiguous() const;  // row by row, without holes
  friend bool operator==(const TensorView&, const TensorView&) = default;
};

// One tensor of the file: usually one part without suffix; sparse and quantized ones have several.
struct Part {
  std::string suffix;  // ".indices", or empty
  TensorView view;
};
// What a tensor's bytes do not say: "layout", "torch.sparse_coo".
using Note = std::pair<std::string, std::string>;
using Notes = std::vector<Note>;

struct Tensor {
  std::vector<Part> parts;
  Notes notes;
  bool without_data = false;  // a meta tensor: shape and type alone
};

struct TorchTar;  // torch_tar.h

// What lies around the nodes: the stream that they were built from.
struct Around {
  // A storage in torch's file inside the pickle.
  using NestedStorage = std::function<Result<Storage>(const SourcePtr&)>;

  SourcePtr stream;
  std::function<SourcePtr(const pickle::Node&)> bytes_of;  // of a constant node
  NestedStorage nested;
  // The array that joblib reads at an object's offset; null when it reads none.
  std::function<const pickle::RawArray*(const pickle::Node&)> raw_array;
  const TorchTar* tar = nullptr;  // whose objects persistent ids name by number
};

// A tuple or list of numbers that are not negative, or torch.Size of one.
std::optional<std::vector<std::uint64_t>> sizes_of(const pickle::NodeGraph& nodes,
                                                   pickle::NodeId id);

class TensorReader {
 public:
  TensorReader(const pickle::NodeGraph& nodes, std::vector<Storage>& storages, Around around)
      : nodes_(nodes), storages_(storages), around_(std::move(around)) {}

  // None: the node is no tensor. An Error: it is one that cannot be taken, and why.
  Result<std::optional<Tensor>> read(pickle::NodeId id);
  // The array that joblib read here; null when it read none.
  const pickle::RawArray* raw_array_of(pickle::NodeId id) const;
  // The node is a storage by itself (torch.save of a storage).
  Result<std::uint32_t> storage_of(pickle::NodeId id);
  // The number by which the node names a tensor of torch's tar; none when it names none.
  std::optional<std::int64_t> tensor_number(pickle::NodeId id) const;
  // The bytes that a node spells: bytes, bytearray, protocol 2's _codecs.encode, and a str of
  // Python 2; null for anything else, and for what cannot be read.
  SourcePtr octets(pickle::NodeId id) const;
  const Around& around() const { return around_; }
  // Values that stand beside the tensors that were read, and are made when those are.
  const std::vector<pickle::NodeId>& beside() const { return beside_; }
  // Keys of views of storages, of torch's first format.
  std::set<std::string> view_keys() const;
  // Whether torch raises for one that was read all the same.
  bool raises() const { return raises_; }
  // How many nodes it will know again: those must not be folded.
  std::size_t nodes_known() const { return by_node_.size(); }
  // Room for so many storages more.
  void expect(std::size_t storages) {
    storages_.reserve(storages_.size() + storages);
    by_key_.reserve(by_key_.size() + storages);
  }

 private:
  struct StorageUse {
    std::uint32_t index = 0;
    std::uint64_t first = 0;  // element of the storage at which it begins
    std::uint64_t count = 0;  // elements (bytes when untyped)
  };
  using Items = std::vector<pickle::NodeId>;
  using Row = Result<std::optional<Tensor>> (TensorReader::*)(const Items& args);
  struct Function {
    std::string_view module, name;
    Row read;
  };
  static const Function* find(std::string_view module, std::string_view name);

  Result<std::optional<Tensor>> read_object(pickle::NodeId id);
  Result<std::optional<Tensor>> call(std::string_view module, std::string_view name,
                                     const Items& args);
  Result<std::optional<Tensor>> strided(const Items& args);
  Result<std::optional<Tensor>> strided_v3(const Items& args);
  Result<std::optional<Tensor>> inner(const Items& args);
  Result<std::optional<Tensor>> parameter(const Items& args);
  Result<std::optional<Tensor>> buffer(const Items& args);
  Result<std::optional<Tensor>> from_type(const Items& args);
  Result<std::optional<Tensor>> quantized(const Items& args);
  Result<std::optional<Tensor>> sparse(const Items& args);
  Result<std::optional<Tensor>> nested(const Items& args);
  Result<std::optional<Tensor>> meta(const Items& args);
  Result<std::optional<Tensor>> cast(const Items& args);
  Result<std::optional<Tensor>> from_buffer(const Items& args);
  Result<std::optional<Tensor>> set_by_state(const pickle::Node& node);
  Result<std::optional<Tensor>> numbered(pickle::NodeId id);
  Result<std::optional<Tensor>> array(const pickle::Node& node);
  Result<std::optional<Tensor>> raw_array(const pickle::RawArray& array);
  Result<std::optional<Tensor>> array_of(const pickle::Node& dtype, pickle::NodeId shape,
                                         bool fortran, pickle::NodeId bytes);

  struct Pieces {
    pickle::NodeId storage, offset, size, stride;
    pickle::NodeId dtype = pickle::kNoNode;  // v3
    pickle::NodeId metadata = pickle::kNoNode;
  };
  Result<TensorView> view(const Pieces& pieces);
  Result<StorageUse> use_of(pickle::NodeId id);
  std::optional<std::int64_t> tar_number(pickle::NodeId id) const;
  std::uint32_t keep_root(std::int64_t root);
  Result<StorageUse> use_of_tar(pickle::NodeId id);
  Result<StorageUse> use_of_record(const tensor::StorageId& id);
  Location location_of(std::string_view device);
  std::uint32_t keep(Storage storage);
  Result<Part> number(std::string suffix, pickle::NodeId id, bool floating);
  std::optional<std::vector<std::uint64_t>> sizes(pickle::NodeId id) const {
    return sizes_of(nodes_, id);
  }
  bool wants_gradient(const Items& args, std::size_t at) const;
  Status check_gradient(const Tensor& tensor, const Items& args, std::size_t at) const;
  Status check_able(const Tensor& tensor) const;
  bool is_octets(pickle::NodeId id) const;
  const pickle::Node* encoded(const pickle::Node& object) const;
  std::string_view constant(pickle::NodeId id) const;
  bool has_key(pickle::NodeId dict, std::string_view name) const;
  bool is_changed(const pickle::Node& object) const;
  bool sets_tensor(pickle::NodeId state) const;
  const pickle::Node& node(pickle::NodeId id) const { return nodes_[id]; }

  // The storage with the record `key`, or FlatIndex::kNone.
  std::uint32_t known_record(std::string_view key) const {
    return by_key_.find(std::hash<std::string_view>()(key),
                        [&](std::uint32_t at) { return storages_[at].key == key; });
  }

  const pickle::NodeGraph& nodes_;
  std::vector<Storage>& storages_;
  Around around_;
  FlatIndex by_key_;  // of storages that have records
  struct ViewKey {
    std::string key;
    std::uint64_t first, count;
    friend bool operator==(const ViewKey&, const ViewKey&) = default;
  };
  std::map<std::string, ViewKey, std::less<>> views_;
  std::map<std::int64_t, std::uint32_t> by_number_;  // of a tar's storages
  std::unordered_map<pickle::NodeId, std::uint32_t> by_node_;
  std::unordered_map<std::uint64_t, std::uint32_t> by_place_;  // of raw arrays, in the stream
  Items beside_;
  unsigned depth_ = 0;  // of read()
  Location last_location_;
  bool raises_ = false;
  pickle::NodeId calling_ = pickle::kNoNode;  // the call that a row reads
};

// Whether a view with elements ends before element `limit` of its storage.
bool lies_within(const TensorView& view, std::uint64_t limit);
// Whether torch and safetensors can multiply the sizes, from the first on.
bool counted(std::span<const std::uint64_t> shape);
// a * b and a + b, or an Error: no size of a file is trusted.
std::optional<std::uint64_t> checked_product(std::uint64_t a, std::uint64_t b);
std::optional<std::uint64_t> checked_sum(std::uint64_t a, std::uint64_t b);

}  // namespace brine::convert
