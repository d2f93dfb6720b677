// StorageRecords: what torch's reader finds under a record's name, without the archive.
//
// Problem: a pickle asks for each of its storages by name, long after the archive was read, and a
// zip's directory with all its headers weighs far more than the answers. Method: one row a name, in
// the order of the folded names, which stand in one text. Invariant: a name gives what
// ZipArchive::torch_candidates() and locate() would give for it.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "archive/zip/reader.h"
#include "format/stream.h"

namespace brine::format::torch_zip {

class StorageRecords {
 public:
  // `contested`: entries that readers disagree about.
  void fill(archive::ZipArchive& archive, const std::set<std::size_t>& contested);
  // `record`: below the archive's root, as "data/0".
  std::optional<StorageRecord> find(std::string_view record) const;

 private:
  struct Row {
    std::uint64_t start = 0, size = 0;
    std::uint32_t name_at = 0;  // in names_
    std::uint16_t name_size = 0;  // a zip has no longer ones
    bool readable = false, agreed = false;
  };
  std::string_view name_of(const Row& row) const {
    return std::string_view(names_).substr(row.name_at, row.name_size);
  }

  std::string names_;
  std::vector<Row> rows_;  // by name; each once
  std::unordered_map<std::uint32_t, std::uint64_t> extents_;  // by name_at, where not the size
};

}  // namespace brine::format::torch_zip
