// Limits: every number that bounds Brine's work, in one place, each with its reason.
//
// Reaching one yields `incomplete` with the limit's name (a finding BRN5xx), never `clean` and
// never a crash. `brine scan --limits NAME=VALUE,...` sets them; names are the members' names.
// Sizes are bytes. The numbers are per scanned file unless the comment says otherwise.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace brine {

struct Limits {
  // Interpreter.
  std::uint64_t stack_entries = 64u << 20;  // pickle stack and marks, 16 bytes each
  std::uint64_t memo_entries = 64u << 20;   // dense memo; sparse indices count threefold
  // Values spelled out at one time to look inside, about 180 bytes each. A vectorizer's vocabulary
  // has two for a word, a forest some fifty for a tree.
  std::uint64_t nodes = 4u << 20;
  std::uint64_t aliases = 1u << 20;  // changes through a second handle, copies by DUP
  // Bytes run again for looking inside, per byte of the stream; and what small streams may take
  // beyond it, all runs of a file together. Of 11,000 honest files none needs a factor of 3.
  std::uint64_t rebuild_factor = 4;
  std::uint64_t rebuild_spare = 4u << 20;
  std::uint64_t text_bytes = 1u << 20;  // a name, or text put together at run time
  std::uint64_t evaluated_bytes = 16u << 20;  // results of pure functions, all together
  std::uint64_t forks = 8;  // readings of one stream; more is suspicious
  // Pickles inside pickles: a state_dict that pickle.dump wrote has one for each tensor, joblib's
  // models of many shops one for each array of names.
  std::uint64_t nested_streams = 64u << 10;
  std::uint64_t nested_depth = 8;  // members in members, pickles in pickles
  std::uint64_t references = 100'000;  // different names that one stream imports
  std::uint64_t reference_bytes = 8u << 20;  // their text, all together
  // Containers.
  std::uint64_t members = 1u << 18;  // entries of one archive
  std::uint64_t name_bytes = 64u << 10;  // a member's name
  std::uint64_t directory_bytes = 64u << 20;  // a zip's central directory
  std::uint64_t member_bytes = 1u << 30;  // a member that must be inflated
  std::uint64_t inflate_ratio = 1032;  // output per input byte when inflating (deflate's own limit)
  std::uint64_t decoded_floor = 256u
                                << 20;  // output that no ratio forbids (xz, bzip2, zstd of NULs)
  std::uint64_t window_bytes = 128u << 20;  // a decoder's memory for looking back
  std::uint64_t salvage_factor = 4;  // bytes read while searching, per byte of file
  std::uint64_t header_bytes = 100'000'000;  // safetensors' own limit for its header
  std::uint64_t worker_seconds = 60;  // for a foreign archive, in a process of its own
  // Report.
  std::uint64_t findings_per_code = 100;  // kept a code and file; the rest is counted
  std::uint64_t evidence_bytes = 4096;  // of one piece of evidence
  std::uint64_t events_per_view = 1'000'000;  // kept for explain; inspect streams them
  // Walking folders (per run).
  std::uint64_t path_depth = 128;  // folders in folders
};

struct LimitName {
  std::string_view name;
  std::uint64_t Limits::* member;
  std::string_view meaning;
};
// All of them, in the order above.
const std::vector<LimitName>& limit_names();

}  // namespace brine
