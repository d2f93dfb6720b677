#include "archive/tar/reader.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>

#include "archive/tar/numbers.h"

namespace brine::archive {

namespace {

constexpr std::uint64_t kBlock = 512;
constexpr std::uint64_t kMostPax = 1u << 20;  // of one pax or long-name header that is read
// Version 0.0 repeats its keys: all of them, in order.
constexpr std::string_view kSparseParts = "GNU.sparse.offset,numbytes";
using Headers = std::map<std::string, std::string, std::less<>>;

std::uint64_t in_blocks(std::uint64_t size) {
  return size > UINT64_MAX - kBlock ? UINT64_MAX : (size + kBlock - 1) / kBlock * kBlock;
}

std::uint64_t sum(std::uint64_t a, std::uint64_t b) {
  return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

// The types whose data tarfile steps over: regular ones and those it does not know.
bool has_data(char type) {
  static constexpr std::string_view kWithout = "123456LK";
  return kWithout.find(type) == std::string_view::npos;
}

struct Block {
  std::array<std::uint8_t, kBlock> bytes{};
  ByteSpan field(std::size_t from, std::size_t to) const {
    return ByteSpan(bytes).subspan(from, to - from);
  }
  bool zero() const {
    return std::ranges::all_of(bytes, [](std::uint8_t byte) { return byte == 0; });
  }
};

struct Header {
  TarMember member;
  std::int64_t size = 0;
  bool extended = false;  // more blocks of a sparse map follow
  std::int64_t real_size = 0;
};

void add_part(TarMember& member, std::int64_t offset, std::int64_t size) {
  if (offset < 0 || size < 0) return;
  member.sparse.emplace_back(static_cast<std::uint64_t>(offset), static_cast<std::uint64_t>(size));
}

// TarInfo.frombuf behind the checksum; nothing where a number is none.
std::optional<Header> parse(const Block& block) {
  static constexpr std::array<std::pair<std::size_t, std::size_t>, 5> kNumbers = {
      {{108, 116}, {116, 124}, {136, 148}, {329, 337}, {337, 345}}};
  Header out;
  TarMember& member = out.member;
  for (const auto& [from, to] : kNumbers) {
    if (!tar_number(block.field(from, to))) return std::nullopt;
  }
  const auto mode = tar_number(block.field(100, 108)), size = tar_number(block.field(124, 136));
  if (!mode || !size) return std::nullopt;
  member.mode = static_cast<std::uint64_t>(*mode);
  out.size = *size;
  member.name = tar_text(block.field(0, 100));
  member.link = tar_text(block.field(157, 257));
  member.type = static_cast<char>(block.bytes[156]);
  const std::string_view prefix = tar_text(block.field(345, 500));
  if (member.type == '\0' && member.name.ends_with('/')) member.type = '5';
  if (member.type == 'S') {
    member.is_sparse = true;
    for (std::size_t at = 386; at < 386 + 4 * 24; at += 24) {
      const auto offset = tar_number(block.field(at, at + 12));
      const auto count = tar_number(block.field(at + 12, at + 24));
      if (!offset || !count) break;
      add_part(member, *offset, *count);
    }
    out.extended = block.bytes[482] != 0;
    const auto real = tar_number(block.field(483, 495));
    if (!real) return std::nullopt;
    out.real_size = *real;
  }
  if (!prefix.empty() && std::string_view("LKS").find(member.type) == std::string_view::npos) {
    member.name = std::string(prefix) + "/" + member.name;
  }
  return out;
}

// "LENGTH KEY=VALUE\n" records; false where tarfile calls the header invalid.
bool parse_pax(std::string_view text, Headers& into) {
  while (!text.empty() && text.front() != '\0') {
    const std::size_t space = text.find(' ');
    if (space == std::string_view::npos || space == 0 || space > 20) return false;
    const auto length = python_int(text.substr(0, space), 10);
    if (!length || *length <= 0) return false;
    const auto count = static_cast<std::uint64_t>(*length);
    if (count > text.size() || count < space + 2) return false;
    const std::string_view record = text.substr(space + 1, count - space - 1);
    const std::size_t equals = record.find('=');
    if (equals == std::string_view::npos || equals == 0) return false;
    std::string_view value = record.substr(equals + 1);
    if (!value.empty()) value.remove_suffix(1);  // its newline
    const std::string_view key = record.substr(0, equals);
    if (key == "GNU.sparse.offset" || key == "GNU.sparse.numbytes") {
      (into[std::string(kSparseParts)] += value) += ',';
    }
    into[std::string(key)] = std::string(value);
    text.remove_prefix(count);
  }
  return true;
}

class Lister {
 public:
  Lister(ByteSource& source, const Limits& limits) : source_(source), limits_(limits) {}

  Result<TarListing> run() {
    while (true) {
      if (out_.members.size() >= limits_.members) return stop(TarEnd::budget, "members");
      BRINE_TRY(const bool more, next());
      if (!more) return std::move(out_);
    }
  }

 private:
  Result<TarListing> stop(TarEnd end, std::string problem) {
    finish(end, std::move(problem));
    return std::move(out_);
  }
  bool finish(TarEnd end, std::string problem) {
    out_.end = end;
    out_.end_offset = at_;
    out_.problem = std::move(problem);
    return false;
  }

  // One member: its header and those that say more about it. False at the end.
  Result<bool> next() {
    const std::uint64_t begin = at_;
    Headers pax = global_;
    std::optional<std::string> long_name, long_link;
    bool said = false;  // an own header stands before: what follows must be right
    while (true) {
      Block block;
      const std::uint64_t left = source_.size() - std::min(at_, source_.size());
      if (at_ > source_.size()) return finish(TarEnd::error, "unexpected end of data");
      if (left == 0 && !said) return finish(TarEnd::zeros, "");
      if (left < kBlock) return finish(said ? TarEnd::error : TarEnd::bad, "truncated header");
      BRINE_CHECK_STATUS(source_.read(at_, block.bytes));
      if (block.zero()) return finish(said ? TarEnd::error : TarEnd::zeros, "");
      if (!is_tar_header(block.bytes))
        return finish(said ? TarEnd::error : TarEnd::bad, "bad checksum");
      std::optional<Header> header = parse(block);
      if (!header) return finish(said ? TarEnd::error : TarEnd::bad, "a number that is none");
      at_ += kBlock;
      const char type = header->member.type;
      if (type != 'L' && type != 'K' && type != 'x' && type != 'g' && type != 'X') {
        header->member.header = begin;
        return member(std::move(*header), pax, long_name, long_link);
      }
      if (header->size < 0) return finish(TarEnd::error, "a negative size");
      const auto size = static_cast<std::uint64_t>(header->size);
      BRINE_TRY(const std::string text, text_at(at_, size));
      at_ = sum(at_, in_blocks(size));
      said = true;
      if (type == 'L') {
        long_name = text.substr(0, text.find('\0'));
      } else if (type == 'K') {
        long_link = text.substr(0, text.find('\0'));
      } else {
        if (!parse_pax(text, pax)) return finish(TarEnd::error, "a pax header that is none");
        if (type == 'g') global_ = pax;
      }
    }
  }

  Result<std::string> text_at(std::uint64_t at, std::uint64_t size) {
    const std::uint64_t left = source_.size() - std::min(at, source_.size());
    BRINE_TRY(const std::vector<std::uint8_t> bytes,
              source_.read_vector(at, std::min({size, left, kMostPax})));
    return std::string(as_text(bytes));
  }

  Result<bool> member(Header header, const Headers& pax, const std::optional<std::string>& name,
                      const std::optional<std::string>& link) {
    TarMember& member = header.member;
    BRINE_TRY(const bool mapped, sparse_blocks(header));
    if (!mapped) return finish(TarEnd::error, "a sparse map that ends early");
    if (name) member.name = *name;
    if (link) member.link = *link;
    member.data = at_;
    apply(header, pax);
    if (header.size < 0 && has_data(member.type)) {
      // Older tarfiles step backwards here; newer ones call the header invalid.
      member.size = 0;
      out_.members.push_back(std::move(member));
      return finish(TarEnd::error, "a negative size");
    }
    const std::uint64_t size = header.size < 0 ? 0 : static_cast<std::uint64_t>(header.size);
    member.stored = has_data(member.type) ? size : 0;
    if (!pax_sparse(member, pax)) return finish(TarEnd::error, "a sparse map that is none");
    if (!member.is_sparse) member.size = size;
    const std::uint64_t skip = has_data(member.type) ? in_blocks(size) : 0;
    while (member.directory() && member.name.size() > 1 && member.name.ends_with('/')) {
      member.name.pop_back();
    }
    at_ = sum(member_begin_, skip);
    if (member.name.size() > limits_.name_bytes) member.name.resize(limits_.name_bytes);
    out_.members.push_back(std::move(member));
    return true;
  }

  // Blocks of a sparse map behind a header of GNU's old kind.
  Result<bool> sparse_blocks(Header& header) {
    bool extended = header.extended;
    while (extended) {
      Block block;
      if (source_.size() - std::min(at_, source_.size()) < kBlock) return false;
      BRINE_CHECK_STATUS(source_.read(at_, block.bytes));
      at_ += kBlock;
      if (header.member.sparse.size() >= limits_.members) return false;
      for (std::size_t at = 0; at < 21 * 24; at += 24) {
        const auto offset = tar_number(block.field(at, at + 12));
        const auto count = tar_number(block.field(at + 12, at + 24));
        if (!offset || !count) break;
        if (*offset != 0 && *count != 0) add_part(header.member, *offset, *count);
      }
      extended = block.bytes[504] != 0;
    }
    if (header.member.is_sparse) {
      header.member.size = header.real_size < 0 ? 0 : static_cast<std::uint64_t>(header.real_size);
    }
    member_begin_ = at_;
    return true;
  }

  static void apply(Header& header, const Headers& pax) {
    const auto text = [&](std::string_view key) -> const std::string* {
      const auto found = pax.find(key);
      return found == pax.end() ? nullptr : &found->second;
    };
    if (const std::string* path = text("path")) {
      header.member.name = *path;
      while (header.member.name.ends_with('/')) header.member.name.pop_back();
    }
    if (const std::string* path = text("GNU.sparse.name")) header.member.name = *path;
    if (const std::string* path = text("linkpath")) header.member.link = *path;
    if (const std::string* size = text("size")) header.size = python_int(*size, 10).value_or(0);
  }

  // GNU's sparse files in pax headers, versions 0.0, 0.1 and 1.0.
  bool pax_sparse(TarMember& member, const Headers& pax) {
    const auto map = pax.find("GNU.sparse.map"), parts = pax.find(kSparseParts);
    const bool newest = pax.contains("GNU.sparse.major") && pax.contains("GNU.sparse.minor");
    if (map == pax.end() && !pax.contains("GNU.sparse.size") && !newest) return true;
    member.is_sparse = true;
    member.size = member.stored;
    for (const std::string_view key : {"GNU.sparse.size", "GNU.sparse.realsize"}) {
      const auto found = pax.find(key);
      if (found == pax.end()) continue;
      const std::int64_t size = python_int(found->second, 10).value_or(0);
      member.size = size < 0 ? 0 : static_cast<std::uint64_t>(size);
    }
    if (map != pax.end()) return numbers(member, map->second, ',');
    if (parts != pax.end()) return numbers(member, parts->second, ',');
    return !newest || map_in_data(member);
  }

  bool numbers(TarMember& member, std::string_view text, char separator) {
    std::int64_t offset = 0;
    bool half = false;
    while (!text.empty()) {
      const std::size_t end = text.find(separator);
      const auto value = python_int(text.substr(0, end), 10);
      if (!value || member.sparse.size() >= limits_.members) return false;
      if (half) {
        add_part(member, offset, *value);
      } else {
        offset = *value;
      }
      half = !half;
      text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    }
    return true;
  }

  // Version 1.0: decimal lines in front of the data, filled up to a block.
  bool map_in_data(TarMember& member) {
    auto text = text_at(member.data, member.stored);
    if (!text) return false;
    std::string_view rest = *text;
    const auto line = [&]() -> std::optional<std::int64_t> {
      const std::size_t end = rest.find('\n');
      if (end == std::string_view::npos) return std::nullopt;
      const auto value = python_int(rest.substr(0, end), 10);
      rest.remove_prefix(end + 1);
      return value;
    };
    const auto count = line();
    if (!count || *count < 0 || static_cast<std::uint64_t>(*count) > limits_.members) return false;
    for (std::int64_t i = 0; i < *count; ++i) {
      const auto offset = line(), size = line();
      if (!offset || !size) return false;
      add_part(member, *offset, *size);
    }
    const std::uint64_t used = in_blocks(text->size() - rest.size());
    member.data = sum(member.data, used);
    member.stored -= std::min(member.stored, used);
    return true;
  }

  TarListing out_;
  ByteSource& source_;
  const Limits& limits_;
  Headers global_;
  std::uint64_t at_ = 0;
  std::uint64_t member_begin_ = 0;
};

// A sparse file: its parts stand one behind the other, NULs are between them.
class SparseSource final : public ByteSource {
 public:
  SparseSource(SourcePtr base, const TarMember& member) : base_(std::move(base)) {
    std::uint64_t real = member.data, last = 0;
    for (const auto& [offset, size] : member.sparse) {
      if (offset < last) break;  // tarfile reads such maps in its own order; nothing writes them
      parts_.push_back({offset, size, real});
      last = sum(offset, size);
      real = sum(real, size);
    }
    size_ = member.size;
  }
  std::uint64_t size() const override { return size_; }
  Status read(std::uint64_t offset, std::span<std::uint8_t> out) override {
    if (offset > size_ || out.size() > size_ - offset) {
      return fail(Error::truncated(offset, out.size(), size_ - std::min(offset, size_)));
    }
    std::ranges::fill(out, std::uint8_t{0});
    for (const Part& part : parts_) {
      const std::uint64_t from = std::max(part.offset, offset);
      const std::uint64_t to = std::min(sum(part.offset, part.size), offset + out.size());
      if (from >= to) continue;
      const std::uint64_t at = part.real + (from - part.offset);
      const std::uint64_t held = base_->size() - std::min(at, base_->size());
      const auto count = static_cast<std::size_t>(std::min(to - from, held));
      if (count == 0) continue;
      BRINE_CHECK_STATUS(
          base_->read(at, out.subspan(static_cast<std::size_t>(from - offset), count)));
    }
    return {};
  }

 private:
  struct Part {
    std::uint64_t offset, size, real;
  };
  SourcePtr base_;
  std::vector<Part> parts_;
  std::uint64_t size_ = 0;
};

}  // namespace

bool is_tar_header(ByteSpan block) {
  constexpr std::size_t kSum = 148, kSumEnd = 156;
  if (block.size() < kBlock) return false;
  const auto wanted = tar_number(block.subspan(kSum, kSumEnd - kSum));
  if (!wanted) return false;
  std::int64_t as_unsigned = 8 * ' ', as_signed = 8 * ' ';
  for (std::size_t i = 0; i < kBlock; ++i) {
    if (i >= kSum && i < kSumEnd) continue;
    as_unsigned += block[i];
    as_signed += static_cast<std::int8_t>(block[i]);
  }
  return *wanted == as_unsigned || *wanted == as_signed;
}

Result<TarListing> list_tar(ByteSource& source, const Limits& limits) {
  return Lister(source, limits).run();
}

SourcePtr open_tar_member(const SourcePtr& source, const TarMember& member) {
  if (member.is_sparse) return std::make_shared<SparseSource>(source, member);
  const std::uint64_t start = std::min(member.data, source->size());
  return std::make_shared<SliceSource>(source, start,
                                       std::min(member.size, source->size() - start));
}

}  // namespace brine::archive
