#include "format/shelve/shelf.h"

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "format/codes.h"
#include "format/profiles.h"
#include "format/shelve/index.h"
#include "format/words.h"
#include "pickle/decoder.h"
#include "pickle/opcode.h"

namespace brine::format::shelve {

namespace {

constexpr std::string_view kData = ".dat", kIndex = ".dir", kBackup = ".bak";
constexpr std::uint64_t kBlock = 512;
constexpr std::uint8_t kNewestProtocol = 5;
// What the records of an honest shelf take together is no more than its file has.
constexpr std::uint64_t kMostOverlap = 4;

void tell(Sink& sink, std::string title, Verdict verdict, Severity severity,
          std::optional<std::uint64_t> offset = std::nullopt) {
  Finding finding;
  finding.code = code::kShelf;
  finding.title = std::move(title);
  finding.verdict = verdict;
  finding.severity = severity;
  finding.offset = offset;
  finding.advice = "shelve unpickles whatever the index points to";
  sink.finding(std::move(finding));
}

void tell_unread(Sink& sink, std::string title) {
  tell(sink, std::move(title), Verdict::incomplete, Severity::medium);
}

// The index as text; nothing when it is too large or cannot be read.
std::optional<std::string> text_of(ByteSource& source, const Limits& limits) {
  if (source.size() > limits.header_bytes) return std::nullopt;
  auto bytes = source.read_vector(0, source.size());
  if (!bytes) return std::nullopt;
  return std::string(as_text(*bytes));
}

// Compilers of Python refuse a NUL, so that an index of another kind of database is none.
bool may_be_index(std::string_view text) {
  return !text.empty() && text.substr(0, text.find('\n')).find('\0') == std::string_view::npos;
}

// NULs up to the next block, which dbm.dumb writes.
bool is_padding(ByteSource& source, std::uint64_t start, std::uint64_t end) {
  std::vector<std::uint8_t> chunk;
  while (start < end) {
    constexpr std::uint64_t kChunk = 64u << 10;
    chunk.resize(static_cast<std::size_t>(std::min(kChunk, end - start)));
    if (!source.read(start, chunk)) return false;
    if (std::ranges::any_of(chunk, [](std::uint8_t byte) { return byte != 0; })) return false;
    start += chunk.size();
  }
  return true;
}

// Where the pickle that begins at `start` has its STOP; nothing when it has none before `end`.
std::optional<std::uint64_t> behind_stop(const SourcePtr& data, std::uint64_t start,
                                         std::uint64_t end) {
  SliceSource part(data, start, end - start);
  pickle::Decoder decoder(part);
  while (true) {
    const auto in = decoder.next();
    if (!in) return std::nullopt;
    if (in->opcode->code == pickle::op::STOP) return start + in->end;
  }
}

bool has_proto(ByteSource& data, std::uint64_t at, std::uint64_t end) {
  std::array<std::uint8_t, 2> head{};
  return end - at >= head.size() && data.read(at, head) && head[0] == pickle::op::PROTO &&
         head[1] <= kNewestProtocol;
}

Stream stream_of(const SourcePtr& data, std::uint64_t start, std::uint64_t count,
                 std::string name) {
  Stream stream;
  stream.source = std::make_shared<SliceSource>(data, start, count);
  stream.member = {std::move(name)};
  stream.file_base = start;
  stream.loaders = shelve_loaders();
  return stream;
}

// What no record takes. dbm.dumb writes a value over a longer one, or behind all others when it
// grew, and forgets what stood there: pickles at the beginnings of blocks, and the ends of values
// that were written over.
void read_unused(const SourcePtr& data, std::uint64_t start, std::uint64_t end, Sink& sink) {
  if (start >= end) return;
  sink.leftover(start, end);
  for (std::uint64_t at = start; at < end;) {
    const std::uint64_t block = std::min(at - at % kBlock + kBlock, end);
    if (is_padding(*data, at, block)) sink.data(at, block);
    if (at % kBlock != 0 || !has_proto(*data, at, end)) {
      at = block;
      continue;
    }
    const std::optional<std::uint64_t> behind = behind_stop(data, at, end);
    if (!behind) return;
    Stream stream = stream_of(data, at, *behind - at, "unused block at " + std::to_string(at));
    stream.certainty = Certainty::guessed;
    sink.stream(std::move(stream));
    at = *behind;
  }
}

void read_records(const SourcePtr& data, std::vector<Record> records, Sink& sink) {
  std::ranges::stable_sort(records, {}, &Record::position);
  const std::uint64_t size = data->size();
  std::uint64_t covered = 0, together = 0;
  bool overlap_told = false;
  for (const Record& record : records) {
    const std::uint64_t start = std::min(record.position, size);
    const std::uint64_t count = std::min(record.size, size - start);
    const std::string name = "record '" + record.key + "'";
    if (start < covered && count > 0 && !overlap_told) {
      overlap_told = true;
      tell(sink, "the index points twice to the same bytes", Verdict::suspicious, Severity::medium,
           start);
    }
    together += count;
    if (together / kMostOverlap > size) {
      tell_unread(sink, "the index points to the same bytes over and over: not read to its end");
      return;
    }
    read_unused(data, covered, start, sink);
    covered = std::max(covered, start + count);
    sink.stream(stream_of(data, start, count, name));
  }
  read_unused(data, covered, size, sink);
}

}  // namespace

bool data_accepts(Probe& probe) { return probe.lower().ends_with(kData) && probe.size() > 0; }

void read_data(Probe& probe, std::span<const std::string_view>, Sink& sink) {
  const std::string base = probe.name().substr(0, probe.name().size() - kData.size());
  const SourcePtr index = sink.companion(base + std::string(kIndex));
  if (index == nullptr || index->size() == 0) return;
  const std::optional<std::string> text = text_of(*index, sink.limits());
  if (text && !may_be_index(*text)) return;
  auto records = text ? parse_index(*text, sink.limits().members) : std::nullopt;
  if (!records) {
    return tell_unread(sink, "the index beside this file, " + base + std::string(kIndex) +
                                 ", is not as dbm.dumb writes it: its records are not known");
  }
  sink.describe("shelf, " + counted(records->size(), "record"));
  read_records(probe.source(), std::move(*records), sink);
}

bool index_accepts(Probe& probe) {
  if (!probe.lower().ends_with(kIndex) && !probe.lower().ends_with(kBackup)) return false;
  const std::string_view head = as_text(probe.head());
  return (head.starts_with('\'') || head.starts_with('"')) && may_be_index(head);
}

void read_index(Probe& probe, std::span<const std::string_view>, Sink& sink) {
  const std::optional<std::string> text = text_of(*probe.source(), sink.limits());
  const auto records = text ? parse_index(*text, sink.limits().members) : std::nullopt;
  if (!records) {
    return tell_unread(sink, "the index of a shelf, not as dbm.dumb writes it");
  }
  sink.describe("index of a shelf, " + counted(records->size(), "record"));
  sink.interpreted(0, probe.size());
  View view;
  view.loader = loader::kShelve;
  view.end = "stop";
  view.end_offset = probe.size();
  sink.view(std::move(view));
}

}  // namespace brine::format::shelve
