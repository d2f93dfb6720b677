// The loaders' profiles: one row a loader, as measured (docs/loaders.md).
#pragma once

#include <span>
#include <string_view>

#include "format/stream.h"

namespace brine::format {

// The names that stand in reports. docs/loaders.md has a section for each.
namespace loader {
inline constexpr std::string_view kPickle = "pickle.load";
inline constexpr std::string_view kPickleLatin1 = "pickle.load(latin1)";
inline constexpr std::string_view kPickleBytes = "pickle.load(bytes)";
inline constexpr std::string_view kPickleNext = "pickle.load (next)";
inline constexpr std::string_view kTorch = "torch.load";
inline constexpr std::string_view kTorchLatin1 = "torch.load(latin1)";
inline constexpr std::string_view kTarfile = "tarfile";
inline constexpr std::string_view kTorchWeightsOnly = "torch.load(weights_only)";
inline constexpr std::string_view kTorchJit = "torch.jit.load";
inline constexpr std::string_view kTorchPackage = "torch.package";
inline constexpr std::string_view kJoblib = "joblib.load";
inline constexpr std::string_view kJoblibCompat = "joblib.load(compat)";
inline constexpr std::string_view kDcp = "torch.distributed.checkpoint";
inline constexpr std::string_view kShelve = "shelve";
inline constexpr std::string_view kPandas = "pandas.read_pickle";
inline constexpr std::string_view kPandasCompat = "pandas.read_pickle(compat)";
inline constexpr std::string_view kNumpy = "numpy.load";
inline constexpr std::string_view kNumpyLatin1 = "numpy.load(latin1)";
inline constexpr std::string_view kNumpyBytes = "numpy.load(bytes)";
inline constexpr std::string_view kBaselines = "stable_baselines3";
inline constexpr std::string_view kSafetensors = "safetensors";
inline constexpr std::string_view kZipfile = "zipfile";
// skorch's nets keep a pickle of their own; torch.load reads what its unpickler does not.
inline constexpr std::string_view kSkorch = "skorch";
inline constexpr std::string_view kStorage = "torch.storage._load_from_bytes";
inline constexpr std::string_view kSalvage = "salvage";
inline constexpr std::string_view kNested = "pickle.loads";
}  // namespace loader

// Everybody who reads a file that is one bare pickle.
std::vector<LoaderUse> bare_pickle_loaders();
// What reads data.pkl of a torch zip.
std::vector<LoaderUse> torch_zip_loaders();
// What reads the pickles of a TorchScript archive.
std::vector<LoaderUse> torchscript_loaders();
// What reads one of the members `storages`, `tensors` and `pickle` of torch's tar.
std::vector<LoaderUse> torch_tar_loaders(std::string_view member);
// What reads the pickle of a NumPy array of objects.
std::vector<LoaderUse> numpy_loaders();
// What reads a resource of a torch.package.
std::vector<LoaderUse> torch_package_loaders();
// What reads the pickle inside joblib's Z-file.
std::vector<LoaderUse> joblib_compat_loaders();
// What reads the records of a shelf.
std::vector<LoaderUse> shelve_loaders();
// What reads the pickles in the JSON of a Stable-Baselines model: cloudpickle.loads.
std::vector<LoaderUse> baselines_loaders();
// What reads the index of a distributed checkpoint.
LoaderUse dcp_loader();
// A pickle behind the end of another, read by a loop of loads.
LoaderUse next_loader();
// A pickle found where no loader's directory points.
LoaderUse salvage_loader();
// A pickle inside a pickle; `name` is the function that the outer one calls.
std::vector<LoaderUse> nested_loaders(std::string_view name);
// What a reader of a file in a pickle wants of it, it wants of the torch archive that the file may
// be.
void want_as(std::vector<LoaderUse>& loaders, std::span<const LoaderUse> readers);
// Whether that function looks for formats of its own before it unpickles.
bool opens_formats(std::string_view name);

// The pickles of torch's legacy stack but the fourth are read plainly, and used by torch itself.
pickle::Profile legacy_profile(const pickle::Profile& object_profile, int index);
// The same of the pickles in one member of torch's tar, `count` in all.
pickle::Profile tar_profile(const LoaderUse& use, std::uint64_t index, std::uint64_t count);

}  // namespace brine::format
