#include "scan/weights_only.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "format/names.h"
#include "format/profiles.h"
#include "pickle/machine.h"
#include "pickle/opcode.h"
#include "scan/torch_calls.h"

namespace brine::scan {
namespace {

using pickle::EndKind;
using pickle::kTorchReleases;
using pickle::Machine;
using pickle::Releases;
using pickle::RunResult;

constexpr std::size_t kObject = 3;  // of the five pickles of torch's first format
constexpr std::size_t kPickles = 5;

// Puts the answers together as the loader's steps come.
class Answers {
 public:
  explicit Answers(WeightsOnlyReading& out) : out_(out) {
    for (std::size_t i = 0; i < kTorchReleases.size(); ++i) {
      out_.releases[i].release = std::string(to_string(kTorchReleases[i]));
      out_.releases[i].accepts = true;
    }
  }

  // Releases that are not refused yet.
  Releases open() const {
    Releases open = 0;
    for (std::size_t i = 0; i < kTorchReleases.size(); ++i) {
      if (out_.releases[i].accepts != false) open |= set_of(kTorchReleases[i]);
    }
    return open;
  }
  // Releases of which nothing is left open so far.
  Releases sure() const {
    Releases sure = 0;
    for (std::size_t i = 0; i < kTorchReleases.size(); ++i) {
      if (out_.releases[i].accepts == true) sure |= set_of(kTorchReleases[i]);
    }
    return sure;
  }
  void refuse(Releases by, const std::string& why, std::optional<std::uint64_t> offset = {},
              std::uint8_t opcode = 0) {
    each(by, [&](WeightsOnly& row) {
      if (row.accepts != false) set(row, false, why, offset, opcode);
    });
  }
  void doubt(Releases by, const std::string& why, std::optional<std::uint64_t> offset = {},
             std::uint8_t opcode = 0) {
    each(by, [&](WeightsOnly& row) {
      if (row.accepts == true) set(row, std::nullopt, why, offset, opcode);
    });
  }
  void remark(const std::string& what) {
    each(pickle::kAllReleases, [&](WeightsOnly& row) {
      if (row.accepts == true) row.reason = what;
    });
  }

 private:
  template <class F>
  void each(Releases by, F&& act) {
    for (std::size_t i = 0; i < kTorchReleases.size(); ++i) {
      if ((by & set_of(kTorchReleases[i])) != 0) act(out_.releases[i]);
    }
  }
  static void set(WeightsOnly& row, std::optional<bool> accepts, const std::string& why,
                  std::optional<std::uint64_t> offset, std::uint8_t code) {
    row.accepts = accepts;
    row.reason = why;
    row.offset = offset;
    const pickle::Opcode* opcode = offset ? pickle::find_opcode(code) : nullptr;
    row.opcode = opcode == nullptr ? std::string() : std::string(opcode->name);
  }

  WeightsOnlyReading& out_;
};

// One pickle under the restricted unpickler. Whether some release reads it to its end.
bool run_restricted(const format::Stream& stream, std::uint64_t start, pickle::Profile profile,
                    const Limits& limits, TorchCalls::FindStorage records, Answers& answers) {
  profile.releases = answers.open();
  if (profile.releases == 0) return false;
  TorchCalls calls(std::move(records));
  Machine machine(*stream.source, profile, calls, calls, limits,
                  {.collapse = true, .start = start});
  const RunResult result = machine.run();
  for (const pickle::TorchRelease release : kTorchReleases) {
    const auto refusal = std::ranges::find(result.refusals, release, &pickle::Refusal::release);
    const auto& failure = calls.failure(release);
    const bool refused = refusal != result.refusals.end();
    if (failure && (!refused || failure->offset < refusal->offset)) {
      answers.refuse(set_of(release), failure->why, failure->offset, failure->opcode);
    } else if (refused) {
      answers.refuse(set_of(release), refusal->why, refusal->offset, refusal->opcode);
    }
    if (const auto& doubt = calls.doubt(release)) {
      answers.doubt(set_of(release), doubt->why, doubt->offset, doubt->opcode);
    }
  }
  const pickle::End& end = result.end;
  if (end.kind == EndKind::broken) {
    answers.refuse(answers.open(), end.error, end.offset, end.opcode);
  } else if (end.kind == EndKind::budget || end.kind == EndKind::paused) {
    answers.doubt(answers.open(), "a limit was reached: " + end.error, end.offset, end.opcode);
  }
  if (!calls.devices().empty()) {
    answers.remark("where there is no " + *calls.devices().begin() +
                   ", with map_location='cpu' only");
  }
  return end.kind == EndKind::stop;
}

// torch's first format, or a bare pickle, which torch.load takes for the first part of one.
void read_stack(const format::Stream& stream, const StreamReading& reading,
                const pickle::Profile& profile, const Limits& limits, WeightsOnlyReading& out,
                Answers& answers) {
  const auto plain = std::ranges::find_if(reading.views, [](const ViewRun& view) {
    return view.use->loader == format::loader::kTorch;
  });
  if (plain == reading.views.end() || plain->pickles.empty() || plain->sure == 0) {
    return answers.doubt(pickle::kAllReleases, "how torch.load reads it is not known");
  }
  using Answer = PickleRun::Answer;
  const Answer magic = plain->pickles.front()->magic;
  out.torch_format = magic == Answer::yes;
  std::size_t read = 0;
  for (; read < std::min(plain->sure, kPickles); ++read) {
    pickle::Profile own = format::legacy_profile(profile, static_cast<int>(read));
    if (read != kObject) own.persistent = pickle::PersistentLoad::none;
    if (!run_restricted(stream, plain->pickles[read]->start, own, limits, nullptr, answers)) return;
  }
  const pickle::End& end = plain->end;
  const bool stopped = plain->pickles[read - 1]->result.end.kind == EndKind::stop;
  if (!stopped) {
    // A protocol that torch only warns of: what follows was read by nobody here.
    return answers.doubt(answers.open(), "only Python's own unpickler refuses it: " + end.error);
  }
  if (read == 1 && magic == Answer::no) {
    return answers.refuse(answers.open(), "Invalid magic number; corrupt file?");
  }
  if (read == kPickles && end.kind == EndKind::stop && plain->pickles.back()->keys) return;
  if (read == kPickles && (end.kind == EndKind::refused || end.kind == EndKind::broken)) {
    // A tensor may have made its storage grow: then it has another size than its id says.
    return answers.refuse(answers.sure(), end.error, end.offset);
  }
  answers.doubt(answers.open(), end.error.empty() ? "not as torch writes it" : end.error);
}

}  // namespace

std::optional<WeightsOnlyReading> read_weights_only(const format::Stream& stream,
                                                    const StreamReading& reading,
                                                    const Limits& limits) {
  const auto use = std::ranges::find(stream.loaders, format::loader::kTorchWeightsOnly,
                                     &format::LoaderUse::loader);
  if (use == stream.loaders.end()) return std::nullopt;
  WeightsOnlyReading out;
  Answers answers(out);
  if (use->after == format::After::torch_stack) {
    read_stack(stream, reading, use->profile, limits, out, answers);
    return out;
  }
  out.torch_format = true;
  if (!stream.problem.empty()) {
    answers.refuse(pickle::kAllReleases, "data.pkl cannot be read: " + stream.problem);
  }
  run_restricted(stream, stream.start, use->profile, limits, stream.storage, answers);
  return out;
}

std::vector<WeightsOnly> weights_only_of(const std::string& path,
                                         const std::optional<format::TorchArchive>& archive,
                                         const std::vector<WeightsOnlyReading>& streams) {
  const std::string name = format::ascii_lower(path.substr(path.rfind('/') + 1));
  const format::NameRow* promise = format::find_name(name);
  const bool named = promise != nullptr && promise->expected == format::loader::kTorch;
  const bool torch_format = std::ranges::any_of(
      streams, [](const WeightsOnlyReading& stream) { return stream.torch_format; });
  if (!archive && !torch_format && !(named && !streams.empty())) return {};
  WeightsOnlyReading out;
  Answers answers(out);
  if (path.ends_with(".safetensors")) {
    answers.refuse(pickle::k2_13, "torch.load gives files of this name to safetensors");
  }
  if (archive) {
    answers.refuse(archive->refuses, archive->refusal);
    answers.doubt(archive->unsure, archive->doubt);
  }
  for (const WeightsOnlyReading& stream : streams) {
    for (std::size_t i = 0; i < kTorchReleases.size(); ++i) {
      WeightsOnly& row = out.releases[i];
      const WeightsOnly& one = stream.releases[i];
      if (row.accepts == false || (row.accepts != true && one.accepts != false)) continue;
      if (one.accepts != true || row.reason.empty()) row = one;
    }
  }
  if (streams.size() > 1) answers.doubt(pickle::kAllReleases, "several streams may be the model's");
  if (streams.empty()) answers.doubt(pickle::kAllReleases, "the pickle was not read");
  return {out.releases.begin(), out.releases.end()};
}

}  // namespace brine::scan
