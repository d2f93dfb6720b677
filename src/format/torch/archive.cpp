#include "format/torch/archive.h"

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/escape.h"

namespace brine::format::torch_zip {
namespace {

using archive::ZipArchive;

constexpr std::uint64_t kShort = 64;  // bytes of a record of one word
constexpr std::uint64_t kMostIdentity = 4096;
constexpr std::size_t kMostDigits = 9;

// The text of one of torch's short records; empty when it has more than `most` bytes.
std::optional<std::string> small_record(ZipArchive& archive, std::string_view record,
                                        std::uint64_t most) {
  const std::vector<std::size_t> found = archive.torch_candidates(record);
  if (found.empty()) return std::nullopt;
  const Result<archive::ZipContent> content = archive.content(archive.miniz(), found.front());
  if (!content || content->source->size() > most) return std::string();
  const auto bytes = content->source->read_vector(0, content->source->size());
  return bytes ? std::string(bytes->begin(), bytes->end()) : std::string();
}

void refuse(TorchArchive& out, pickle::Releases by, std::string why) {
  if (out.refuses == 0) out.refusal = std::move(why);
  out.refuses |= by;
}

void doubt(TorchArchive& out, pickle::Releases by, std::string why) {
  if (out.unsure == 0) out.doubt = std::move(why);
  out.unsure |= by;
}

void judge_opening(ZipArchive& archive, const ArchiveFacts& facts, TorchArchive& out) {
  if (const std::string& refusal = archive.torch_refusal(); !refusal.empty()) {
    refuse(out, pickle::kAllReleases, refusal);
  } else if (facts.delegated) {
    refuse(out, pickle::kFrom2_6, "Cannot use weights_only=True with TorchScript archives");
    doubt(out, pickle::k1_13, "torch.load of 1.13 hands it to torch.jit.load, with no restriction");
  }
  if (!facts.accepted) {
    doubt(out, pickle::kAllReleases, "the file does not begin as an archive that torch.load opens");
  } else if (archive.torch_candidates("data.pkl").size() > 1) {
    doubt(out, pickle::kAllReleases, "the archive holds data.pkl more than once");
  } else if (facts.contested) {
    doubt(out, pickle::k1_13 | pickle::k2_6, "an archive that releases may read differently");
  }
  if (facts.several_roots) {
    doubt(out, pickle::kAllReleases, "a member outside the archive's folder");
  }
}

void judge_records(ZipArchive& archive, TorchArchive& out) {
  const std::optional<std::string> order = small_record(archive, "byteorder", kShort);
  if (order && *order != "little" && *order != "big") {
    refuse(out, pickle::kFrom2_6, "Unknown endianness type: " + *order);
  }
  const auto alignment = small_record(archive, ".storage_alignment", kShort);
  if (alignment && (alignment->empty() || alignment->size() > kMostDigits ||
                    alignment->find_first_not_of("0123456789") != std::string::npos)) {
    doubt(out, pickle::k2_13, "a storage alignment that is no number");
  }
  const auto identity = small_record(archive, ".data/serialization_id", kMostIdentity);
  if (identity && identity->empty()) {
    doubt(out, pickle::kFrom2_6, "a serialization id that is empty or very long");
  } else if (identity && !is_utf8(*identity)) {
    refuse(out, pickle::kFrom2_6, "'utf-8' codec can't decode its .data/serialization_id");
  }
}

}  // namespace

TorchArchive torch_archive(ZipArchive& archive, const ArchiveFacts& facts) {
  TorchArchive out;
  judge_opening(archive, facts, out);
  judge_records(archive, out);
  return out;
}

}  // namespace brine::format::torch_zip
