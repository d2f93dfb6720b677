// What a stream's readings mean for its file: effects, storages, ends, disagreement.
//
// A loader that breaks or refuses does so after everything before has run, so an end never takes a
// finding back. A break makes the file incomplete unless it is known exactly why another way of
// reading goes on: a Python 2 text that only another encoding decodes, joblib's arrays in the
// stream.

#include <algorithm>
#include <set>
#include <utility>

#include "format/profiles.h"
#include "format/words.h"
#include "scan/codes.h"
#include "scan/file_scan.h"
#include "scan/joblib_parts.h"
#include "scan/trial.h"

namespace brine::scan {

namespace {

using pickle::EndKind;
using pickle::Unpickler;

constexpr std::string_view kJoblibPause = "joblib array";

constexpr std::uint64_t kHoldStream = 1u << 20;

bool is_limit(std::string_view text) {
  return std::ranges::any_of(limit_names(), [&](const LimitName& row) { return row.name == text; });
}

const PickleRun* first_of(const ViewRun& view) {
  return view.pickles.empty() ? nullptr : view.pickles.front().get();
}

bool from_cpython(const ViewRun& view) {
  const Unpickler unpickler = view.use->profile.unpickler;
  return unpickler == Unpickler::c || unpickler == Unpickler::py;
}

// Whether the run depended on its encoding, and a loader with another one reads to the end.
bool other_encoding_goes_on(const ViewRun& view, const StreamReading& reading) {
  const PickleRun* run = first_of(view);
  if (run == nullptr || (run->result.divergence & pickle::kDivergesByEncoding) == 0) return false;
  return std::ranges::any_of(reading.views, [&](const ViewRun& other) {
    const PickleRun* first = first_of(other);
    return other.use->profile.encoding != view.use->profile.encoding && from_cpython(other) &&
           first != nullptr && first->result.end.kind == EndKind::stop &&
           (other.end.kind == EndKind::stop || other.end.kind == EndKind::refused);
  });
}

// TorchScript keeps the inputs that a module was traced with, and torch itself writes their records
// without bytes (export_module.cpp, skip_tensor_data). torch.jit.load reads this pickle only when
// it is asked to restore shapes.
bool is_left_empty(const format::Stream& stream, const format::StorageRecord& record) {
  return record.size == 0 && !stream.member.empty() &&
         stream.member.back().ends_with("/traced_inputs.pkl");
}

// Whether every loader raises at the first opcode behind PROTO, where nothing has happened yet.
bool breaks_at_once(const format::Stream& stream, const StreamReading& reading) {
  constexpr std::uint64_t kProto = 2;  // the opcode and its number
  return !reading.too_many && std::ranges::all_of(reading.views, [&](const ViewRun& view) {
    const bool raises = view.end.kind == EndKind::broken || view.end.kind == EndKind::refused;
    return raises && view.end.offset <= stream.start + kProto &&
           std::ranges::all_of(view.pickles, [](const auto& run) {
             return run->findings.empty() && run->worst == Verdict::clean;
           });
  });
}

}  // namespace

// Streams are read by several loaders; a small one is fetched once for all of them.
format::Stream FileScan::held(const format::Stream& stream) {
  format::Stream out = stream;
  const std::uint64_t size = stream.source->size();
  if (size > kHoldStream || !stream.source->in_memory().empty()) return out;
  if (auto bytes = stream.source->read_vector(0, size)) {
    out.source = std::make_shared<MemorySource>(std::move(*bytes));
  }
  return out;
}

bool FileScan::run_stream(Context& context, const format::Stream& given,
                          std::optional<std::uint64_t> start_in_item) {
  const bool own = given.source == context.item.source;
  format::Stream stream = held(given);
  if (context.item.opens_formats) format::want_as(stream.loaders, context.item.forced);
  if (stream.certainty == format::Certainty::guessed &&
      !try_pickle(*stream.source, stream.start, budget_.limits).pickle) {
    return false;
  }
  const StreamReading reading = read_stream(stream, options_, &budget_);
  if (stream.certainty == format::Certainty::named) {
    const bool counts = std::ranges::any_of(reading.views, [](const ViewRun& view) {
      const PickleRun* run = first_of(view);
      return run != nullptr &&
             (run->result.end.kind == EndKind::stop || run->result.end.kind == EndKind::budget ||
              run->result.imports_identifier || run->result.uses_ext ||
              run->worst != Verdict::clean);
    });
    if (!counts) return false;
  }
  // Of a format that executes nothing, whose first bytes happen to be PROTO: the low bytes of a
  // safetensors header's length.
  if (own && !context.executes && !context.families.empty() && breaks_at_once(stream, reading)) {
    return false;
  }
  const bool asked = options_.observer == nullptr || options_.observed_weights_only;
  if (context.item.member.empty() && !stream.nested && asked) {
    if (auto weights = read_weights_only(stream, reading, budget_.limits)) {
      context.weights_only.push_back(std::move(*weights));
    }
  }
  if (own) {
    // Behind a header of its own the pickle is part of that format.
    if (stream.start == 0) context.families.insert("pickle");
    context.executes = true;
  }
  std::uint64_t reached = stream.start;
  bool whole = true;
  const std::optional<std::uint64_t> parts = joblib_parts(reading);
  for (const ViewRun& view : reading.views) {
    report_.views.push_back({view.use->loader, stream.member, std::string(to_string(view.end.kind)),
                             view.end.offset, view.end.error});
    for (std::size_t i = 0; i < view.pickles.size(); ++i) {
      const auto& run = view.pickles[i];
      if (!view.same_as) {
        const auto missing = parts && i == 0 ? missing_module(view, *run, *parts) : std::nullopt;
        take_run(context, stream, *run, view.use->loader, missing ? &*missing : nullptr);
        take_nested(stream, context.item.depth, *run);
      }
      if (i >= view.sure) continue;
      const std::uint64_t end =
          std::min(run->result.end.kind == EndKind::stop ? run->behind : run->result.end.offset,
                   stream.source->size());
      reached = std::max(reached, end);
      if (start_in_item) cover(context, *start_in_item, *run, end);
      context.protocol = std::max(context.protocol, run->result.protocol);
    }
    if (start_in_item && view.end.kind == EndKind::stop) {
      for (const auto& [from, to] : view.headers) {
        context.coverage.interpreted(*start_in_item + from, *start_in_item + to);
        reached = std::max(reached, to);
      }
      for (const auto& [from, to] : view.data) {
        context.coverage.data(*start_in_item + from, *start_in_item + to);
        reached = std::max(reached, to);
      }
    }
    const bool parted = parts && view.end.kind == EndKind::broken && view.end.offset >= *parts;
    whole =
        whole && (view.end.kind != EndKind::broken || parted) && view.end.kind != EndKind::budget;
  }
  if (!own) look_as_file(context, stream, reading);
  describe_stream(context, stream, own, reading);
  judge_ends(context, stream, reading);
  judge_disagreement(stream, reading);
  if (!own && reached < stream.source->size()) {
    // What is left in a member is judged here: the item sees the whole member.
    const std::uint64_t size = stream.source->size();
    const Ranges left =
        follow_up(context, stream.source, stream.member, stream.file_base, reached, size);
    if (whole) report_unexplained(stream.source, stream.member, stream.file_base, left);
    if (start_in_item) {
      context.handled.emplace_back(*start_in_item + reached, *start_in_item + size);
    }
  }
  return true;
}

// A member that its archive's loader unpickles may be more to others, once it is unpacked: an
// archive, compressed, or joblib's.
void FileScan::look_as_file(const Context& context, const format::Stream& stream,
                            const StreamReading& reading) {
  const bool joblib = std::ranges::any_of(reading.views, [](const ViewRun& view) {
    return std::ranges::any_of(view.pickles, [](const auto& run) {
      return (run->result.divergence & pickle::kDivergesByJoblib) != 0;
    });
  });
  format::Probe probe(stream.member.back(), stream.source);
  const auto others = format::readings(probe);
  if (!joblib && std::ranges::all_of(others, [](const format::Reading& other) {
        return other.family == "pickle" || other.family == "recognized";
      })) {
    return;
  }
  push_as_file(context, stream);
}

void FileScan::push_as_file(const Context& context, const format::Stream& stream) {
  Item item;
  item.source = stream.source;
  item.name = stream.member.back();
  item.name = item.name.substr(item.name.rfind('/') + 1);
  item.member = stream.member;
  item.base = stream.file_base;
  item.depth = context.item.depth + 1;
  if (context.families.contains("zfile")) stand_in(context, item);
  const std::vector<std::string> where = item.member;
  if (const char* limit = work_.push(std::move(item))) add_limit(limit, where, std::nullopt);
}

// The run's bytes up to `end` are interpreted, but for arrays that the loader only copied.
void FileScan::cover(Context& context, std::uint64_t base, const PickleRun& run,
                     std::uint64_t end) {
  std::uint64_t at = run.start;
  for (const auto& [from, to] : run.arrays) {
    if (from >= end) break;
    context.coverage.interpreted(base + at, base + from);
    context.coverage.data(base + from, base + to);
    at = to;
  }
  if (at < end) context.coverage.interpreted(base + at, base + end);
}

void FileScan::describe_stream(Context& context, const format::Stream& stream, bool own,
                               const StreamReading& reading) {
  for (const ViewRun& view : reading.views) {
    const bool legacy = view.sure > 3;
    if (view.pickles.empty() || (!legacy && stream.storage == nullptr)) continue;
    const PickleRun& object = *view.pickles[legacy ? 3 : 0];
    if (object.tensors <= context.tensors) continue;
    context.tensors = object.tensors;
    std::uint64_t bytes = 0;
    std::set<std::string_view> seen;
    for (const StorageSize& id : object.storages) {
      if (id.countable && seen.insert(id.key).second && bytes <= ~id.bytes) bytes += id.bytes;
    }
    context.tensor_bytes = bytes;
    if (legacy) context.kind = "torch legacy";
  }
  if (context.kind.empty() && own) {
    context.kind = "pickle, protocol " + std::to_string(context.protocol);
  }
}

void FileScan::take_run(Context& context, const format::Stream& stream, const PickleRun& run,
                        const std::string& loader, const MissingModule* missing) {
  for (Finding finding : missing != nullptr ? missing->left : run.findings) {
    finding.member = stream.member;
    finding.loader = loader;
    if (finding.offset && stream.file_base) {
      finding.file_offset = *stream.file_base + *finding.offset;
    }
    add(std::move(finding));
  }
  if (missing == nullptr) {
    findings_.note(run.worst, run.findings_dropped);
  } else {
    Finding finding =
        finding_at(code::kEarlyStop, stream.member, stream.file_base, missing->offset);
    finding.title = "joblib.load reads this file; " + loader +
                    " stops at an array and looks for a module " + missing->module;
    finding.loader = loader;
    add(std::move(finding));
  }
  waived_.insert(run.waived.begin(), run.waived.end());
  if (run.nested_dropped > 0) add_limit("nested_streams", stream.member, std::nullopt);
  check_storages(context, stream, run);
  take_companions(context, stream, run);
}

void FileScan::take_nested(const format::Stream& stream, std::uint64_t depth,
                           const PickleRun& run) {
  for (const NestedPickle& nested : run.nested) {
    std::string name = nested.loader + " at byte " + std::to_string(nested.offset);
    // Several loaders of the outer stream meet the same inner one, and several calls the same
    // bytes.
    std::string identity =
        nested.place ? nested.loader + '\0' + std::to_string(nested.place->first) : name;
    identity += '\0' + std::to_string(nested.size());
    for (const std::string& part : stream.member) identity += '\0' + part;
    if (!nested_seen_.insert(std::move(identity)).second) continue;
    Item item;
    if (nested.place) {
      item.source =
          std::make_shared<SliceSource>(stream.source, nested.place->first, nested.place->second);
    } else {
      const ByteSpan bytes = as_bytes(nested.bytes);
      item.source = std::make_shared<MemorySource>(std::vector(bytes.begin(), bytes.end()));
    }
    item.member = stream.member;
    item.member.push_back(std::move(name));
    item.depth = depth + 1;
    item.forced = format::nested_loaders(nested.loader);
    item.opens_formats = format::opens_formats(nested.loader);
    const std::vector<std::string> where = item.member;
    if (const char* limit = work_.push(std::move(item))) add_limit(limit, where, std::nullopt);
  }
}

void FileScan::check_storages(Context& context, const format::Stream& stream,
                              const PickleRun& run) {
  if (stream.storage == nullptr) return;
  for (const StorageSize& id : run.storages) {
    const std::optional<format::StorageRecord> record = stream.storage(id.key);
    if (record && id.countable && (id.bytes == record->size || is_left_empty(stream, *record))) {
      if (record->agreed) context.coverage.data(record->start, record->start + record->extent);
      continue;
    }
    Finding finding = finding_of(code::kStorageSize);
    finding.member = stream.member;
    finding.evidence.push_back({"value", "storage " + std::string(id.key)});
    if (!record) {
      finding.code = code::kMemberUnread;
      finding.verdict = Verdict::incomplete;
      finding.title = "the record of a storage is missing: torch.load raises here";
      add(std::move(finding));
    } else {
      finding.title = "a storage wants " +
                      (id.countable ? format::counted(id.bytes, "byte") : "too many bytes") +
                      ", its record has " + format::counted(record->size, "byte");
      finding.advice = "torch before 2.10 writes beyond its memory here: do not load it";
      add(std::move(finding));
    }
  }
}

void FileScan::judge_ends(Context& context, const format::Stream& stream,
                          const StreamReading& reading) {
  if (reading.too_many) {
    add(finding_at(code::kTooManyReadings, stream.member, stream.file_base, stream.start));
  }
  std::optional<std::uint64_t> pause;
  for (const ViewRun& view : reading.views) {
    if (view.end.kind == EndKind::refused && view.end.error == kJoblibPause) {
      pause = view.end.offset;
    }
  }
  if (pause) {
    add(finding_at(code::kJoblibArray, stream.member, stream.file_base, *pause));
    context.open_ended = true;
  }
  const std::optional<std::uint64_t> parts = joblib_parts(reading);
  for (const ViewRun& view : reading.views) {
    if (!view.same_as) tell_strain(stream, view);
    const bool restricted = view.use->profile.unpickler == Unpickler::torch_weights_only;
    switch (view.end.kind) {
      case EndKind::stop: break;
      case EndKind::refused:
      case EndKind::paused: break;
      case EndKind::budget:
        context.open_ended = true;
        if (view.end.error == "forks") break;
        if (!options_.stop.stop_requested() && !source_->failed()) {
          add_limit(is_limit(view.end.error) ? view.end.error : "offset: " + view.end.error,
                    stream.member, view.end.offset);
        }
        break;
      case EndKind::broken:
        if (restricted && reading.views.size() > 1) break;
        if (pause && view.end.offset >= *pause) break;
        if (parts && view.end.offset >= *parts) break;
        if (other_encoding_goes_on(view, reading)) {
          Finding finding =
              finding_at(code::kEarlyStop, stream.member, stream.file_base, view.end.offset);
          finding.title = view.use->loader + " stops at a Python 2 text: " + view.end.error;
          finding.loader = view.use->loader;
          add(std::move(finding));
          break;
        }
        context.open_ended = true;
        judge_break(stream, view);
        break;
    }
  }
}

// What was read to its end here may end a loader's process on the way.
void FileScan::tell_strain(const format::Stream& stream, const ViewRun& view) {
  for (const auto& run : view.pickles) {
    if (run->result.strain.empty()) continue;
    Finding finding = finding_at(code::kLimit, stream.member, stream.file_base, run->start);
    finding.title = run->result.strain;
    finding.advice = "honest picklers write nothing like it";
    add(std::move(finding));
    return;
  }
}

void FileScan::judge_break(const format::Stream& stream, const ViewRun& view) {
  Finding finding = finding_at(code::kBroken, stream.member, stream.file_base, view.end.offset);
  finding.title = "the stream breaks: " + view.end.error;
  finding.loader = view.use->loader;
  if (const pickle::Opcode* row = pickle::find_opcode(view.end.opcode)) {
    finding.opcode = row->name;
  }
  const bool harm = std::ranges::any_of(
      view.pickles, [](const auto& run) { return run->worst == Verdict::malicious; });
  finding.severity = harm ? Severity::high : Severity::medium;
  finding.advice = harm ? "the loader raises here, after the calls above have run"
                        : "fetch the file again: what is behind the break was not read";
  add(std::move(finding));
}

// CPython's two unpicklers: one reads on where the other breaks, or they stop at different places.
void FileScan::judge_disagreement(const format::Stream& stream, const StreamReading& reading) {
  const auto torn = std::ranges::find_if(reading.views, [](const ViewRun& view) {
    return first_of(view) != nullptr &&
           (first_of(view)->result.divergence & pickle::kDivergesByFraming) != 0;
  });
  if (torn != reading.views.end()) {
    Finding finding = finding_at(code::kDisagree, stream.member, stream.file_base, stream.start);
    finding.title =
        "frames end inside values: pickle.load and pickle.loads read different programs";
    add(std::move(finding));
  }
  const auto stops = std::ranges::find_if(reading.views, [](const ViewRun& view) {
    return from_cpython(view) && first_of(view) != nullptr &&
           first_of(view)->result.end.kind == EndKind::stop;
  });
  if (stops == reading.views.end()) return;
  const PickleRun* known = first_of(*stops);
  const std::optional<std::uint64_t> parts = joblib_parts(reading);
  const auto differs = std::ranges::find_if(reading.views, [&](const ViewRun& view) {
    const PickleRun* run = first_of(view);
    if (run == nullptr || run == known || !from_cpython(view) ||
        view.use->profile.unpickler == stops->use->profile.unpickler) {
      return false;
    }
    if (parted_by_joblib(*stops, view, parts)) return false;
    if (run->result.end.kind == EndKind::stop) return run->behind != known->behind;
    if (parts && run->result.end.offset >= *parts) return false;
    return run->result.end.kind == EndKind::broken && !other_encoding_goes_on(view, reading);
  });
  if (differs == reading.views.end()) return;
  const PickleRun* other = first_of(*differs);
  Finding finding =
      finding_at(code::kDisagree, stream.member, stream.file_base, other->result.end.offset);
  finding.title = stops->use->loader + " reads this stream to byte " +
                  std::to_string(known->behind) + ", " + differs->use->loader + " to byte " +
                  std::to_string(other->result.end.offset);
  finding.loader = differs->use->loader;
  add(std::move(finding));
}

}  // namespace brine::scan
