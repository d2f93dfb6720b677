// What persistent ids stand for in torch's tar: the reader of tensors (tensors.h) over its tables.
//
// torch takes int() of the id and looks the number up; only numbers as its writer spells them are
// taken here. Tensors over one storage share it, so that names of one view are known as such.

#include <charconv>

#include "convert/keys.h"
#include "convert/tensors.h"
#include "convert/torch_tar.h"

namespace brine::convert {

// The number that a persistent id of torch's tar is; none when int() might make another of it.
std::optional<std::int64_t> TensorReader::tar_number(pickle::NodeId id) const {
  if (around_.tar == nullptr || node(id).kind != pickle::Kind::persistent ||
      node(id).args == pickle::kNoNode) {
    return std::nullopt;
  }
  const pickle::Node& key = node(node(id).args);
  if (key.kind == pickle::Kind::integer && !key.big) return key.integer;
  std::int64_t out = 0;
  if (!is_whole_text(key)) return std::nullopt;
  const auto [end, error] =
      std::from_chars(key.text.data(), key.text.data() + key.text.size(), out);
  const bool whole = error == std::errc() && end == key.text.data() + key.text.size();
  return whole ? std::optional(out) : std::nullopt;
}

std::optional<std::int64_t> TensorReader::tensor_number(pickle::NodeId id) const {
  const auto number = tar_number(id);
  return number && around_.tar->tensors.contains(*number) ? number : std::nullopt;
}

// A storage of torch's tar that has its bytes.
std::uint32_t TensorReader::keep_root(std::int64_t root) {
  auto known = by_number_.find(root);
  if (known == by_number_.end()) {
    known = by_number_.emplace(root, keep(around_.tar->roots.at(root))).first;
  }
  return known->second;
}

Result<std::optional<Tensor>> TensorReader::numbered(pickle::NodeId id) {
  const pickle::Node& object = node(id);
  if (!object.states().empty() || !object.stored().empty() || !object.appended().empty()) {
    return fail({ErrorCode::unsupported, 0, "a tensor that is changed after it was made"});
  }
  const TorchTar::Shown& shown = around_.tar->tensors.at(*tar_number(id));
  TensorView out = shown.view;
  out.storage = keep_root(shown.root);
  return Tensor{{{"", std::move(out)}}, {}, false};
}

Result<TensorReader::StorageUse> TensorReader::use_of_tar(pickle::NodeId id) {
  const auto number = tar_number(id);
  const auto& storages = around_.tar->storages;
  const auto part = number ? storages.find(*number) : storages.end();
  if (part == storages.end()) {
    return fail({ErrorCode::unsupported, 0, "an object that the tar does not have"});
  }
  return StorageUse{keep_root(part->second.root), part->second.first, part->second.count};
}

}  // namespace brine::convert
