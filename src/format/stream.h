// What a format reader hands to the scan: streams for the interpreter, bytes explained, findings.
//
// A reader answers, for one ByteSource, what the loaders of its format would do with the bytes. It
// never interprets a pickle itself: it says which bytes reach which unpickler (Stream), which bytes
// are only copied (data), and where readers part (findings). The scan runs the streams, asks the
// readers about members, and adds everything up. A Reader keeps no state between files.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/limits.h"
#include "brine/report.h"
#include "io/source.h"
#include "pickle/profile.h"

namespace brine::archive {
class ForeignOpener;
}

namespace brine::format {

// What a loader does behind the first STOP.
enum class After : std::uint8_t {
  stop,  // nothing: the rest is never read by this loader
  torch_stack,  // torch's legacy format: five pickles, then raw storages
  tar_storages,  // torch's tar: a count, then pickles each followed by a storage, then one more
  tar_tensors,  // torch's tar: a count, then pickles each followed by sizes and strides
  loop,  // reads pickles until the end (stacked pickles)
};

// One loader that reads a stream.
struct LoaderUse {
  std::string loader;  // name from docs/loaders.md
  pickle::Profile profile;
  After after = After::stop;
};

// The record behind a storage id, as the container holds it.
struct StorageRecord {
  std::uint64_t size = 0;  // bytes that the loader gets
  std::uint64_t start = 0;  // of its bytes in the reader's source
  std::uint64_t extent = 0;  // how many; other than `size` when deflated
  bool agreed = true;  // one record, and both headers say the same
};

// A member's bytes, made when they are wanted and dropped when they were read: an archive of many
// deflated members must not lie in memory as a whole.
struct Content {
  SourcePtr source;
  std::string problem;  // what goes wrong behind these bytes, or empty
};
using OpenContent = std::function<Result<Content>()>;

// Why somebody runs the stream.
enum class Certainty : std::uint8_t {
  sure,  // a container hands it to an unpickler, it starts like a pickle
  named,  // only the file's name says so: a break at the first opcode is no reading
  guessed,  // counts when it turns out to be a pickle (docs/loaders.md, "Text that looks like one")
};

struct Stream {
  SourcePtr source;  // the member's bytes; none: `open` gives them
  OpenContent open;
  std::vector<std::string> member;  // from outside in
  std::optional<std::uint64_t> file_base;  // file offset of the source's byte 0; none if compressed
  std::uint64_t start = 0;  // where the pickle begins in `source`
  std::string problem;  // what goes wrong behind these bytes, or empty
  std::vector<LoaderUse> loaders;
  Certainty certainty = Certainty::sure;
  bool nested = false;  // bytes that another pickle hands to an unpickler
  bool else_file = false;  // when it is no pickle, it is looked at as a file of its own
  // Storage records that the stream's persistent ids may name (torch zip), by key.
  std::function<std::optional<StorageRecord>(std::string_view key)> storage;
};

// What torch.load makes of an archive before it comes to the pickle, as far as that decides whether
// weights_only=True will do.
struct TorchArchive {
  pickle::Releases refuses = 0;  // releases of torch that surely go no further
  std::string refusal;
  pickle::Releases unsure = 0;  // releases of which nobody knows
  std::string doubt;
};

// Where a reader writes. Offsets are in the reader's own source; the scan translates.
class Sink {
 public:
  virtual ~Sink() = default;
  virtual void stream(Stream stream) = 0;
  // A member with a verdict of its own: the scan looks at it as at a file of that name.
  virtual void member(OpenContent open, std::string name, std::optional<std::uint64_t> base) = 0;
  virtual void interpreted(std::uint64_t start, std::uint64_t end) = 0;
  virtual void data(std::uint64_t start, std::uint64_t end) = 0;
  // Bytes that the format's own writer leaves behind and its loader never reads: explained when no
  // pickle that imports begins at any of them, nor anything that is searched for.
  virtual void leftover(std::uint64_t start, std::uint64_t end) = 0;
  virtual void finding(Finding finding) = 0;
  virtual void view(View view) = 0;  // a reading without a pickle (safetensors, refusals)
  virtual void describe(std::string kind) = 0;  // "torch zip": the head of FileReport.kind
  virtual void torch_archive(TorchArchive archive) = 0;  // the item is one of torch's
  virtual const Limits& limits() const = 0;
  // Bytes of output that decoders may still make for this file.
  virtual std::uint64_t may_decode() const = 0;
  // The file of that name beside the one that is read; null when there is none, or none is known.
  virtual SourcePtr companion(const std::string& name) const = 0;
  // Who opens archives that Brine does not read itself; may be null.
  virtual const archive::ForeignOpener* foreign() const = 0;
};

}  // namespace brine::format
