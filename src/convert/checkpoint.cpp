#include "convert/checkpoint.h"

#include <algorithm>
#include <map>
#include <memory>
#include <string_view>
#include <unordered_map>

#include "convert/arrays.h"
#include "convert/checkpoint_pickle.h"
#include "convert/extras.h"
#include "convert/keys.h"

namespace brine::convert {
namespace {

using format::dcp::StorageInfo;

// Names and extras of all values together: bytes per byte of the files, and at least.
constexpr std::uint64_t kFactor = 16, kLeastText = 64u << 20;
constexpr std::uint32_t kNoItem = ~std::uint32_t{0};

// A dict or list of the state_dict, or one of its values.
struct Branch {
  bool list = false;
  std::uint32_t item = kNoItem;  // a value
  std::vector<std::pair<Step, std::uint32_t>> children;  // in the order of being put in
  std::unordered_map<std::string_view, std::uint32_t> by_text;
};

// The values on their ways, as torch's set_element() puts them there. A list has its places filled
// from 0 on, whatever came first.
class Tree {
 public:
  // An Error where the loader would raise, or lose a value.
  static Result<Tree> make(const std::vector<CheckpointItem>& items) {
    Tree tree;
    tree.branches_.emplace_back();
    for (std::uint32_t i = 0; i < items.size(); ++i) {
      if (!tree.put(items[i].path, i)) {
        return fail(Error::malformed(0, items[i].key + ": another value stands on the way to it"));
      }
    }
    for (Branch& branch : tree.branches_) {
      if (!branch.list) continue;
      std::ranges::sort(branch.children, {}, [](const auto& child) { return child.first.index; });
      for (std::size_t i = 0; i < branch.children.size(); ++i) {
        if (branch.children[i].first.index == i) continue;
        return fail(Error::malformed(
            0, items[tree.first_item(branch)].key + ": it stands in a list with holes"));
      }
    }
    return tree;
  }

  const Branch& operator[](std::uint32_t id) const { return branches_[id]; }

  // Whether flattening takes a list apart: it holds a tensor, a dict, or such a list.
  bool opens(const Branch& list, const std::vector<CheckpointItem>& items) const {
    std::vector<const Branch*> left = {&list};
    while (!left.empty()) {
      const Branch* branch = left.back();
      left.pop_back();
      for (const auto& [step, id] : branch->children) {
        const Branch& child = branches_[id];
        if (child.item != kNoItem ? items[child.item].dtype != nullptr : !child.list) return true;
        if (child.list) left.push_back(&child);
      }
    }
    return false;
  }

 private:
  bool put(const std::vector<Step>& path, std::uint32_t item) {
    std::uint32_t at = 0;
    for (std::size_t i = 0; i < path.size(); ++i) {
      if (branches_[at].item != kNoItem || branches_[at].list != path[i].index.has_value()) {
        return false;
      }
      const bool last = i + 1 == path.size();
      const auto found = branches_[at].by_text.find(path[i].text);
      if (found != branches_[at].by_text.end()) {
        if (last) return false;
        at = found->second;
        continue;
      }
      const auto fresh = static_cast<std::uint32_t>(branches_.size());
      Branch branch;
      if (last) branch.item = item;
      branch.list = !last && path[i + 1].index.has_value();
      branches_.push_back(std::move(branch));
      branches_[at].children.emplace_back(path[i], fresh);
      branches_[at].by_text.emplace(path[i].text, fresh);  // the items outlive the tree
      at = fresh;
    }
    return true;
  }

  std::uint32_t first_item(const Branch& branch) const {
    const Branch* at = &branch;
    while (at->item == kNoItem) at = &branches_[at->children.front().second];
    return at->item;
  }

  std::vector<Branch> branches_;
};

// The parts of all items and their files.
class Parts {
 public:
  Parts(SourcePtr index_source, const CheckpointIndex& index, const CheckpointReaders& readers)
      : index_(index) {
    std::map<std::string_view, std::vector<Claim>> claims;
    for (const CheckpointItem& item : index.items) {
      for_each_part(item, [&](const StorageInfo* place) {
        if (place != nullptr) claims[place->path].push_back({place, &item});
      });
    }
    std::vector<SourcePtr> sources = {std::move(index_source)};
    for (auto& [name, of_file] : claims) {
      refuse_shared(of_file);
      if (!format::dcp::rank_of(name)) {
        for (const Claim& claim : of_file) {
          refused_.emplace(claim.item, "its bytes are said to lie in " + std::string(name) +
                                           ", which is no file of a checkpoint");
        }
        continue;
      }
      SourcePtr file = readers.open(std::string(name));
      if (file == nullptr) continue;
      files_.emplace(name, sources.size());
      sources.push_back(std::move(file));
    }
    sizes_.reserve(sources.size());
    for (const SourcePtr& source : sources) sizes_.push_back(source->size());
    all_ = std::make_shared<JoinedSource>(std::move(sources));
  }

  const std::shared_ptr<JoinedSource>& all() const { return all_; }

  // Why an item is not taken; empty when nothing speaks against it.
  std::string refusal(const CheckpointItem& item) const {
    const auto found = refused_.find(&item);
    return found == refused_.end() ? std::string() : found->second;
  }

  // Where a chunk's file lies, or (none given) a value's; null: the index does not tell.
  const StorageInfo* place(const CheckpointItem& item, const Box* chunk) const {
    const auto found = index_.places.find(
        {item.key, chunk == nullptr ? std::nullopt : std::optional(chunk->offsets)});
    return found == index_.places.end() ? nullptr : &found->second;
  }

  // Null: those bytes are not there.
  SourcePtr bytes(const StorageInfo& place) const {
    const auto file = files_.find(place.path);
    if (file == files_.end()) return nullptr;
    const std::uint64_t size = sizes_[file->second];
    if (place.offset > size || place.length > size - place.offset) return nullptr;
    return std::make_shared<SliceSource>(all_, all_->start_of(file->second) + place.offset,
                                         place.length);
  }

 private:
  struct Claim {
    const StorageInfo* place;
    const CheckpointItem* item;
  };

  template <typename Take>
  void for_each_part(const CheckpointItem& item, const Take& take) const {
    if (item.dtype == nullptr) take(place(item, nullptr));
    for (const Box& chunk : item.chunks) {
      // The loader reads nothing of a chunk without elements.
      if (std::ranges::find(chunk.sizes, 0u) == chunk.sizes.end()) take(place(item, &chunk));
    }
  }

  void refuse_shared(std::vector<Claim>& claims) {
    std::ranges::sort(claims, {}, [](const Claim& claim) { return claim.place->offset; });
    const Claim* widest = nullptr;  // reaches farthest of those so far
    for (const Claim& claim : claims) {
      const auto [path, offset, length, transformed] = *claim.place;
      if (transformed) {
        refused_.emplace(claim.item, "an extension of DCP's packed its bytes");
      }
      if (widest != nullptr && length != 0 &&
          offset - widest->place->offset < widest->place->length) {
        refused_.emplace(claim.item, "its bytes are those of " + widest->item->key + " as well");
      }
      if (widest == nullptr || offset - widest->place->offset >= widest->place->length ||
          length > widest->place->length - (offset - widest->place->offset)) {
        widest = &claim;
      }
    }
  }

  const CheckpointIndex& index_;
  std::map<std::string, std::size_t, std::less<>> files_;  // by name: which part of all_
  std::vector<std::uint64_t> sizes_;
  std::shared_ptr<JoinedSource> all_;
  std::map<const CheckpointItem*, std::string> refused_;
};

class Assembly {
 public:
  Assembly(const CheckpointIndex& index, const Tree& tree, const Parts& parts,
           const ContentsOptions& options, const CheckpointReaders& readers)
      : index_(index),
        tree_(tree),
        parts_(parts),
        options_(options),
        readers_(readers),
        json_(extras_) {}

  Checkpoint run() {
    Contents& contents = out_.contents;
    contents.ambiguous = index_.ambiguous;
    contents.container = true;
    std::uint32_t root = 0;
    ContentsOptions inside = options_;
    auto& keys = inside.root;
    while (!keys.empty() && tree_[root].item == kNoItem) {
      const auto found = std::ranges::find(tree_[root].children, keys.front(), [](const auto& one) {
        return valid_name(one.first.text);
      });
      if (found == tree_[root].children.end()) break;
      root = found->second;
      keys.erase(keys.begin());
    }
    const bool deeper =
        tree_[root].item != kNoItem && index_.items[tree_[root].item].dtype == nullptr;
    contents.root_missing = !keys.empty() && !deeper;
    if (!contents.root_missing) walk(root, inside);
    contents.extras = options_.extras ? std::move(extras_) : std::string();
    if (options_.rewrite) contents.rewritten = pickle_.take();
    return std::move(out_);
  }

 private:
  struct Frame {
    const Branch* branch;
    std::size_t next = 0;
  };

  void walk(std::uint32_t root, const ContentsOptions& inside) {
    if (tree_[root].item != kNoItem) return value(index_.items[tree_[root].item], inside);
    std::vector<Frame> frames;
    open(tree_[root], frames);
    while (!frames.empty() && !out_.contents.over_budget) {
      Frame& frame = frames.back();
      if (frame.next == frame.branch->children.size()) {
        frame.branch->list ? json_.end_array() : json_.end_object();
        pickle_.close();
        if (frame.branch != &tree_[root]) path_.pop_back();
        frames.pop_back();
        continue;
      }
      const auto& [step, id] = frame.branch->children[frame.next++];
      path_.push_back(valid_name(step.text));
      if (frame.branch->list) {
        pickle_.item();
      } else {
        json_.raw_key(path_.back());
        pickle_.key(step.text);
      }
      if (tree_[id].item == kNoItem) {
        open(tree_[id], frames);
        continue;
      }
      value(index_.items[tree_[id].item], inside);
      path_.pop_back();
    }
  }

  void open(const Branch& branch, std::vector<Frame>& frames) {
    branch.list ? json_.begin_array() : json_.begin_object();
    pickle_.open(branch.list);
    frames.push_back({&branch});
    if (branch.list && !tree_.opens(branch, index_.items)) {
      doubt(joined(path_), "a list without tensors, which the loader does not take apart");
    }
  }

  void value(const CheckpointItem& item, const ContentsOptions& inside) {
    std::string own = joined(path_);
    if (item.dtype != nullptr) {
      own = unique_name(path_, path_.empty() ? "tensor" : own, "",
                        [&](const std::string& name) { return names_.insert(name); });
    }
    std::string refused = parts_.refusal(item);
    if (refused.empty()) {
      item.dtype == nullptr ? other(item, own, inside) : tensor(item, own, refused);
    }
    if (refused.empty()) return;
    pickle_.missing();
    json_.wrapped("$refused", refused);
    out_.contents.refused.push_back({std::move(own), std::move(refused)});
  }

  // What torch.save made of something else than a tensor.
  void other(const CheckpointItem& item, const std::string& own, const ContentsOptions& inside) {
    const StorageInfo* place = parts_.place(item, nullptr);
    const SourcePtr bytes = place == nullptr ? nullptr : parts_.bytes(*place);
    PartFile file;
    if (bytes == nullptr) {
      file.problem = "its bytes are not there";
    } else {
      ContentsOptions options = inside;
      options.above = path_;
      options.taken = &names_;
      options.dialect = Dialect::torch;
      options.start = pickle_.start();
      file = readers_.read(item, bytes, options);
    }
    if (!file.contents) {
      if (out_.unread.empty()) out_.unread = item.key + ": " + file.problem;
      json_.wrapped("$unknown", "");
      pickle_.missing();
      return;
    }
    doubt(own, file.doubt);
    Contents& part = *file.contents;
    if (options_.rewrite) {
      pickle_.value(std::move(part.rewritten),
                    static_cast<std::uint32_t>(out_.contents.storages.size()));
    }
    out_.contents.root_missing = out_.contents.root_missing || part.root_missing;
    if (part.extras.empty()) {
      json_.wrapped("$unknown", "");
    } else {
      json_.document(part.extras);
      part.extras.clear();
    }
    for (const NamedTensor& one : part.tensors) {
      names_.insert(one.name);
      text_bytes_ += one.name.size();
    }
    if (text_bytes_ + extras_.size() > most_text() || pickle_.size() > most_text()) {
      out_.contents.over_budget = true;
      out_.contents.limit = "names and other values are more than 16 times the files and 64 MB";
    }
    const bool plain = part.tensors.empty() && part.other.empty() && part.refused.empty();
    if (plain && out_.contents.other.size() < kNamesShown) {
      out_.contents.other.push_back(own.empty() ? item.key : own);
    }
    add_part(out_.contents, "", std::move(part));
  }

  void tensor(const CheckpointItem& item, const std::string& own, std::string& refused) {
    std::optional<TensorView> view = laid_out(*item.dtype, item.shape, false);
    if (!view) {
      refused = "a tensor of more bytes than there are";
      return;
    }
    Storage storage;
    storage.dtype = item.dtype;
    storage.size = view->elements() * item.dtype->itemsize;
    storage.location = "cpu";
    bool missing = false;
    switch (cover_of(item.shape, item.chunks)) {
      case Cover::whole: break;
      case Cover::gaps: missing = true; break;
      case Cover::overlap: refused = "its chunks overlap"; return;
      case Cover::outside: refused = "a chunk of it does not lie within it"; return;
      case Cover::unknown: refused = "a limit was reached: chunks to compare"; return;
    }
    std::vector<Chunk> chunks;
    for (std::size_t i = 0; i < item.chunks.size() && !missing && refused.empty(); ++i) {
      const Box& box = item.chunks[i];
      if (std::ranges::find(box.sizes, 0u) != box.sizes.end()) continue;
      std::optional<TensorView> part;
      SourcePtr bytes = chunk(item, box, own, part, refused);
      missing = bytes == nullptr;
      if (missing) break;
      if (box.sizes == item.shape) {  // the only one
        view = std::move(part);
        storage.bytes = std::move(bytes);
      } else {
        chunks.push_back({box, rows_of(*part, bytes)});
      }
    }
    if (!refused.empty()) return;
    if (!missing && storage.bytes == nullptr) {
      storage.bytes =
          std::make_shared<ChunkedSource>(item.shape, item.dtype->itemsize, std::move(chunks));
    }
    if (!missing && item.dtype->name == "bool" && !holds_flags(*storage.bytes)) {
      refused = "a bool that is neither 0 nor 1, which the loader makes 1";
      return;
    }
    view->storage = static_cast<std::uint32_t>(out_.contents.storages.size());
    pickle_.tensor(*view, storage);
    out_.contents.storages.push_back(std::move(storage));
    out_.contents.add(own, std::move(*view));
    json_.wrapped("$tensor", own);
  }

  // Whether all bytes are 0 or 1.
  static bool holds_flags(ByteSource& source) {
    constexpr std::uint64_t kPiece = 1u << 20;
    for (std::uint64_t at = 0; at < source.size(); at += kPiece) {
      const auto piece = source.read_vector(at, std::min(kPiece, source.size() - at));
      if (!piece || std::ranges::any_of(*piece, [](std::uint8_t byte) { return byte > 1; })) {
        return false;
      }
    }
    return true;
  }

  // A chunk's storage, and its tensor as a view of it; null: missing, or refused.
  SourcePtr chunk(const CheckpointItem& item, const Box& box, const std::string& own,
                  std::optional<TensorView>& view, std::string& refused) {
    const StorageInfo* place = parts_.place(item, &box);
    const SourcePtr bytes = place == nullptr ? nullptr : parts_.bytes(*place);
    if (bytes == nullptr) return nullptr;
    PartFile file = readers_.read(item, bytes, {});
    if (!file.contents) return nullptr;
    doubt(own, file.doubt);
    Contents& contents = *file.contents;
    if (!contents.refused.empty()) {
      refused = contents.refused.front().why;
    } else if (contents.tensors.size() != 1 || !contents.root_tensor || contents.root_storage ||
               !contents.tensors[0].notes().empty()) {
      refused = "a chunk of it that is no plain tensor";
    } else if (contents.tensors[0].view.shape != box.sizes) {
      refused = "a chunk of it that has other sizes than the index says";
    } else if (contents.tensors[0].view.dtype != item.dtype) {
      refused = "a chunk of it that has another element type than the index says";
    }
    if (!refused.empty()) return nullptr;
    view = std::move(contents.tensors[0].view);
    out_.contents.ambiguous = out_.contents.ambiguous || contents.ambiguous;
    return std::move(contents.storages[view->storage].bytes);
  }

  std::uint64_t most_text() const {
    const auto scaled = checked_product(parts_.all()->size(), kFactor);
    return std::max(scaled.value_or(~std::uint64_t{0}), kLeastText);
  }

  void doubt(const std::string& own, const std::string& why) {
    if (out_.doubt.empty() && !why.empty()) out_.doubt = own + ": " + why;
  }

  const CheckpointIndex& index_;
  const Tree& tree_;
  const Parts& parts_;
  const ContentsOptions& options_;
  const CheckpointReaders& readers_;
  Checkpoint out_;
  std::string extras_;
  Extras json_;
  CheckpointPickle pickle_;
  std::vector<std::string> path_;
  TextSet names_;
  std::uint64_t text_bytes_ = 0;  // of names inside values
};

}  // namespace

Result<Checkpoint> read_checkpoint(const SourcePtr& index_source, const CheckpointIndex& index,
                                   const ContentsOptions& options,
                                   const CheckpointReaders& readers) {
  BRINE_TRY(const Tree tree, Tree::make(index.items));
  const Parts parts(index_source, index, readers);
  Checkpoint out = Assembly(index, tree, parts, options, readers).run();
  out.source = parts.all();
  return out;
}

}  // namespace brine::convert
