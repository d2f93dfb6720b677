#include "format/torch/storage_records.h"

#include <algorithm>

#include "format/names.h"

namespace brine::format::torch_zip {

void StorageRecords::fill(archive::ZipArchive& archive, const std::set<std::size_t>& contested) {
  if (!archive.torch_root()) return;
  const std::string root = ascii_lower(*archive.torch_root()) + "/";
  const std::vector<archive::ZipMember>& members = archive.miniz().members;
  rows_.reserve(members.size());
  for (std::size_t i = 0; i < members.size(); ++i) {
    const std::string name = ascii_lower(members[i].name);
    if (!name.starts_with(root)) continue;
    Row row;
    row.name_at = static_cast<std::uint32_t>(names_.size());
    row.name_size = static_cast<std::uint16_t>(name.size() - root.size());
    names_.append(name, root.size());
    if (const auto reading = archive.locate(archive.miniz(), i)) {
      row.readable = reading->readable;
      row.start = reading->data_offset;
      row.size = reading->output;
      if (reading->input != row.size) extents_.emplace(row.name_at, reading->input);
      row.agreed = !reading->uninitialised && !contested.contains(members[i].entry);
    }
    rows_.push_back(row);
  }
  // The first of a name is found; that there are others is said.
  const auto name = [&](const Row& row) { return name_of(row); };
  std::ranges::stable_sort(rows_, {}, name);
  std::size_t kept = 0;
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    if (kept > 0 && name_of(rows_[kept - 1]) == name_of(rows_[i])) {
      rows_[kept - 1].agreed = false;
    } else {
      rows_[kept++] = rows_[i];
    }
  }
  rows_.resize(kept);
}

std::optional<StorageRecord> StorageRecords::find(std::string_view record) const {
  // The name is a C string on its way to miniz, which does not tell upper from lower case.
  const std::string name = ascii_lower(record.substr(0, record.find('\0')));
  const auto row =
      std::ranges::partition_point(rows_, [&](const Row& one) { return name_of(one) < name; });
  if (row == rows_.end() || name_of(*row) != name || !row->readable) return std::nullopt;
  const auto extent = extents_.find(row->name_at);
  return StorageRecord{row->size, row->start, extent == extents_.end() ? row->size : extent->second,
                       row->agreed};
}

}  // namespace brine::format::torch_zip
