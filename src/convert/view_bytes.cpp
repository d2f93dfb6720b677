#include "convert/view_bytes.h"

#include <algorithm>
#include <cstring>
#include <vector>

namespace brine::convert {
namespace {

constexpr std::uint64_t kChunk = 1u << 20;
constexpr std::uint64_t kTile = 8u << 20;    // bytes of a tile in the output
constexpr std::uint64_t kWindow = 8u << 20;  // bytes of the storage at one time
constexpr std::uint64_t kRun = 512;          // bytes along the storage that are worth a read
constexpr std::uint64_t kReadCost = 4096;    // a read takes as long as passing so many bytes
constexpr std::uint64_t kLines = 16;         // runs that are woven into the tile together

bool is_complex(const tensor::Dtype& dtype) { return dtype.name.starts_with("complex"); }

// What changes between the storage's bytes and the tensor's: byte order, conjugate, negative.
class Mend {
 public:
  explicit Mend(const TensorView& view)
      : pairs_(is_complex(*view.dtype)),
        conj_(view.conj),
        neg_(view.neg),
        part_(pairs_ ? view.dtype->itemsize / 2u : view.dtype->itemsize),
        swaps_(view.swapped && part_ > 1) {}

  bool nothing() const { return !swaps_ && !conj_ && !neg_; }
  // `bytes` holds whole elements.
  void apply(std::span<std::uint8_t> bytes) const {
    if (swaps_) {
      for (std::size_t at = 0; at + part_ <= bytes.size(); at += part_) {
        std::reverse(bytes.begin() + static_cast<std::ptrdiff_t>(at),
                     bytes.begin() + static_cast<std::ptrdiff_t>(at + part_));
      }
    }
    if (!conj_ && !neg_) return;
    // The sign is the highest bit of a component's last byte (little-endian).
    for (std::size_t at = 0; at + part_ <= bytes.size(); at += part_) {
      const bool imaginary = pairs_ && at / part_ % 2 == 1;
      const bool flip = neg_ != (conj_ && imaginary);
      if (flip) bytes[at + part_ - 1] ^= 0x80;
    }
  }

 private:
  bool pairs_, conj_, neg_;
  std::uint64_t part_;  // bytes of a component
  bool swaps_;
};

Status read_in_order(const TensorView& view, std::uint64_t item, ByteSource& storage,
                     const Mend& mend, const TakeAt& take) {
  const std::uint64_t begin = view.offset * item, size = view.elements() * item;
  std::vector<std::uint8_t> chunk(static_cast<std::size_t>(std::min(size, kChunk)));
  for (std::uint64_t at = 0; at < size;) {
    const std::span<std::uint8_t> piece(chunk.data(),
                                        static_cast<std::size_t>(std::min(size - at, kChunk)));
    BRINE_CHECK_STATUS(storage.read(begin + at, piece));
    if (!mend.nothing()) mend.apply(piece);
    BRINE_CHECK_STATUS(take(at, piece));
    at += piece.size();
  }
  return {};
}

// A dimension of the view. In elements: from one index to the next.
struct Axis {
  std::uint64_t extent = 1;
  std::uint64_t stride = 0;  // in the storage
  std::uint64_t out = 0;     // in the output
  std::uint64_t tile = 1;    // indices in a full tile
  // Of the tile at hand:
  std::uint64_t start = 0, count = 1;
  std::uint64_t in_tile = 0;    // elements of the tile between neighbours
  std::uint64_t in_window = 0;  // elements of the window between neighbours
  bool read_apart = false;      // each index is a read of its own
};

// Dimensions of one index are left out; neighbours that lie as one are one.
std::vector<Axis> axes_of(const TensorView& view) {
  std::vector<Axis> axes;
  for (std::size_t i = 0; i < view.shape.size(); ++i) {
    if (view.shape[i] == 1) continue;
    const Axis axis{.extent = view.shape[i], .stride = view.stride[i]};
    if (!axes.empty() && axes.back().stride == axis.stride * axis.extent) {
      axes.back().extent *= axis.extent;
      axes.back().stride = axis.stride;
    } else {
      axes.push_back(axis);
    }
  }
  std::uint64_t out = 1;
  for (std::size_t i = axes.size(); i-- > 0;) {
    axes[i].out = out;
    out *= axes[i].extent;
  }
  return axes;
}

class Tiles {
 public:
  Tiles(const TensorView& view, std::uint64_t item, ByteSource& storage, const Mend& mend,
        const TakeAt& take)
      : view_(view),
        item_(item),
        storage_(storage),
        mend_(mend),
        take_(take),
        axes_(axes_of(view)),
        by_stride_(axes_.size()) {
    for (std::size_t i = 0; i < axes_.size(); ++i) by_stride_[i] = i;
    std::ranges::stable_sort(by_stride_, {}, [&](std::size_t i) { return axes_[i].stride; });
  }

  Status run() {
    choose_tile();
    std::uint64_t elements = 1;
    for (const Axis& axis : axes_) elements *= axis.tile;
    tile_.resize(static_cast<std::size_t>(elements * item_));
    do {
      begin_tile();
      BRINE_CHECK_STATUS(fill_tile());
      if (!mend_.nothing()) mend_.apply(filled());
      BRINE_CHECK_STATUS(hand_out());
    } while (next_tile());
    return {};
  }

 private:
  // First some bytes along the storage, then as far along the output as there is room.
  void choose_tile() {
    const std::uint64_t wanted = std::max<std::uint64_t>(kRun / item_, 1);
    std::uint64_t elements = 1;
    for (const std::size_t i : by_stride_) {
      Axis& axis = axes_[i];
      if (axis.stride == 0 || elements >= wanted) continue;
      axis.tile = std::min(axis.extent, (wanted + elements - 1) / elements);
      elements *= axis.tile;
    }
    const std::uint64_t most = kTile / item_;
    for (std::size_t i = axes_.size(); i-- > 0;) {
      Axis& axis = axes_[i];
      elements /= axis.tile;
      axis.tile = std::max(axis.tile, std::min(axis.extent, most / elements));
      elements *= axis.tile;
    }
    // Where elements lie densely but in no runs, a tile that is read as a whole costs less.
    if (reads_cost() <= span_bytes()) return;
    while (span_bytes() > kWindow) {
      Axis& widest = *std::ranges::max_element(
          axes_, {}, [](const Axis& axis) { return (axis.tile - 1) * axis.stride; });
      widest.tile = (widest.tile + 1) / 2;
    }
  }

  std::uint64_t span_bytes() const {
    std::uint64_t span = 1;
    for (const Axis& axis : axes_) span += (axis.tile - 1) * axis.stride;
    return span * item_;
  }

  std::uint64_t reads_cost() {
    for (Axis& axis : axes_) axis.count = axis.tile;
    const std::uint64_t unit = choose_reads();
    std::uint64_t reads = 1;
    for (const Axis& axis : axes_) reads *= axis.read_apart ? axis.count : 1;
    return reads * (kReadCost + unit * item_);
  }

  void begin_tile() {
    std::uint64_t elements = 1;
    for (std::size_t i = axes_.size(); i-- > 0;) {
      Axis& axis = axes_[i];
      axis.count = std::min(axis.tile, axis.extent - axis.start);
      axis.in_tile = elements;
      elements *= axis.count;
    }
    elements_ = elements;
  }

  bool next_tile() {
    for (std::size_t i = axes_.size(); i-- > 0;) {
      axes_[i].start += axes_[i].tile;
      if (axes_[i].start < axes_[i].extent) return true;
      axes_[i].start = 0;
    }
    return false;
  }

  std::span<std::uint8_t> filled() {
    return std::span(tile_).first(static_cast<std::size_t>(elements_ * item_));
  }

  // Which axes one read covers, the narrowest strides first. Gives the elements that it spans.
  std::uint64_t choose_reads() {
    std::uint64_t span = 1;
    bool apart = false;
    const bool whole = span_bytes() <= kWindow;
    for (const std::size_t i : by_stride_) {
      Axis& axis = axes_[i];
      axis.in_window = axis.stride;
      const std::uint64_t longer = span + (axis.count - 1) * axis.stride;
      const std::uint64_t gap = axis.stride > span ? (axis.stride - span) * item_ : 0;
      apart = apart || (axis.count > 1 && (longer * item_ > kWindow || gap > kReadCost));
      axis.read_apart = apart && !whole;
      if (!axis.read_apart) span = longer;
    }
    return span;
  }

  Status fill_tile() {
    const std::uint64_t unit = choose_reads();
    Axis& last = axes_.back();
    // Runs along the output's last axis are read in groups and woven together.
    std::uint64_t group = 1;
    if (last.read_apart) {
      group = std::clamp<std::uint64_t>(kWindow / (unit * item_), 1, kLines);
      last.in_window = unit;
    }
    window_.resize(static_cast<std::size_t>(group * unit * item_));
    std::uint64_t from = view_.offset;
    for (Axis& axis : axes_) from += axis.start * axis.stride;
    std::vector<std::uint64_t> index(axes_.size(), 0);
    std::uint64_t to = 0;
    while (true) {
      const std::uint64_t runs = last.read_apart ? std::min(group, last.count - index.back()) : 1;
      for (std::uint64_t run = 0; run < runs; ++run) {
        BRINE_CHECK_STATUS(
            storage_.read((from + run * last.stride) * item_,
                          std::span(window_).subspan(static_cast<std::size_t>(run * unit * item_),
                                                     static_cast<std::size_t>(unit * item_))));
      }
      scatter(to, last.read_apart ? runs : last.count);
      // The next read, along the axes that are read apart.
      std::size_t i = axes_.size();
      while (i-- > 0) {
        Axis& axis = axes_[i];
        if (!axis.read_apart) continue;
        const std::uint64_t step = i + 1 == axes_.size() ? runs : 1;
        index[i] += step;
        from += step * axis.stride;
        to += step * axis.in_tile;
        if (index[i] < axis.count) break;
        from -= index[i] * axis.stride;
        to -= index[i] * axis.in_tile;
        index[i] = 0;
      }
      if (i == static_cast<std::size_t>(-1)) return {};
    }
  }

  // From the window into the tile: `lines` indices of the last axis and all of those that a read
  // covers.
  void scatter(std::uint64_t to, std::uint64_t lines) {
    const std::size_t last = axes_.size() - 1;
    // The axis that lies closest in the storage is the second of the innermost two.
    std::size_t second = last;
    for (const std::size_t i : by_stride_) {
      if (i == last || axes_[i].read_apart || axes_[i].stride == 0) continue;
      second = i;
      break;
    }
    std::vector<std::uint64_t> index(axes_.size(), 0);
    std::uint64_t from = 0;
    while (true) {
      weave(from, to, lines, second == last ? nullptr : &axes_[second]);
      std::size_t i = axes_.size();
      while (i-- > 0) {
        const Axis& axis = axes_[i];
        if (i == last || i == second || axis.read_apart) continue;
        from += axis.in_window;
        to += axis.in_tile;
        if (++index[i] < axis.count) break;
        from -= axis.count * axis.in_window;
        to -= axis.count * axis.in_tile;
        index[i] = 0;
      }
      if (i == static_cast<std::size_t>(-1)) return;
    }
  }

  void weave(std::uint64_t from, std::uint64_t to, std::uint64_t lines, const Axis* second) {
    switch (item_) {
      case 1: return weave_items<1>(from, to, lines, second);
      case 2: return weave_items<2>(from, to, lines, second);
      case 4: return weave_items<4>(from, to, lines, second);
      case 8: return weave_items<8>(from, to, lines, second);
      default: return weave_items<16>(from, to, lines, second);
    }
  }

  template <std::size_t kItem>
  void weave_items(std::uint64_t from, std::uint64_t to, std::uint64_t lines, const Axis* second) {
    const std::uint64_t rows = second == nullptr ? 1 : second->count;
    const std::uint64_t row_from = second == nullptr ? 0 : second->in_window * kItem;
    const std::uint64_t row_to = second == nullptr ? 0 : second->in_tile * kItem;
    const std::uint64_t step = axes_.back().in_window * kItem;
    for (std::uint64_t line = 0; line < lines; line += kLines) {
      const std::uint64_t many = std::min(kLines, lines - line);
      const std::uint8_t* source = window_.data() + from * kItem + line * step;
      std::uint8_t* target = tile_.data() + (to + line) * kItem;
      for (std::uint64_t row = 0; row < rows; ++row, source += row_from, target += row_to) {
        for (std::uint64_t i = 0; i < many; ++i) {
          std::memcpy(target + i * kItem, source + i * step, kItem);
        }
      }
    }
  }

  // The tile's runs in the output: the last axes as far as the tile has all of them.
  Status hand_out() {
    std::size_t outer = axes_.size() - 1;
    while (outer > 0 && axes_[outer].count == axes_[outer].extent) --outer;
    const std::uint64_t run = axes_[outer].count * axes_[outer].in_tile * item_;
    std::uint64_t at = 0;
    for (const Axis& axis : axes_) at += axis.start * axis.out;
    std::vector<std::uint64_t> index(outer, 0);
    std::uint64_t tile = 0;
    while (true) {
      BRINE_CHECK_STATUS(take_(at * item_, filled().subspan(static_cast<std::size_t>(tile * item_),
                                                            static_cast<std::size_t>(run))));
      std::size_t i = outer;
      while (i-- > 0) {
        const Axis& axis = axes_[i];
        at += axis.out;
        tile += axis.in_tile;
        if (++index[i] < axis.count) break;
        at -= axis.count * axis.out;
        tile -= axis.count * axis.in_tile;
        index[i] = 0;
      }
      if (i == static_cast<std::size_t>(-1)) return {};
    }
  }

  const TensorView& view_;
  std::uint64_t item_;
  ByteSource& storage_;
  const Mend& mend_;
  const TakeAt& take_;
  std::vector<Axis> axes_;  // in the output's order
  std::vector<std::size_t> by_stride_;
  std::vector<std::uint8_t> tile_, window_;
  std::uint64_t elements_ = 0;  // of the tile at hand
};

}  // namespace

bool lies_as_it_is(const TensorView& view) { return view.contiguous() && Mend(view).nothing(); }

Status read_view(const TensorView& view, ByteSource& storage, const TakeAt& take) {
  if (view.elements() == 0) return {};
  const Mend mend(view);
  const std::uint64_t item = view.dtype->itemsize;
  return view.contiguous() ? read_in_order(view, item, storage, mend, take)
                           : Tiles(view, item, storage, mend, take).run();
}

}  // namespace brine::convert
