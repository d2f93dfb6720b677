// Values: what the nodes of a pickle are as Python values, for whoever walks them.
//
// Dicts and objects that are stored into like dicts give pairs, with Python's rule for keys that
// come twice; objects give the attributes that BUILD stored; a torch.nn.Module (an object whose
// state has _parameters, _buffers and _modules) gives its state_dict. Nothing here recurses.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "convert/keys.h"
#include "convert/layers.h"
#include "pickle/node.h"

namespace brine::convert {

// A part of a value, in Python's order.
struct Child {
  std::string part;  // of the name
  pickle::NodeId key = pickle::kNoNode;  // a dict's key
  pickle::NodeId value = pickle::kNoNode;
};

class Values : public Keys {
 public:
  using Keys::Keys;

  // None when the value is no mapping.
  std::optional<std::vector<Pair>> mapping(pickle::NodeId id) const;
  // None when a state is no dict of attributes.
  std::optional<std::vector<Child>> attributes(const pickle::Node& object) const;
  // None when the object is no module. `rest`: what it holds besides.
  std::optional<std::vector<Child>> module_state(pickle::NodeId id,
                                                 std::vector<Child>* rest = nullptr) const;
  // Whether the state_dict() of a layer with one of its own is what its dictionaries hold.
  bool adds_nothing(const OwnStateDict& own, const std::vector<Child>& state) const;
  // Items and attributes of what is neither a dict nor a module.
  std::vector<Child> parts_of(pickle::NodeId id) const;
  // What TorchScript's lists and dicts are behind the calls that give them their type.
  pickle::NodeId unwrapped(pickle::NodeId id) const;
  // The items of a NumPy array of objects, row by row; null when the object is none.
  const std::vector<pickle::NodeId>* object_array(const pickle::Node& object) const;
  // Whether what made the object was given anything but its class.
  bool has_arguments(const pickle::Node& object) const;
  // Whether a dict with these fields has the items that were stored into it, whatever it was made
  // with: what it was given as a field was stored as well, and nothing else.
  bool stores_its_fields(const pickle::Node& object, const std::vector<Pair>& items,
                         std::span<const std::string_view> fields) const;
  // The array of a pandas.Index that is made of nothing else; kNoNode for any other object.
  pickle::NodeId indexed_array(const pickle::Node& object) const;
  // False where torch.device() raises. True of everything that is none.
  bool device_loads(const pickle::Node& object) const;
  bool is_empty_array(const pickle::Node& object) const;
  // Whether a recurrent layer of torch can be given this state.
  bool recurrent_loads(const std::vector<Child>& state) const;
  // The class of an object, or the callable that made it; null when that has no name.
  const pickle::Node* class_of(const pickle::Node& object) const;
  std::string class_name(const pickle::Node& object) const;

 private:
  std::optional<std::vector<pickle::NodeId>> called_with(const pickle::Node& object,
                                                         std::size_t before, bool pairs) const;
  bool counts_versions(const std::vector<Pair>& hooks) const;
  bool keeps_state_dict(const pickle::Node& object, const std::vector<Child>& state) const;
  bool gives_entries(pickle::NodeId id, bool layer) const;
  bool has_member(pickle::NodeId set, std::string_view name) const;
};

}  // namespace brine::convert
