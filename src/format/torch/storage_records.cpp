#include "format/torch/storage_records.h"

#include <algorithm>

#include "format/names.h"

namespace brine::format::torch_zip {
namespace {

std::uint32_t hash_of(std::string_view name) {
  std::uint32_t hash = 0x811c9dc5u;  // FNV-1a
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x01000193u;
  return hash;
}

}  // namespace

bool StorageRecords::before(const Row& row, std::uint32_t hash, std::string_view name) const {
  return row.hash != hash ? row.hash < hash : name_of(row) < name;
}

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
    row.name_size = static_cast<std::uint32_t>(name.size() - root.size());
    names_.append(name, root.size());
    row.hash = hash_of(name_of(row));
    if (const auto reading = archive.locate(archive.miniz(), i)) {
      row.readable = reading->readable;
      row.start = reading->data_offset;
      row.size = reading->output;
      row.extent = reading->input;
      row.agreed = !reading->uninitialised && !contested.contains(members[i].entry);
    }
    rows_.push_back(row);
  }
  // The first of a name is found; that there are others is said.
  std::ranges::stable_sort(
      rows_, [&](const Row& a, const Row& b) { return before(a, b.hash, name_of(b)); });
  std::size_t kept = 0;
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    if (kept > 0 && rows_[kept - 1].hash == rows_[i].hash &&
        name_of(rows_[kept - 1]) == name_of(rows_[i])) {
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
  const std::uint32_t hash = hash_of(name);
  const auto row =
      std::ranges::partition_point(rows_, [&](const Row& one) { return before(one, hash, name); });
  if (row == rows_.end() || row->hash != hash || name_of(*row) != name || !row->readable) {
    return std::nullopt;
  }
  return StorageRecord{row->size, row->start, row->extent, row->agreed};
}

}  // namespace brine::format::torch_zip
