// Contents of several results as one: names below the name of each, storages behind each other.
#include <iterator>
#include <unordered_set>
#include <utility>

#include "base/json_writer.h"
#include "convert/contents.h"

namespace brine::convert {

void add_part(Contents& into, const std::string& name, Contents part) {
  const auto renamed = [&](std::string_view inside) {
    constexpr std::string_view kRoot = "tensor";
    if (name.empty()) return std::string(inside);
    if (part.root_tensor && inside.starts_with(kRoot))
      return name + std::string(inside.substr(kRoot.size()));
    return name + "." + std::string(inside);
  };
  const auto first = static_cast<std::uint32_t>(into.storages.size());
  std::ranges::move(part.storages, std::back_inserter(into.storages));
  for (NamedTensor& tensor : part.tensors) {
    tensor.name = into.letters.add(renamed(tensor.name));
    tensor.view.storage += first;
    into.tensors.push_back(std::move(tensor));
  }
  for (Refusal& refusal : part.refused) {
    into.refused.push_back({renamed(refusal.name), std::move(refusal.why)});
  }
  const auto add_names = [&](const std::vector<std::string>& names, std::vector<std::string>& to,
                             std::size_t most) {
    for (const std::string& inside : names) {
      if (to.size() < most) to.push_back(renamed(inside));
    }
  };
  constexpr std::size_t kAll = ~std::size_t{0};
  add_names(part.without_data, into.without_data, kAll);
  add_names(part.left_out, into.left_out, kAll);
  add_names(part.opaque, into.opaque, kAll);
  add_names(part.other, into.other, kNamesShown);
  if (!part.extras.empty()) {
    into.extras += into.extras.empty() ? '{' : ',';
    append_json_string(into.extras, name);
    into.extras += ':' + part.extras;
  }
  into.ambiguous = into.ambiguous || part.ambiguous;
  into.over_budget = into.over_budget || part.over_budget;
  if (into.limit.empty()) into.limit = std::move(part.limit);
}

void make_names_distinct(Contents& contents) {
  std::unordered_set<std::string_view> names;
  for (NamedTensor& tensor : contents.tensors) {
    const std::string wanted(tensor.name);
    std::string own = wanted;
    for (int i = 2; names.contains(own); ++i) own = wanted + "%" + std::to_string(i);
    if (own != wanted) tensor.name = contents.letters.add(own);
    names.insert(tensor.name);
  }
}

void finish_parts(Contents& into, bool extras) {
  make_names_distinct(into);
  if (!extras) {
    into.extras.clear();
  } else {
    into.extras += into.extras.empty() ? "{}" : "}";
  }
}

}  // namespace brine::convert
