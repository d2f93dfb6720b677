#include "convert/rewrite.h"

#include <bit>
#include <cstring>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "convert/values.h"
#include "pickle/opcode.h"

namespace brine::convert {
namespace {

namespace op = pickle::op;
using pickle::Kind;
using pickle::kNoNode;
using pickle::Node;
using pickle::NodeGraph;
using pickle::NodeId;

constexpr std::uint64_t kMaxSteps = 16u << 20;
constexpr std::uint64_t kMaxBytes = std::uint64_t{1} << 30;

std::string little(std::uint64_t value, unsigned bytes) {
  std::string out;
  for (unsigned i = 0; i < bytes; ++i) out += static_cast<char>(value >> (8 * i) & 0xff);
  return out;
}
std::string code(std::uint8_t opcode) { return std::string(1, static_cast<char>(opcode)); }
std::string global(std::string_view module, std::string_view name) {
  return code(op::GLOBAL) + std::string(module) + "\n" + std::string(name) + "\n";
}
std::string text(std::string_view utf8) {
  return code(op::BINUNICODE) + little(utf8.size(), 4) + std::string(utf8);
}
std::string integer(std::int64_t value) {
  if (value >= 0 && value < 256)
    return code(op::BININT1) + little(static_cast<std::uint64_t>(value), 1);
  if (value >= INT32_MIN && value <= INT32_MAX) {
    return code(op::BININT) + little(static_cast<std::uint64_t>(value), 4);
  }
  return code(op::LONG1) + code(8) + little(static_cast<std::uint64_t>(value), 8);
}
std::string floating(double value) {
  const auto bits = std::byteswap(std::bit_cast<std::uint64_t>(value));
  return code(op::BINFLOAT) + little(bits, 8);
}
std::string boolean(bool value) { return code(value ? op::NEWTRUE : op::NEWFALSE); }

class Rewriter {
 public:
  Rewriter(const NodeGraph& nodes, TensorReader& reader, const std::vector<Storage>& storages)
      : nodes_(nodes), values_(nodes), reader_(reader), storages_(storages) {}

  Rewritten run(NodeId root) {
    put(code(op::PROTO) + code(2));
    tasks_.push_back({root, {}, kNoNode});
    while (!tasks_.empty() && !out_.over_budget) {
      const Task task = std::move(tasks_.back());
      tasks_.pop_back();
      put(task.raw);
      if (task.done != kNoNode) finish(task.done);
      if (task.value != kNoNode) value(task.value);
      out_.over_budget = out_.over_budget || ++steps_ > kMaxSteps || out_.pickle.size() > kMaxBytes;
    }
    put(code(op::STOP));
    return std::move(out_);
  }

 private:
  // Bytes to write, then a tuple that is complete, then a value to write.
  struct Task {
    NodeId value = kNoNode;
    std::string raw;
    NodeId done = kNoNode;
  };

  const Node& node(NodeId id) const { return nodes_[id]; }
  void put(std::string_view bytes) { out_.pickle += bytes; }

  void remember(NodeId id) {
    const std::uint64_t index = memo_.size();
    memo_.emplace(id, index);
    put(index < 256 ? code(op::BINPUT) + little(index, 1)
                    : code(op::LONG_BINPUT) + little(index, 4));
  }
  bool recalled(NodeId id) {
    const auto known = memo_.find(id);
    if (known == memo_.end()) return false;
    const std::uint64_t index = known->second;
    put(index < 256 ? code(op::BINGET) + little(index, 1)
                    : code(op::LONG_BINGET) + little(index, 4));
    return true;
  }
  void finish(NodeId tuple) {
    open_tuples_.erase(tuple);
    remember(tuple);
  }

  void value(NodeId id) {
    const Node& value = node(id);
    switch (value.kind) {
      case Kind::none: return put(code(op::NONE));
      case Kind::boolean: return put(boolean(value.integer != 0));
      case Kind::integer:
        if (!value.big) return put(integer(value.integer));
        return plain("__int__", std::string(value.text));
      case Kind::floating: return put(floating(value.floating));
      case Kind::str: return put(text(valid_name(value.text)));
      case Kind::bytes:
      case Kind::bytearray: return octets(value.text);
      case Kind::ref: return plain("__ref__", Values::dotted(value));
      case Kind::unknown:
      case Kind::buffer: return plain("__unknown__", "");
      case Kind::tuple:
      case Kind::list:
      case Kind::set:
      case Kind::frozenset: return sequence(id);
      case Kind::dict:
      case Kind::persistent:
      case Kind::object: break;
    }
    if (recalled(id)) return;
    if (value.kind == Kind::dict) return mapping(id, false);
    if (value.kind == Kind::persistent) return storage(id);
    object(id);
  }

  // {"name": "text"} for what is no plain value.
  void plain(std::string_view name, const std::string& what) {
    out_.replaced = true;
    put(code(op::EMPTY_DICT) + text(name) + text(valid_name(what)) + code(op::SETITEM));
  }

  // _codecs.encode(text, 'latin1'), which is how protocol 2 has bytes.
  void octets(std::string_view bytes) {
    std::string utf8;
    for (const char c : bytes) {
      const auto byte = static_cast<unsigned char>(c);
      if (byte < 0x80) {
        utf8 += c;
      } else {
        utf8 += static_cast<char>(0xc0 | byte >> 6);
        utf8 += static_cast<char>(0x80 | (byte & 0x3f));
      }
    }
    put(global("_codecs", "encode") + text(utf8) + text("latin1") + code(op::TUPLE2) +
        code(op::REDUCE));
  }

  void sequence(NodeId id) {
    if (recalled(id)) return;
    const Node& value = node(id);
    const bool list = value.kind == Kind::list;
    if (!list && !open_tuples_.insert(id).second) return plain("__unknown__", "a tuple in itself");
    const bool set = value.kind == Kind::set || value.kind == Kind::frozenset;
    if (list) {
      put(code(op::EMPTY_LIST));
      remember(id);
      put(code(op::MARK));
      tasks_.push_back({kNoNode, code(op::APPENDS), kNoNode});
    } else if (set) {
      // A set of what may have become dicts: a list says the same.
      out_.replaced = true;
      put(code(op::EMPTY_LIST) + code(op::MARK));
      tasks_.push_back({kNoNode, code(op::APPENDS), id});
    } else {
      put(code(op::MARK));
      tasks_.push_back({kNoNode, code(op::TUPLE), id});
    }
    for (std::size_t i = value.items.size(); i-- > 0;) later(value.items[i]);
  }

  void later(NodeId id) {
    if (id == kNoNode) {
      tasks_.push_back({kNoNode, code(op::NONE), kNoNode});
    } else {
      tasks_.push_back({id, {}, kNoNode});
    }
  }

  // A key must be hashable for the loader: constants and tuples of them as they are, else text.
  void later_key(const Pair& pair) {
    const Kind kind = pair.key == kNoNode ? Kind::unknown : node(pair.key).kind;
    const bool constant = kind == Kind::none || kind == Kind::boolean || kind == Kind::integer ||
                          kind == Kind::floating || kind == Kind::str;
    if (constant && !node(pair.key).big) {
      later(pair.key);
    } else {
      tasks_.push_back({kNoNode, text(values_.key_text(pair.key)), kNoNode});
    }
  }

  void mapping(NodeId id, bool ordered) {
    const auto pairs = values_.mapping(id);
    put(ordered ? global("collections", "OrderedDict") + code(op::EMPTY_TUPLE) + code(op::REDUCE)
                : code(op::EMPTY_DICT));
    remember(id);
    put(code(op::MARK));
    tasks_.push_back({kNoNode, code(op::SETITEMS), kNoNode});
    for (std::size_t i = pairs->size(); i-- > 0;) {
      later((*pairs)[i].value);
      later_key((*pairs)[i]);
    }
  }

  void object(NodeId id) {
    const Node& value = node(id);
    const std::string cls = values_.class_name(value);
    if (cls == "torch.storage._load_from_bytes") return storage(id);
    const auto tensor = reader_.read(id);
    if (!tensor) return plain("__refused__", tensor.error().what);
    if (*tensor) return parts(id, **tensor);
    const bool ordered = cls == "collections.OrderedDict";
    if (ordered || cls == "collections.defaultdict" || cls == "collections.Counter") {
      if (values_.mapping(id)) {
        out_.replaced = out_.replaced || !ordered;
        return mapping(id, ordered);
      }
    }
    if (cls == "torch.Size" && value.args != kNoNode && node(value.args).items.size() == 1) {
      out_.replaced = true;
      return this->value(node(value.args).items[0]);
    }
    instance(id, cls);
  }

  // {"__class__": "m.n", attributes ..., "__args__": (...), "__items__": ...}
  void instance(NodeId id, const std::string& cls) {
    out_.replaced = true;
    const Node& value = node(id);
    put(code(op::EMPTY_DICT));
    remember(id);
    put(code(op::MARK) + text("__class__") + text(valid_name(cls)));
    tasks_.push_back({kNoNode, code(op::SETITEMS), kNoNode});
    const auto attributes = values_.attributes(value);
    if (attributes) {
      for (std::size_t i = attributes->size(); i-- > 0;) {
        later((*attributes)[i].value);
        tasks_.push_back({kNoNode, text((*attributes)[i].part), kNoNode});
      }
    } else if (!value.states.empty()) {
      later(value.states.back());
      tasks_.push_back({kNoNode, text("__state__"), kNoNode});
    }
    if (!value.stored.empty()) {
      const auto pairs = values_.distinct(value.stored);
      tasks_.push_back({kNoNode, code(op::SETITEMS), kNoNode});
      for (std::size_t i = pairs.size(); i-- > 0;) {
        later(pairs[i].value);
        later_key(pairs[i]);
      }
      tasks_.push_back(
          {kNoNode, text("__items__") + code(op::EMPTY_DICT) + code(op::MARK), kNoNode});
    }
    if (!value.appended.empty()) {
      tasks_.push_back({kNoNode, code(op::APPENDS), kNoNode});
      for (std::size_t i = value.appended.size(); i-- > 0;) later(value.appended[i]);
      tasks_.push_back(
          {kNoNode, text("__list__") + code(op::EMPTY_LIST) + code(op::MARK), kNoNode});
    }
    if (value.args != kNoNode &&
        (node(value.args).kind != Kind::tuple || !node(value.args).items.empty())) {
      later(value.args);
      tasks_.push_back({kNoNode, text("__args__"), kNoNode});
    }
  }

  // --- tensors ---

  void parts(NodeId id, const Tensor& tensor) {
    if (tensor.without_data) return plain("__class__", "torch.Tensor on the device meta");
    if (tensor.parts.size() == 1 && tensor.parts[0].suffix.empty()) {
      view(tensor.parts[0].view);
      remember(id);
      return;
    }
    out_.replaced = true;
    put(code(op::EMPTY_DICT));
    remember(id);
    put(code(op::MARK));
    for (const auto& [key, note] : tensor.notes) put(text(key) + text(note));
    for (const Part& part : tensor.parts) {
      put(text(part.suffix.empty() ? "values" : std::string_view(part.suffix).substr(1)));
      view(part.view);
    }
    put(code(op::SETITEMS));
  }

  void storage(NodeId id) {
    const auto index = reader_.storage_of(id);
    if (!index) return plain("__refused__", index.error().what);
    const Storage& held = storages_[*index];
    TensorView flat;
    flat.storage = *index;
    flat.dtype = held.dtype != nullptr ? held.dtype : tensor::find_dtype("uint8");
    flat.shape = {held.size / flat.dtype->itemsize};
    flat.stride = {1};
    out_.replaced = true;
    view(flat);
    remember(id);
  }

  std::uint64_t record(std::uint32_t storage) {
    const auto [place, fresh] = records_.emplace(storage, out_.storages.size());
    if (fresh) out_.storages.push_back(storage);
    return place->second;
  }

  static std::string numbers(const std::vector<std::uint64_t>& items) {
    std::string out = code(op::MARK);
    for (const std::uint64_t item : items) out += integer(static_cast<std::int64_t>(item));
    return out + code(op::TUPLE);
  }

  // A call of _rebuild_tensor_v2, or of v3 where the element type is not the storage's.
  void view(const TensorView& tensor) {
    const Storage& held = storages_[tensor.storage];
    const bool typed = held.dtype != nullptr && !held.dtype->storage.empty();
    const bool same = typed && held.dtype == tensor.dtype;
    const std::string type =
        typed ? global("torch", held.dtype->storage) : global("torch.storage", "UntypedStorage");
    const std::uint64_t count = typed ? held.size / held.dtype->itemsize : held.size;
    put(global("torch._utils", same ? "_rebuild_tensor_v2" : "_rebuild_tensor_v3") +
        code(op::MARK));
    put(code(op::MARK) + text("storage") + type + text(std::to_string(record(tensor.storage))) +
        text("cpu") + integer(static_cast<std::int64_t>(count)) + code(op::TUPLE) +
        code(op::BINPERSID));
    put(integer(static_cast<std::int64_t>(tensor.offset)) + numbers(tensor.shape) +
        numbers(tensor.stride) + boolean(false));
    put(global("collections", "OrderedDict") + code(op::EMPTY_TUPLE) + code(op::REDUCE));
    if (!same) put(global("torch", tensor.dtype->name));
    if (tensor.conj || tensor.neg) {
      put(code(op::EMPTY_DICT) + code(op::MARK));
      if (tensor.conj) put(text("conj") + boolean(true));
      if (tensor.neg) put(text("neg") + boolean(true));
      put(code(op::SETITEMS));
    }
    put(code(op::TUPLE) + code(op::REDUCE));
  }

  const NodeGraph& nodes_;
  Values values_;
  TensorReader& reader_;
  const std::vector<Storage>& storages_;
  Rewritten out_;
  std::vector<Task> tasks_;
  std::unordered_map<NodeId, std::uint64_t> memo_;
  std::unordered_set<NodeId> open_tuples_;
  std::unordered_map<std::uint32_t, std::uint64_t> records_;
  std::uint64_t steps_ = 0;
};

}  // namespace

Rewritten rewrite(const NodeGraph& nodes, NodeId root, TensorReader& reader,
                  const std::vector<Storage>& storages) {
  return Rewriter(nodes, reader, storages).run(root);
}

}  // namespace brine::convert
