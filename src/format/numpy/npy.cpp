#include "format/numpy/npy.h"

#include <array>
#include <string>

#include "format/codes.h"
#include "format/profiles.h"

namespace brine::format::numpy {

namespace {

constexpr std::uint64_t kMostHeader = 1u << 20;  // numpy itself stops at 10,000 characters

}  // namespace

Result<Place> place_of(ByteSource& source, std::uint64_t at) {
  std::array<std::uint8_t, 12> fixed{};
  const std::uint64_t left = source.size() - at;
  const std::size_t held = static_cast<std::size_t>(std::min<std::uint64_t>(left, fixed.size()));
  BRINE_CHECK_STATUS(source.read(at, std::span(fixed).first(held)));
  Bytes bytes(ByteSpan(fixed).first(held), at);
  BRINE_CHECK_STATUS(bytes.skip(kMagic.size()));
  BRINE_TRY(const std::uint8_t major, bytes.u8());
  BRINE_TRY(const std::uint8_t minor, bytes.u8());
  if (major < 1 || major > 3 || minor != 0) {
    return fail(Error::malformed(at, "no version of the format that numpy knows"));
  }
  std::uint64_t length = 0;
  if (major == 1) {
    BRINE_TRY(length, bytes.le16());
  } else {
    BRINE_TRY(length, bytes.le32());
  }
  if (length > source.size() - bytes.offset()) {
    return fail(Error::truncated(bytes.offset(), length, source.size() - bytes.offset()));
  }
  return Place{bytes.offset(), bytes.offset() + length};
}

std::optional<Header> header_at(ByteSource& source, const Place& place) {
  if (place.data - place.header > kMostHeader) return std::nullopt;
  const auto text = source.read_vector(place.header, place.data - place.header);
  return text ? parse_header(as_text(*text)) : std::nullopt;
}

namespace {

class Reader {
 public:
  Reader(Probe& probe, Sink& sink) : source_(probe.source()), sink_(sink) {}

  void read() {
    std::uint64_t at = 0;
    while (at < source_->size() && starts_here(at)) {
      const std::optional<std::uint64_t> next = read_one(at);
      if (!next) return;
      at = *next;
    }
    sink_.view({std::string(loader::kNumpy), {}, "stop", at, ""});
    // The next numpy.load of a loop takes what has no magic for a pickle, whatever it begins with.
    if (at < source_->size()) unpickle(at, false);
  }

 private:
  bool starts_here(std::uint64_t at) {
    std::array<std::uint8_t, 6> magic{};
    if (source_->size() - at < magic.size()) return false;
    return source_->read(at, magic) && as_text(magic) == kMagic;
  }

  // Behind the array, or nothing when a pickle took over or the rest cannot be told.
  std::optional<std::uint64_t> read_one(std::uint64_t at) {
    const Result<Place> place = place_of(*source_, at);
    if (!place) {
      refuse(at, place.error().what);
      return std::nullopt;
    }
    sink_.interpreted(at, place->data);
    const std::optional<Header> header = header_at(*source_, *place);
    if (!header) refuse(place->header, "its header is none that numpy writes");
    if (!header || header->objects) {
      unpickle(place->data, header.has_value());
      return std::nullopt;
    }
    const std::uint64_t left = source_->size() - place->data;
    sink_.data(place->data, place->data + std::min(header->bytes, left));
    if (header->bytes > left) {
      refuse(place->data, "its data ends early");
      return std::nullopt;
    }
    return place->data + header->bytes;
  }

  void unpickle(std::uint64_t start, bool sure) {
    Stream stream;
    stream.source = source_;
    stream.file_base = 0;
    stream.start = start;
    stream.loaders = numpy_loaders();
    stream.certainty = sure ? Certainty::sure : Certainty::guessed;
    sink_.stream(std::move(stream));
  }

  void refuse(std::uint64_t offset, const std::string& why) {
    Finding finding;
    finding.code = code::kNumpy;
    finding.title = "a NumPy array that cannot be read to its end: " + why;
    finding.offset = offset;
    sink_.finding(std::move(finding));
    sink_.view({std::string(loader::kNumpy), {}, "refused", offset, why});
  }

  SourcePtr source_;
  Sink& sink_;
};

}  // namespace

bool accepts(Probe& probe) { return probe.starts_with(kMagic); }

void read(Probe& probe, std::span<const std::string_view>, Sink& sink) {
  sink.describe("NumPy array");
  Reader(probe, sink).read();
}

}  // namespace brine::format::numpy
