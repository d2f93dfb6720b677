// FileScan: the state of one file's scan, while it lasts.
//
// Method: the work list gives one item at a time (the file, a member, a nested pickle); acceptors
// and readers say what loaders do with it; streams are read; ends, storages and unexplained bytes
// are judged when all that reads the item has been heard. Offsets of readers are in the item's
// bytes and are translated here, in one place.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "format/acceptor.h"
#include "format/names.h"
#include "format/stream.h"
#include "scan/coverage.h"
#include "scan/findings.h"
#include "scan/joblib_parts.h"
#include "scan/reading.h"
#include "scan/scan_file.h"
#include "scan/search.h"
#include "scan/watched_source.h"
#include "scan/weights_only.h"
#include "scan/work_list.h"

namespace brine::scan {

class FileScan {
 public:
  FileScan(const std::string& path, const SourcePtr& source, const ScanOptions& options);
  FileReport run();

 private:
  using Ranges = std::vector<std::pair<std::uint64_t, std::uint64_t>>;

  // An item while it is looked at.
  struct Context {
    Context(Item item_, std::uint64_t size) : item(std::move(item_)), coverage(size) {}
    Item item;
    std::shared_ptr<Siblings> inside = std::make_shared<Siblings>();  // the item's members
    CoverageMap coverage;
    // Streams, and where byte 0 of a stream lies in the item.
    std::vector<std::pair<format::Stream, std::optional<std::uint64_t>>> streams;
    std::string kind;
    std::set<std::string, std::less<>> families;  // formats that took the item
    bool opened = false;      // some loader reads it
    bool executes = false;    // and one that reads it executes
    bool open_ended = false;  // something in it could not be read to its end
    bool told = false;        // a reader or the probe had something to say about it
    Ranges handled;           // leftovers of members, already judged
    Ranges leftovers;         // what the format's writer leaves behind
    std::uint64_t tensors = 0;
    std::uint64_t tensor_bytes = 0;
    std::uint8_t protocol = 0;
    std::optional<format::TorchArchive> torch_archive;
    std::vector<WeightsOnlyReading> weights_only;  // of streams that torch.load reads
  };
  class ItemSink;

  SourcePtr held_or_watched() const;
  // A member's bytes, or null and a finding.
  SourcePtr opened(const format::OpenContent& open, const std::vector<std::string>& member,
                   bool compressed, std::string* problem = nullptr);
  // What the item unpacks to lies, for a loader that unpacks it itself, where the item does.
  static void stand_in(const Context& context, Item& content);
  void process(Item item);
  void read_item(Context& context, format::Probe& probe);
  void finish_item(Context& context, format::Probe& probe);

  static format::Stream held(const format::Stream& stream);
  // Whether the stream turned out to be a pickle.
  bool run_stream(Context& context, const format::Stream& stream,
                  std::optional<std::uint64_t> start_in_item);
  void push_as_file(const Context& context, const format::Stream& stream);
  void look_as_file(const Context& context, const format::Stream& stream,
                    const StreamReading& reading);
  static void cover(Context& context, std::uint64_t base, const PickleRun& run, std::uint64_t end);
  void describe_stream(Context& context, const format::Stream& stream, bool own,
                       const StreamReading& reading);
  // `missing`: the loader raises inside joblib's array, and this is what is left of the run.
  void take_run(Context& context, const format::Stream& stream, const PickleRun& run,
                const std::string& loader, const MissingModule* missing);
  void take_nested(const format::Stream& stream, std::uint64_t depth, const PickleRun& run);
  SourcePtr companion(const Context& context, const std::string& name) const;
  // The same for a member of an archive: as after its unpacking.
  SourcePtr companion_unpacked(const Context& context, const std::string& name,
                               const std::vector<std::string>& member);
  void take_companions(const Context& context, const format::Stream& stream, const PickleRun& run);
  void check_storages(Context& context, const format::Stream& stream, const PickleRun& run);
  void judge_ends(Context& context, const format::Stream& stream, const StreamReading& reading);
  void tell_strain(const format::Stream& stream, const ViewRun& view);
  void judge_break(const format::Stream& stream, const ViewRun& view);
  void judge_disagreement(const format::Stream& stream, const StreamReading& reading);

  // What is left of `source` in [start, end): pickles behind pickles, hidden ones, or nothing
  // known. Returns what stays unexplained.
  Ranges follow_up(Context& context, const SourcePtr& source,
                   const std::vector<std::string>& member, std::optional<std::uint64_t> base,
                   std::uint64_t start, std::uint64_t end);
  // Takes away what the item's writer left behind and surely does nothing.
  void drop_leftovers(Context& context, Ranges& left);
  bool decodes(format::Probe& probe);
  std::optional<std::uint64_t> find_hidden(const Context& context, const SourcePtr& source,
                                           const std::vector<std::string>& member,
                                           std::optional<std::uint64_t> base, std::uint64_t start,
                                           std::uint64_t end);
  void report_unexplained(const SourcePtr& source, const std::vector<std::string>& member,
                          std::optional<std::uint64_t> base, const Ranges& ranges);

  static Finding nothing_opens(const std::vector<std::string>& member,
                               const format::NameRow& promise, bool empty);
  void add(Finding finding);
  void add_limit(std::string_view limit, const std::vector<std::string>& member,
                 std::optional<std::uint64_t> offset);
  Finding finding_at(std::uint16_t code, const std::vector<std::string>& member,
                     std::optional<std::uint64_t> base, std::uint64_t offset) const;

  const ScanOptions& options_;
  std::shared_ptr<WatchedSource> source_;
  FileReport report_;
  Findings findings_;
  WorkList work_;
  SearchBudget search_budget_;
  SearchBudget leftover_budget_{kLeftoverBytes};  // over it they stay unexplained
  std::set<std::string> waived_;
  std::set<std::string> nested_seen_;
  std::set<std::vector<std::string>> companions_seen_;  // in which folder, and the name
  std::uint64_t inflate_left_ = 0;
  FileBudget budget_;
  bool file_opened_ = false;
};

}  // namespace brine::scan
