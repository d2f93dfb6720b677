// Shards: a checkpoint in several files, and the index that says which tensor is where.
//
// Problem: large checkpoints are a folder of pickles with an index (weight_map: tensor to file),
// and a safetensors header over 100 MB is taken by no reader. Method: the index is read strictly;
// each shard is converted by itself, and a new index names the new files. One input whose header
// would be too long is split the same way. Invariant: a file that the index names lies in the
// index's own folder; whatever leads elsewhere is an Error.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "convert/safetensors_writer.h"
#include "io/source.h"

namespace brine::convert {

struct ShardIndex {
  std::map<std::string, std::string> shard_of;  // by tensor's name
  std::vector<std::string> shards;  // their names, each once, sorted
};
Result<ShardIndex> read_shard_index(ByteSource& source);

// "pytorch_model-00001-of-00002.bin" -> "model-00001-of-00002.safetensors",
// "pytorch_model.bin.index.json" -> "model.safetensors.index.json".
std::string new_shard_name(std::string_view shard);
std::string new_index_name(std::string_view index);

// What an index of safetensors says. `aliases`: names that were left out and which one was kept.
struct NewIndex {
  std::map<std::string, std::string> shard_of;
  std::uint64_t total_size = 0;  // bytes of all tensors
  std::vector<std::pair<std::string, std::string>> aliases;
};
std::string index_json(const NewIndex& index);

// The entries in groups of which each has a header that readers take, in their order; one group
// where one file does. `limit`: of a header's bytes.
std::vector<std::vector<Entry>> split_by_header(std::vector<Entry> entries,
                                                const Metadata& metadata, std::uint64_t limit);
inline constexpr std::uint64_t kShardHeader = 90'000'000;

}  // namespace brine::convert
