#include "format/profiles.h"

#include <algorithm>
#include <array>

namespace brine::format {

namespace {

using pickle::Encoding;
using pickle::FindClass;
using pickle::JoblibReads;
using pickle::PersistentLoad;
using pickle::Profile;
using pickle::Unpickler;
using pickle::Wanted;

constexpr Profile kPlain{Unpickler::c, Encoding::ascii, PersistentLoad::none, FindClass::plain,
                         JoblibReads::nothing};
constexpr Profile kPlainLatin1{Unpickler::c, Encoding::latin1, PersistentLoad::none,
                               FindClass::plain, JoblibReads::nothing};
constexpr Profile kPlainBytes{Unpickler::c, Encoding::bytes, PersistentLoad::none, FindClass::plain,
                              JoblibReads::nothing};
constexpr Profile kTorchLatin1Object{Unpickler::c, Encoding::latin1, PersistentLoad::torch,
                                     FindClass::torch, JoblibReads::nothing};
constexpr Profile kTorchObject{Unpickler::c, Encoding::utf8, PersistentLoad::torch,
                               FindClass::torch, JoblibReads::nothing};
constexpr Profile kWeightsOnly{Unpickler::torch_weights_only, Encoding::utf8, PersistentLoad::torch,
                               FindClass::torch, JoblibReads::nothing};
constexpr Profile kLibtorch{Unpickler::libtorch, Encoding::utf8, PersistentLoad::any,
                            FindClass::plain, JoblibReads::nothing};
constexpr Profile kJoblibProfile{Unpickler::py, Encoding::ascii, PersistentLoad::none,
                                 FindClass::plain, JoblibReads::arrays};
constexpr Profile kPandasCompatProfile{Unpickler::py, Encoding::ascii, PersistentLoad::none,
                                       FindClass::pandas, JoblibReads::nothing};
constexpr Profile kJoblibCompatProfile{Unpickler::py, Encoding::ascii, PersistentLoad::none,
                                       FindClass::plain, JoblibReads::companions};
constexpr Profile kTorchPackageProfile{Unpickler::py, Encoding::ascii,
                                       PersistentLoad::torch_package, FindClass::torch_package,
                                       JoblibReads::nothing};
// Nobody's: goes on where any reader would.
constexpr Profile kLenient{Unpickler::c, Encoding::latin1, PersistentLoad::any, FindClass::plain,
                           JoblibReads::nothing};

constexpr Profile wanting(Profile profile, Wanted wanted) {
  profile.wanted = wanted;
  return profile;
}

struct NestedRow {
  std::string_view name;
  Profile profile;
  After after;
};
constexpr auto kNestedRows = std::to_array<NestedRow>({
    {"torch.load", kTorchObject, After::torch_stack},
    {loader::kStorage, wanting(kTorchObject, Wanted::storage), After::torch_stack},
    {loader::kSkorch, wanting(kPlain, Wanted::dict), After::stop},
    {loader::kSkorch, wanting(kTorchObject, Wanted::dict), After::torch_stack},
    {"joblib.load", kJoblibProfile, After::stop},
    {"pandas.read_pickle", kPlain, After::stop},
    {"pandas.read_pickle", kPandasCompatProfile, After::stop},
    {"pickle._loads",
     {Unpickler::py, Encoding::ascii, PersistentLoad::none, FindClass::plain, JoblibReads::nothing},
     After::stop},
    {"pickle._load",
     {Unpickler::py, Encoding::ascii, PersistentLoad::none, FindClass::plain, JoblibReads::nothing},
     After::stop},
});

LoaderUse use(std::string_view name, const Profile& profile, After after = After::stop) {
  return {std::string(name), profile, after};
}

}  // namespace

namespace {

// `loads` holds all bytes at once, where `load` takes one frame after the other from its file.
Profile held_whole(Profile profile) {
  profile.whole = true;
  return profile;
}

}  // namespace

std::vector<LoaderUse> bare_pickle_loaders() {
  return {use(loader::kPickle, kPlain),
          use(loader::kPickleLatin1, kPlainLatin1),
          use(loader::kPickleBytes, kPlainBytes),
          use(loader::kTorch, kTorchObject, After::torch_stack),
          use(loader::kTorchLatin1, kTorchLatin1Object, After::torch_stack),
          use(loader::kTorchWeightsOnly, kWeightsOnly, After::torch_stack),
          use(loader::kJoblib, kJoblibProfile),
          use(loader::kPandas, kPlain),
          use(loader::kPandasCompat, kPandasCompatProfile),
          use(loader::kNumpy, kPlain),
          use(loader::kNested, held_whole(kPlain))};
}

std::vector<LoaderUse> torch_zip_loaders() {
  return {use(loader::kTorch, kTorchObject), use(loader::kTorchLatin1, kTorchLatin1Object),
          use(loader::kTorchWeightsOnly, kWeightsOnly)};
}

std::vector<LoaderUse> torchscript_loaders() { return {use(loader::kTorchJit, kLibtorch)}; }

std::vector<LoaderUse> torch_tar_loaders(std::string_view member) {
  Profile profile = member == "pickle" ? kTorchObject : kPlain;
  profile.persistent = member == "pickle" ? PersistentLoad::torch_tar : PersistentLoad::none;
  profile.encoding = Encoding::utf8;
  const After after = member == "storages"  ? After::tar_storages
                      : member == "tensors" ? After::tar_tensors
                                            : After::stop;
  Profile latin1 = profile;
  latin1.encoding = Encoding::latin1;
  return {use(loader::kTorch, profile, after), use(loader::kTorchLatin1, latin1, after)};
}

std::vector<LoaderUse> numpy_loaders() {
  return {use(loader::kNumpy, wanting(kPlain, Wanted::array)),
          use(loader::kNumpyLatin1, wanting(kPlainLatin1, Wanted::array)),
          use(loader::kNumpyBytes, wanting(kPlainBytes, Wanted::array))};
}

std::vector<LoaderUse> torch_package_loaders() {
  return {use(loader::kTorchPackage, kTorchPackageProfile)};
}

std::vector<LoaderUse> joblib_compat_loaders() {
  return {use(loader::kJoblibCompat, kJoblibCompatProfile)};
}

std::vector<LoaderUse> shelve_loaders() { return {use(loader::kShelve, kPlain)}; }

std::vector<LoaderUse> baselines_loaders() { return {use(loader::kBaselines, held_whole(kPlain))}; }

LoaderUse dcp_loader() { return use(loader::kDcp, wanting(kPlain, Wanted::checkpoint)); }

LoaderUse next_loader() { return use(loader::kPickleNext, kPlain); }

LoaderUse salvage_loader() { return use(loader::kSalvage, kLenient); }

std::vector<LoaderUse> nested_loaders(std::string_view name) {
  std::vector<LoaderUse> out;
  for (const NestedRow& row : kNestedRows) {
    if (row.name == name) out.push_back(use(name, row.profile, row.after));
  }
  if (!out.empty()) return out;
  if (name.empty()) return {use(loader::kNested, held_whole(kPlain))};
  return {use(name, name.ends_with("loads") ? held_whole(kPlain) : kPlain)};
}

void want_as(std::vector<LoaderUse>& loaders, std::span<const LoaderUse> readers) {
  const auto reader = std::ranges::find_if(
      readers, [](const LoaderUse& one) { return one.profile.wanted != Wanted::anything; });
  if (reader == readers.end()) return;
  for (LoaderUse& one : loaders) {
    if (one.loader == loader::kTorch || one.loader == loader::kTorchLatin1)
      one.profile.wanted = reader->profile.wanted;
  }
}

bool opens_formats(std::string_view name) {
  return name == loader::kNumpy || name == loader::kJoblib || name == loader::kTorch ||
         name == loader::kPandas || name == loader::kSkorch || name == loader::kStorage;
}

Profile legacy_profile(const Profile& object_profile, int index) {
  Profile profile = object_profile;
  if (index != 3) {
    profile.persistent = PersistentLoad::none;
    profile.find_class = FindClass::plain;
    // Magic number, protocol, facts about the machine, (object,) storage keys. The number is
    // compared with whatever a pickle of another kind holds.
    profile.wanted = index == 1 ? Wanted::value : index == 4 ? Wanted::keys : Wanted::anything;
  }
  return profile;
}

Profile tar_profile(const LoaderUse& use, std::uint64_t index, std::uint64_t count) {
  if (index == 0) return wanting(use.profile, Wanted::value);
  if (use.after == After::tar_tensors) return wanting(use.profile, Wanted::tar_tensor);
  return wanting(use.profile, index + 1 == count ? Wanted::tar_views : Wanted::tar_storage);
}

}  // namespace brine::format
