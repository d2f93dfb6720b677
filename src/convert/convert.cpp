#include "convert/convert.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <tuple>

#include "base/json_writer.h"
#include "convert/arrays.h"
#include "convert/capture.h"
#include "convert/checkpoint.h"
#include "convert/nested.h"
#include "convert/records.h"
#include "convert/torch_tar.h"
#include "format/codes.h"
#include "format/names.h"
#include "format/profiles.h"
#include "scan/reading.h"
#include "tensor/device.h"

namespace brine::convert {
namespace {

constexpr unsigned kNestedDepth = 2;  // torch's files in pickles in torch's files

// What one reading of a file gave.
struct Reading {
  std::optional<Captured> captured;
  FileReport report;
  bool lost = false;  // the archive's directory is not there any more
  std::string problem;  // a record could not be read
  bool only_code = false;  // TorchScript, whose code does not touch what attributes are
  std::string unread;  // a member of an archive of arrays that could not be read
};

class Converter {
 public:
  explicit Converter(const ConvertOptions& options) : options_(options) {
    scan_ = options.scan;
    scan_.policy = nullptr;
  }

  Conversion run(const std::string& path, const SourcePtr& source) {
    Reading reading = read(path, source, options_.contents, kNestedDepth);
    Conversion out;
    list_cut(reading.report, out);
    if (!reading.captured) {
      out.reason = reading.report.kind.empty()
                       ? "no loader of pickles opens it"
                       : "not a file of tensors that can be converted: " + reading.report.kind;
      return out;
    }
    fill(*reading.captured, out);
    decide(reading, out, source->size());
    return out;
  }

  SourcedConversion run_checkpoint(const std::string& path, const SourcePtr& source) {
    SourcedConversion out{{}, source};
    Reading reading;
    reading.report = scan::scan_source(path, source, scan_);
    const std::uint64_t kept = reading.report.findings.size() + scan_.limits.findings_per_code;
    CheckpointReaders readers;
    readers.open = scan_.companion;
    readers.read = [&](const CheckpointItem& item, const SourcePtr& bytes,
                       const ContentsOptions& contents) {
      Reading part = read("part.pt", bytes, contents, kNestedDepth, item.dtype != nullptr);
      reading.report.verdict = std::max(reading.report.verdict, part.report.verdict);
      for (Finding& finding : part.report.findings) {
        if (reading.report.findings.size() >= kept) break;
        finding.member.insert(finding.member.begin(), item.key);
        reading.report.findings.push_back(std::move(finding));
      }
      return part_of(std::move(part), item.dtype != nullptr);
    };
    auto index = read_checkpoint_index(source, scan_.limits);
    auto checkpoint = index ? read_checkpoint(source, *index, options_.contents, readers)
                            : Result<Checkpoint>(std::unexpected(std::move(index.error())));
    list_cut(reading.report, out.conversion);
    if (!checkpoint) {
      out.conversion.reason = std::move(checkpoint.error().what);
      return out;
    }
    out.source = std::move(checkpoint->source);
    reading.unread = std::move(checkpoint->unread);
    Captured& captured = reading.captured.emplace();
    captured.loader = format::loader::kDcp;
    captured.contents = std::move(checkpoint->contents);
    captured.end.kind = pickle::EndKind::stop;
    captured.doubt = std::move(checkpoint->doubt);
    fill(captured, out.conversion);
    decide(reading, out.conversion, out.source->size());
    return out;
  }

 private:
  static void list_cut(const FileReport& report, Conversion& out) {
    for (const Finding& finding : report.findings) {
      if (finding.verdict >= Verdict::suspicious && !finding.opcode.empty()) {
        out.cut.push_back(finding);
      }
    }
  }

  // What one part of a checkpoint gives. A tensor's is read by torch.load(weights_only=True).
  static PartFile part_of(Reading part, bool tensor) {
    PartFile out;
    if (!part.captured || !part.captured->loader.starts_with("torch.load")) {
      out.problem = "no file of torch.save";
    } else if (!part.problem.empty()) {
      out.problem = std::move(part.problem);
    } else if (part.lost || part.captured->end.kind != pickle::EndKind::stop) {
      out.problem = "it is cut off";
    } else {
      part.captured->contents.nested =
          std::ranges::any_of(part.captured->contents.tensors, begins_nested);
      const std::vector<Storage>& storages = part.captured->contents.storages;
      const auto& releases = part.report.weights_only;
      const bool refused = tensor && !releases.empty() && releases.back().accepts == false;
      out.doubt =
          refused ? "torch.load(weights_only=True) refuses it" : doubt_of(*part.captured, storages);
      if (out.doubt.empty() && !tensor) out.doubt = location_doubt(storages);
      out.contents = std::move(part.captured->contents);
    }
    return out;
  }

  Reading read(const std::string& path, const SourcePtr& source, const ContentsOptions& contents,
               unsigned depth, bool weights_only = false) const {
    Reading out;
    const auto tar = read_torch_tar(source, scan_.limits);
    Capture capture(
        contents, [&](const SourcePtr& bytes) { return nested(bytes, depth); },
        tar && *tar ? &**tar : nullptr);
    scan::ScanOptions scan = scan_;
    scan.observer = &capture;
    scan.observed_weights_only = weights_only;
    out.report = scan::scan_source(path, source, scan);
    if (!tar) {
      out.captured.emplace();
      out.problem = tar.error().what;
      return out;
    }
    if (const auto lost = find_lost_pickle(source, scan_.limits)) {
      return read_lost(source, *lost, contents, depth, out);
    }
    if (read_arrays(path, source, contents.extras, capture, out)) return out;
    out.captured = capture.take();
    if (out.captured) {
      const Status found = find_records(source, scan_.limits, *out.captured);
      if (!found) out.problem = found.error().what;
      out.only_code = out.captured->loader == "torch.jit.load" &&
                      std::ranges::all_of(out.report.findings,
                                          [](const Finding& finding) {
                                            return finding.verdict == Verdict::clean ||
                                                   finding.code == format::code::kTorchScriptCode;
                                          }) &&
                      keeps_attributes(source, scan_.limits, out.captured->contents);
    }
    return out;
  }

  // NumPy's files, whose numbers stand in no pickle. False: it is none.
  bool read_arrays(const std::string& path, const SourcePtr& source, bool extras, Capture& capture,
                   Reading& out) const {
    std::optional<Contents> arrays;
    if (is_npy(*source)) {
      auto numbers = read_npy(source);
      if (!numbers) out.problem = numbers.error().what;
      if (numbers && !*numbers) return false;  // objects, which the scan has read
      arrays = numbers ? std::move(**numbers) : Contents();
    } else {
      const bool named = format::ascii_lower(path).ends_with(".npz");
      auto archived = read_npz(source, scan_.limits, named, extras, [&](const std::string& member) {
        return capture.take_member(member);
      });
      if (!archived) out.problem = archived.error().what;
      if (archived && !*archived) return false;
      if (archived) {
        out.unread = std::move((*archived)->unread);
        arrays = std::move((*archived)->contents);
      } else {
        arrays.emplace();
      }
    }
    if (!arrays) return false;
    out.captured.emplace();
    out.captured->loader = "numpy.load";
    out.captured->contents = std::move(*arrays);
    out.captured->end.kind = pickle::EndKind::stop;
    out.captured->source = source;
    return true;
  }

  // A torch zip that was cut off: its pickle is read as torch.load would.
  Reading read_lost(const SourcePtr& file, const LostPickle& lost, const ContentsOptions& contents,
                    unsigned depth, const Reading& found) const {
    Reading out;
    out.report = found.report;
    out.lost = true;
    ContentsOptions options = contents;
    options.dialect = Dialect::torch;
    Capture capture(options, [&](const SourcePtr& bytes) { return nested(bytes, depth); });
    scan::ScanOptions scan = scan_;
    scan.observer = &capture;
    format::Stream stream;
    stream.source = lost.source;
    stream.file_base = lost.start;
    stream.loaders = format::torch_zip_loaders();
    const scan::StreamReading read = scan::read_stream(stream, scan);
    out.report.findings.clear();
    for (const scan::ViewRun& view : read.views) {
      if (view.use->loader != "torch.load") continue;
      for (const auto& run : view.pickles) {
        out.report.findings.insert(out.report.findings.end(), run->findings.begin(),
                                   run->findings.end());
      }
    }
    out.captured = capture.take();
    if (out.captured && out.captured->end.kind == pickle::EndKind::stop) {
      find_lost_records(file, lost.start + out.captured->end.offset, *out.captured);
    }
    return out;
  }

  // A storage in bytes that a pickle hands to torch.load: the file's whole result.
  Result<Storage> nested(const SourcePtr& bytes, unsigned depth) const {
    if (depth == 0) return fail(Error::budget(0, "files in files in files"));
    Reading inside = read("nested.pt", bytes, {}, depth - 1);
    if (!inside.captured || !inside.problem.empty() || !inside.captured->doubt.empty() ||
        !inside.captured->contents.root_storage || inside.captured->contents.ambiguous) {
      return fail({ErrorCode::unsupported, 0, "a storage in the pickle that is no torch file"});
    }
    Contents& contents = inside.captured->contents;
    Storage& storage = contents.storages[contents.tensors[0].view.storage];
    if (storage.bytes == nullptr || inside.captured->end.kind != pickle::EndKind::stop) {
      return fail(Error::malformed(0, "a storage in the pickle that is cut off"));
    }
    if (inside.captured->legacy && storage.dtype == nullptr) {
      return fail({ErrorCode::unsupported, 0, "an untyped storage, which torch.load refuses here"});
    }
    if (!tensor::is_known_location(storage.location.text())) {
      return fail(
          {ErrorCode::unsupported, 0, "a storage of a device that torch.load does not know"});
    }
    storage.key.clear();
    storage.swapped = contents.tensors[0].view.swapped;
    return std::move(storage);
  }

  void fill(Captured& captured, Conversion& out) const {
    Contents& contents = captured.contents;
    out.loader = captured.loader;
    out.member = captured.member;
    out.extras = std::move(contents.extras);
    out.rewritten = std::move(contents.rewritten);
    out.left_out = std::move(contents.left_out);
    out.other = std::move(contents.other);
    check_nested(contents);
    out.entries.reserve(contents.tensors.size());
    bool elsewhere = false;
    for (NamedTensor& tensor : contents.tensors) {
      if (!tensor.part)
        elsewhere = options_.elsewhere && options_.elsewhere(std::string(tensor.name));
      if (elsewhere) continue;
      const Storage& storage = contents.storages[tensor.view.storage];
      const bool empty = tensor.view.elements() == 0;
      if (storage.bytes == nullptr && !empty) {
        out.missing.emplace_back(tensor.name);
        continue;
      }
      Result<Entry> entry = entry_of(std::string(tensor.name), std::move(tensor.view));
      if (!entry) {
        contents.refused.push_back({std::string(tensor.name), entry.error().what});
        continue;
      }
      const std::string_view dtype = entry->view.dtype->name;
      if (dtype == "complex128" || dtype == "complex32") {
        out.metadata.emplace_back(entry->name + ".dtype", "torch." + std::string(dtype));
      }
      for (const auto& [key, text] : tensor.notes()) {
        out.metadata.emplace_back(entry->name + "." + key, text);
      }
      out.entries.push_back(std::move(*entry));
    }
    std::vector<NamedTensor>().swap(contents.tensors);
    if (options_.aliases != Aliases::duplicate) drop_aliases(out);
    out.storages = std::move(contents.storages);
  }

  // Parts without their bytes are missing, which is told elsewhere.
  static void check_nested(Contents& contents) {
    const std::span<const NamedTensor> tensors(contents.tensors);
    const auto is_here = [&](const NamedTensor& part) {
      return part.view.elements() == 0 || contents.storages[part.view.storage].bytes != nullptr;
    };
    for (std::size_t i = 0; i + 4 <= tensors.size(); ++i) {
      const auto parts = tensors.subspan(i).first<4>();
      if (!begins_nested(parts[0])) continue;
      contents.nested = true;
      if (std::ranges::all_of(parts, is_here) && !nested_lies_within(parts, contents.storages)) {
        contents.refused.push_back({std::string(tensors[i].name),
                                    "a nested tensor whose parts are not all within its values"});
      }
    }
  }

  // Equal for equal views.
  static auto view_key(const TensorView& view) {
    return std::tie(view.storage, view.dtype->name, view.offset, view.shape, view.stride, view.conj,
                    view.neg, view.swapped);
  }

  // Of all names of one view the first by alphabet is kept, as the Hub's converter does.
  void drop_aliases(Conversion& out) const {
    std::vector<Entry>& entries = out.entries;
    std::ranges::sort(entries, {}, &Entry::name);
    if (options_.aliases == Aliases::alias) {
      std::string views = views_of(entries);
      if (!views.empty()) out.metadata.emplace_back("brine.views", std::move(views));
    }
    // Those of one view follow each other, the first by name in front.
    constexpr std::uint32_t kNone = ~std::uint32_t{0};
    std::vector<std::uint32_t> order, first_of(entries.size(), kNone);
    for (std::uint32_t i = 0; i < entries.size(); ++i) {
      if (entries[i].end != 0) order.push_back(i);
    }
    std::ranges::stable_sort(order, [&](std::uint32_t a, std::uint32_t b) {
      return view_key(entries[a].view) < view_key(entries[b].view);
    });
    for (std::size_t i = 1; i < order.size(); ++i) {
      const std::uint32_t before = order[i - 1], here = order[i];
      if (!(entries[here].view == entries[before].view)) continue;
      first_of[here] = first_of[before] == kNone ? before : first_of[before];
    }
    for (std::uint32_t i = 0; i < entries.size(); ++i) {
      if (first_of[i] != kNone)
        out.aliases.emplace_back(entries[i].name, entries[first_of[i]].name);
    }
    std::size_t kept = 0;
    for (std::size_t i = 0; i < entries.size(); ++i) {
      if (first_of[i] != kNone) continue;
      if (kept != i) entries[kept] = std::move(entries[i]);
      ++kept;
    }
    entries.resize(kept);
    std::set<std::string, std::less<>> keys;
    for (const auto& [key, text] : out.metadata) keys.insert(key);
    std::string json;
    JsonWriter writer(json);
    writer.begin_array();
    bool any = false;
    for (const auto& [removed, name] : out.aliases) {
      // Only names that mean nothing else in the metadata may stand there as such.
      const bool free =
          removed != "format" && !removed.starts_with("brine.") && !keys.contains(removed);
      if (options_.aliases == Aliases::drop && free) {
        out.metadata.emplace_back(removed, name);
        continue;
      }
      any = true;
      writer.begin_array();
      writer.string(removed);
      writer.string(name);
      writer.end_array();
    }
    writer.end_array();
    if (any) out.metadata.emplace_back("brine.aliases", std::move(json));
  }

  // {"name": {"storage", "offset", "shape", "stride", "dtype"[, "conj"][, "neg"]}} of every name
  // that shares its storage with another one or does not lie row by row: from it a reader builds
  // each storage again and every tensor as a view of it.
  static std::string views_of(const std::vector<Entry>& entries) {
    std::map<std::uint32_t, std::size_t> users;
    for (const Entry& entry : entries) ++users[entry.view.storage];
    std::string out;
    JsonWriter json(out);
    bool any = false;
    json.begin_object();
    for (const Entry& entry : entries) {
      const TensorView& view = entry.view;
      if (entry.end == 0 || (users[view.storage] == 1 && view.contiguous())) continue;
      any = true;
      std::string quoted;
      append_json_string(quoted, entry.name);
      json.key(std::string_view(quoted).substr(1, quoted.size() - 2));
      json.begin_object();
      json.field("storage", std::uint64_t{view.storage});
      json.field("dtype", view.dtype->name);
      json.field("offset", view.offset);
      const auto numbers = [&](std::string_view key, std::span<const std::uint64_t> values) {
        json.key(key);
        json.begin_array();
        for (const std::uint64_t value : values) json.number(value);
        json.end_array();
      };
      numbers("shape", view.shape);
      numbers("stride", view.stride);
      for (const auto& [key, on] : {std::pair("conj", view.conj), std::pair("neg", view.neg)}) {
        if (!on) continue;
        json.key(key);
        json.boolean(true);
      }
      json.end_object();
    }
    json.end_object();
    return any ? out : std::string();
  }

  static void refuse(Conversion& out, std::string why) {
    out.outcome = Outcome::refused;
    out.reason = std::move(why);
  }

  void decide(const Reading& reading, Conversion& out, std::uint64_t file_size) const {
    const Captured& captured = *reading.captured;
    const Contents& contents = captured.contents;
    const bool rewrite = options_.contents.rewrite;
    // Plain pickles keep arrays that no tensor can hold; torch's views cost no bytes.
    const bool plain = rewrite && out.rewritten.dialect == Dialect::plain;
    const bool torch = rewrite && out.rewritten.dialect == Dialect::torch;
    if (contents.root_missing) return refuse(out, "nothing stands under the key of --root");
    if (contents.over_budget || captured.end.kind == pickle::EndKind::budget) {
      return refuse(out,
                    "a limit was reached: " + (contents.limit.empty()
                                                   ? "the file holds more values than are followed"
                                                   : contents.limit));
    }
    if (!reading.problem.empty()) return refuse(out, reading.problem);
    const auto is_reserved = [](const Entry& entry) { return entry.name == kMetadataKey; };
    if (!rewrite && std::ranges::any_of(out.entries, is_reserved)) {
      return refuse(out, "a tensor is called __metadata__, which safetensors keeps for itself");
    }
    if (!contents.refused.empty() && !plain) {
      const Refusal& first = contents.refused.front();
      std::string why = first.name + ": " + first.why;
      if (contents.refused.size() > 1) {
        why += " (and " + std::to_string(contents.refused.size() - 1) + " more)";
      }
      return refuse(out, std::move(why));
    }
    // disarm keeps plain values as well; of a broken file only tensors are known to be whole.
    const bool values = rewrite && captured.end.kind == pickle::EndKind::stop && !reading.lost;
    // A layer without weights has an empty state_dict.
    const bool nothing = captured.loader.starts_with("torch.") && out.missing.empty() &&
                         captured.end.kind == pickle::EndKind::stop && !reading.lost &&
                         contents.container && reading.report.verdict == Verdict::clean;
    if (out.entries.empty() && !nothing && !(values && out.missing.empty())) {
      return refuse(out, !out.missing.empty() ? "no tensor is whole: the file is cut off"
                         : out.left_out.empty()
                             ? "there are no tensors in it"
                             : "its tensors are in no state_dict: " + out.left_out.front());
    }
    std::uint64_t total = 0;
    for (const Entry& entry : out.entries) {
      if (__builtin_add_overflow(total, entry.end - entry.begin, &total)) total = ~std::uint64_t{0};
    }
    if (!torch && total > most_output(file_size)) {
      return refuse(out, "the tensors would be more than 16 times the file's size and 64 MB");
    }
    if (!reading.unread.empty()) {
      out.outcome = Outcome::partial;
      out.reason = reading.unread;
      return;
    }
    if (captured.end.kind != pickle::EndKind::stop || reading.lost || !out.missing.empty()) {
      out.outcome = Outcome::partial;
      out.reason = captured.end.kind == pickle::EndKind::stop
                       ? "the file is cut off"
                       : "the pickle breaks at byte " + std::to_string(captured.end.offset) + ": " +
                             captured.end.error;
      if (captured.end.kind == pickle::EndKind::stop && !reading.lost) {
        out.reason =
            "the bytes of " + std::to_string(out.missing.size()) + " tensors are not there";
      }
      return;
    }
    if (reading.report.verdict != Verdict::clean && !reading.only_code) {
      out.outcome = Outcome::disarmed;
      out.reason = reading.report.findings.empty()
                       ? std::string(brine::to_string(reading.report.verdict))
                       : first_reason(reading.report);
      return;
    }
    std::string doubt = doubt_of(captured, out.storages);
    if (doubt.empty()) doubt = location_doubt(out.storages);
    if (!doubt.empty()) {
      out.outcome = Outcome::disarmed;
      out.reason = std::move(doubt);
      return;
    }
    if (!contents.opaque.empty()) {
      out.outcome = Outcome::disarmed;
      out.reason = contents.opaque.front() +
                   ": taken as it is stored; the class or function around it may show it otherwise";
      return;
    }
    if (contents.ambiguous) {
      out.outcome = Outcome::disarmed;
      out.reason = "only its own loader can tell what some of its values are";
      return;
    }
    out.outcome = Outcome::exact;
  }

  // Why the loader may give something else, although all that is needed is there; or empty.
  static std::string doubt_of(const Captured& captured, const std::vector<Storage>& storages) {
    if (!captured.doubt.empty() || !captured.legacy) return captured.doubt;
    if (captured.contents.nested) {
      return "torch.load makes nested tensors of this format before it has read their sizes";
    }
    const bool untyped = std::ranges::any_of(storages, [](const Storage& storage) {
      return !storage.key.empty() && storage.dtype == nullptr;
    });
    return untyped ? "torch.load itself refuses an untyped storage in its legacy format" : "";
  }
  static std::string location_doubt(const std::vector<Storage>& storages) {
    const auto strange = std::ranges::find_if(storages, [](const Storage& storage) {
      return !tensor::is_known_location(storage.location.text()) ||
             storage.location.text().starts_with("meta");
    });
    if (strange == storages.end()) return {};
    return strange->location.text().starts_with("meta")
               ? "torch.load gives tensors without elements for the device meta"
               : "torch.load knows no device " + std::string(strange->location.text());
  }

  static std::string first_reason(const FileReport& report) {
    const auto worst = std::ranges::max_element(report.findings, {}, &Finding::verdict);
    return worst->title;
  }

  const ConvertOptions& options_;
  scan::ScanOptions scan_;
};

}  // namespace

std::string_view to_string(Outcome outcome) {
  switch (outcome) {
    case Outcome::exact: return "EXACT";
    case Outcome::disarmed: return "DISARMED";
    case Outcome::partial: return "PARTIAL";
    case Outcome::refused: return "REFUSED";
  }
  return "REFUSED";
}

Conversion convert_source(const std::string& path, const SourcePtr& source,
                          const ConvertOptions& options) {
  return Converter(options).run(path, source);
}

SourcedConversion convert_checkpoint(const std::string& path, const SourcePtr& index,
                                     const ConvertOptions& options) {
  return Converter(options).run_checkpoint(path, index);
}

}  // namespace brine::convert
