#include "archive/tar/sparse.h"

#include <algorithm>
#include <map>
#include <memory>

namespace brine::archive {

namespace {

// Maps out of order are followed no further: nothing honest writes them.
constexpr std::size_t kMostTangled = 4096;

std::uint64_t sum(std::uint64_t a, std::uint64_t b) {
  return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

struct Piece {
  std::uint64_t from = 0, to = 0;  // in the file that comes out
  std::uint64_t real = 0;          // of `from`, in the archive
  bool hole = false;
};
using Pieces = std::vector<Piece>;

// tarfile's map: each part, and a hole where a part begins behind the one before it.
Pieces listed(const TarMember& member) {
  Pieces out;
  std::uint64_t last = 0, real = member.data;
  for (const auto& [offset, size] : member.sparse) {
    if (offset > last) out.push_back({last, offset, 0, true});
    out.push_back({offset, sum(offset, size), real, false});
    real = sum(real, size);
    last = sum(offset, size);
  }
  if (last < member.size) out.push_back({last, member.size, 0, true});
  return out;
}

// extract writes part after part: the last one that touches a byte wins.
Pieces written(const Pieces& parts) {
  std::map<std::uint64_t, Piece> held;
  for (Piece piece : parts) {
    if (piece.hole || piece.from >= piece.to) continue;
    auto next = held.lower_bound(piece.from);
    if (next != held.begin()) {
      Piece& before = std::prev(next)->second;
      if (before.to > piece.to) {
        held[piece.to] = {piece.to, before.to, sum(before.real, piece.to - before.from), false};
      }
      before.to = std::min(before.to, piece.from);
    }
    next = held.lower_bound(piece.from);
    while (next != held.end() && next->second.from < piece.to) {
      const Piece old = next->second;
      next = held.erase(next);
      if (old.to > piece.to) {
        held[piece.to] = {piece.to, old.to, sum(old.real, piece.to - old.from), false};
      }
    }
    held[piece.from] = piece;
  }
  Pieces out;
  for (const auto& [from, piece] : held) {
    if (piece.from < piece.to) out.push_back(piece);
  }
  return out;
}

// extractfile goes through the map in a circle until a piece holds the position.
Pieces searched(const Pieces& map, std::uint64_t size) {
  Pieces out;
  std::uint64_t at = 0;
  std::size_t index = 0;
  while (at < size) {
    std::size_t tries = 0;
    while (tries < map.size() && (map[index].from > at || at >= map[index].to)) {
      index = (index + 1) % map.size();
      ++tries;
    }
    if (tries == map.size()) break;  // tarfile goes round for ever
    const Piece& piece = map[index];
    out.push_back({at, piece.to, sum(piece.real, at - piece.from), piece.hole});
    at = piece.to;
  }
  return out;
}

class SparseSource final : public ByteSource {
 public:
  SparseSource(SourcePtr base, Pieces pieces, std::uint64_t size)
      : base_(std::move(base)), pieces_(std::move(pieces)), size_(size) {}
  std::uint64_t size() const override { return size_; }
  Status read(std::uint64_t offset, std::span<std::uint8_t> out) override {
    if (offset > size_ || out.size() > size_ - offset) {
      return fail(Error::truncated(offset, out.size(), size_ - std::min(offset, size_)));
    }
    std::ranges::fill(out, std::uint8_t{0});
    const std::uint64_t end = offset + out.size();
    auto piece = std::ranges::upper_bound(pieces_, offset, {}, &Piece::to);
    for (; piece != pieces_.end() && piece->from < end; ++piece) {
      if (piece->hole) continue;
      const std::uint64_t from = std::max(piece->from, offset), to = std::min(piece->to, end);
      const std::uint64_t at = sum(piece->real, from - piece->from);
      const std::uint64_t held = base_->size() - std::min(at, base_->size());
      const auto count = static_cast<std::size_t>(std::min(to - from, held));
      if (count == 0) continue;
      BRINE_CHECK_STATUS(
          base_->read(at, out.subspan(static_cast<std::size_t>(from - offset), count)));
    }
    return {};
  }

 private:
  SourcePtr base_;
  Pieces pieces_;  // in order, apart from each other
  std::uint64_t size_;
};

}  // namespace

bool in_order(const TarMember& member) {
  std::uint64_t last = 0;
  for (const auto& [offset, size] : member.sparse) {
    // The writer's own last part may be an empty one that marks the size.
    if (offset < last || sum(offset, size) > member.size) return false;
    last = offset + size;
  }
  return true;
}

SourcePtr open_sparse(const SourcePtr& source, const TarMember& member, TarWay way) {
  Pieces map = listed(member);
  if (member.tangled) {
    map.resize(std::min(map.size(), kMostTangled));
    map = way == TarWay::extract ? written(map) : searched(map, member.size);
  }
  return std::make_shared<SparseSource>(source, std::move(map), member.size);
}

}  // namespace brine::archive
