#include "cli/convert_output.h"

#include <algorithm>
#include <future>
#include <vector>

#include "cli/atomic_file.h"
#include "cli/input.h"
#include "cli/progress.h"
#include "cli/signals.h"
#include "convert/safetensors_writer.h"
#include "convert/torch_writer.h"

namespace brine::cli {
namespace {

using convert::Conversion;

ByteSpan bytes_of(const std::string& text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

Status unchanged(ByteSource& source) {
  const auto* file = dynamic_cast<const FileSource*>(&source);
  if (file != nullptr && file->changed()) {
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

Status copy(const convert::SafetensorsPlan& plan, const Conversion& conversion, AtomicFile& file,
            Console& console, const std::string& path) {
  Progress progress(console.err_is_terminal(), console.err_width(), plan.data_bytes());
  std::uint64_t at = plan.header().size();
  for (const convert::Entry& entry : plan.entries()) {
    const Status copied =
        convert::read_entry(entry, conversion.storages, [&](ByteSpan bytes) -> Status {
          if (interrupted()) return fail({ErrorCode::io, at, "interrupted"});
          BRINE_CHECK_STATUS(file.write(at, bytes));
          at += bytes.size();
          progress.add(bytes.size());
          console.raw_error(progress.draw(path));
          return {};
        });
    if (!copied) {
      console.raw_error(progress.erase());
      return copied;
    }
  }
  console.raw_error(progress.erase());
  return {};
}

Status compare(const convert::SafetensorsPlan& plan, const Conversion& conversion,
               const AtomicFile& file) {
  std::uint64_t at = plan.header().size();
  std::vector<std::uint8_t> back;
  for (const convert::Entry& entry : plan.entries()) {
    BRINE_CHECK_STATUS(
        convert::read_entry(entry, conversion.storages, [&](ByteSpan bytes) -> Status {
          back.resize(bytes.size());
          BRINE_CHECK_STATUS(file.read(at, back));
          if (!std::ranges::equal(back, bytes)) {
            return fail({ErrorCode::changed, at, "what was written does not read back the same"});
          }
          at += bytes.size();
          return {};
        }));
  }
  return {};
}

Status write_extras(const OutputOptions& options, render::Converted& done) {
  done.extras = stem_of(done.output) + ".extras.json";
  BRINE_TRY(AtomicFile extras, AtomicFile::create(done.extras, options.force));
  BRINE_CHECK_STATUS(extras.write(0, bytes_of(done.conversion.extras + "\n")));
  return extras.commit();
}

}  // namespace

std::string stem_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  const std::size_t name = slash == std::string::npos ? 0 : slash + 1;
  const std::size_t dot = path.rfind('.');
  return dot == std::string::npos || dot <= name ? path : path.substr(0, dot);
}

Status write_safetensors(const SourcePtr& source, const OutputOptions& options, Console& console,
                         render::Converted& done) {
  Conversion& conversion = done.conversion;
  // The hash is as long as this, so the plan's offsets stand before it is known.
  const std::string unknown(64, '0');
  BRINE_TRY(convert::SafetensorsPlan plan,
            convert::SafetensorsPlan::make(std::move(conversion.entries),
                                           metadata(conversion, options, unknown)));
  BRINE_TRY(AtomicFile file, AtomicFile::create(done.output, options.force));
  std::stop_source stop;
  std::future<Result<std::string>> hash =
      std::async(std::launch::async, [&] { return sha256_hex(*source, stop.get_token(), {}); });
  const Status copied = copy(plan, conversion, file, console, done.path);
  if (!copied) stop.request_stop();
  const Result<std::string> sha256 = hash.get();
  BRINE_CHECK_STATUS(copied);
  BRINE_CHECK_STATUS(sha256);
  BRINE_TRY(const convert::SafetensorsPlan final_plan,
            convert::SafetensorsPlan::make(plan.entries(), metadata(conversion, options, *sha256)));
  BRINE_CHECK_STATUS(file.write(0, bytes_of(final_plan.header())));
  if (options.verify) {
    BRINE_CHECK_STATUS(compare(final_plan, conversion, file));
    done.verified = true;
  }
  BRINE_CHECK_STATUS(unchanged(*source));
  BRINE_CHECK_STATUS(file.commit());
  done.bytes = final_plan.size();
  conversion.entries = final_plan.entries();
  return options.extras ? write_extras(options, done) : Status{};
}

Status write_disarmed(const SourcePtr& source, const OutputOptions& options,
                      render::Converted& done) {
  BRINE_TRY(AtomicFile file, AtomicFile::create(done.output, options.force));
  const auto write = [&](std::uint64_t offset, ByteSpan bytes) -> Status {
    if (interrupted()) return fail({ErrorCode::io, offset, "interrupted"});
    return file.write(offset, bytes);
  };
  BRINE_TRY(done.bytes, convert::write_torch_zip("archive", done.conversion.rewritten,
                                                 done.conversion.storages, write));
  BRINE_CHECK_STATUS(unchanged(*source));
  return file.commit();
}

}  // namespace brine::cli
