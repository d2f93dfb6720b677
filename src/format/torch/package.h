// torch.package: an archive with modules of its own.
//
// Problem: torch.package.PackageImporter opens a zip as torch.load does, runs the archive's Python
// files whenever a pickle or a caller names a module in them, and unpickles any record that it is
// told to, with an unpickler of its own. Method: what a record is to that loader goes by its path
// (torch/package/package_importer.py, torch 2.13); the code is named, never judged. Invariant: an
// archive with code in it is never clean.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "format/stream.h"

namespace brine::format::torch_package {

// The record that makes an archive a package: modules that it takes from outside.
inline constexpr std::string_view kExternModules = ".data/extern_modules";

enum class Role : std::uint8_t {
  externs,
  note,  // versions
  storage,  // a pickle's persistent id names it
  script_pickle,  // of a TorchScript module inside the package
  script_code,
  source,  // Python, which an import runs
  resource,  // whatever load_pickle, load_text and load_binary are asked for
};
// `record` is the path below the archive's root, in lower case.
Role role_of(std::string_view record);

// The record of a storage that a persistent id names.
std::string storage_record(std::string_view key);

// What the archive's Python files are, collected one by one.
class Code {
 public:
  void add_source(const std::string& path, ByteSpan text);
  void add_externs(ByteSpan text);
  // The finding of the whole archive, when it carries code.
  void tell(Sink& sink) const;

 private:
  std::uint64_t files_ = 0;
  std::string first_;
  std::set<std::string> imports_, externs_;
};

// The dotted modules that a Python source's import statements name; evidence, not proof: a file can
// import by other means.
std::set<std::string> imported_modules(std::string_view source);

}  // namespace brine::format::torch_package
