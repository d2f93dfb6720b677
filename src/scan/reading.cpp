#include "scan/reading.h"

#include <algorithm>
#include <array>
#include <deque>
#include <map>
#include <utility>

#include "format/profiles.h"
#include "tensor/dtype.h"

namespace brine::scan {

namespace {

using format::After;
using format::LoaderUse;
using format::Stream;
using pickle::EndKind;
using pickle::Profile;

constexpr int kTorchPickles = 5;
constexpr std::uint64_t kMostTarPickles = 10'000;

class StreamReader {
 public:
  StreamReader(const Stream& stream, const ScanOptions& options, FileBudget* budget)
      : stream_(stream), options_(options), runs_(stream, options, budget) {}

  StreamReading read() {
    for (const LoaderUse& use : stream_.loaders) read_view(use);
    tell_ends();
    reading_.too_many = runs_.too_many();
    return std::move(reading_);
  }

 private:
  // Whether the view's end is the first pickle's: nothing follows, or the loader refuses to go on.
  static bool ends_with_first(const LoaderUse& use, const PickleRun& run) {
    if (run.result.end.kind != EndKind::stop) return true;
    if (use.after == After::tar_storages || use.after == After::tar_tensors) return false;
    return use.after != After::torch_stack || run.magic == PickleRun::Answer::no;
  }

  void read_view(const LoaderUse& use) {
    ViewRun view;
    view.use = &use;
    const Profile first = profile_of(use, 0);
    if (auto known = runs_.find(stream_.start, first, false, false);
        known != nullptr && ends_with_first(use, *known)) {
      view.pickles.push_back(known);
      view.same_as = owner_of(*known);
      close(view);
    } else if (options_.observer == nullptr) {
      read_sequence(use, view, nullptr, nullptr);
    } else {
      starts_.emplace_back(reading_.views.size(),
                           ViewStart{use.loader, use.profile, stream_.member, stream_.source,
                                     stream_.file_base, stream_.start, stream_.nested});
      const ViewStart& start = starts_.back().second;
      read_sequence(use, view, &start, options_.observer->begin(start));
    }
    reading_.views.push_back(std::move(view));
    if (!options_.share_runs) tell_ends();
  }

  static Profile profile_of(const LoaderUse& use, int index) {
    if (use.after != After::torch_stack) return use.profile;
    return format::legacy_profile(use.profile, index);
  }

  std::optional<std::size_t> owner_of(const PickleRun& run) const {
    for (std::size_t i = 0; i < reading_.views.size(); ++i) {
      const auto& pickles = reading_.views[i].pickles;
      if (!reading_.views[i].same_as && pickles.size() == 1 && pickles.front().get() == &run) {
        return i;
      }
    }
    return std::nullopt;
  }

  // An earlier view with the very same runs.
  std::optional<std::size_t> twin_of(const ViewRun& view) const {
    for (std::size_t i = 0; i < reading_.views.size(); ++i) {
      const ViewRun& other = reading_.views[i];
      if (!other.same_as && other.pickles == view.pickles) return i;
    }
    return std::nullopt;
  }

  void read_sequence(const LoaderUse& use, ViewRun& view, const ViewStart* watched,
                     pickle::TraceSink* watcher) {
    if (use.after == After::tar_storages || use.after == After::tar_tensors) {
      read_tar_member(use, view, watched, watcher);
      if (watched == nullptr) view.same_as = twin_of(view);
      return;
    }
    using Answer = PickleRun::Answer;
    std::uint64_t start = stream_.start;
    const bool stack = use.after == After::torch_stack;
    bool sure = true, poisoned = false;
    view.sure = 0;
    for (int index = 0; index < (stack ? kTorchPickles : 1); ++index) {
      // Only what is surely torch's own is wanted whole; else the loader may have stopped before.
      if (!sure && start >= stream_.source->size()) break;
      const bool keys = index + 1 == kTorchPickles;
      Profile profile = profile_of(use, index);
      // Behind an object that is hardly a magic number most likely nobody compares the next one.
      if (!sure && index == 1) profile.wanted = pickle::Wanted::anything;
      auto run = runs_.run(start, profile, poisoned, keys, watched, watcher);
      if (run == nullptr) {
        view.end = {EndKind::budget, start, 0, "forks"};
        return;
      }
      view.pickles.push_back(run);
      poisoned = run->poisoned;
      if (sure) ++view.sure;
      start = run->behind;
      if (run->result.end.kind != EndKind::stop || !stack) break;
      const Answer answer = index == 0 ? run->magic : index == 1 ? run->protocol : Answer::yes;
      if (answer == Answer::no) break;
      sure = sure && answer == Answer::yes;
    }
    close(view);
    if (view.sure == kTorchPickles && view.end.kind == EndKind::stop) place_storages(view);
  }

  // torch's tar: pickles with raw numbers between them, as many as the first one says.
  void read_tar_member(const LoaderUse& use, ViewRun& view, const ViewStart* watched,
                       pickle::TraceSink* watcher) {
    const bool storages = use.after == After::tar_storages;
    std::uint64_t start = stream_.start;
    std::uint64_t wanted = 1;
    bool poisoned = false;
    view.sure = 0;
    for (std::uint64_t index = 0; index < wanted; ++index) {
      if (index >= kMostTarPickles) {
        view.end = {EndKind::budget, start, 0, "members"};
        return;
      }
      auto run = runs_.run(start, format::tar_profile(use, index, wanted), poisoned, true, watched,
                           watcher);
      if (run == nullptr) {
        view.end = {EndKind::budget, start, 0, "forks"};
        return;
      }
      view.pickles.push_back(run);
      ++view.sure;
      poisoned = run->poisoned;
      view.end = run->result.end;
      start = run->behind;
      if (view.end.kind != EndKind::stop) return;
      if (index == 0) {
        if (!run->count || *run->count < 0) return refuse(view, start, "no number of tensors");
        wanted = static_cast<std::uint64_t>(*run->count) + (storages ? 2 : 1);
      } else if (!(storages && index + 1 == wanted)) {
        if (!pass_numbers(storages, *run, view, start)) return;
      }
    }
  }

  // What stands behind one pickle of torch's tar: a storage's count and elements, or a tensor's
  // dimensions, sizes, strides and offset.
  bool pass_numbers(bool storages, const PickleRun& run, ViewRun& view, std::uint64_t& at) {
    const std::uint64_t left = stream_.source->size() - at;
    std::array<std::uint8_t, 8> first{};
    if (left < first.size() || !stream_.source->read(at, first)) {
      cut_off(view, at);
      return false;
    }
    std::uint64_t count = first.size();
    if (storages) {
      const tensor::Dtype* dtype = tensor::dtype_of_storage(run.third);
      if (dtype == nullptr) {
        refuse(view, at, "a storage of no type that torch knows");
        return false;
      }
      count += std::min(load_le64(first.data()), left) * dtype->itemsize;
    } else {
      count += std::min<std::uint64_t>(load_le32(first.data()), left) * 16 + 8;
    }
    if (count > left) {
      cut_off(view, at);
      return false;
    }
    view.headers.emplace_back(at, at + first.size());
    view.data.emplace_back(at + first.size(), at + count);
    at += count;
    return true;
  }

  // The view's end: that of the last pickle that is surely read, or the loader's refusal of its
  // result.
  void close(ViewRun& view) {
    const PickleRun& last = *view.pickles[view.sure - 1];
    view.end = last.result.end;
    if (view.use->after != After::torch_stack || view.end.kind != EndKind::stop) return;
    if (view.sure == 1 && last.magic != PickleRun::Answer::yes) {
      view.end.kind = EndKind::refused;
      view.end.error = "Invalid magic number; corrupt file?";
    } else if (view.sure == 2 && last.protocol != PickleRun::Answer::yes) {
      view.end.kind = EndKind::refused;
      view.end.error = "Invalid protocol version";
    }
  }

  // Behind the fifth pickle: for each key eight bytes of element count, then the elements.
  void place_storages(ViewRun& view) {
    const PickleRun& object = *view.pickles[3];
    const PickleRun& last = *view.pickles.back();
    if (!last.keys) return;
    std::map<std::string_view, const StorageSize*> by_key;
    for (const StorageSize& id : object.storages) by_key.emplace(id.key, &id);
    std::uint64_t at = last.behind;
    const std::uint64_t size = stream_.source->size();
    for (const std::string& key : *last.keys) {
      const auto found = by_key.find(key);
      std::array<std::uint8_t, 8> count{};
      if (found == by_key.end()) {
        return refuse(view, at, "a storage key that no tensor names");
      }
      if (size - at < count.size() || !stream_.source->read(at, count)) {
        return cut_off(view, at);
      }
      // torch multiplies in 64 bits and compares bytes, not elements.
      const StorageSize& wanted = *found->second;
      if (wanted.countable && load_le64(count.data()) * wanted.itemsize != wanted.bytes) {
        return refuse(view, at, "a storage has another size than the stream says");
      }
      const std::uint64_t left = size - at - count.size();
      if (!wanted.countable || wanted.bytes > left) return cut_off(view, at);
      view.headers.emplace_back(at, at + count.size());
      at += count.size();
      view.data.emplace_back(at, at + wanted.bytes);
      view.keys.push_back(key);
      at += wanted.bytes;
    }
  }
  static void refuse(ViewRun& view, std::uint64_t at, std::string why) {
    view.end = {EndKind::refused, at, 0, std::move(why)};
  }
  static void cut_off(ViewRun& view, std::uint64_t at) {
    view.end = {EndKind::broken, at, 0, "a storage is cut off"};
  }

  void tell_ends() {
    if (options_.observer == nullptr) return;
    for (const auto& [index, start] : starts_) {
      const ViewRun& view = reading_.views[index];
      ViewEnd how{view.end, {}, false, false, {}};
      for (std::size_t i = 0; i < view.keys.size(); ++i) {
        how.storages.push_back({view.keys[i], view.data[i].first, view.data[i].second});
      }
      for (const ViewRun& other : reading_.views) {
        if (other.same_as == index) how.also.push_back(other.use->loader);
      }
      for (const auto& run : view.pickles) {
        how.poisoned = how.poisoned || run->poisoned;
        how.number_keys = how.number_keys || run->number_keys;
      }
      options_.observer->end(start, how);
    }
    starts_.clear();
  }

  const Stream& stream_;
  const ScanOptions& options_;
  PickleRuns runs_;
  StreamReading reading_;
  std::deque<std::pair<std::size_t, ViewStart>> starts_;  // addresses stay
};

}  // namespace

StreamReading read_stream(const Stream& stream, const ScanOptions& options, FileBudget* budget) {
  return StreamReader(stream, options, budget).read();
}

}  // namespace brine::scan
