// Values: what the nodes of a pickle are as Python values, for whoever walks them.
//
// Dicts and objects that are stored into like dicts give pairs, with Python's rule for keys that
// come twice; objects give the attributes that BUILD stored; a torch.nn.Module (an object whose
// state has _parameters, _buffers and _modules) gives its state_dict. Nothing here recurses.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pickle/node.h"

namespace brine::convert {

struct Pair {
  pickle::NodeId key = pickle::kNoNode, value = pickle::kNoNode;
};

// A part of a value, in Python's order.
struct Child {
  std::string part;  // of the name
  pickle::NodeId key = pickle::kNoNode;  // a dict's key
  pickle::NodeId value = pickle::kNoNode;
};

// A str of which all bytes are here.
bool is_whole_text(const pickle::Node& node);
// Text of a file as valid UTF-8: what is none (lone surrogates) becomes %XX.
std::string valid_name(std::string_view text);
// As Python's repr() writes it.
std::string float_text(double value);

class Values {
 public:
  explicit Values(const pickle::NodeGraph& nodes) : nodes_(nodes) {}

  // "module.name" of a reference.
  static std::string dotted(const pickle::Node& ref);
  // A key as str() would write it; "key@N" when it is no constant.
  std::string key_text(pickle::NodeId id) const;
  std::vector<Pair> distinct(const std::vector<pickle::NodeId>& items) const;
  // Whether a dict had two keys of which only their class knows whether they are one.
  bool ambiguous() const { return ambiguous_; }
  // None when the value is no mapping.
  std::optional<std::vector<Pair>> mapping(pickle::NodeId id) const;
  // None when a state is no dict of attributes.
  std::optional<std::vector<Child>> attributes(const pickle::Node& object) const;
  // None when the object is no module. `rest`: what it holds besides.
  std::optional<std::vector<Child>> module_state(pickle::NodeId id,
                                                 std::vector<Child>* rest = nullptr) const;
  // Items and attributes of what is neither a dict nor a module.
  std::vector<Child> parts_of(pickle::NodeId id) const;
  // What TorchScript's lists and dicts are behind the calls that give them their type.
  pickle::NodeId unwrapped(pickle::NodeId id) const;
  // The items of a NumPy array of objects, row by row; null when the object is none.
  const std::vector<pickle::NodeId>* object_array(const pickle::Node& object) const;
  // Whether a recurrent layer of torch can be given this state.
  bool recurrent_loads(const std::vector<Child>& state) const;
  // The class of an object, or the callable that made it.
  std::string class_name(const pickle::Node& object) const;

 private:
  std::optional<std::string> numpy_scalar(const pickle::Node& object) const;
  std::optional<std::string> identity(pickle::NodeId id, unsigned depth) const;
  std::optional<std::string> latin1_bytes(const pickle::Node& object) const;
  bool may_meet(const std::vector<Pair>& pairs) const;
  bool is_opaque(pickle::NodeId id, unsigned depth) const;
  bool has_member(pickle::NodeId set, std::string_view name) const;
  const pickle::Node& node(pickle::NodeId id) const { return nodes_[id]; }

  const pickle::NodeGraph& nodes_;
  mutable bool ambiguous_ = false;
};

}  // namespace brine::convert
