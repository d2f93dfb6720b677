#include "format/acceptor.h"

#include <algorithm>
#include <array>

#include "archive/zip/reader.h"
#include "format/baselines/data.h"
#include "format/compressed/compressed.h"
#include "format/dcp/checkpoint.h"
#include "format/foreign/seven_zip.h"
#include "format/joblib/zfile.h"
#include "format/numpy/npy.h"
#include "format/pickle/bare.h"
#include "format/profiles.h"
#include "format/recognized/recognized.h"
#include "format/safetensors/reader.h"
#include "format/shelve/shelf.h"
#include "format/tar/tar.h"
#include "format/torch/zip.h"

namespace brine::format {

namespace {

constexpr auto kAcceptors = std::to_array<Acceptor>({
    {loader::kTorch, "zip", true, torch_zip::torch_load_accepts, torch_zip::read,
     "starts with PK 3 4, and an end record within 69,584 bytes of the end"},
    {loader::kTorchJit, "zip", true, torch_zip::jit_load_accepts, torch_zip::read,
     "an end record within 69,584 bytes of the end, whatever the file starts with"},
    {loader::kZipfile, "zip", true, torch_zip::zipfile_accepts, torch_zip::read,
     "an end record within 65,557 bytes of the end, whatever the file starts with"},
    {loader::kSalvage, "zip", true, torch_zip::salvage_accepts, torch_zip::read,
     "starts with PK 3 4, and no end record"},
    {loader::kSafetensors, "safetensors", false, safetensors::accepts, safetensors::read,
     "a header length that fits into the file, then '{'"},
    {loader::kTorch, "safetensors", false, safetensors::named, safetensors::read,
     "the name ends in .safetensors"},
    {loader::kTorch, "tar", true, tar::accepts, tar::read,
     "the first 512 bytes have a tar header's checksum, whatever else they are"},
    {loader::kTarfile, "tar", true, tar::accepts, tar::read,
     "the first 512 bytes have a tar header's checksum, whatever else they are"},
    {loader::kSalvage, "tar", true, tar::salvage_accepts, tar::read,
     "says ustar at byte 257, and the checksum is wrong"},
    {loader::kNumpy, "numpy", true, numpy::accepts, numpy::read, "starts with 93 N U M P Y"},
    {"", "7z", false, seven_zip::accepts, seven_zip::read, "starts with the signature of 7z"},
    {"", "compressed", false, compressed::accepts, compressed::read,
     "begins like gzip, zlib, bzip2, xz, lzma, zstd or lz4, and decodes"},
    {loader::kJoblibCompat, "zfile", true, zfile::accepts, zfile::read,
     "starts with ZF, a length in hexadecimal, and zlib's first bytes"},
    {loader::kShelve, "pickle", true, shelve::data_accepts, shelve::read_data,
     "the name ends in .dat, and a .dir file beside it is dbm.dumb's index"},
    {loader::kShelve, "shelf index", false, shelve::index_accepts, shelve::read_index,
     "the name ends in .dir or .bak, and it starts with a quote"},
    {loader::kBaselines, "Stable-Baselines data", true, baselines::accepts, baselines::read,
     "the name is data, and it begins like an object of JSON"},
    {loader::kDcp, "slices", true, dcp::slices_accept, dcp::read_slices,
     "the name ends in .distcp: the archives in it, and what the .metadata beside it names"},
    {loader::kDcp, "pickle", true, dcp::metadata_accepts, dcp::read_metadata,
     "the name ends in .metadata"},
    {loader::kPickle, "pickle", true, bare_pickle::accepts, bare_pickle::read,
     "the bytes are a pickle: PROTO at the front, a name that promises one, or a stream that acts"},
    {"", "recognized", false, recognized::accepts, recognized::read,
     "magic bytes, a checksum or a name of a format that is not analysed yet"},
});

}  // namespace

std::span<const Acceptor> acceptors() { return kAcceptors; }

std::vector<Reading> readings(Probe& probe) {
  std::vector<Reading> out;
  for (const Acceptor& row : kAcceptors) {
    if (!row.accepts(probe)) continue;
    if (row.reader == recognized::read && !out.empty() && recognized::named_vaguely(probe))
      continue;
    auto known = std::ranges::find(out, row.reader, &Reading::reader);
    if (known == out.end()) {
      out.push_back({row.reader, {}, row.family, row.executes});
      known = out.end() - 1;
    }
    known->loaders.push_back(row.loader);
    known->executes = known->executes || row.executes;
  }
  return out;
}

}  // namespace brine::format
