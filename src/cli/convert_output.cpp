#include "cli/convert_output.h"

#include <fcntl.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <future>
#include <utility>
#include <vector>

#include "cli/atomic_file.h"
#include "cli/input.h"
#include "cli/line.h"
#include "cli/progress.h"
#include "cli/signals.h"
#include "convert/copy_plan.h"
#include "convert/disarm.h"
#include "convert/safetensors_writer.h"

namespace brine::cli {
namespace {

using convert::Conversion;

constexpr std::size_t kBufferSize = 4u << 20;
constexpr std::size_t kBuffers = 4, kDisarmBuffers = 3;

ByteSpan bytes_of(const std::string& text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

Status unchanged(ByteSource& source) {
  if (source.changed()) {
    return fail({ErrorCode::changed, 0, "the file changed while it was read"});
  }
  return {};
}

convert::Metadata metadata(const Conversion& conversion, const OutputOptions& options,
                           const std::string& sha256) {
  convert::Metadata out = {{"format", "pt"},
                           {"brine.source_sha256", sha256},
                           {"brine.version", BRINE_VERSION},
                           {"brine.verdict", std::string(to_string(conversion.outcome))}};
  if (!options.root.empty()) out.emplace_back("brine.root", options.root);
  out.insert(out.end(), conversion.metadata.begin(), conversion.metadata.end());
  return out;
}

// What is written from several places: runs of bytes are packed into buffers, which a line of
// their own writes to the file.
class PackedWriter {
 public:
  PackedWriter(BufferPool& pool, Line& writing, AtomicFile& file)
      : pool_(pool), writing_(writing), file_(file) {}

  Status put(std::uint64_t to, ByteSpan bytes) {
    while (!bytes.empty()) {
      if (interrupted()) return fail({ErrorCode::io, to, "interrupted"});
      if (writing_.failed()) return fail({ErrorCode::io, to, "cannot write"});
      if (buffer_ == nullptr) buffer_ = pool_.take();
      // A run follows the one before it, or begins where in a block its place begins.
      const bool follows = !writes_.empty() && writes_.back().to + writes_.back().size == to;
      if (!follows) {
        const std::size_t phase = static_cast<std::size_t>(to % convert::kBlock);
        const std::size_t block = used_ / convert::kBlock * convert::kBlock;
        used_ = bytes.size() < convert::kBlock ? used_
                : block + phase >= used_       ? block + phase
                                               : block + convert::kBlock + phase;
      }
      const std::size_t room = pool_.size() - std::min(used_, pool_.size());
      const std::size_t size = std::min(room, bytes.size());
      if (size != 0) {
        std::memcpy(buffer_.get() + used_, bytes.data(), size);
        if (follows) {
          writes_.back().size += size;
        } else {
          writes_.push_back({used_, to, size});
        }
      }
      used_ += size;
      to += size;
      bytes = bytes.subspan(size);
      if (used_ >= pool_.size()) flush();
    }
    return {};
  }

  void flush() {
    if (buffer_ != nullptr && !writes_.empty()) {
      writing_.put([&file = file_, buffer = std::move(buffer_), writes = std::move(writes_)] {
        return write_all(file, buffer.get(), writes);
      });
    }
    buffer_ = nullptr;
    writes_.clear();
    used_ = 0;
  }

  static Status write_all(AtomicFile& file, const std::uint8_t* bytes,
                          const std::vector<convert::Write>& writes) {
    for (const convert::Write& write : writes) {
      BRINE_CHECK_STATUS(file.write(write.to, {bytes + write.at, write.size}));
    }
    return {};
  }

 private:
  BufferPool& pool_;
  Line& writing_;
  AtomicFile& file_;
  BufferPool::Buffer buffer_;
  std::size_t used_ = 0;
  std::vector<convert::Write> writes_;
};

// The tensors of a plan from the source into the file, and the source's SHA-256.
class Copying {
 public:
  Copying(const convert::SafetensorsPlan& plan, const Conversion& conversion,
          const SourcePtr& source, AtomicFile& file, Console& console, const std::string& path)
      : plan_(plan),
        conversion_(conversion),
        source_(source),
        file_(file),
        console_(console),
        path_(path),
        copy_(
            convert::plan_copy(plan.entries(), plan.header().size(), conversion.storages, *source)),
        progress_(console.err_is_terminal(), console.err_width(), work()),
        pool_(kBuffers, kBufferSize, convert::kBlock) {}

  // The hash in hex digits.
  Result<std::string> run() {
    std::future<Status> others;
    if (!copy_.others.empty()) {
      others = std::async(std::launch::async, [this] { return read_others(); });
    }
    Status read = read_source();
    if (!read) stop_ = true;
    while (others.valid() && others.wait_for(kRedraw) != std::future_status::ready) draw();
    const Status gathered = others.valid() ? others.get() : Status{};
    const Status written = writing_.finish(), hashed = hashing_.finish();
    console_.raw_error(progress_.erase());
    // The line's own words before those of who could not go on because of it.
    BRINE_CHECK_STATUS(written);
    BRINE_CHECK_STATUS(hashed);
    BRINE_CHECK_STATUS(read);
    BRINE_CHECK_STATUS(gathered);
    return hash_.hex();
  }

 private:
  static constexpr std::chrono::milliseconds kRedraw{100};

  std::uint64_t work() const {
    std::uint64_t bytes = source_->size();
    for (const std::uint32_t i : copy_.others) {
      bytes += plan_.entries()[i].end - plan_.entries()[i].begin;
    }
    return bytes;
  }

  void draw() { console_.raw_error(progress_.draw(path_)); }

  // Front to back, once: each segment is hashed and what is in it of tensors is written.
  Status read_source() {
    if (source_->descriptor() >= 0) {
      ::posix_fadvise(source_->descriptor(), 0, 0, POSIX_FADV_SEQUENTIAL);
    }
    convert::Segments segments(copy_.moves, source_->size(), kBufferSize);
    convert::Segment segment;
    while (segments.next(segment)) {
      if (interrupted()) return fail({ErrorCode::io, segment.from, "interrupted"});
      if (writing_.failed() || hashing_.failed()) {
        return fail({ErrorCode::io, segment.from, "cannot write"});
      }
      const BufferPool::Buffer buffer = pool_.take();
      std::uint8_t* const bytes = buffer.get() + segment.phase;
      BRINE_CHECK_STATUS(source_->read(segment.from, {bytes, segment.size}));
      hashing_.put(
          [this, buffer, span = ByteSpan(bytes, segment.size)] { return hash_.add(span); });
      if (!segment.writes.empty()) {
        writing_.put([this, buffer, bytes, writes = std::move(segment.writes)] {
          return PackedWriter::write_all(file_, bytes, writes);
        });
      }
      progress_.add(segment.size);
      draw();
    }
    return {};
  }

  Status read_others() {
    PackedWriter out(pool_, writing_, file_);
    for (const std::uint32_t i : copy_.others) {
      const convert::Entry& entry = plan_.entries()[i];
      const std::uint64_t start = plan_.header().size() + entry.begin;
      BRINE_CHECK_STATUS(convert::read_entry(
          entry, conversion_.storages, [&](std::uint64_t at, ByteSpan bytes) -> Status {
            if (stop_) return fail({ErrorCode::io, start + at, "interrupted"});
            progress_.add(bytes.size());
            return out.put(start + at, bytes);
          }));
    }
    out.flush();
    return {};
  }

  const convert::SafetensorsPlan& plan_;
  const Conversion& conversion_;
  const SourcePtr& source_;
  AtomicFile& file_;
  Console& console_;
  const std::string& path_;
  convert::CopyPlan copy_;
  Progress progress_;
  Sha256 hash_;
  BufferPool pool_;  // longer than the lines, whose jobs hold buffers
  Line hashing_, writing_;
  std::atomic<bool> stop_{false};
};

Status compare(const convert::SafetensorsPlan& plan, const Conversion& conversion,
               const AtomicFile& file) {
  std::vector<std::uint8_t> back;
  for (const convert::Entry& entry : plan.entries()) {
    const std::uint64_t start = plan.header().size() + entry.begin;
    BRINE_CHECK_STATUS(convert::read_entry(
        entry, conversion.storages, [&](std::uint64_t at, ByteSpan bytes) -> Status {
          if (interrupted()) return fail({ErrorCode::io, start + at, "interrupted"});
          back.resize(bytes.size());
          BRINE_CHECK_STATUS(file.read(start + at, back));
          if (std::ranges::equal(back, bytes)) return {};
          return fail(
              {ErrorCode::changed, start + at, "what was written does not read back the same"});
        }));
  }
  return {};
}

std::string extras_of(const std::string& output) { return stem_of(output) + ".extras.json"; }

Status add_extras(const OutputOptions& options, FileSet& files, render::Converted& done) {
  const std::string path = extras_of(done.output);
  BRINE_CHECK_STATUS(add_text(path, done.conversion.extras + "\n", options.force, files));
  done.extras = path;
  return {};
}

}  // namespace

std::string stem_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  const std::size_t name = slash == std::string::npos ? 0 : slash + 1;
  const std::size_t dot = path.rfind('.');
  return dot == std::string::npos || dot <= name ? path : path.substr(0, dot);
}

Status check_places(const std::vector<std::string>& paths, const OutputOptions& options,
                    render::Converted& done) {
  std::vector<std::string> all = paths;
  if (options.extras) all.push_back(extras_of(paths.back()));
  for (const std::string& path : all) {
    if (Status may = AtomicFile::may_create(path, options.force); !may) {
      done.output = path;
      return may;
    }
  }
  return {};
}

Status add_text(const std::string& path, const std::string& text, bool force, FileSet& files) {
  BRINE_TRY(AtomicFile file, AtomicFile::create(path, force));
  BRINE_CHECK_STATUS(file.write(0, bytes_of(text)));
  return files.add(std::move(file));
}

Status add_safetensors(const SourcePtr& source, const OutputOptions& options, Console& console,
                       render::Converted& done, FileSet& files) {
  Conversion& conversion = done.conversion;
  // The hash is as long as this, so the plan's offsets stand before it is known.
  const std::string unknown(64, '0');
  BRINE_TRY(convert::SafetensorsPlan plan,
            convert::SafetensorsPlan::make(std::move(conversion.entries),
                                           metadata(conversion, options, unknown)));
  BRINE_TRY(AtomicFile file, AtomicFile::create(done.output, options.force));
  BRINE_CHECK_STATUS(file.reserve(plan.size()));
  BRINE_TRY(const std::string sha256,
            Copying(plan, conversion, source, file, console, done.path).run());
  BRINE_CHECK_STATUS(plan.set_metadata(metadata(conversion, options, sha256)));
  BRINE_CHECK_STATUS(file.write(0, bytes_of(plan.header())));
  if (options.verify) {
    BRINE_CHECK_STATUS(compare(plan, conversion, file));
    done.verified = true;
  }
  BRINE_CHECK_STATUS(unchanged(*source));
  BRINE_CHECK_STATUS(files.add(std::move(file)));
  if (options.extras) BRINE_CHECK_STATUS(add_extras(options, files, done));
  done.bytes = plan.size();
  conversion.entries = std::move(plan).take_entries();
  return {};
}

Status write_disarmed(const SourcePtr& source, const OutputOptions& options, Console& console,
                      render::Converted& done) {
  const Conversion& conversion = done.conversion;
  std::uint64_t size = 0;
  for (const convert::Disarmed::Part& part : conversion.disarmed.parts) {
    for (const std::uint32_t i : part.rewritten.storages) size += conversion.storages[i].size;
    for (const auto& splice : part.rewritten.splices) size += splice.bytes->size();
    if (part.same != nullptr) size += part.same->size();
  }
  BRINE_TRY(AtomicFile file, AtomicFile::create(done.output, options.force));
  file.expect(size);
  Progress progress(console.err_is_terminal(), console.err_width(), size);
  BufferPool pool(kDisarmBuffers, kBufferSize, convert::kBlock);
  Line writing;
  PackedWriter out(pool, writing, file);
  const Result<std::uint64_t> bytes = convert::write_disarmed(
      conversion.disarmed, conversion.storages, [&](std::uint64_t to, ByteSpan part) -> Status {
        progress.add(part.size());
        console.raw_error(progress.draw(done.path));
        return out.put(to, part);
      });
  out.flush();
  const Status written = writing.finish();
  console.raw_error(progress.erase());
  BRINE_CHECK_STATUS(written);
  BRINE_TRY(done.bytes, bytes);
  BRINE_TRY(const SourcePtr result, file.written());
  BRINE_CHECK_STATUS(convert::check_disarmed(done.output, result));
  BRINE_CHECK_STATUS(unchanged(*source));
  return file.commit();
}

}  // namespace brine::cli
