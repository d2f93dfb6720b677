#include "archive/zip/reader.h"

#include <algorithm>

#include "archive/zip/state.h"

namespace brine::archive {
namespace {

// Enough for both windows and the zip64 records in front of an end record.
constexpr std::uint64_t kTailRead = 70u << 10;
static_assert(kTailRead >= kMinizWindow + layout::kLocatorSize + layout::kEnd64Size);

constexpr std::string_view kEndText("PK\5\6", 4);

// What PyTorch accepts in the version record: std::stoull of its start, between 1 and 10.
constexpr std::uint64_t kOldestVersion = 1;
constexpr std::uint64_t kNewestVersion = 10;

std::optional<std::uint64_t> parse_like_stoull(std::string_view text) {
  std::size_t at = text.find_first_not_of(" \t\n\v\f\r");
  if (at == std::string_view::npos) return std::nullopt;
  bool negative = text[at] == '-';
  if (text[at] == '-' || text[at] == '+') ++at;
  std::uint64_t value = 0;
  bool any = false;
  for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at, any = true) {
    auto digit = static_cast<std::uint64_t>(text[at] - '0');
    if (value > (UINT64_MAX - digit) / 10) return std::nullopt;
    value = value * 10 + digit;
  }
  if (!any) return std::nullopt;
  return negative ? ~value + 1 : value;
}

// Where the window of `miniz` begins: blocks of 4096 bytes, each 4093 nearer to the start.
std::uint64_t miniz_window_start(std::uint64_t size) {
  constexpr std::uint64_t kBlock = 4096;
  constexpr std::uint64_t kEnough = 65'535 + layout::kEndSize;
  std::uint64_t at = size > kBlock ? size - kBlock : 0;
  while (at != 0 && size - at < kEnough) at = at > kBlock - 3 ? at - (kBlock - 3) : 0;
  return at;
}

}  // namespace

const char* to_string(ZipProfile profile) {
  switch (profile) {
    case ZipProfile::miniz: return "miniz";
    case ZipProfile::zipfile: return "zipfile";
    case ZipProfile::local: return "local headers";
  }
  return "?";
}

bool starts_like_zip(ByteSpan head) {
  return head.size() >= 4 && load_le32(head.data()) == layout::kLocalSignature;
}

bool has_local_header(ByteSpan bytes) {
  return as_text(bytes).find(std::string_view("PK\3\4", 4)) != std::string_view::npos;
}

std::optional<std::uint64_t> miniz_end_record(ByteSpan tail, std::uint64_t file_size) {
  if (file_size < layout::kEndSize || tail.size() > file_size) return std::nullopt;
  std::uint64_t start = file_size - tail.size();
  if (tail.size() < layout::kEndSize) return std::nullopt;
  std::size_t at = as_text(tail).rfind(kEndText, tail.size() - layout::kEndSize);
  if (at == std::string_view::npos || start + at < miniz_window_start(file_size)) {
    return std::nullopt;
  }
  return start + at;
}

std::optional<std::uint64_t> zipfile_end_record(ByteSpan tail, std::uint64_t file_size) {
  if (tail.size() < layout::kEndSize || tail.size() > file_size) return std::nullopt;
  std::uint64_t start = file_size - tail.size();
  std::string_view text = as_text(tail);
  std::size_t exact = text.size() - layout::kEndSize;
  if (text.substr(exact, 4) == kEndText && text[text.size() - 2] == 0 && text.back() == 0) {
    return start + exact;
  }
  std::size_t at = text.rfind(kEndText);
  if (at == std::string_view::npos || at > exact) return std::nullopt;
  if (file_size - (start + at) > kZipfileWindow) return std::nullopt;
  return start + at;
}

ZipArchive::ZipArchive(std::unique_ptr<State> state) : state_(std::move(state)) {}
ZipArchive::ZipArchive(ZipArchive&&) noexcept = default;
ZipArchive& ZipArchive::operator=(ZipArchive&&) noexcept = default;
ZipArchive::~ZipArchive() = default;

Result<ZipArchive> ZipArchive::open_salvage(SourcePtr source, const Limits& limits) {
  auto state = std::make_unique<State>(std::move(source), limits);
  state->tail_start = state->size - std::min(state->size, kTailRead);
  BRINE_TRY(ByteSpan tail, state->fetch(state->tail_start, state->size - state->tail_start));
  state->tail = tail;
  state->zipfile.profile = ZipProfile::zipfile;
  auto miniz_end = miniz_end_record(tail, state->size);
  auto zipfile_end = zipfile_end_record(tail, state->size);
  if (miniz_end) {
    BRINE_CHECK_STATUS(read_miniz_view(*state, *miniz_end));
  } else {
    state->miniz.refusal = "no end record";
  }
  if (zipfile_end) {
    BRINE_CHECK_STATUS(read_zipfile_view(*state, *zipfile_end));
  } else {
    state->zipfile.refusal = "no end record";
  }
  state->finish_views();
  if (!state->miniz.members.empty()) {
    std::string_view first = state->miniz.members.front().name;
    std::size_t slash = first.find('/');
    if (slash != std::string_view::npos) state->root = std::string(first.substr(0, slash));
  }
  return ZipArchive(std::move(state));
}

Result<ZipArchive> ZipArchive::open(SourcePtr source, const Limits& limits) {
  BRINE_TRY(ZipArchive archive, open_salvage(std::move(source), limits));
  bool found = archive.miniz().end_found || archive.zipfile().end_found;
  if (!found) return fail(Error::malformed(0, "no reader finds a zip's end record"));
  return archive;
}

const std::vector<ZipEntry>& ZipArchive::entries() const { return state_->entries; }
const ZipView& ZipArchive::miniz() const { return state_->miniz; }
const ZipView& ZipArchive::zipfile() const { return state_->zipfile; }
const std::vector<ZipLocal>& ZipArchive::local_headers() const { return state_->walk; }
const std::optional<std::string>& ZipArchive::torch_root() const { return state_->root; }

Result<const ZipView*> ZipArchive::local() {
  if (!state_->walked) {
    BRINE_CHECK_STATUS(walk_local_headers(*state_));
    state_->walked = true;
  }
  return &state_->local;
}

std::vector<std::size_t> ZipArchive::miniz_candidates(std::string_view full_name) const {
  state_->make_index();
  // The name is a C string on its way to miniz.
  return state_->miniz_index.find(full_name.substr(0, full_name.find('\0')));
}

std::vector<std::size_t> ZipArchive::torch_candidates(std::string_view record) const {
  if (!state_->root) return {};
  return miniz_candidates(*state_->root + "/" + std::string(record));
}

std::vector<std::size_t> ZipArchive::zipfile_candidates(std::string_view full_name) const {
  state_->make_index();
  return state_->zipfile_index.find(full_name);
}

const std::string& ZipArchive::torch_refusal() {
  State& state = *state_;
  if (state.version_checked) return state.torch_refusal;
  state.version_checked = true;
  if (!state.miniz.opens) return state.torch_refusal = state.miniz.refusal;
  if (state.miniz.members.empty()) return state.torch_refusal = "no entries";
  if (!state.root) return state.torch_refusal = "the first entry lies in no folder";
  std::vector<std::size_t> records = torch_candidates(".data/version");
  if (records.empty()) records = torch_candidates("version");
  if (records.empty()) return state.torch_refusal = "no version record";
  for (std::size_t record : records) {
    auto reading = locate(state.miniz, record);
    auto bytes = content(state.miniz, record);
    // Memory that nobody wrote may hold anything, also a version.
    bool chance = (reading && reading->uninitialised) || (bytes && bytes->unwritten != 0);
    if (chance) return state.torch_refusal;
    if (!bytes || !bytes->whole) continue;
    constexpr std::uint64_t kEnough = 64;
    auto text = bytes->source->read_vector(0, std::min(bytes->source->size(), kEnough));
    auto version = text ? parse_like_stoull(as_text(*text)) : std::nullopt;
    if (version && *version >= kOldestVersion && *version <= kNewestVersion)
      return state.torch_refusal;
  }
  return state.torch_refusal = "no version record that PyTorch supports";
}

Result<ZipReading> ZipArchive::locate(const ZipView& view, std::size_t member) {
  if (member >= view.members.size()) return fail({ErrorCode::usage, 0, "no such zip member"});
  return locate_member(*state_, view, view.members[member]);
}

Result<ZipContent> ZipArchive::content(const ZipView& view, std::size_t member) {
  if (member >= view.members.size()) return fail({ErrorCode::usage, 0, "no such zip member"});
  return member_content(*state_, view, view.members[member]);
}

Result<const ZipLocal*> ZipArchive::local_header(std::uint64_t offset) {
  return state_->local_at(offset, {});
}

Result<const std::vector<ZipDisagreement>*> ZipArchive::disagreements() {
  if (!state_->disagreements) {
    std::vector<ZipDisagreement> found;
    BRINE_CHECK_STATUS(find_disagreements(*state_, found));
    state_->disagreements = std::move(found);
  }
  return &*state_->disagreements;
}

Result<const std::vector<ZipRange>*> ZipArchive::ranges() {
  if (!state_->ranges) {
    std::vector<ZipRange> found;
    BRINE_CHECK_STATUS(find_ranges(*state_, found));
    state_->ranges = std::move(found);
  }
  return &*state_->ranges;
}

Status ZipArchive::each_range(const std::function<void(const ZipRange&)>& take) {
  return archive::each_range(*state_, take, nullptr);
}

Result<std::vector<ZipGap>> ZipArchive::gaps() {
  BRINE_TRY(const std::vector<ZipRange>* all, ranges());
  return find_gaps(*state_, *all);
}

}  // namespace brine::archive
