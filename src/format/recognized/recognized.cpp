#include "format/recognized/recognized.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "format/codes.h"
#include "format/names.h"

namespace brine::format::recognized {

namespace {

// Whose bytes may be the beginning of something else too: the row counts only under a model's name.
enum class When : std::uint8_t { always, promised };

struct Row {
  std::string_view format;
  std::string_view magic;
  std::size_t at;
  When when;
};

using namespace std::string_view_literals;

constexpr std::string_view kShelf = "dbm database (shelve)";

constexpr auto kMagic = std::to_array<Row>({
    {"HDF5 (Keras, h5py)", "\x89HDF\r\n\x1a\n"sv, 0, When::always},
    {"GGUF", "GGUF"sv, 0, When::always},
    {"GGML", "lmgg"sv, 0, When::always},
    {"GGML", "fmgg"sv, 0, When::always},
    {"GGML", "tjgg"sv, 0, When::always},
    {"GGML", "algg"sv, 0, When::always},
    {"cab archive", "MSCF\0\0\0\0"sv, 0, When::always},
    {"cpio archive", "070701"sv, 0, When::always},
    {"cpio archive", "070702"sv, 0, When::always},
    {"cpio archive", "070707"sv, 0, When::always},
    {"cpio archive", "\xc7\x71"sv, 0, When::always},
    {"ar archive", "!<arch>\n"sv, 0, When::always},
    {"xar archive", "xar!\0"sv, 0, When::always},
    {"compress", "\x1f\x9d"sv, 0, When::always},
    {"lz4, the oldest format", "\x02\x21\x4c\x18"sv, 0, When::always},
    {"RAR archive", "Rar!\x1a\x07"sv, 0, When::always},
    {"TensorFlow Lite", "TFL3"sv, 4, When::always},
    {"ExecuTorch", "ET12"sv, 4, When::always},
    {"ExecuTorch", "FT01"sv, 4, When::always},
    {"ExecuTorch", "BP08"sv, 4, When::always},
    {"ONNX Runtime", "ORTM"sv, 4, When::always},
    {"ELF program",
     "\x7f"
     "ELF"sv,
     0, When::promised},
    {"Windows program", "MZ"sv, 0, When::promised},
    {"Java objects", "\xac\xed\0\5"sv, 0, When::promised},
    // What Python's shelve keeps pickles in, beside dbm.dumb: libdb's hash and gdbm, both byte
    // orders.
    {kShelf, "\x61\x15\x06\x00"sv, 0, When::always},
    {kShelf, "\x00\x06\x15\x61"sv, 0, When::always},
    {kShelf, "\x61\x15\x06\x00"sv, 12, When::always},
    {kShelf, "\x00\x06\x15\x61"sv, 12, When::always},
    {kShelf, "\xcd\x9a\x57\x13"sv, 0, When::always},
    {kShelf, "\xce\x9a\x57\x13"sv, 0, When::always},
    {kShelf, "\xcf\x9a\x57\x13"sv, 0, When::always},
    {kShelf, "\x13\x57\x9a\xcd"sv, 0, When::always},
    {kShelf, "\x13\x57\x9a\xce"sv, 0, When::always},
    {kShelf, "\x13\x57\x9a\xcf"sv, 0, When::always},
    {"Git LFS pointer (the file itself was not fetched)", "version https://git-lfs"sv, 0,
     When::always},
});

// Formats without magic bytes go by their names.
struct NameFormat {
  std::string_view ending;
  std::string_view format;
  bool vague = false;  // programs call files of other formats so, pickles and torch's among them
};
constexpr auto kNames = std::to_array<NameFormat>({
    {".onnx", "ONNX"},
    {".pb", "TensorFlow graph or saved model"},
    {".mlmodel", "Core ML"},
    {".ckpt.index", "TensorFlow checkpoint"},
    {".model", "sentencepiece, xgboost or gensim", true},
    {".msgpack", "flax"},
    {".t7", "Torch7", true},
    {".rds", "R objects"},
    {".pmml", "PMML"},
});

// The first volume descriptor of ISO 9660 stands behind 16 sectors.
bool is_iso9660(Probe& probe) {
  constexpr std::uint64_t kDescriptor = 32'769;
  std::array<std::uint8_t, 5> bytes{};
  return probe.size() > kDescriptor + bytes.size() && probe.source()->read(kDescriptor, bytes) &&
         as_text(bytes) == "CD001";
}

// Python 3.13's dbm.sqlite3 has one table, whose definition stands in the first page.
bool is_sqlite_shelf(Probe& probe) {
  if (!probe.starts_with("SQLite format 3\0"sv)) return false;
  constexpr std::uint64_t kLargestPage = 65'536;
  std::vector<std::uint8_t> page(std::min(probe.size(), kLargestPage));
  return probe.source()->read(0, page) &&
         as_text(page).find("TABLE Dict") != std::string_view::npos;
}

// HDF5's signature may stand at 512 and every doubling of it: what lies before is a user block.
bool has_hdf5_user_block(Probe& probe) {
  static constexpr std::string_view kSignature = "\x89HDF\r\n\x1a\n";
  for (std::uint64_t at = 512; at < probe.size() && probe.size() - at >= kSignature.size();
       at *= 2) {
    if (at + kSignature.size() <= probe.head().size()) {
      if (probe.starts_with(kSignature, static_cast<std::size_t>(at))) return true;
      continue;
    }
    std::array<std::uint8_t, 8> bytes{};
    if (!probe.source()->read(at, bytes)) return false;
    if (as_text(bytes) == kSignature) return true;
    if (at > probe.size() / 2) break;
  }
  return false;
}

}  // namespace

std::string_view identify(Probe& probe) {
  const Promise promise = promise_of(probe.lower());
  for (const Row& row : kMagic) {
    if (row.when == When::promised && promise == Promise::nothing) continue;
    if (probe.starts_with(row.magic, row.at)) return row.format;
  }
  if (is_sqlite_shelf(probe)) return kShelf;
  if (is_iso9660(probe)) return "ISO 9660 image";
  if (has_hdf5_user_block(probe)) return "HDF5 (Keras, h5py) behind a user block";
  for (const NameFormat& row : kNames) {
    if (probe.size() > 0 && probe.lower().ends_with(row.ending)) return row.format;
  }
  return {};
}

bool accepts(Probe& probe) { return !identify(probe).empty(); }

bool named_vaguely(Probe& probe) {
  const std::string_view format = identify(probe);
  return std::ranges::any_of(
      kNames, [&](const NameFormat& row) { return row.vague && row.format == format; });
}

void read(Probe& probe, std::span<const std::string_view>, Sink& sink) {
  const std::string format(identify(probe));
  sink.describe(format);
  Finding finding;
  finding.code = code::kNotAnalysed;
  finding.title = format + ": recognized, not analysed yet";
  finding.advice = "ask for the weights as safetensors, or unpack it and scan what is inside";
  sink.finding(std::move(finding));
}

}  // namespace brine::format::recognized
