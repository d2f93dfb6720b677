#include "format/dcp/checkpoint.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "format/codes.h"
#include "format/dcp/metadata.h"
#include "format/dcp/slices.h"
#include "format/pickle/bare.h"
#include "format/profiles.h"
#include "format/words.h"

namespace brine::format::dcp {

namespace {

// What the slices of an honest index take together is no more than the file has.
constexpr std::uint64_t kMostOverlap = 4;

void tell(Sink& sink, std::string title, Verdict verdict,
          std::optional<std::uint64_t> offset = std::nullopt,
          std::optional<std::string> path = std::nullopt) {
  Finding finding;
  finding.code = code::kDistributed;
  finding.title = std::move(title);
  finding.verdict = verdict;
  finding.severity = Severity::medium;
  finding.offset = offset;
  if (path) finding.evidence.push_back({"path", std::move(*path)});
  finding.advice = "save the checkpoint again, or ask for the weights as safetensors";
  sink.finding(std::move(finding));
}

// The index beside the file: of all ranks, or of the one that wrote the file.
std::optional<Index> index_beside(const Probe& probe, const Sink& sink) {
  std::vector<std::string> names{std::string(kMetadata)};
  if (const auto rank = rank_of(probe.name())) {
    names.push_back("__" + *rank + std::string(kMetadata));
  }
  std::optional<Index> out;
  for (const std::string& name : names) {
    const SourcePtr source = sink.companion(name);
    if (source == nullptr) continue;
    Index index = read_index(*source, sink.limits());
    if (!out) out = Index{{}, false, true};
    out->known = out->known && index.known;
    out->checkpoint = out->checkpoint || index.checkpoint;
    std::ranges::copy_if(index.slices, std::back_inserter(out->slices),
                         [&](const StorageInfo& slice) { return slice.path == probe.name(); });
  }
  return out;
}

void hand_out(Probe& probe, const Slice& slice, Sink& sink) {
  sink.member(
      [source = probe.source(), slice]() -> Result<Content> {
        return Content{std::make_shared<SliceSource>(source, slice.start, slice.end - slice.start),
                       {}};
      },
      "slice at byte " + std::to_string(slice.start) + std::string(kSlices), slice.start);
}

// Slices that the index names and the file does not show, and the other way round.
void compare(Probe& probe, const Index& index, const Split& own, Sink& sink) {
  std::set<Slice> named;
  for (const StorageInfo& slice : index.slices) {
    const std::uint64_t start = std::min(slice.offset, probe.size());
    named.insert({start, start + std::min(slice.length, probe.size() - start)});
    if (slice.transformed) {
      tell(sink, "an extension of DCP's unpacks the slices: not analysed yet", Verdict::incomplete,
           start);
    }
  }
  if (named.empty()) return;  // the loader does not read this file
  std::uint64_t together = 0;
  for (const Slice& slice : named) {
    if (std::ranges::binary_search(own.slices, slice)) continue;
    tell(sink, "the .metadata names a slice that is no archive of its own", Verdict::suspicious,
         slice.start);
    together += slice.end - slice.start;
    if (together / kMostOverlap > probe.size()) {
      tell(sink, "the .metadata names the same bytes over and over: not read to the end",
           Verdict::incomplete);
      return;
    }
    hand_out(probe, slice, sink);
  }
  for (const Slice& slice : own.slices) {
    if (named.contains(slice)) continue;
    tell(sink, "an archive in the file that the .metadata does not name", Verdict::suspicious,
         slice.start);
  }
}

}  // namespace

bool slices_accept(Probe& probe) { return probe.lower().ends_with(kSlices) && probe.size() > 0; }

void read_slices(Probe& probe, std::span<const std::string_view>, Sink& sink) {
  const Split own = split(*probe.source(), sink.limits());
  // One archive is the file itself, which torch.load reads as any other.
  if (own.slices.size() > 1 || !own.whole) {
    for (const Slice& slice : own.slices) {
      sink.interpreted(slice.start, slice.end);
      hand_out(probe, slice, sink);
    }
  }
  if (own.whole && own.slices.size() > 1) {
    sink.describe("distributed checkpoint, " + counted(own.slices.size(), "slice"));
  }
  const std::optional<Index> index = index_beside(probe, sink);
  if (!index) return;
  if (!index->known) {
    tell(sink, "the .metadata beside this file is not as DCP writes it: its slices are not known",
         Verdict::incomplete);
  }
  compare(probe, *index, own, sink);
}

bool metadata_accepts(Probe& probe) { return probe.lower().ends_with(kMetadata); }

void read_metadata(Probe& probe, std::span<const std::string_view>, Sink& sink) {
  const Index index = read_index(*probe.source(), sink.limits());
  const std::optional<std::string> own = rank_of_index(probe.name());
  // DCP asks whatever it finds under an index's name for its parts.
  if (own) sink.stream(bare_pickle::stream_of(probe, {dcp_loader()}));
  if (!index.checkpoint) return;
  if (!index.known) {
    tell(sink, "the index of a distributed checkpoint, not as DCP writes it", Verdict::incomplete);
  }
  // The slices are compared where their file is read, with the index beside it.
  if (sink.companion(probe.name()) == nullptr) {
    tell(sink, "the files of this index are not at hand, or lie in an archive",
         Verdict::incomplete);
  }
  std::set<std::string_view> told;
  for (const StorageInfo& slice : index.slices) {
    const std::optional<std::string> rank = rank_of(slice.path);
    const bool expected = own && rank && (own->empty() || *own == *rank);
    if (expected || !told.insert(slice.path).second) continue;
    tell(sink, "the index names a file that DCP would not write", Verdict::suspicious, std::nullopt,
         slice.path);
  }
}

}  // namespace brine::format::dcp
