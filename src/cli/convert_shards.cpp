#include "cli/convert_shards.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <iterator>
#include <set>
#include <utility>

#include "cli/input.h"
#include "cli/signals.h"
#include "convert/shards.h"
#include "format/names.h"

namespace brine::cli {
namespace {

using convert::Conversion;
using convert::Entry;
using convert::Outcome;
using render::Converted;

constexpr std::string_view kIndex = ".index.json";

struct Path {
  std::string folder, name;  // the folder with its slash, or empty
};
Path parts_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return {"", path};
  return {path.substr(0, slash + 1), path.substr(slash + 1)};
}

Converted refused(const std::string& path, std::string why) {
  Converted out;
  out.path = path;
  out.conversion.reason = std::move(why);
  return out;
}

// Not behind a request to stop.
Status commit(FileSet& files) {
  if (interrupted()) return fail({ErrorCode::io, 0, "interrupted"});
  return files.commit();
}

// Whether a tensor of this name is among the sorted names, whole or in parts ("w.indices").
bool holds(const std::set<std::string, std::less<>>& names, const std::string& name) {
  if (names.contains(name)) return true;
  const auto next = names.lower_bound(name + ".");
  return next != names.end() && next->starts_with(name + ".");
}

class ShardRun {
 public:
  ShardRun(std::string index, std::string folder, const convert::ConvertOptions& options,
           const OutputOptions& output, Console& console)
      : path_(std::move(index)),
        folder_(std::move(folder)),
        options_(options),
        output_(output),
        console_(console) {}

  Result<std::vector<Converted>> run() {
    const auto start = std::chrono::steady_clock::now();
    std::vector<Converted> rows;
    if (auto problem = read(); !problem) {
      rows.push_back(refused(path_, problem.error().what));
      return rows;
    }
    merge();
    if (whole_.conversion.outcome != Outcome::refused) {
      whole_.output = folder_ + convert::new_index_name(parts_of(path_).name);
      BRINE_CHECK_STATUS(check());
      BRINE_CHECK_STATUS(write());
    }
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    whole_.seconds = took.count();
    for (Converted& row : rows_) {
      row.conversion.storages.clear();
      rows.push_back(std::move(row));
    }
    rows.push_back(std::move(whole_));
    return rows;
  }

 private:
  Status read() {
    whole_.path = path_;
    whole_.conversion.loader = "torch.load";
    if (format::ascii_lower(path_).ends_with(".safetensors.index.json")) {
      return fail({ErrorCode::unsupported, 0, "its shards are safetensors already"});
    }
    BRINE_TRY(const SourcePtr source, open_input(path_));
    BRINE_TRY(index_, convert::read_shard_index(*source));
    if (index_.shards.empty()) return fail(Error::malformed(0, "the index names no file"));
    std::set<std::string> names;
    for (const std::string& shard : index_.shards) {
      if (!names.insert(convert::new_shard_name(shard)).second) {
        return fail({ErrorCode::unsupported, 0, "two shards would get one name: " + shard});
      }
    }
    for (const std::string& shard : index_.shards) {
      Converted row;
      row.path = parts_of(path_).folder + shard;
      Result<SourcePtr> opened = open_input(row.path);
      if (!opened) {
        row.conversion.reason = opened.error().what;
      } else {
        // Of a name in several shards the loader takes the one that the index says.
        convert::ConvertOptions options = options_;
        options.elsewhere = [&](const std::string& name) {
          const auto place = index_.shard_of.find(name);
          return place != index_.shard_of.end() && place->second != shard;
        };
        row.conversion = convert::convert_source(row.path, *opened, options);
      }
      sources_.push_back(opened ? std::move(*opened) : nullptr);
      rows_.push_back(std::move(row));
    }
    return {};
  }

  // What holds for the whole, and which names are where.
  void merge() {
    Conversion& all = whole_.conversion;
    all.outcome = Outcome::exact;
    std::set<std::string, std::less<>> names;
    bool any = false;
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      Conversion& shard = rows_[i].conversion;
      const std::string& file = index_.shards[i];
      for (const Entry& entry : shard.entries) {
        new_.total_size += entry.end - entry.begin;
        if (!names.insert(entry.name).second) {
          worsen(Outcome::refused,
                 entry.name + " is in two shards, and the index does not say which");
        }
        new_.shard_of[entry.name] = convert::new_shard_name(file);
      }
      for (const auto& alias : shard.aliases) {
        names.insert(alias.first);
        new_.aliases.push_back(alias);
      }
      std::ranges::copy(shard.cut, std::back_inserter(all.cut));
      any = any || !shard.entries.empty();
      if (sources_[i] == nullptr) {
        worsen(Outcome::partial, file + ": " + shard.reason);
      } else {
        worsen(shard.outcome, shard.reason.empty() ? "" : file + ": " + shard.reason);
      }
    }
    for (const auto& [name, shard] : index_.shard_of) {
      if (!holds(names, name)) all.missing.push_back(name);
    }
    if (!all.missing.empty()) {
      worsen(Outcome::partial, "the index lists " + std::to_string(all.missing.size()) +
                                   " tensors that no shard has");
    }
    if (!any) worsen(Outcome::refused, "no tensor could be taken from its shards");
    all.aliases = new_.aliases;
  }

  void worsen(Outcome outcome, const std::string& why) {
    Conversion& all = whole_.conversion;
    if (outcome <= all.outcome) return;
    all.outcome = outcome;
    all.reason = why;
  }

  // An Error says which file is in the way.
  Status check() {
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      if (sources_[i] == nullptr) continue;
      const std::vector<std::string> path = {folder_ + convert::new_shard_name(index_.shards[i])};
      BRINE_CHECK_STATUS(check_one(path, output_));
    }
    OutputOptions without_extras = output_;
    without_extras.extras = false;
    return check_one({whole_.output}, without_extras);
  }
  static Status check_one(const std::vector<std::string>& path, const OutputOptions& options) {
    Converted found;
    const Status may = check_places(path, options, found);
    if (may) return {};
    return fail({may.error().code, 0, found.output + ": " + may.error().what});
  }

  Status write() {
    FileSet files;
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      if (sources_[i] == nullptr) continue;
      rows_[i].output = folder_ + convert::new_shard_name(index_.shards[i]);
      const std::size_t tensors = rows_[i].conversion.entries.size();
      BRINE_CHECK_STATUS(add_safetensors(sources_[i], output_, console_, rows_[i], files));
      whole_.bytes += rows_[i].bytes;
      whole_.verified = rows_[i].verified;
      whole_.conversion.entries.resize(whole_.conversion.entries.size() + tensors);
    }
    BRINE_CHECK_STATUS(add_text(whole_.output, convert::index_json(new_), output_.force, files));
    return commit(files);
  }

  const std::string path_, folder_;
  const convert::ConvertOptions& options_;
  const OutputOptions& output_;
  Console& console_;
  convert::ShardIndex index_;
  convert::NewIndex new_;
  std::vector<Converted> rows_;  // of the shards, in the index's order
  std::vector<SourcePtr> sources_;  // null: could not be opened
  Converted whole_;
};

// "dir/model.safetensors" -> "dir/model-00001-of-00003.safetensors"
std::string numbered(const std::string& stem, std::size_t index, std::size_t count) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "-%05zu-of-%05zu.safetensors", index + 1, count);
  return stem + text.data();
}

}  // namespace

bool is_shard_index(const std::string& path) { return format::ascii_lower(path).ends_with(kIndex); }

std::vector<std::string> shards_of(const std::string& index) {
  const auto source = open_input(index);
  if (!source) return {};
  const auto read = convert::read_shard_index(**source);
  if (!read) return {};
  std::vector<std::string> out;
  for (const std::string& shard : read->shards) out.push_back(parts_of(index).folder + shard);
  return out;
}

Result<std::vector<Converted>> convert_shards(const std::string& index, const std::string& folder,
                                              const convert::ConvertOptions& options,
                                              const OutputOptions& output, Console& console) {
  return ShardRun(index, folder.empty() ? parts_of(index).folder : folder + "/", options, output,
                  console)
      .run();
}

Status write_whole_or_split(const SourcePtr& source, const OutputOptions& options, Console& console,
                            Converted& done) {
  FileSet files;
  std::vector<std::vector<Entry>> groups = convert::split_by_header(
      std::move(done.conversion.entries), done.conversion.metadata, convert::kShardHeader);
  if (groups.size() <= 1) {
    if (!groups.empty()) done.conversion.entries = std::move(groups.front());
    BRINE_CHECK_STATUS(check_places({done.output}, options, done));
    BRINE_CHECK_STATUS(add_safetensors(source, options, console, done, files));
    return files.commit();
  }
  const std::string stem = stem_of(done.output);
  convert::NewIndex index;
  index.aliases = done.conversion.aliases;
  std::vector<Entry> all;
  std::uint64_t bytes = 0;
  std::vector<std::string> places = {stem + ".safetensors.index.json"};
  for (std::size_t i = 0; i < groups.size(); ++i) {
    places.push_back(numbered(stem, i, groups.size()));
  }
  BRINE_CHECK_STATUS(check_places(places, options, done));
  for (std::size_t i = 0; i < groups.size(); ++i) {
    done.output = numbered(stem, i, groups.size());
    for (const Entry& entry : groups[i]) {
      index.total_size += entry.end - entry.begin;
      index.shard_of.emplace(entry.name, parts_of(done.output).name);
    }
    done.conversion.entries = std::move(groups[i]);
    OutputOptions each = options;
    each.extras = options.extras && i + 1 == groups.size();
    BRINE_CHECK_STATUS(add_safetensors(source, each, console, done, files));
    bytes += done.bytes;
    std::ranges::move(done.conversion.entries, std::back_inserter(all));
  }
  done.bytes = bytes;
  done.conversion.entries = std::move(all);
  done.output = stem + ".safetensors.index.json";
  BRINE_CHECK_STATUS(add_text(done.output, convert::index_json(index), options.force, files));
  return commit(files);
}

}  // namespace brine::cli
