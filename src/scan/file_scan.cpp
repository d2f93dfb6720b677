#include "scan/file_scan.h"

#include <algorithm>
#include <utility>

#include "format/compressed/compressed.h"
#include "format/names.h"
#include "format/profiles.h"
#include "format/words.h"
#include "scan/codes.h"
#include "scan/policy.h"
#include "scan/trial.h"
#include "scan/verdict.h"

namespace brine::scan {

namespace {

constexpr std::size_t kHexShown = 32;  // bytes of what is unexplained, as evidence
// Smaller files are read once as a whole: several readers look at all of them anyway.
constexpr std::uint64_t kReadWhole = 64u << 10;
constexpr std::size_t kMostViews = 10'000;  // told of one file: a loop has one for each pickle
constexpr std::uint64_t kSearchFloor = 256u << 10;  // smaller files are searched as if so large

std::string last_component(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return std::string(slash == std::string_view::npos ? path : path.substr(slash + 1));
}

template <class T>
std::vector<T> joined(std::vector<T> head, const std::vector<T>& tail) {
  head.insert(head.end(), tail.begin(), tail.end());
  return head;
}

std::string hex(ByteSpan bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  for (std::uint8_t byte : bytes) {
    if (!out.empty()) out.push_back(' ');
    out.push_back(kDigits[byte >> 4]);
    out.push_back(kDigits[byte & 15]);
  }
  return out;
}

// Whether it begins with something that is no bare pickle.
bool is_format(format::Probe& probe) {
  return std::ranges::any_of(format::readings(probe), [](const format::Reading& reading) {
    return reading.family != "pickle" && reading.family != "recognized";
  });
}

bool within(const std::pair<std::uint64_t, std::uint64_t>& inner,
            const std::vector<std::pair<std::uint64_t, std::uint64_t>>& outer) {
  return std::ranges::any_of(outer, [&](const auto& range) {
    return range.first <= inner.first && inner.second <= range.second;
  });
}

}  // namespace

// Receives what a reader says about one item.
class FileScan::ItemSink final : public format::Sink {
 public:
  ItemSink(FileScan& scan, Context& context, std::string family, bool executes)
      : scan_(scan), context_(context), family_(std::move(family)), executes_(executes) {}

  void stream(format::Stream stream) override {
    const std::optional<std::uint64_t> start_in_item = stream.file_base;
    stream.member = joined(context_.item.member, stream.member);
    stream.file_base = translated(start_in_item);
    context_.streams.emplace_back(std::move(stream), start_in_item);
  }
  void member(format::OpenContent open, std::string name,
              std::optional<std::uint64_t> base) override {
    Item item;
    place(item, name, open);
    item.open = std::move(open);
    item.name = last_component(name);
    item.member = context_.item.member;
    item.member.push_back(std::move(name));
    item.base = translated(base);
    item.depth = context_.item.depth + 1;
    std::vector<std::string> where = item.member;
    if (const char* limit = scan_.work_.push(std::move(item))) {
      scan_.add_limit(limit, where, std::nullopt);
    }
  }
  void interpreted(std::uint64_t start, std::uint64_t end) override {
    taken();
    context_.coverage.interpreted(start, end);
  }
  void data(std::uint64_t start, std::uint64_t end) override { context_.coverage.data(start, end); }
  void leftover(std::uint64_t start, std::uint64_t end) override {
    context_.leftovers.emplace_back(start, end);
  }
  void finding(Finding finding) override {
    const CodeRow* row = find_code(finding.code);
    if (row != nullptr && finding.verdict == Verdict::clean && finding.severity == Severity::info) {
      finding.severity = row->severity;
      finding.verdict = row->verdict;
    }
    if (finding.title.empty() && row != nullptr) finding.title = row->title;
    if (finding.verdict == Verdict::incomplete) context_.open_ended = true;
    context_.told = true;
    if (finding.member.empty() && finding.offset) finding.file_offset = finding.offset;
    finding.file_offset = translated(finding.file_offset);
    finding.member = joined(context_.item.member, finding.member);
    scan_.add(std::move(finding));
  }
  void view(View view) override {
    // Who refuses the bytes has not opened them.
    if (view.end == "stop") {
      taken();
      context_.opened = true;
    }
    view.member = joined(context_.item.member, view.member);
    scan_.report_.views.push_back(std::move(view));
  }
  void describe(std::string kind) override {
    taken();
    if (context_.kind.empty()) context_.kind = std::move(kind);
  }
  void torch_archive(format::TorchArchive archive) override {
    if (!context_.torch_archive) context_.torch_archive = std::move(archive);
  }
  const Limits& limits() const override { return scan_.options_.limits; }
  std::uint64_t may_decode() const override { return scan_.inflate_left_; }
  SourcePtr companion(const std::string& name) const override {
    return scan_.companion(context_, name);
  }
  const archive::ForeignOpener* foreign() const override { return scan_.options_.foreign; }

 private:
  // Where a loader of the member finds other files. Who opens a compressed file is told its name
  // all the same.
  void place(Item& item, const std::string& name, const format::OpenContent& open) {
    if (family_ == "compressed") return stand_in(context_, item);
    context_.inside->add(name, open);
    item.siblings = context_.inside;
    item.folder = name.substr(0, name.rfind('/') + 1);
  }
  // The format took the item; a bare pickle does so only when its stream turns out to be one.
  void taken() {
    context_.families.insert(family_);
    context_.executes = context_.executes || executes_;
  }
  std::optional<std::uint64_t> translated(std::optional<std::uint64_t> offset) const {
    if (!offset || !context_.item.base) return std::nullopt;
    return *context_.item.base + *offset;
  }

  FileScan& scan_;
  Context& context_;
  std::string family_;
  bool executes_;
};

FileScan::FileScan(const std::string& path, const SourcePtr& source, const ScanOptions& options)
    : options_(options),
      source_(std::make_shared<WatchedSource>(source, options.progress, options.stop)),
      findings_(options.limits),
      work_(options.limits),
      budget_(options.limits, source->size()) {
  report_.path = path;
  report_.size = source->size();
  const std::uint64_t size = source->size();
  const std::uint64_t factor = std::max<std::uint64_t>(options.limits.salvage_factor, 1);
  const std::uint64_t searched = std::max(size, kSearchFloor);
  search_budget_.left =
      searched > ~std::uint64_t{0} / factor ? ~std::uint64_t{0} : searched * factor;
  const std::uint64_t ratio = std::max<std::uint64_t>(options.limits.inflate_ratio, 1);
  inflate_left_ = std::max(size > ~std::uint64_t{0} / ratio ? ~std::uint64_t{0} : size * ratio,
                           options.limits.decoded_floor);
  report_.coverage.total = size;
}

FileReport FileScan::run() {
  Item root;
  root.source = held_or_watched();
  root.name = last_component(report_.path);
  root.base = 0;
  root.beside = true;
  if (const char* limit = work_.push(std::move(root))) add_limit(limit, {}, std::nullopt);
  while (std::optional<Item> item = work_.pop()) {
    if (options_.stop.stop_requested()) break;
    process(std::move(*item));
  }
  const format::NameRow* promise =
      format::find_name(format::ascii_lower(last_component(report_.path)));
  if (!file_opened_ && findings_.worst() == Verdict::clean && promise != nullptr &&
      !options_.stop.stop_requested()) {
    add(nothing_opens({}, *promise, report_.coverage.total == 0));
  }
  if (options_.stop.stop_requested()) {
    add(finding_of(code::kInterrupted));
  } else if (source_->failed()) {
    Finding finding = finding_of(code::kUnreadable);
    finding.title = "the file could not be read: " + source_->error().what;
    finding.offset = finding.file_offset = source_->error().offset;
    add(std::move(finding));
  }
  if (search_budget_.exhausted) add_limit("salvage_factor", {}, std::nullopt);
  report_.verdict = verdict_of(findings_.worst(), file_opened_);
  report_.findings_dropped = findings_.dropped();
  report_.findings = findings_.take();
  report_.waived.assign(waived_.begin(), waived_.end());
  report_.sha256 = options_.sha256;
  report_.bytes_read = source_->bytes_read();
  if (options_.policy != nullptr) {
    options_.policy->apply(report_, options_.sha256);
    // No trust turns what was not read to its end into a clean file.
    if (findings_.incomplete()) report_.verdict = std::max(report_.verdict, Verdict::incomplete);
  }
  return std::move(report_);
}

SourcePtr FileScan::held_or_watched() const {
  const std::uint64_t size = source_->size();
  if (size > kReadWhole || !source_->in_memory().empty()) return source_;
  auto bytes = source_->read_vector(0, size);
  if (!bytes) return source_;
  return std::make_shared<MemorySource>(std::move(*bytes));
}

SourcePtr FileScan::opened(const format::OpenContent& open, const std::vector<std::string>& member,
                           bool compressed, std::string* problem) {
  Result<format::Content> content = open();
  if (!content) {
    if (content.error().code == ErrorCode::budget) {
      add_limit(content.error().what, member, std::nullopt);
      return nullptr;
    }
    content = format::Content{nullptr, content.error().what};
  }
  if (!content->problem.empty()) {
    if (problem != nullptr) *problem = content->problem;
    Finding finding = finding_at(code::kMemberUnread, member, std::nullopt, 0);
    finding.title = "a member cannot be read to its end: " + content->problem;
    add(std::move(finding));
  }
  // Archives in archives multiply: what is inflated of one file is bounded as a whole.
  if (compressed && content->source != nullptr) {
    const std::uint64_t size = content->source->size();
    if (size > inflate_left_) {
      inflate_left_ = 0;
      add_limit("inflate_ratio", member, std::nullopt);
      return nullptr;
    }
    inflate_left_ -= size;
  }
  return std::move(content->source);
}

void FileScan::stand_in(const Context& context, Item& content) {
  content.beside = context.item.beside;
  content.siblings = context.item.siblings;
  content.folder = context.item.folder;
}

void FileScan::process(Item item) {
  if (item.source == nullptr) {
    item.source = opened(item.open, item.member, !item.base);
    item.open = nullptr;
    if (item.source == nullptr) return;
  }
  const std::uint64_t size = item.source->size();
  Context context(std::move(item), size);
  format::Probe probe(context.item.name, context.item.source);
  if (!probe.error()) {
    Finding finding = finding_at(code::kUnreadable, context.item.member, std::nullopt, 0);
    finding.title = "could not be read: " + probe.error().error().what;
    add(std::move(finding));
    context.told = true;
  } else {
    read_item(context, probe);
  }
  finish_item(context, probe);
}

void FileScan::read_item(Context& context, format::Probe& probe) {
  if (!context.item.forced.empty() && !(context.item.opens_formats && is_format(probe))) {
    format::Stream stream;
    stream.source = context.item.source;
    stream.member = context.item.member;
    stream.file_base = context.item.base;
    stream.loaders = context.item.forced;
    stream.nested = true;
    context.streams.emplace_back(std::move(stream), 0);
    context.executes = true;
  } else {
    for (const format::Reading& reading : format::readings(probe)) {
      ItemSink sink(*this, context, std::string(reading.family), reading.executes);
      reading.reader(probe, reading.loaders, sink);
    }
  }
  for (auto& [stream, start_in_item] : context.streams) {
    if (stream.source == nullptr) {
      stream.source = opened(stream.open, stream.member, !start_in_item, &stream.problem);
      stream.open = nullptr;
      if (stream.source == nullptr) {
        context.open_ended = context.told = true;
        continue;
      }
    }
    if (run_stream(context, stream, start_in_item)) {
      context.opened = true;
    } else if (stream.else_file) {
      if (start_in_item) {
        context.coverage.interpreted(*start_in_item, *start_in_item + stream.source->size());
      }
      push_as_file(context, stream);
    }
    stream.source = nullptr;
  }
}

void FileScan::finish_item(Context& context, format::Probe& probe) {
  const bool root = context.item.member.empty();
  const format::Promise promise = format::promise_of(probe.lower());
  if (context.families.size() > 1 && context.executes) {
    Finding finding = finding_at(code::kPolyglot, context.item.member, context.item.base, 0);
    for (const std::string& family : context.families) {
      finding.evidence.push_back({"value", family});
    }
    add(std::move(finding));
  }
  if (context.executes && context.opened && promise == format::Promise::data &&
      !context.families.contains("safetensors")) {
    Finding finding = finding_at(code::kMismatch, context.item.member, context.item.base, 0);
    finding.title = "the name promises a format that executes nothing, the content is a pickle";
    add(std::move(finding));
  }
  if (!root && !context.opened && context.families.empty() && !context.told &&
      promise != format::Promise::nothing) {
    add(nothing_opens(context.item.member, *format::find_name(probe.lower()), probe.size() == 0));
  }

  const bool taken = context.opened || !context.families.empty();
  if (taken) {
    Coverage before = context.coverage.finish();
    for (const auto& range : before.unexplained) {
      if (within(range, context.handled)) continue;
      Ranges left = follow_up(context, context.item.source, context.item.member, context.item.base,
                              range.first, range.second);
      drop_leftovers(context, left);
      if (!context.open_ended && context.opened) {
        report_unexplained(context.item.source, context.item.member, context.item.base, left);
      }
    }
  }
  if (context.opened) file_opened_ = true;
  if (!root) return;
  report_.coverage = context.coverage.finish();
  report_.weights_only = weights_only_of(report_.path, context.torch_archive, context.weights_only);
  report_.kind = context.kind;
  if (context.tensors > 0) {
    report_.kind += ", " + format::counted(context.tensors, "tensor") + ", " +
                    format::human_size(context.tensor_bytes) + " data";
  }
}

FileScan::Ranges FileScan::follow_up(Context& context, const SourcePtr& source,
                                     const std::vector<std::string>& member,
                                     std::optional<std::uint64_t> base, std::uint64_t start,
                                     std::uint64_t end) {
  const bool own = source == context.item.source;
  // Only where a pickle just ended does a loop of loads go on.
  const bool loop = !own || context.families.contains("pickle") || !context.item.forced.empty();
  const auto stream_from = [&](std::uint64_t at, format::LoaderUse loader) {
    format::Stream stream;
    stream.source = source;
    stream.member = member;
    stream.file_base = base;
    stream.start = at;
    stream.loaders = {std::move(loader)};
    return stream;
  };
  // Reads one more stream and says how far it came.
  const auto read_on = [&](const format::Stream& stream) {
    const StreamReading reading = read_stream(stream, options_, &budget_);
    std::uint64_t reached = stream.start;
    for (const ViewRun& view : reading.views) {
      for (const auto& run : view.pickles) {
        take_run(context, stream, *run, view.use->loader, nullptr);
        take_nested(stream, context.item.depth, *run);
        reached = std::max({reached, run->behind, run->result.end.offset});
      }
      if (report_.views.size() >= kMostViews) continue;
      report_.views.push_back({view.use->loader, stream.member,
                               std::string(to_string(view.end.kind)), view.end.offset,
                               view.end.error});
    }
    judge_ends(context, stream, reading);
    return std::min(reached, source->size());
  };

  Ranges left;
  std::uint64_t at = start;
  const std::uint64_t whole_end = end;
  if (const auto hidden = find_hidden(context, source, member, base, start, end)) end = *hidden;
  while (at < end && !options_.stop.stop_requested()) {
    if (loop && left.empty()) {
      const Trial next = try_pickle(*source, at, budget_.limits);
      const bool whole = next.stopped && next.reached <= end;
      if (whole || (next.pickle && next.acts)) {
        if (whole) add(finding_at(code::kStacked, member, base, at));
        const std::uint64_t reached = read_on(stream_from(at, format::next_loader()));
        if (own) context.coverage.interpreted(at, reached);
        if (reached <= at) break;
        at = reached;
        continue;
      }
    }
    const auto found = find_pickle(*source, at, end, budget_.limits, search_budget_);
    if (!found || !*found) break;
    const std::uint64_t hidden = **found;
    if (hidden > at) left.emplace_back(at, hidden);
    add(finding_at(code::kSalvaged, member, base, hidden));
    const std::uint64_t reached = read_on(stream_from(hidden, format::salvage_loader()));
    if (own) context.coverage.interpreted(hidden, reached);
    at = std::max(reached, hidden + 1);
  }
  if (at < end) left.emplace_back(at, end);
  if (end < whole_end && left.empty()) context.told = true;
  return left;
}

void FileScan::drop_leftovers(Context& context, Ranges& left) {
  std::erase_if(left, [&](const auto& range) {
    if (!within(range, context.leftovers)) return false;
    const auto inert = imports_nowhere(*context.item.source, range.first, range.second,
                                       budget_.limits, leftover_budget_);
    if (!inert || !*inert) return false;
    context.coverage.data(range.first, range.second);
    return true;
  });
}

// Whether what begins here like a compressed stream is one. Two bytes of chance are found in every
// file, and one in four of them decodes for a few bytes more.
bool FileScan::decodes(format::Probe& probe) {
  constexpr std::uint64_t kNoChance = 64;
  const auto begun = format::compressed::beginning(probe);
  if (!begun) return false;
  const codec::Decoded& out = begun->decoded;
  search_budget_.spend(out.consumed);
  if (out.end == codec::DecodeEnd::done) return true;
  if (out.end != codec::DecodeEnd::broken && probe.size() >= kNoChance) {
    return begun->told || !out.bytes.empty();
  }
  MemorySource bytes(out.bytes.view());
  return bytes.size() > 0 && try_pickle(bytes, 0, budget_.limits).acts;
}

// An archive or compressed data in [start, end): looked at as a file of its own, up to the end.
std::optional<std::uint64_t> FileScan::find_hidden(const Context& context, const SourcePtr& source,
                                                   const std::vector<std::string>& member,
                                                   std::optional<std::uint64_t> base,
                                                   std::uint64_t start, std::uint64_t end) {
  // Where the item itself begins it has been looked at already.
  const auto name_of = [](std::uint64_t at) { return "hidden at byte " + std::to_string(at); };
  const auto accepts = [&](std::uint64_t at, Magic magic) {
    if (at == 0 && source == context.item.source) return false;
    format::Probe probe(name_of(at), std::make_shared<SliceSource>(source, at, end - at));
    return std::ranges::any_of(format::acceptors(), [&](const format::Acceptor& row) {
      if (row.family == "pickle" || row.family == "recognized") return false;
      if ((row.family == "zip") != (magic == Magic::zip)) return false;
      if (row.family == "compressed") return decodes(probe);
      return row.accepts(probe);
    });
  };
  const auto found = find_container(*source, start, end, search_budget_, accepts);
  if (!found || !*found) return std::nullopt;
  const std::uint64_t hidden = **found;
  add(finding_at(code::kHiddenArchive, member, base, hidden));
  Item item;
  item.source = std::make_shared<SliceSource>(source, hidden, end - hidden);
  item.name = name_of(hidden);
  item.member = member;
  item.member.push_back(item.name);
  if (base) item.base = *base + hidden;
  item.depth = context.item.depth + 1;
  const std::vector<std::string> where = item.member;
  if (const char* limit = work_.push(std::move(item))) add_limit(limit, where, std::nullopt);
  return hidden;
}

void FileScan::report_unexplained(const SourcePtr& source, const std::vector<std::string>& member,
                                  std::optional<std::uint64_t> base, const Ranges& ranges) {
  for (const auto& [start, end] : ranges) {
    Finding finding = finding_at(code::kUnexplained, member, base, start);
    finding.title = "no loader explains " + format::counted(end - start, "byte") + " here";
    std::vector<std::uint8_t> shown(std::min<std::uint64_t>(end - start, kHexShown));
    if (source->read(start, shown)) {
      finding.evidence.push_back({"bytes", hex(shown)});
    }
    finding.advice = "ask where they come from; `brine inspect` shows them";
    add(std::move(finding));
  }
}

Finding FileScan::nothing_opens(const std::vector<std::string>& member,
                                const format::NameRow& promise, bool empty) {
  Finding finding = finding_of(code::kNothingOpens);
  finding.member = member;
  if (empty) finding.title = "the file is empty, and its name promises a model";
  finding.evidence.push_back(
      {"name", std::string(promise.ending) + ": " + std::string(promise.expected)});
  return finding;
}

void FileScan::add(Finding finding) { findings_.add(std::move(finding)); }

void FileScan::add_limit(std::string_view limit, const std::vector<std::string>& member,
                         std::optional<std::uint64_t> offset) {
  Finding finding = finding_of(code::kLimit);
  finding.title = "the limit `" + std::string(limit) + "` was reached: not read to its end";
  finding.member = member;
  finding.offset = offset;
  finding.advice = "raise it with --limits " + std::string(limit) + "=N if you must know more";
  add(std::move(finding));
}

Finding FileScan::finding_at(std::uint16_t code, const std::vector<std::string>& member,
                             std::optional<std::uint64_t> base, std::uint64_t offset) const {
  Finding finding = finding_of(code);
  finding.member = member;
  finding.offset = offset;
  if (base) finding.file_offset = *base + offset;
  return finding;
}

FileReport scan_source(const std::string& path, const SourcePtr& source,
                       const ScanOptions& options) {
  FileReport report = FileScan(path, source, options).run();
  if (options.policy != nullptr) options.policy->apply(report, options.sha256);
  return report;
}

FileReport unreadable(const std::string& path, const std::string& why) {
  FileReport report;
  report.path = path;
  report.verdict = Verdict::incomplete;
  Finding finding = finding_of(code::kUnreadable);
  finding.title = "could not be read: " + why;
  report.findings.push_back(std::move(finding));
  return report;
}

}  // namespace brine::scan
