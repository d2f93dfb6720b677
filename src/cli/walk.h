// Walking: from the paths of the command line to files, in a stable order.
//
// A folder is walked by name, depth first, without recursion. Symbolic links inside a folder are
// followed only when their target stays inside the folder that was given (a Hugging Face cache's
// snapshots point at its blobs); a link to a folder inside is not walked a second time, because its
// contents come under their own name. What is neither a regular file nor a folder is never opened.
// Invariant: every entry that a person would see in the tree is in the list, as a file to scan or
// with the reason why not.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace brine::cli {

// Folders with Python modules in them (their names end in '/') and Python modules beside a file.
using Neighbours = std::shared_ptr<const std::vector<std::string>>;

struct WalkEntry {
  std::string path;  // as given, or joined to it
  std::uint64_t size = 0;
  std::string error;  // why it is not scanned; empty when it is
  Neighbours neighbours;  // null for standard input
};

// `paths` in their order; "-" is standard input. Folders deeper than `depth` are errors. Ends early
// when `stop` says so.
std::vector<WalkEntry> walk(const std::vector<std::string>& paths, std::uint64_t depth,
                            bool (*stop)() = nullptr);

}  // namespace brine::cli
