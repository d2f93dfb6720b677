// brine convert and brine disarm: the weights of model files, without running them.
//
// Here: which files, under which options, with which exit status. A file is read and judged by
// convert/convert.h; what comes of it is written by cli/convert_output.h.

#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <iterator>
#include <set>
#include <string>
#include <vector>

#include "cli/beside.h"
#include "cli/commands.h"
#include "cli/convert_checkpoint.h"
#include "cli/convert_output.h"
#include "cli/convert_shards.h"
#include "cli/foreign.h"
#include "cli/input.h"
#include "cli/memory.h"
#include "cli/settings.h"
#include "cli/signals.h"
#include "cli/walk.h"
#include "convert/convert.h"
#include "convert/disarm.h"
#include "format/names.h"
#include "render/conversion.h"

namespace brine::cli {
namespace {

using convert::Outcome;

constexpr Example kExamples[] = {
    {"brine convert model.bin", "writes model.safetensors beside it"},
    {"brine convert --root state_dict last.ckpt", "one part of a checkpoint"},
    {"brine convert --extras --verify model.pt", "other values too; compare bytes"},
    {"brine convert models/", "all in a folder, with shards"},
    {"brine convert step-1000 -o w.safetensors", "all ranks of a DCP folder"},
};

constexpr OptionSpec kOptions[] = {
    {"output", 'o', "FILE", "where to write; for one file"},
    {"root", '\0', "KEY", "the tensors under this key (a.b: in keys)"},
    {"aliases", '\0', "drop|duplicate|alias", "names that share one tensor (drop)"},
    {"extras", '\0', "", "what is no tensor, as NAME.extras.json"},
    {"verify", '\0', "", "read the result back and compare every byte"},
    {"force", '\0', "", "replace a file that is there"},
    {"format", '\0', "text|json", "what to print (text)"},
    {"limits", '\0', "NAME=VALUE,...", "bounds of the work: brine help limits"},
    {"color", '\0', "WHEN", "auto, always or never"},
};

constexpr std::string_view kNotes =
    "EXACT: each tensor is bit for bit what the file's loader gives. DISARMED: parts\n"
    "of the file were cut; the tensors are as stored. PARTIAL: the file is broken.\n"
    "REFUSED: nothing was written. Exit status: 2 if any is REFUSED or an error\n"
    "happened, else 1 if any is not EXACT, else 0. More: brine help convert.";

constexpr Example kDisarmExamples[] = {
    {"brine disarm pytorch_model.bin", "writes pytorch_model.disarmed.bin"},
    {"brine disarm last.ckpt -o safe.pt", "loads with torch.load(weights_only=True)"},
    {"brine disarm forest.joblib", "arrays and plain values, for joblib.load"},
};

constexpr OptionSpec kDisarmOptions[] = {
    {"output", 'o', "FILE", "where to write; for one file"},
    {"root", '\0', "KEY", "only what stands under this key (a.b: keys in keys)"},
    {"force", '\0', "", "replace a file that is there"},
    {"format", '\0', "text|json", "what to print (text)"},
    {"limits", '\0', "NAME=VALUE,...", "bounds of the work: brine help limits"},
    {"color", '\0', "WHEN", "auto, always or never"},
};

constexpr std::string_view kDisarmNotes =
    "The new file is of the source's kind: a torch file, a pickle (joblib, pandas;\n"
    "compressed as it was), .npy or .npz. It holds tensors, arrays and plain values;\n"
    "an object becomes a dict of its state with its class as text under __class__.\n"
    "Verdicts and exit statuses are those of brine convert. More: brine help disarm.";

struct Options {
  convert::ConvertOptions convert;
  OutputOptions write;
  std::string output;
  bool disarm = false, json = false;
};

Result<Options> options_of(const Arguments& arguments, Console& console, bool disarm) {
  Options out;
  out.disarm = out.convert.contents.rewrite = disarm;
  BRINE_CHECK_STATUS(colour_of(arguments, console));
  BRINE_TRY(out.convert.scan.limits, limits_of(arguments));
  constexpr std::string_view kFormats[] = {"text", "json"};
  BRINE_TRY(const std::size_t format,
            choose("--format", arguments.value("format", "text"), kFormats));
  out.json = format == 1;
  constexpr std::string_view kAliases[] = {"drop", "duplicate", "alias"};
  BRINE_TRY(const std::size_t aliases,
            choose("--aliases", arguments.value("aliases", "drop"), kAliases));
  out.convert.aliases = static_cast<convert::Aliases>(aliases);
  std::string_view root = arguments.value("root");
  while (!root.empty()) {
    const std::size_t dot = root.find('.');
    out.convert.contents.root.emplace_back(root.substr(0, dot));
    out.write.root += (out.write.root.empty() ? "" : ".") + out.convert.contents.root.back();
    root = dot == std::string_view::npos ? std::string_view() : root.substr(dot + 1);
  }
  out.convert.contents.extras = out.write.extras = arguments.has("extras");
  out.output = arguments.value("output");
  out.write.verify = arguments.has("verify");
  out.write.force = arguments.has("force");
  if (arguments.operands().empty()) {
    return fail(
        usage_error(disarm ? "nothing to disarm: name a file" : "nothing to convert: name a file"));
  }
  return out;
}

class ConvertRun {
 public:
  ConvertRun(Options options, Console& console) : options_(std::move(options)), console_(console) {}

  Result<int> run(const std::vector<std::string>& paths) {
    std::vector<WalkEntry> entries =
        walk(paths, options_.convert.scan.limits.path_depth, interrupted);
    // Of a folder, what promises to be a pickled model, and the indices of shards.
    std::set<std::string> shards, checkpoints;
    for (const WalkEntry& entry : entries) {
      if (is_checkpoint(entry)) checkpoints.insert(folder_of(entry.path));
      if (entry.error.empty() && entry.path.ends_with(".distcp")) followed_.insert(entry.path);
      if (!is_index(entry)) continue;
      for (std::string& shard : shards_of(entry.path)) shards.insert(std::move(shard));
    }
    std::erase_if(entries, [&](const WalkEntry& entry) {
      if (std::ranges::find(paths, entry.path) != paths.end()) return false;
      if (checkpoints.contains(folder_of(entry.path))) {
        if (is_checkpoint(entry)) return is_outranked(entry.path);
        if (entry.path.ends_with(".distcp")) return true;
      }
      if (!entry.error.empty()) return false;
      if (is_index(entry)) return entry.path.ends_with(".safetensors.index.json");
      if (shards.contains(entry.path)) return true;
      const format::Promise promise = format::promise_of(format::ascii_lower(entry.path));
      return promise != format::Promise::model && promise != format::Promise::pickle;
    });
    if (!options_.output.empty() && entries.size() != 1) {
      return fail(usage_error("-o is for one file; here are " + std::to_string(entries.size())));
    }
    int status = kExitOk;
    for (const WalkEntry& entry : entries) {
      if (interrupted()) break;
      const std::size_t before = done_.size();
      if (!(is_index(entry) ? convert_set(entry) : convert(entry))) status = kExitError;
      for (std::size_t i = before; i < done_.size(); ++i) {
        const render::Converted& done = done_[i];
        if (done.conversion.outcome == Outcome::refused) status = kExitError;
        if (done.conversion.outcome != Outcome::exact) status = std::max(status, kExitFound);
        if (options_.json) continue;
        console_.out(render::conversion_text(
            done, console_.style(), !options_.disarm && !options_.convert.contents.extras));
        console_.flush();
      }
      if (!options_.json) done_.clear();
    }
    if (options_.json) console_.out(render::conversions_json(done_));
    return interrupted() ? kExitInterrupted : status;
  }

 private:
  bool is_index(const WalkEntry& entry) const {
    return !options_.disarm && entry.error.empty() && is_shard_index(entry.path);
  }

  bool is_checkpoint(const WalkEntry& entry) const {
    return entry.error.empty() && is_checkpoint_index(entry.path, options_.convert.scan.limits);
  }

  bool convert_set(const WalkEntry& entry) {
    convert::ConvertOptions options = options_.convert;
    options.scan.foreign = foreign_opener();
    if (entry.neighbours) options.scan.neighbours = *entry.neighbours;
    auto rows = convert_shards(entry.path, options_.output, options, options_.write, console_);
    if (!rows) {
      console_.flush();
      console_.error(entry.path, rows.error().what);
      return false;
    }
    std::ranges::move(*rows, std::back_inserter(done_));
    return true;
  }

  // False: an error was told and there is nothing else to say.
  bool convert(const WalkEntry& entry) {
    const auto cannot = [&](const std::string& why) {
      console_.flush();
      console_.error(entry.path, why);
      return false;
    };
    if (!entry.error.empty()) return cannot(entry.error);
    const auto start = std::chrono::steady_clock::now();
    convert::ConvertOptions options = options_.convert;
    options.scan.foreign = foreign_opener();
    look_beside(entry, options.scan);
    render::Converted done;
    done.path = entry.path;
    done.disarmed = options_.disarm;
    auto read = read_entry(entry, options);
    if (!read) return cannot(read.error().what);
    const SourcePtr source = std::move(read->source);
    done.conversion = std::move(read->conversion);
    return_memory_now();
    if (done.conversion.outcome != Outcome::refused) {
      done.output = output_of(done.path);
      const Status written = write(source, done);
      if (!written) {
        const ErrorCode code = written.error().code;
        const bool taken_back = code == ErrorCode::changed || code == ErrorCode::unsupported;
        if (!taken_back) return cannot(place_of(done) + written.error().what);
        done.conversion.outcome = Outcome::refused;
        done.conversion.reason = written.error().what;
        done.output.clear();
      }
    }
    done.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    // Only what is said of the file is kept, not the way to its bytes.
    done.conversion.storages.clear();
    done.conversion.disarmed.parts.clear();
    done_.push_back(std::move(done));
    return true;
  }

  Status write(const SourcePtr& source, render::Converted& done) {
    if (!outputs_.insert(done.output).second) {
      return fail({ErrorCode::unsupported, 0,
                   done.output + " was written for another file: name an output with -o"});
    }
    return options_.disarm ? write_disarmed(source, options_.write, console_, done)
                           : write_whole_or_split(source, options_.write, console_, done);
  }

  Result<convert::SourcedConversion> read_entry(const WalkEntry& entry,
                                                const convert::ConvertOptions& options) const {
    if (is_checkpoint(entry)) {
      return convert_checkpoint(entry.path, followed_, options);
    }
    BRINE_TRY(SourcePtr source, open_input(entry.path));
    convert::Conversion done = options_.disarm
                                   ? convert::disarm_source(entry.path, source, options)
                                   : convert::convert_source(entry.path, source, options);
    return convert::SourcedConversion{std::move(done), std::move(source)};
  }

  std::string place_of(const render::Converted& done) const {
    return done.output.empty() ? std::string() : done.output + ": ";
  }

  // "model.bin" -> "model.safetensors", or "model.disarmed.bin".
  std::string new_name(const std::string& path) const {
    const auto checkpoint = checkpoint_stem(path);
    const std::string stem = path == "-" ? "model" : stem_of(path);
    if (!options_.disarm) return checkpoint.value_or(stem) + ".safetensors";
    if (checkpoint && is_checkpoint_index(path, options_.convert.scan.limits)) {
      return *checkpoint + ".disarmed.pt";
    }
    return stem + ".disarmed" + (path == "-" ? ".pt" : path.substr(stem.size()));
  }

  std::string output_of(const std::string& path) const {
    if (options_.output.empty()) return new_name(path);
    struct stat st{};
    if (::stat(options_.output.c_str(), &st) == 0 && S_ISDIR(st.st_mode)) {
      const std::string name = new_name(path);
      return options_.output + "/" + name.substr(name.rfind('/') + 1);  // npos + 1 is 0
    }
    return options_.output;
  }

  Options options_;
  Console& console_;
  std::vector<render::Converted> done_;
  std::set<std::string> followed_;  // files of checkpoints that the walk came to
  std::set<std::string> outputs_;  // of this run
};

}  // namespace

const CommandSpec kConvertSpec = {
    "convert", "FILE...", "the weights as safetensors; nothing in the file is run",
    kExamples, kOptions,  kNotes};

Result<int> run_convert(const Arguments& arguments, Console& console) {
  catch_interrupts();
  BRINE_TRY(Options options, options_of(arguments, console, false));
  return ConvertRun(std::move(options), console).run(arguments.operands());
}

const CommandSpec kDisarmSpec = {"disarm",
                                 "FILE...",
                                 "a file of the same kind, with the weights and without the code",
                                 kDisarmExamples,
                                 kDisarmOptions,
                                 kDisarmNotes};

Result<int> run_disarm(const Arguments& arguments, Console& console) {
  catch_interrupts();
  BRINE_TRY(Options options, options_of(arguments, console, true));
  return ConvertRun(std::move(options), console).run(arguments.operands());
}

}  // namespace brine::cli
