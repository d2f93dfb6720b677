// brine convert and brine disarm: the weights of model files, without running them.
//
// A file in phases: read and judge (convert/convert.h), plan, copy while another thread hashes the
// source, write the header with the hash in it, compare when asked to, give the file its name.
// disarm writes a torch file of our own in the place of safetensors.

#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <future>
#include <optional>
#include <string>
#include <vector>

#include "cli/atomic_file.h"
#include "cli/commands.h"
#include "cli/foreign.h"
#include "cli/input.h"
#include "cli/progress.h"
#include "cli/settings.h"
#include "cli/signals.h"
#include "cli/walk.h"
#include "convert/convert.h"
#include "convert/torch_writer.h"
#include "format/names.h"
#include "render/conversion.h"

namespace brine::cli {
namespace {

using convert::Conversion;
using convert::Outcome;

constexpr Example kExamples[] = {
    {"brine convert pytorch_model.bin", "writes pytorch_model.safetensors beside it"},
    {"brine convert last.ckpt --root state_dict -o model.safetensors", "one part of a checkpoint"},
    {"brine convert --extras --verify model.pt", "the other values too; compare every byte"},
    {"brine convert models/", "every pickled model below a folder"},
};

constexpr OptionSpec kOptions[] = {
    {"output", 'o', "FILE", "where to write; for one file"},
    {"root", '\0', "KEY", "only the tensors under this key (a.b: keys in keys)"},
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
    {"brine disarm pytorch_model.bin", "writes pytorch_model.disarmed.bin beside it"},
    {"brine disarm last.ckpt -o safe.pt", "loads with torch.load(weights_only=True)"},
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
    "The new file holds tensors and plain values; an object becomes a dict of its\n"
    "state with its class as text under __class__. Verdicts and exit statuses are\n"
    "those of brine convert.";

struct Options {
  convert::ConvertOptions convert;
  std::string output;
  bool disarm = false;
  bool verify = false, force = false, json = false;
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
    root = dot == std::string_view::npos ? std::string_view() : root.substr(dot + 1);
  }
  out.convert.contents.extras = arguments.has("extras");
  out.output = arguments.value("output");
  out.verify = arguments.has("verify");
  out.force = arguments.has("force");
  if (arguments.operands().empty()) {
    return fail(
        usage_error(disarm ? "nothing to disarm: name a file" : "nothing to convert: name a file"));
  }
  return out;
}

// "dir/model.bin" -> "dir/model"; a name without an ending keeps all of it.
std::string stem_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  const std::size_t name = slash == std::string::npos ? 0 : slash + 1;
  const std::size_t dot = path.rfind('.');
  return dot == std::string::npos || dot <= name ? path : path.substr(0, dot);
}

class ConvertRun {
 public:
  ConvertRun(Options options, Console& console) : options_(std::move(options)), console_(console) {}

  Result<int> run(const std::vector<std::string>& paths) {
    std::vector<WalkEntry> entries =
        walk(paths, options_.convert.scan.limits.path_depth, interrupted);
    // Of a folder, what promises to be a pickled model.
    std::erase_if(entries, [&](const WalkEntry& entry) {
      if (!entry.error.empty() || std::ranges::find(paths, entry.path) != paths.end()) return false;
      const format::Promise promise = format::promise_of(format::ascii_lower(entry.path));
      return promise != format::Promise::model && promise != format::Promise::pickle;
    });
    if (!options_.output.empty() && entries.size() != 1) {
      return fail(usage_error("-o is for one file; here are " + std::to_string(entries.size())));
    }
    int status = kExitOk;
    for (const WalkEntry& entry : entries) {
      if (interrupted()) return kExitInterrupted;
      if (!convert(entry)) {
        status = kExitError;
        continue;
      }
      const render::Converted& done = done_.back();
      if (done.conversion.outcome == Outcome::refused) status = kExitError;
      if (done.conversion.outcome != Outcome::exact) status = std::max(status, kExitFound);
      if (!options_.json) {
        console_.out(render::conversion_text(
            done, console_.style(), !options_.disarm && !options_.convert.contents.extras));
        console_.flush();
        done_.clear();
      }
    }
    if (options_.json) console_.out(render::conversions_json(done_));
    return status;
  }

 private:
  // False: an error was told and there is nothing else to say.
  bool convert(const WalkEntry& entry) {
    const auto cannot = [&](const std::string& why) {
      console_.flush();
      console_.error(entry.path, why);
      return false;
    };
    if (!entry.error.empty()) return cannot(entry.error);
    const Result<SourcePtr> source = open_input(entry.path);
    if (!source) return cannot(source.error().what);
    const auto start = std::chrono::steady_clock::now();
    convert::ConvertOptions options = options_.convert;
    options.scan.foreign = foreign_opener();
    if (entry.neighbours) options.scan.neighbours = *entry.neighbours;
    render::Converted done;
    done.path = entry.path;
    done.conversion = convert::convert_source(entry.path, *source, options);
    if (done.conversion.outcome != Outcome::refused) {
      const Status written = options_.disarm ? write_torch(*source, done) : write(*source, done);
      if (!written) {
        const bool taken_back = written.error().code == ErrorCode::changed;
        if (!taken_back) return cannot(place_of(done) + written.error().what);
        done.conversion.outcome = Outcome::refused;
        done.conversion.reason = written.error().what;
        done.output.clear();
      }
    }
    done.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    // Only what is said of the file is kept, not the way to its bytes.
    done.conversion.storages.clear();
    done_.push_back(std::move(done));
    return true;
  }

  std::string place_of(const render::Converted& done) const {
    return done.output.empty() ? std::string() : done.output + ": ";
  }

  // "model.bin" -> "model.safetensors", or "model.disarmed.bin".
  std::string new_name(const std::string& path) const {
    const std::string stem = path == "-" ? "model" : stem_of(path);
    if (!options_.disarm) return stem + ".safetensors";
    const std::string ending = path == "-" ? ".pt" : path.substr(stem.size());
    return stem + ".disarmed" + ending;
  }

  std::string output_of(const std::string& path) const {
    if (options_.output.empty()) return new_name(path);
    struct stat st{};
    if (::stat(options_.output.c_str(), &st) == 0 && S_ISDIR(st.st_mode)) {
      const std::string stem = stem_of(path);
      const std::size_t slash = stem.rfind('/');
      return options_.output + "/" + (slash == std::string::npos ? stem : stem.substr(slash + 1)) +
             ".safetensors";
    }
    return options_.output;
  }

  convert::Metadata metadata(const Conversion& conversion, const std::string& sha256) const {
    convert::Metadata out = {{"format", "pt"},
                             {"brine.source_sha256", sha256},
                             {"brine.version", BRINE_VERSION},
                             {"brine.verdict", std::string(to_string(conversion.outcome))}};
    if (!options_.convert.contents.root.empty()) {
      std::string root;
      for (const std::string& key : options_.convert.contents.root) {
        root += (root.empty() ? "" : ".") + key;
      }
      out.emplace_back("brine.root", root);
    }
    out.insert(out.end(), conversion.metadata.begin(), conversion.metadata.end());
    return out;
  }

  Status write(const SourcePtr& source, render::Converted& done) {
    Conversion& conversion = done.conversion;
    done.output = output_of(done.path);
    // The hash is as long as this, so the plan's offsets stand before it is known.
    const std::string unknown(64, '0');
    BRINE_TRY(convert::SafetensorsPlan plan,
              convert::SafetensorsPlan::make(std::move(conversion.entries),
                                             metadata(conversion, unknown)));
    BRINE_TRY(AtomicFile file, AtomicFile::create(done.output, options_.force));
    std::stop_source stop;
    std::future<Result<std::string>> hash =
        std::async(std::launch::async, [&] { return sha256_hex(*source, stop.get_token(), {}); });
    const Status copied = copy(plan, conversion, file, done);
    if (!copied) stop.request_stop();
    const Result<std::string> sha256 = hash.get();
    BRINE_CHECK_STATUS(copied);
    BRINE_CHECK_STATUS(sha256);
    BRINE_TRY(const convert::SafetensorsPlan final_plan,
              convert::SafetensorsPlan::make(plan.entries(), metadata(conversion, *sha256)));
    BRINE_CHECK_STATUS(file.write(0, bytes_of(final_plan.header())));
    if (options_.verify) {
      BRINE_CHECK_STATUS(compare(final_plan, conversion, file));
      done.verified = true;
    }
    BRINE_CHECK_STATUS(unchanged(*source));
    BRINE_CHECK_STATUS(file.commit());
    done.bytes = final_plan.size();
    conversion.entries = final_plan.entries();
    if (options_.convert.contents.extras) {
      done.extras = stem_of(done.output) + ".extras.json";
      BRINE_TRY(AtomicFile extras, AtomicFile::create(done.extras, options_.force));
      BRINE_CHECK_STATUS(extras.write(0, bytes_of(conversion.extras + "\n")));
      BRINE_CHECK_STATUS(extras.commit());
    }
    return {};
  }

  Status write_torch(const SourcePtr& source, render::Converted& done) {
    done.output = output_of(done.path);
    BRINE_TRY(AtomicFile file, AtomicFile::create(done.output, options_.force));
    const auto write = [&](std::uint64_t offset, ByteSpan bytes) -> Status {
      if (interrupted()) return fail({ErrorCode::io, offset, "interrupted"});
      return file.write(offset, bytes);
    };
    BRINE_TRY(done.bytes, convert::write_torch_zip("archive", done.conversion.rewritten,
                                                   done.conversion.storages, write));
    BRINE_CHECK_STATUS(unchanged(*source));
    return file.commit();
  }

  static ByteSpan bytes_of(const std::string& text) {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
  }

  static Status unchanged(ByteSource& source) {
    const auto* file = dynamic_cast<const FileSource*>(&source);
    if (file != nullptr && file->changed()) {
      return fail({ErrorCode::changed, 0, "the file changed while it was read"});
    }
    return {};
  }

  Status copy(const convert::SafetensorsPlan& plan, const Conversion& conversion, AtomicFile& file,
              const render::Converted& done) {
    Progress progress(console_.err_is_terminal(), console_.err_width(), plan.data_bytes());
    std::uint64_t at = plan.header().size();
    for (const convert::Entry& entry : plan.entries()) {
      const Status copied =
          convert::read_entry(entry, conversion.storages, [&](ByteSpan bytes) -> Status {
            if (interrupted()) return fail({ErrorCode::io, at, "interrupted"});
            BRINE_CHECK_STATUS(file.write(at, bytes));
            at += bytes.size();
            progress.add(bytes.size());
            console_.raw_error(progress.draw(done.path));
            return {};
          });
      if (!copied) {
        console_.raw_error(progress.erase());
        return copied;
      }
    }
    console_.raw_error(progress.erase());
    return {};
  }

  static Status compare(const convert::SafetensorsPlan& plan, const Conversion& conversion,
                        const AtomicFile& file) {
    std::uint64_t at = plan.header().size();
    std::vector<std::uint8_t> back;
    for (const convert::Entry& entry : plan.entries()) {
      BRINE_CHECK_STATUS(
          convert::read_entry(entry, conversion.storages, [&](ByteSpan bytes) -> Status {
            back.resize(bytes.size());
            BRINE_CHECK_STATUS(file.read(at, back));
            if (!std::ranges::equal(back, bytes)) {
              return fail({ErrorCode::changed, at, "what was written does not read back the same"});
            }
            at += bytes.size();
            return {};
          }));
    }
    return {};
  }

  Options options_;
  Console& console_;
  std::vector<render::Converted> done_;
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

const CommandSpec kDisarmSpec = {
    "disarm",        "FILE...",      "a torch file with the weights and plain values, and no code",
    kDisarmExamples, kDisarmOptions, kDisarmNotes};

Result<int> run_disarm(const Arguments& arguments, Console& console) {
  catch_interrupts();
  BRINE_TRY(Options options, options_of(arguments, console, true));
  return ConvertRun(std::move(options), console).run(arguments.operands());
}

}  // namespace brine::cli
