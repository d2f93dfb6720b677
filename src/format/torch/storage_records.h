// StorageRecords: what torch's reader finds under a record's name, without the archive.
//
// Problem: a pickle asks for each of its storages by name, long after the archive was read, and a
// zip's directory with all its headers weighs far more than the answers. Method: one row a name,
// found by hash, with the folded names in one text. Invariant: a name gives what
// ZipArchive::torch_candidates() and locate() would give for it.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
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
    std::uint64_t start = 0, size = 0, extent = 0;
    std::uint32_t hash = 0;
    std::uint32_t name_at = 0, name_size = 0;  // in names_
    bool readable = false, agreed = false;
  };
  std::string_view name_of(const Row& row) const {
    return std::string_view(names_).substr(row.name_at, row.name_size);
  }
  bool before(const Row& row, std::uint32_t hash, std::string_view name) const;

  std::string names_;
  std::vector<Row> rows_;  // by hash and name; each name once
};

}  // namespace brine::format::torch_zip
