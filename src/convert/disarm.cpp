#include "convert/disarm.h"

#include <utility>

#include "convert/arrays.h"
#include "format/compressed/compressed.h"
#include "format/names.h"
#include "format/numpy/npy.h"
#include "format/probe.h"

namespace brine::convert {
namespace {

std::string last_component(const std::string& path) {
  return path.substr(path.rfind('/') + 1);  // npos + 1 is 0
}

// The codec that can be written for what the source was compressed with.
std::optional<codec::Codec> codec_of(format::Probe& probe) {
  const auto codec = format::compressed::identify(probe);
  // Whoever reads lzip reads xz as well.
  return codec == codec::Codec::lzip ? codec::Codec::xz : codec;
}

// A .npy file up to the end of its numbers; null when it holds objects.
Result<SourcePtr> numbers_of(const SourcePtr& source) {
  BRINE_TRY(const format::numpy::Place place, format::numpy::place_of(*source, 0));
  const auto header = format::numpy::header_at(*source, place);
  if (!header) return fail(Error::malformed(0, "a header that NumPy does not write"));
  if (header->objects) return SourcePtr();
  if (header->bytes > source->size() - place.data) {
    return fail(Error::truncated(place.data, header->bytes, source->size() - place.data));
  }
  return std::make_shared<SliceSource>(source, 0, place.data + header->bytes);
}

void worsen(Conversion& out, Outcome outcome, const std::string& reason) {
  if (outcome <= out.outcome) return;
  out.outcome = outcome;
  out.reason = reason;
}

class Disarmer {
 public:
  explicit Disarmer(const ConvertOptions& options) : options_(options) {
    options_.contents.rewrite = true;
    options_.aliases = Aliases::duplicate;  // a name is lost nowhere
  }

  Conversion run(const std::string& path, const SourcePtr& source) {
    Conversion out = convert_source(path, source, options_);
    if (out.outcome == Outcome::refused) return out;
    if (is_npy(*source)) {
      const Result<Disarmed::Part> part = npy_part("", source, out);
      if (!part) {
        worsen(out, Outcome::refused, part.error().what);
        return out;
      }
      out.disarmed.container = Container::npy;
      out.disarmed.parts.push_back(*part);
      return out;
    }
    if (out.rewritten.pickle.empty()) {
      npz(path, source, out);
      return out;
    }
    pickle(path, source, out);
    return out;
  }

  SourcedConversion run_checkpoint(const std::string& path, const SourcePtr& index) {
    SourcedConversion out = convert_checkpoint(path, index, options_);
    if (out.conversion.outcome != Outcome::refused) pickle(path, out.source, out.conversion);
    return out;
  }

 private:
  void pickle(const std::string& path, const SourcePtr& source, Conversion& out) const {
    const bool torch = out.rewritten.dialect == Dialect::torch;
    out.disarmed.container = torch ? Container::torch : Container::pickle;
    std::string name;
    if (!torch) {
      format::Probe probe(last_component(path), source);
      if (out.member.size() == 1 && probe.starts_with("PK")) {
        out.disarmed.container = Container::zip;
        name = last_component(out.member.front());
      } else {
        out.disarmed.codec = codec_of(probe);
      }
    }
    note(out, out.rewritten);
    out.disarmed.parts.push_back({std::move(name), nullptr, std::move(out.rewritten)});
  }

  // A .npy file by itself or in an archive; `out` takes what is said of it.
  Result<Disarmed::Part> npy_part(std::string name, const SourcePtr& source, Conversion& out) {
    Disarmed::Part part;
    BRINE_TRY(part.same, numbers_of(source));
    if (part.same == nullptr) {
      if (name.empty()) {
        part.rewritten = std::move(out.rewritten);
      } else {
        Conversion inside = convert_source("array.npy", source, options_);
        worsen(out, inside.outcome, inside.reason);
        if (inside.outcome == Outcome::refused) {
          return fail({ErrorCode::unsupported, 0, inside.reason});
        }
        part.rewritten = std::move(inside.rewritten);
      }
      if (part.rewritten.dialect == Dialect::torch || !part.rewritten.array_shape) {
        return fail({ErrorCode::unsupported, 0, "an array of what NumPy cannot hold by itself"});
      }
      note(out, part.rewritten);
    }
    part.name = std::move(name);
    return part;
  }

  void npz(const std::string& path, const SourcePtr& source, Conversion& out) {
    const bool named = format::ascii_lower(path).ends_with(".npz");
    const auto members = npz_members(source, options_.scan.limits, named);
    if (!members || !*members) {
      worsen(out, Outcome::refused, members ? "no archive of arrays" : members.error().what);
      return;
    }
    out.disarmed.container = Container::npz;
    for (const NpzMember& member : **members) {
      if (member.content == nullptr) continue;  // convert has said so
      if (!is_npy(*member.content)) {
        ++out.replaced["a member that is no array"];
        continue;
      }
      Result<Disarmed::Part> part = npy_part(member.name, member.content, out);
      if (!part) {
        worsen(out, Outcome::partial, member.name + ": " + part.error().what);
        continue;
      }
      out.disarmed.parts.push_back(std::move(*part));
    }
    if (out.disarmed.parts.empty()) worsen(out, Outcome::refused, "no array of it is whole");
  }

  static void note(Conversion& out, const Rewritten& rewritten) {
    for (const auto& [what, count] : rewritten.replaced) out.replaced[what] += count;
    if (!rewritten.unsure.empty()) worsen(out, Outcome::disarmed, rewritten.unsure);
  }

  ConvertOptions options_;
};

}  // namespace

Conversion disarm_source(const std::string& path, const SourcePtr& source,
                         const ConvertOptions& options) {
  return Disarmer(options).run(path, source);
}

SourcedConversion disarm_checkpoint(const std::string& path, const SourcePtr& index,
                                    const ConvertOptions& options) {
  return Disarmer(options).run_checkpoint(path, index);
}

Status check_disarmed(const std::string& name, const SourcePtr& written) {
  const FileReport report = scan::scan_source(name, written, {});
  if (report.verdict < Verdict::suspicious) return {};
  const std::string why = report.findings.empty() ? "" : ": " + report.findings.front().title;
  return fail({ErrorCode::unsupported, 0, "what was written is not clean" + why});
}

}  // namespace brine::convert
