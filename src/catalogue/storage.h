// Storage ids: what a torch stream says of the raw bytes behind a tensor.
//
// torch.save puts ('storage', class, key, location, numel[, view]) where a tensor's bytes belong;
// the loader copies numel elements of the class's dtype from the record `key`. The bytes are data
// only when that product is the record's size, which the scan checks with what is read here.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "pickle/machine.h"
#include "tensor/dtype.h"

namespace brine::tensor {

struct StorageId {
  std::string key;
  bool number = false;             // the key is a number, as in some old files
  std::uint8_t items = 0;          // of the id: five, or six in the legacy format
  std::string location;            // "cpu", "cuda:0"
  std::string storage_class;       // "FloatStorage", "UntypedStorage"
  std::uint64_t numel = 0;         // elements; bytes for an untyped storage
  std::uint8_t itemsize = 1;       // bytes of an element
  const Dtype* dtype = nullptr;    // null for an untyped storage
  bool view = false;               // the legacy format's view of another storage
  std::string view_key;
  std::uint64_t view_offset = 0, view_numel = 0;

  // numel * itemsize; none when that does not fit.
  std::optional<std::uint64_t> byte_size() const;
};

// Reads the id of a storage; none when it has another shape than torch.save gives it. Nodes that
// were needed stay in the machine's arena.
std::optional<StorageId> parse_storage_id(pickle::Machine& machine, const pickle::Value& id);
// The class in ("module", class, source file, source text), which torch's first format writes for
// the class of a layer: its reader compares the source with that of the installed class, warns when
// they differ, and gives the class. (It writes a patch for a class that asks for it; none does.)
pickle::NodeId parse_container_id(pickle::Machine& machine, const pickle::Value& id);
std::optional<StorageId> parse_storage_id(const pickle::NodeGraph& nodes, pickle::NodeId id);

}  // namespace brine::tensor
