// ZipArchive: one zip file as each of its readers reads it.
//
// Problem: a zip says everything twice (central directory, local headers) and its end three times
// (end record, zip64 record, comment length). Readers trust different copies, so one file can hold
// one payload for PyTorch and another for everybody who checks it. Method: there is no "the" zip
// here. There are views, each a faithful model of one reader:
//   miniz    what torch.load, torch.jit.load and libtorch do (miniz inside PyTorchStreamReader)
//   zipfile  what CPython's zipfile does (keras, numpy's npz, skops, and every Python checker)
//   local    a walk along the local headers, for files without a usable directory (salvage)
// and what the copies disagree about is data that the caller reports.
//
// Invariants. Generosity: where versions of a reader differ, the view has what any of them would
// hand out; a refusal is noted beside the bytes, it never hides them. Laziness: opening reads the
// tail and the directory; a local header is read when somebody asks for the member. Bounds: nothing
// is allocated or looped over from a header's word; members, names, directory and output are
// limited by Limits (ErrorCode::budget); overlapping members cost what they are asked for, never
// more. An archive is used by one thread at a time; the sources it opens are independent of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/limits.h"
#include "base/result.h"
#include "codec/decode.h"
#include "io/source.h"

namespace brine::archive {

inline constexpr std::uint16_t kZipStored = 0;
inline constexpr std::uint16_t kZipDeflated = 8;
// Other methods that Python's zipfile reads and miniz does not (zstd from Python 3.14 on).
inline constexpr std::uint16_t kZipBzip2 = 12;
inline constexpr std::uint16_t kZipLzma = 14;
inline constexpr std::uint16_t kZipZstd = 93;

// ---- Probes for acceptors -----------------------------------------------------------------------
// Bytes before the end of the file in which miniz looks for an end record, and CPython. A `tail` is
// the last min(size, kZipTailBytes) bytes of the file or more.
inline constexpr std::uint64_t kMinizWindow = 69'584;
inline constexpr std::uint64_t kZipfileWindow = 65'558;
inline constexpr std::uint64_t kZipTailBytes = kMinizWindow;

// Bytes 0-3 are PK\3\4: all that torch.load looks at.
bool starts_like_zip(ByteSpan head);
// Where each reader finds its end record, as an offset in the file; nothing when it finds none.
std::optional<std::uint64_t> miniz_end_record(ByteSpan tail, std::uint64_t file_size);
std::optional<std::uint64_t> zipfile_end_record(ByteSpan tail, std::uint64_t file_size);
// Whether a local header's signature stands anywhere in these bytes (salvage).
bool has_local_header(ByteSpan bytes);

// ---- Headers ------------------------------------------------------------------------------------
// What both kinds of header say. Sizes are as the header means them (zip64 extra applied).
struct ZipFields {
  std::uint64_t offset = 0;  // of the signature, in the file
  std::uint64_t header_size = 0;  // fixed part, name, extra field, comment
  std::string_view name;  // raw bytes; lives as long as the archive
  ByteSpan extra;
  std::uint16_t version_needed = 0;
  std::uint16_t flags = 0;
  std::uint16_t method = 0;
  std::uint16_t time = 0;
  std::uint16_t date = 0;
  std::uint32_t crc32 = 0;
  std::uint64_t compressed = 0;
  std::uint64_t uncompressed = 0;
  bool zip64 = false;  // a zip64 extra field was there and was used
};
struct ZipCentral : ZipFields {
  std::uint16_t version_made_by = 0;
  std::uint16_t disk = 0;
  std::uint32_t external = 0;  // bit 4: DOS directory attribute
  std::uint64_t local_offset = 0;  // as written; a view may add the length of a prefix
  ByteSpan comment;
};
// One central entry. Several directories (an end record and a zip64 record that disagree, two
// archives in one file) give entries of their own; the same bytes stand here once.
struct ZipEntry {
  ZipCentral central;
  bool in_miniz = false;  // a member of the miniz view
  bool in_zipfile = false;  // a member of the zipfile view
};
struct ZipLocal : ZipFields {
  std::uint64_t data_offset = 0;  // behind name and extra field
};

// ---- Views --------------------------------------------------------------------------------------
enum class ZipProfile : std::uint8_t { miniz, zipfile, local };
const char* to_string(ZipProfile profile);

// An entry as one reader sees it, before its local header was read.
struct ZipMember {
  std::string_view name;  // as this reader sees it (zipfile: cut at NUL)
  std::string_view refusal;  // why this reader will not read it, from the directory alone
  std::uint64_t header_offset = 0;  // where this reader looks for the local header
  std::uint64_t compressed = 0;  // this reader's numbers
  std::uint64_t uncompressed = 0;
  std::uint32_t entry = 0;  // index in entries(); in the local view: in local_headers()
  std::uint16_t method = 0;
};

// What a reader would hand out for a member; made by locate(), which reads the local header.
struct ZipReading {
  bool readable = false;
  std::string refusal;  // why not, when it is not; bytes may be given all the same
  std::uint64_t data_offset = 0;  // in the file
  std::uint64_t input = 0;  // bytes of the file that it consumes (cut at the file's end)
  std::uint64_t output = 0;  // bytes it hands out (when compressed: at most)
  bool deflated = false;
  std::optional<codec::Codec> packed;  // compressed otherwise, as only zipfile reads it
  bool stored() const { return !deflated && !packed; }
  bool uninitialised = false;  // hands out `output` bytes of memory that it never wrote
};

// A member's bytes.
struct ZipContent {
  SourcePtr source;  // never null
  std::optional<std::uint64_t> file_offset;  // of the source's byte 0; none when compressed
  bool whole = true;  // the reader hands these out without an error
  std::string problem;  // what goes wrong behind them, when not whole
  bool budget = false;  // they end because a limit was reached
  // Bytes of memory that the reader never wrote and hands out behind these: PyTorch does not notice
  // that inflating failed.
  std::uint64_t unwritten = 0;
};

struct ZipView {
  ZipProfile profile = ZipProfile::miniz;
  bool end_found = false;  // this reader finds an end record
  bool opens = false;
  std::string refusal;  // why it does not open
  std::uint64_t end_offset = 0;  // of the end record it uses, when it found one
  std::uint64_t directory_offset = 0;
  std::uint64_t directory_size = 0;
  std::int64_t prefix = 0;  // what zipfile adds to every offset; 0 for miniz
  std::vector<ZipMember> members;  // in this reader's order; also when `opens` is false, as far
                                   // as the directory could be read
  bool budget = false;  // local view: a limit ended the walk, there is more
};

// ---- Disagreements ------------------------------------------------------------------------------
enum class ZipIssue : std::uint8_t {
  name_differs,  // local name is not the central one
  size_differs,
  method_differs,
  flags_differ,
  crc_differs,  // the two headers' (the data is not summed here)
  encrypted,  // an encryption bit, in either header
  local_missing,  // no local header where the directory points
  duplicate_name,  // a reader sees one name twice
  case_duplicate,  // names that differ only in ASCII case: one for miniz, two for zipfile
  overlap,  // members share bytes
  directory_attribute,  // DOS directory bit on a name that is no folder: miniz reads no data
  over_read,  // stored, and the two sizes differ: readers take different lengths
  out_of_file,  // a member reaches behind the file's end or into the directory
  name_with_nul,
  unusual_method,  // none that zipfile reads
  masked_or_patch,  // flag bits that some readers refuse
  zip64_conflict,  // zip64 record and end record name different directories or counts
  entry_count,  // the directory holds more or fewer entries than its end record says
  two_end_records,  // another end record lies near the end
  end_record_differs,  // miniz and zipfile use different end records
  directory_differs,  // the two readers read different directories or members
  prefix,  // bytes in front of the archive
  suffix,  // bytes behind the end record and its comment
  comment,  // the archive's or an entry's comment is not empty
  disk_number,  // more than one disk is spoken of
  several_roots,  // more than one top folder
  unsafe_name,  // absolute, "..", backslash, drive letter
  reader_refuses,  // a view does not open although another one does
};
const char* to_string(ZipIssue issue);
struct ZipDisagreement {
  ZipIssue issue = ZipIssue::name_differs;
  std::optional<std::size_t> entry;  // in entries()
  std::uint64_t offset = 0;  // in the file
  std::string text;  // one sentence fragment, names escaped
};

// ---- Coverage -----------------------------------------------------------------------------------
enum class ZipPart : std::uint8_t {
  local_header,  // fixed part, name and well-known extra fields
  padding,  // PyTorch's FB field of filler, and zero bytes between records
  member,  // a member's data; `entry` says whose
  descriptor,  // a data descriptor behind a member
  directory,  // central headers
  end_record,  // end record, zip64 record and locator
};
inline constexpr std::uint32_t kNoZipEntry = 0xffffffff;
struct ZipRange {
  std::uint64_t start = 0;
  std::uint64_t end = 0;
  ZipPart part = ZipPart::member;
  std::uint32_t entry = kNoZipEntry;
};
enum class ZipGapKind : std::uint8_t { prefix, between, extra_field, comment, suffix };
// Bytes of the file that no structure of a zip explains. Zero bytes alone are padding, no gap.
struct ZipGap {
  std::uint64_t start = 0;
  std::uint64_t end = 0;
  ZipGapKind kind = ZipGapKind::between;
};

// ---- The archive --------------------------------------------------------------------------------
class ZipArchive {
 public:
  // Fails when no reader finds an end record (malformed), the source cannot be read (io, changed),
  // or a limit is reached (budget). `open_salvage` needs no end record: only local() is useful
  // then.
  static Result<ZipArchive> open(SourcePtr source, const Limits& limits);
  static Result<ZipArchive> open_salvage(SourcePtr source, const Limits& limits);

  ZipArchive(ZipArchive&&) noexcept;
  ZipArchive& operator=(ZipArchive&&) noexcept;
  ~ZipArchive();

  const std::vector<ZipEntry>& entries() const;
  const ZipView& miniz() const;
  const ZipView& zipfile() const;
  // Walks the local headers; the first call reads up to the whole file (at most once). Its members'
  // `entry` is an index in local_headers().
  Result<const ZipView*> local();
  const std::vector<ZipLocal>& local_headers() const;

  // PyTorch on top of miniz: text before the first '/' of the first entry; nothing when PyTorch
  // refuses to go on (no entry, no folder). torch_refusal() also covers the version record.
  const std::optional<std::string>& torch_root() const;
  const std::string& torch_refusal();
  // Members of miniz() that a lookup of this record ("data.pkl") below the root could return, in
  // any version and entry order; by full name; and those of zipfile() with exactly this name.
  std::vector<std::size_t> torch_candidates(std::string_view record) const;
  std::vector<std::size_t> miniz_candidates(std::string_view full_name) const;
  std::vector<std::size_t> zipfile_candidates(std::string_view full_name) const;

  // Reads a view's member: `member` is an index in that view's `members`.
  Result<ZipReading> locate(const ZipView& view, std::size_t member);
  Result<ZipContent> content(const ZipView& view, std::size_t member);
  // The local header at an offset, as it stands there; cached.
  Result<const ZipLocal*> local_header(std::uint64_t offset);

  // Both read every local header once (not the data).
  Result<const std::vector<ZipDisagreement>*> disagreements();
  Result<const std::vector<ZipRange>*> ranges();
  // The same ranges in no order; nothing of them is kept.
  Status each_range(const std::function<void(const ZipRange&)>& take);
  Result<std::vector<ZipGap>> gaps();

  // Private to this folder.
  struct State;

 private:
  explicit ZipArchive(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace brine::archive
