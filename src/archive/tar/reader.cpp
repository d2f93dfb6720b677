#include "archive/tar/reader.h"

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <set>

#include "archive/tar/numbers.h"
#include "archive/tar/pax.h"
#include "archive/tar/sparse.h"

namespace brine::archive {

namespace {

constexpr std::int64_t kBlock = 512;
constexpr std::size_t kBlockBytes = 512;
// Offsets further than that are beyond any file; sums of two of them still fit.
constexpr std::int64_t kFar = INT64_MAX / 4;
// What extract copies of a member whose size is negative: the rest of a division by its buffer.
constexpr std::int64_t kCopied = 16 << 10;

std::int64_t bounded(std::int64_t value) { return std::clamp(value, -kFar, kFar); }

std::uint64_t positive(std::int64_t value) {
  return value < 0 ? 0 : static_cast<std::uint64_t>(value);
}

// TarInfo._block: rounds up, also what is negative.
std::int64_t in_blocks(std::int64_t size) {
  std::int64_t blocks = size / kBlock;
  if (size % kBlock > 0) ++blocks;
  return blocks * kBlock;
}

bool one_of(char type, std::string_view types) { return types.find(type) != types.npos; }

// The types whose data tarfile steps over: regular ones and those it does not know.
bool has_data(char type) { return !one_of(type, "123456LK"); }

using Block = std::array<std::uint8_t, kBlockBytes>;

ByteSpan field(const Block& block, std::size_t from, std::size_t to) {
  return ByteSpan(block).subspan(from, to - from);
}

struct Header {
  TarMember member;
  std::int64_t size = 0;
  bool extended = false;  // more blocks of a sparse map follow
  std::int64_t real_size = 0;
};

// False where tarfile would seek to a negative place.
bool add_part(TarMember& member, std::int64_t offset, std::int64_t size) {
  if (offset < 0 || size < 0) {
    member.odd = true;
    return false;
  }
  member.sparse.emplace_back(positive(bounded(offset)), positive(bounded(size)));
  return true;
}

// TarInfo.frombuf behind the checksum; nothing where a number is none.
std::optional<Header> parse(const Block& block) {
  static constexpr std::array<std::pair<std::size_t, std::size_t>, 5> kNumbers = {
      {{108, 116}, {116, 124}, {136, 148}, {329, 337}, {337, 345}}};
  Header out;
  TarMember& member = out.member;
  for (const auto& [from, to] : kNumbers) {
    if (!tar_number(field(block, from, to))) return std::nullopt;
  }
  const auto mode = tar_number(field(block, 100, 108)), size = tar_number(field(block, 124, 136));
  if (!mode || !size) return std::nullopt;
  member.mode = static_cast<std::uint64_t>(*mode);
  out.size = bounded(*size);
  member.name = tar_text(field(block, 0, 100));
  member.link = tar_text(field(block, 157, 257));
  member.type = static_cast<char>(block[156]);
  if (member.type == '\0' && member.name.ends_with('/')) member.type = '5';
  if (member.type == 'S') {
    member.is_sparse = true;
    for (std::size_t at = 386; at < 386 + 4 * 24; at += 24) {
      const auto offset = tar_number(field(block, at, at + 12));
      const auto count = tar_number(field(block, at + 12, at + 24));
      if (!offset || !count) break;
      add_part(member, *offset, *count);
    }
    out.extended = block[482] != 0;
    const auto real = tar_number(field(block, 483, 495));
    if (!real) return std::nullopt;
    out.real_size = bounded(*real);
  }
  if (member.directory()) {
    while (member.name.ends_with('/')) member.name.pop_back();
  }
  const std::string_view prefix = tar_text(field(block, 345, 500));
  if (!prefix.empty() && !one_of(member.type, "LKS")) {
    member.name = std::string(prefix) + "/" + member.name;
  }
  return out;
}

// A header that says more about the next one, waiting for it.
struct Pending {
  char type = 'x';
  std::uint64_t header = 0;
  std::string text;  // L and K: the name; pax: the records, when they may hold a sparse map
  PaxHeaders pax;    // x and X: those in force with its own
  bool odd = false;
};

// "GNU.sparse.offset=12\n" behind digits and a space: all of them, as version 0.0 repeats its keys.
std::vector<std::int64_t> repeated(std::string_view text, std::string_view key) {
  std::vector<std::int64_t> out;
  for (std::size_t at = text.find(key); at != text.npos; at = text.find(key, at + 1)) {
    const std::size_t from = at + key.size();
    const std::size_t to = std::min(text.find_first_not_of("0123456789", from), text.size());
    const bool led = at >= 2 && text[at - 1] == ' ' && text[at - 2] >= '0' && text[at - 2] <= '9';
    if (!led || to == from || to == text.size() || text[to] != '\n') continue;
    out.push_back(decimal_bytes(text.substr(from, to - from)).value_or(kFar));
  }
  return out;
}

class Lister {
 public:
  Lister(ByteSource& source, const Limits& limits)
      : source_(source),
        limits_(limits),
        size_(static_cast<std::int64_t>(std::min<std::uint64_t>(source.size(), kFar))) {}

  Result<TarListing> run() {
    while (true) {
      BRINE_TRY(const bool more, next());
      if (more) continue;
      if (!ended_) {
        ended_ = true;
        first_end_ = end_;
      }
      if (end_.end == TarEnd::budget) break;
      BRINE_TRY(const bool found, resume());
      if (!found) break;
    }
    if (end_.end == TarEnd::budget) first_end_ = end_;
    out_.end = first_end_.end;
    out_.end_offset = positive(first_end_.at);
    out_.problem = std::move(first_end_.problem);
    return std::move(out_);
  }

 private:
  struct End {
    TarEnd end = TarEnd::zeros;
    std::int64_t at = 0;
    std::string problem;
  };
  bool finish(TarEnd end, std::string problem) {
    end_ = {end, at_, std::move(problem)};
    return false;
  }

  // TarFile.next; false at the end.
  Result<bool> next() {
    if (out_.members.size() >= limits_.members) return finish(TarEnd::budget, "members");
    if (offset_ != at_) {
      if (offset_ == 0) return finish(TarEnd::zeros, "");
      if (offset_ < 0 || offset_ - 1 >= size_) {
        return finish(TarEnd::error, "unexpected end of data");
      }
      // Sizes below zero lead back; round and round gives nothing new.
      if (offset_ < at_ && !visited_.emplace(offset_, state_).second) {
        return finish(TarEnd::error, "the archive leads back into itself");
      }
      at_ = offset_;
    }
    std::vector<Pending> waiting;
    const std::uint64_t begins = positive(at_);
    while (true) {
      const bool nested = !waiting.empty();
      Block block{};
      BRINE_TRY(std::optional<Header> header, header_at(block, nested));
      if (!header) return false;
      at_ += kBlock;
      const char type = header->member.type;
      if (!one_of(type, "LKxgX")) {
        header->member.header = positive(at_ - kBlock);
        header->member.begin = begins;
        BRINE_TRY(const bool whole, begin(*header));
        if (!whole) return false;
        while (!waiting.empty()) {
          BRINE_TRY(const bool done, complete(*header, waiting.back()));
          if (!done) return false;
          waiting.pop_back();
        }
        return deliver(std::move(*header));
      }
      Pending pending;
      pending.type = type;
      pending.header = positive(at_ - kBlock);
      BRINE_TRY(const bool taken, take(pending, in_blocks(header->size), nested));
      if (!taken) return false;
      waiting.push_back(std::move(pending));
    }
  }

  // TarInfo.frombuf at at_; nothing at the end, which finish() has told.
  Result<std::optional<Header>> header_at(Block& block, bool nested) {
    const auto end = [&](TarEnd how, const char* problem) -> std::optional<Header> {
      finish(nested ? TarEnd::error : how, nested && *problem == 0 ? "no header follows" : problem);
      return std::nullopt;
    };
    const std::int64_t left = size_ - std::min(at_, size_);
    if (left == 0) return end(TarEnd::zeros, "");
    if (left < kBlock) return end(TarEnd::bad, "truncated header");
    BRINE_CHECK_STATUS(source_.read(positive(at_), block));
    if (std::ranges::all_of(block, [](std::uint8_t byte) { return byte == 0; })) {
      return end(TarEnd::zeros, "");
    }
    if (!is_tar_header(block)) return end(TarEnd::bad, "bad checksum");
    std::optional<Header> header = parse(block);
    if (!header) return end(TarEnd::bad, "a number that is none");
    return header;
  }

  // The data of a header that says more about the next one.
  Result<bool> take(Pending& pending, std::int64_t size, bool nested) {
    if (size < 0) return finish(TarEnd::error, "a negative size");
    const std::int64_t count = std::min(size, size_ - std::min(at_, size_));
    extended_ += positive(count);
    if (extended_ > limits_.directory_bytes) return finish(TarEnd::budget, "directory_bytes");
    BRINE_TRY(const std::vector<std::uint8_t> bytes,
              source_.read_vector(positive(at_), positive(count)));
    at_ += count;
    const std::string_view text = as_text(bytes);
    if (pending.type == 'L' || pending.type == 'K') {
      pending.text = text.substr(
          0, std::min<std::size_t>(text.find('\0'), static_cast<std::size_t>(limits_.name_bytes)));
      return true;
    }
    if (pending.type != 'g') pending.pax = global_;
    PaxHeaders& into = pending.type == 'g' ? global_ : pending.pax;
    const PaxParsed parsed = parse_pax(text, limits_.name_bytes, into);
    if (pending.type == 'g' && parsed.changed) ++state_;
    pending.odd = !parsed.strict;
    if (parsed.end == PaxEnd::budget) return finish(TarEnd::budget, "directory_bytes");
    if (parsed.end == PaxEnd::invalid) {
      return finish(nested ? TarEnd::error : TarEnd::bad, "a pax header that is none");
    }
    if (text.find("GNU.sparse.") != text.npos) pending.text = text;
    return true;
  }

  // TarInfo._proc_builtin and _proc_sparse: the member without what waits for it.
  Result<bool> begin(Header& header) {
    TarMember& member = header.member;
    if (member.type == 'S') {
      BRINE_TRY(const bool whole, more_sparse_blocks(header));
      if (!whole) return false;
      member.data = positive(at_);
      offset_ = bounded(at_ + in_blocks(header.size));
      header.size = header.real_size;
      return true;
    }
    member.data = positive(at_);
    offset_ = bounded(at_ + (has_data(member.type) ? in_blocks(header.size) : 0));
    if (!apply(header, global_)) return false;
    if (member.directory()) {
      while (member.name.ends_with('/')) member.name.pop_back();
    }
    return true;
  }

  Result<bool> more_sparse_blocks(Header& header) {
    while (header.extended) {
      Block block{};
      if (size_ - std::min(at_, size_) < kBlock) {
        return finish(TarEnd::error, "a sparse map that ends early");
      }
      BRINE_CHECK_STATUS(source_.read(positive(at_), block));
      at_ += kBlock;
      if (header.member.sparse.size() >= limits_.members) {
        return finish(TarEnd::budget, "members");
      }
      for (std::size_t at = 0; at < std::size_t{21} * 24; at += 24) {
        const auto offset = tar_number(field(block, at, at + 12));
        const auto count = tar_number(field(block, at + 12, at + 24));
        if (!offset || !count) break;
        if (*offset != 0 && *count != 0) add_part(header.member, *offset, *count);
      }
      header.extended = block[504] != 0;
    }
    return true;
  }

  // TarInfo._apply_pax_info; false where it raises.
  bool apply(Header& header, const PaxHeaders& pax) {
    TarMember& member = header.member;
    for (const auto& [key, value] : pax.items()) {
      switch (key) {
        case PaxKey::sparse_name: member.name = *value; break;
        case PaxKey::path:
          member.name = *value;
          while (member.name.ends_with('/')) member.name.pop_back();
          break;
        case PaxKey::link_path: member.link = *value; break;
        case PaxKey::size: header.size = bounded(decimal_text(*value).value_or(0)); break;
        case PaxKey::sparse_size:
        case PaxKey::sparse_real_size: {
          const auto size = decimal_text(*value);
          if (!size) return finish(TarEnd::error, "a size that is no number");
          header.size = bounded(*size);
          break;
        }
        case PaxKey::sparse_map:
        case PaxKey::sparse_major:
        case PaxKey::sparse_minor: break;
      }
    }
    return true;
  }

  // What _proc_gnulong and _proc_pax do when the next header was read.
  Result<bool> complete(Header& header, const Pending& pending) {
    TarMember& member = header.member;
    member.odd = member.odd || pending.odd;
    if (pending.type == 'L' || pending.type == 'K') {
      member.header = pending.header;
      (pending.type == 'L' ? member.name : member.link) = pending.text;
      if (member.directory() && member.name.ends_with('/')) member.name.pop_back();
      return true;
    }
    const PaxHeaders& pax = pending.type == 'g' ? global_ : pending.pax;
    BRINE_TRY(const bool mapped, pax_sparse(member, pax, pending.text));
    if (!mapped) return false;
    if (pending.type == 'g') return true;
    if (!apply(header, pax)) return false;
    member.header = pending.header;
    if (pax.find(PaxKey::size) != nullptr) {
      offset_ = bounded(static_cast<std::int64_t>(member.data) +
                        (has_data(member.type) ? in_blocks(header.size) : 0));
    }
    return true;
  }

  // GNU's sparse files in pax headers, versions 0.1, 0.0 and 1.0.
  Result<bool> pax_sparse(TarMember& member, const PaxHeaders& pax, std::string_view text) {
    const auto is = [&](PaxKey key, std::string_view wanted) {
      const std::string* value = pax.find(key);
      return value != nullptr && *value == wanted;
    };
    if (const std::string* map = pax.find(PaxKey::sparse_map)) return comma_map(member, *map);
    if (pax.find(PaxKey::sparse_size) != nullptr) return repeated_map(member, text);
    if (is(PaxKey::sparse_major, "1") && is(PaxKey::sparse_minor, "0")) return map_in_data(member);
    return true;
  }

  static void start_map(TarMember& member) {
    member.is_sparse = true;
    member.sparse.clear();
  }

  bool comma_map(TarMember& member, std::string_view text) {
    start_map(member);
    std::int64_t offset = 0;
    for (bool half = false;; half = !half) {
      const std::size_t end = text.find(',');
      const auto value = decimal_text(text.substr(0, end));
      if (!value) return finish(TarEnd::error, "a sparse map that is none");
      if (member.sparse.size() >= limits_.members) return finish(TarEnd::budget, "members");
      if (half) {
        add_part(member, offset, *value);
      } else {
        offset = *value;
      }
      if (end == text.npos) return true;
      text.remove_prefix(end + 1);
    }
  }

  bool repeated_map(TarMember& member, std::string_view text) {
    start_map(member);
    const std::vector<std::int64_t> offsets = repeated(text, "GNU.sparse.offset=");
    const std::vector<std::int64_t> sizes = repeated(text, "GNU.sparse.numbytes=");
    for (std::size_t i = 0; i < std::min(offsets.size(), sizes.size()); ++i) {
      if (i >= limits_.members) return finish(TarEnd::budget, "members");
      add_part(member, offsets[i], sizes[i]);
    }
    return true;
  }

  // Version 1.0: decimal lines in front of the data, in whole blocks.
  Result<bool> map_in_data(TarMember& member) {
    start_map(member);
    std::string text;
    std::size_t used = 0;
    const auto raise = [&]() { return finish(TarEnd::error, "a sparse map that is none"); };
    const auto line = [&](bool fill) -> Result<std::optional<std::int64_t>> {
      std::size_t end = text.find('\n', used);
      if (end == text.npos && fill) {
        const std::int64_t count = std::min(kBlock, size_ - std::min(at_, size_));
        BRINE_TRY(const std::vector<std::uint8_t> bytes,
                  source_.read_vector(positive(at_), positive(count)));
        at_ += count;
        text.erase(0, used);
        used = 0;
        text += as_text(bytes);
        end = text.find('\n');
      }
      if (end == text.npos) return std::optional<std::int64_t>();
      const auto value = decimal_bytes(std::string_view(text).substr(used, end - used));
      used = end + 1;
      return value;
    };
    BRINE_TRY(const std::optional<std::int64_t> count, line(true));
    if (!count) return raise();
    for (std::int64_t i = 0; i < *count; ++i) {
      if (positive(i) >= limits_.members) return finish(TarEnd::budget, "members");
      BRINE_TRY(const std::optional<std::int64_t> offset, line(true));
      if (!offset) return raise();
      BRINE_TRY(const std::optional<std::int64_t> size, line(true));
      if (!size) return raise();
      add_part(member, *offset, *size);
    }
    member.data = positive(at_);
    return true;
  }

  bool deliver(Header header) {
    TarMember& member = header.member;
    member.beyond = ended_;
    if (header.size < 0) {
      member.odd = true;
      member.size = member.is_sparse ? 0 : positive((header.size % kCopied + kCopied) % kCopied);
    } else {
      member.size = positive(header.size);
    }
    if (member.is_sparse) {
      for (const auto& part : member.sparse) {
        member.stored = std::min(member.stored + part.second, positive(kFar));
      }
      member.tangled = !in_order(member);
    } else if (has_data(member.type)) {
      member.stored = member.size;
    }
    if (member.name.size() > limits_.name_bytes) {
      member.name.resize(static_cast<std::size_t>(limits_.name_bytes));
    }
    out_.members.push_back(std::move(member));
    return true;
  }

  // The next block behind the end whose checksum is right, on the grid of the block that ended it.
  Result<bool> resume() {
    constexpr std::int64_t kChunk = 128 * kBlock;
    resumed_ = std::max(resumed_, at_ + kBlock);
    while (resumed_ <= size_ - kBlock) {
      const std::int64_t count = std::min(kChunk, (size_ - resumed_) / kBlock * kBlock);
      BRINE_TRY(const std::vector<std::uint8_t> bytes,
                source_.read_vector(positive(resumed_), positive(count)));
      for (std::int64_t at = 0; at < count; at += kBlock) {
        const ByteSpan block = ByteSpan(bytes).subspan(static_cast<std::size_t>(at), kBlockBytes);
        if (block[148] == 0 || !is_tar_header(block)) continue;
        at_ = offset_ = resumed_ + at;
        resumed_ = at_ + kBlock;
        return true;
      }
      resumed_ += count;
    }
    return false;
  }

  TarListing out_;
  ByteSource& source_;
  const Limits& limits_;
  const std::int64_t size_;
  PaxHeaders global_;
  std::int64_t at_ = 0;  // where tarfile's file stands
  std::int64_t offset_ = 0;  // of the next member's header
  std::uint64_t extended_ = 0;  // bytes of headers that say more, all together
  std::uint64_t state_ = 0;  // counts changes of global_
  std::set<std::pair<std::int64_t, std::uint64_t>> visited_;
  End end_, first_end_;
  bool ended_ = false;
  std::int64_t resumed_ = 0;
};

}  // namespace

bool is_tar_header(ByteSpan block) {
  constexpr std::size_t kSum = 148, kSumEnd = 156;
  if (block.size() < kBlockBytes) return false;
  const auto wanted = tar_number(block.subspan(kSum, kSumEnd - kSum));
  if (!wanted) return false;
  std::int64_t as_unsigned = std::int64_t{8} * ' ', as_signed = as_unsigned;
  for (std::size_t i = 0; i < kBlockBytes; ++i) {
    if (i >= kSum && i < kSumEnd) continue;
    as_unsigned += block[i];
    as_signed += static_cast<std::int8_t>(block[i]);
  }
  return *wanted == as_unsigned || *wanted == as_signed;
}

Result<TarListing> list_tar(ByteSource& source, const Limits& limits) {
  return Lister(source, limits).run();
}

SourcePtr open_tar_member(const SourcePtr& source, const TarMember& member, TarWay way) {
  if (member.is_sparse) return open_sparse(source, member, way);
  const std::uint64_t start = std::min(member.data, source->size());
  return std::make_shared<SliceSource>(source, start,
                                       std::min(member.size, source->size() - start));
}

}  // namespace brine::archive
