#include "scan/search.h"

#include <algorithm>
#include <array>
#include <bitset>
#include <string_view>
#include <vector>

#include "pickle/opcode.h"
#include "scan/trial.h"

namespace brine::scan {

namespace {

constexpr std::size_t kChunk = 1u << 20;
// Candidates at a chunk's end see this much of what follows; a name that is longer is none of ours.
constexpr std::size_t kLook = 1024;
constexpr std::size_t kLongestName = 256;
constexpr std::uint64_t kHeadCost = 4u << 10;  // a look at a container's head
constexpr std::uint64_t kZipCost = 76u << 10;  // and at its tail
constexpr std::uint64_t kTrialCost = 64;  // of a trial that ends at once
constexpr std::uint64_t kMostLeftover = 8u << 10;  // each of its bytes is tried, up to its end

bool is_name_char(std::uint8_t c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '.';
}

// The length of a line that is a dotted name, with its newline; 0 when it is none.
std::size_t name_line(ByteSpan bytes) {
  std::size_t at = 0;
  while (at < bytes.size() && at < kLongestName && is_name_char(bytes[at])) ++at;
  if (at == 0 || at >= bytes.size() || bytes[at] != '\n') return 0;
  if (bytes[0] >= '0' && bytes[0] <= '9') return 0;
  return at + 1;
}

// Whether a pickle may start here: PROTO with a version, or a text opcode that imports.
bool is_candidate(ByteSpan bytes) {
  namespace op = pickle::op;
  if (bytes.size() < 2) return false;
  if (bytes[0] == op::PROTO) return bytes[1] >= 1 && bytes[1] <= 5;
  const bool marked = bytes[0] == op::MARK;
  if (bytes[0] == op::GLOBAL || (marked && bytes[1] == op::GLOBAL)) {
    const ByteSpan rest = bytes.subspan(marked ? 2 : 1);
    const std::size_t module = name_line(rest);
    return module != 0 && name_line(rest.subspan(module)) != 0;
  }
  // INST's arguments stand between the mark and the names: let the trial find out.
  return marked && (bytes[1] == op::STRING || bytes[1] == op::UNICODE || bytes[1] == op::INST ||
                    bytes[1] == op::BINUNICODE || bytes[1] == op::SHORT_BINSTRING);
}

struct MagicRow {
  std::string_view bytes;
  std::uint64_t before = 0;  // how far in front of them the container begins
  Magic magic = Magic::other;
};
using namespace std::string_view_literals;
constexpr auto kMagics = std::to_array<MagicRow>({
    {"PK\3\4"sv, 0, Magic::zip},
    {"\x1f\x8b\x08"sv},
    {"BZh11AY&SY"sv},
    {"BZh21AY&SY"sv},
    {"BZh31AY&SY"sv},
    {"BZh41AY&SY"sv},
    {"BZh51AY&SY"sv},
    {"BZh61AY&SY"sv},
    {"BZh71AY&SY"sv},
    {"BZh81AY&SY"sv},
    {"BZh91AY&SY"sv},
    {"\xfd"
     "7zXZ\0"sv},
    {"\x5d\0\0"sv},
    {"\x28\xb5\x2f\xfd"sv},
    {"\x04\x22\x4d\x18"sv},
    {"\x78\x01"sv},
    {"\x78\x5e"sv},
    {"\x78\x9c"sv},
    {"\x78\xda"sv},
    {"7z\xbc\xaf\x27\x1c"sv},
    {"\x93NUMPY"sv},
    {"ustar"sv, 257},
});

// A source of which a part is at hand: most trials end within a few bytes.
class NearSource final : public ByteSource {
 public:
  NearSource(ByteSource& whole, ByteSpan part, std::uint64_t start)
      : whole_(whole), part_(part), start_(start) {}
  std::uint64_t size() const override { return whole_.size(); }
  Status read(std::uint64_t offset, std::span<std::uint8_t> out) override {
    if (offset < start_ || offset - start_ > part_.size() ||
        out.size() > part_.size() - (offset - start_)) {
      return whole_.read(offset, out);
    }
    std::ranges::copy(part_.subspan(static_cast<std::size_t>(offset - start_), out.size()),
                      out.begin());
    return {};
  }
  ByteSpan in_memory() const override { return whole_.in_memory(); }

 private:
  ByteSource& whole_;
  ByteSpan part_;
  std::uint64_t start_;
};

// Which pairs of bytes begin one of them.
using Pairs = std::bitset<65536>;
std::size_t pair_of(std::uint8_t first, std::uint8_t second) {
  return std::size_t{first} << 8 | second;
}
Pairs first_pairs() {
  Pairs out;
  for (const MagicRow& row : kMagics) {
    out.set(
        pair_of(static_cast<std::uint8_t>(row.bytes[0]), static_cast<std::uint8_t>(row.bytes[1])));
  }
  return out;
}

}  // namespace

Result<std::optional<std::uint64_t>> find_container(
    ByteSource& source, std::uint64_t start, std::uint64_t end, SearchBudget& budget,
    const std::function<bool(std::uint64_t, Magic)>& accepts) {
  static const Pairs kPairs = first_pairs();
  std::vector<std::uint8_t> chunk;
  for (std::uint64_t at = start; at < end;) {
    const std::uint64_t own = std::min<std::uint64_t>(end - at, kChunk);
    const std::uint64_t held = std::min<std::uint64_t>(end - at, kChunk + kLook);
    if (!budget.spend(own)) return std::nullopt;
    chunk.resize(static_cast<std::size_t>(held));
    BRINE_CHECK_STATUS(source.read(at, chunk));
    for (std::size_t i = 0; i < own; ++i) {
      if (i + 1 >= chunk.size() || !kPairs[pair_of(chunk[i], chunk[i + 1])]) continue;
      const std::string_view here = as_text(ByteSpan(chunk).subspan(i));
      for (const MagicRow& row : kMagics) {
        if (!here.starts_with(row.bytes) || at + i < start + row.before) continue;
        const std::uint64_t cost = row.magic == Magic::zip ? kZipCost : kHeadCost;
        if (!budget.spend(std::min(cost, end - (at + i)))) return std::nullopt;
        if (accepts(at + i - row.before, row.magic)) return at + i - row.before;
        break;
      }
    }
    at += own;
  }
  return std::nullopt;
}

Result<std::optional<std::uint64_t>> find_pickle(ByteSource& source, std::uint64_t start,
                                                 std::uint64_t end, const Limits& limits,
                                                 SearchBudget& budget) {
  std::vector<std::uint8_t> chunk;
  for (std::uint64_t at = start; at < end;) {
    const std::uint64_t own = std::min<std::uint64_t>(end - at, kChunk);
    const std::uint64_t held = std::min<std::uint64_t>(end - at, kChunk + kLook);
    if (!budget.spend(own)) return std::nullopt;
    chunk.resize(static_cast<std::size_t>(held));
    BRINE_CHECK_STATUS(source.read(at, chunk));
    for (std::size_t i = 0; i < own; ++i) {
      if (!is_candidate(ByteSpan(chunk).subspan(i))) continue;
      NearSource near(source, chunk, at);
      const Trial trial = try_pickle(near, at + i, limits);
      const std::uint64_t cost = std::max(trial.looked, at + i) - (at + i);
      if (trial.acts) return at + i;
      if (!budget.spend(cost + kTrialCost)) return std::nullopt;
    }
    at += own;
  }
  return std::nullopt;
}

Result<bool> imports_nowhere(ByteSource& source, std::uint64_t start, std::uint64_t end,
                             const Limits& limits, SearchBudget& budget) {
  if (end - start > kMostLeftover || budget.exhausted) return false;
  BRINE_TRY(std::vector<std::uint8_t> bytes, source.read_vector(start, end - start));
  MemorySource part(std::move(bytes));
  for (std::uint64_t at = 0; at < part.size(); ++at) {
    const Trial trial = try_pickle(part, at, limits);
    if (trial.imports || trial.acts) return false;
    if (!budget.spend(std::max(trial.looked, at) - at + 1)) return false;
  }
  return true;
}

}  // namespace brine::scan
