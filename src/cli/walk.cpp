#include "cli/walk.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>

namespace brine::cli {
namespace {

std::string reason(int error) {
  switch (error) {
    case EACCES:
    case EPERM: return "cannot read: permission denied";
    case ENOENT: return "cannot read: no such file";
    case ENOTDIR: return "cannot read: a part of the path is no folder";
    case ELOOP: return "cannot read: a loop of symbolic links";
    case ENAMETOOLONG: return "cannot read: the path is too long";
    default: return std::string("cannot read: ") + std::strerror(error);
  }
}

std::string special_kind(mode_t mode) {
  if (S_ISFIFO(mode)) return "not read: a named pipe (FIFO)";
  if (S_ISSOCK(mode)) return "not read: a socket";
  if (S_ISCHR(mode) || S_ISBLK(mode)) return "not read: a device";
  return "not read: neither a file nor a folder";
}

std::string join(std::string_view folder, std::string_view name) {
  std::string out(folder);
  if (!out.ends_with('/')) out += '/';
  return out.append(name);
}

std::optional<std::string> real_path(const std::string& path) {
  char* resolved = ::realpath(path.c_str(), nullptr);
  if (resolved == nullptr) return std::nullopt;
  std::string out = resolved;
  std::free(resolved);
  return out;
}

bool is_inside(std::string_view path, std::string_view root) {
  return path == root || root == "/" || (path.starts_with(root) && path[root.size()] == '/');
}

// A name that Python's import system could take for a module or package.
bool is_module_name(std::string_view name) {
  return name.ends_with(".py") || name.ends_with(".pyc") || name.ends_with(".so") ||
         name.ends_with(".pyd");
}

// Whether a folder may have code that Python imports by the folder's name. A folder of data is
// none: it can be imported, and gives an empty package that no installed library is hidden by. What
// would take long to look through may have code.
class CodeSearch {
 public:
  bool may_hold_code(const std::string& folder) {
    std::vector<std::string> left = {folder};
    while (!left.empty()) {
      const std::string path = std::move(left.back());
      left.pop_back();
      if (!look(path, left)) return true;
    }
    return false;
  }

 private:
  // Adds the folders in it; false when it has code or cannot be told not to.
  bool look(const std::string& path, std::vector<std::string>& folders) {
    DIR* dir = ::opendir(path.c_str());
    if (dir == nullptr) return false;
    bool plain = true;
    while (const dirent* entry = plain ? ::readdir(dir) : nullptr) {
      const std::string_view name = entry->d_name;
      if (name == "." || name == "..") continue;
      const bool file = entry->d_type == DT_REG;
      const bool folder = entry->d_type == DT_DIR;
      plain =
          left_-- > 0 && !is_module_name(name) && (file || folder || !may_be_folder(dir, entry));
      if (folder && name.find_first_of(".-") == std::string_view::npos) {
        folders.push_back(path + '/' + std::string(name));
      }
    }
    ::closedir(dir);
    return plain;
  }
  static bool may_be_folder(DIR* dir, const dirent* entry) {
    struct stat st{};
    return ::fstatat(::dirfd(dir), entry->d_name, &st, 0) != 0 || S_ISDIR(st.st_mode);
  }

  int left_ = 4096;  // names
};

struct Name {
  std::string name;
  bool link = false;
};

// The names of a folder, sorted; with the types that readdir tells, filled up by lstat.
struct Listing {
  std::vector<Name> names;
  Neighbours neighbours;
  int error = 0;
};

Listing list(const std::string& folder) {
  Listing out;
  DIR* dir = ::opendir(folder.c_str());
  if (dir == nullptr) {
    out.error = errno;
    return out;
  }
  auto neighbours = std::make_shared<std::vector<std::string>>();
  CodeSearch search;
  errno = 0;
  while (const dirent* entry = ::readdir(dir)) {
    const std::string_view name = entry->d_name;
    if (name == "." || name == "..") continue;
    Name one{std::string(name), entry->d_type == DT_LNK};
    bool folder_like = entry->d_type == DT_DIR;
    if (entry->d_type == DT_UNKNOWN || entry->d_type == DT_LNK) {
      struct stat st{};
      if (::fstatat(::dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
        one.link = S_ISLNK(st.st_mode);
      }
      folder_like = ::fstatat(::dirfd(dir), entry->d_name, &st, 0) == 0 && S_ISDIR(st.st_mode);
    }
    if (folder_like) {
      if (search.may_hold_code(join(folder, one.name))) neighbours->push_back(one.name + "/");
    } else if (is_module_name(name)) {
      neighbours->push_back(one.name);
    }
    out.names.push_back(std::move(one));
    errno = 0;
  }
  out.error = errno;
  ::closedir(dir);
  std::sort(out.names.begin(), out.names.end(),
            [](const Name& a, const Name& b) { return a.name < b.name; });
  std::sort(neighbours->begin(), neighbours->end());
  out.neighbours = std::move(neighbours);
  return out;
}

// The folder that a path's file lies in.
std::string parent(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

class Walker {
 public:
  Walker(std::vector<WalkEntry>& out, std::uint64_t depth, bool (*stop)())
      : out_(out), depth_(depth), stop_(stop) {}

  bool stopped() const { return stop_ != nullptr && stop_(); }

  void path(const std::string& given) {
    if (given == "-") {
      out_.push_back({given, 0, {}, nullptr});
      return;
    }
    struct stat st{};
    if (::stat(given.c_str(), &st) != 0) {
      add_error(given, reason(errno));
    } else if (S_ISDIR(st.st_mode)) {
      tree(given, st);
    } else if (S_ISREG(st.st_mode)) {
      const std::string folder = parent(given);
      // Files named one after the other mostly lie in one folder.
      if (folder != beside_ || !beside_names_) {
        beside_ = folder;
        beside_names_ = list(folder).neighbours;
      }
      out_.push_back({given, static_cast<std::uint64_t>(st.st_size), {}, beside_names_});
    } else {
      add_error(given, special_kind(st.st_mode));
    }
  }

 private:
  struct Frame {
    std::string path;
    Listing listing;
    std::size_t next = 0;
    dev_t device;
    ino_t inode;
  };

  void add_error(std::string path, std::string why) {
    out_.push_back({std::move(path), 0, std::move(why), nullptr});
  }

  void enter(std::string folder, const struct stat& st) {
    for (const Frame& frame : frames_) {
      if (frame.device == st.st_dev && frame.inode == st.st_ino) {
        return add_error(std::move(folder), "not walked: a loop, it is " + frame.path + " again");
      }
    }
    if (frames_.size() >= depth_) {
      return add_error(std::move(folder), "not walked: more than " + std::to_string(depth_) +
                                              " folders deep (--limits path_depth=N)");
    }
    Listing listing = list(folder);
    if (listing.error != 0) add_error(folder, reason(listing.error));
    frames_.push_back({std::move(folder), std::move(listing), 0, st.st_dev, st.st_ino});
  }

  void tree(const std::string& given, const struct stat& st) {
    root_ = real_path(given).value_or(given);
    enter(given, st);
    while (!frames_.empty() && !stopped()) {
      Frame& frame = frames_.back();
      if (frame.next == frame.listing.names.size()) {
        frames_.pop_back();
        continue;
      }
      const Name name = frame.listing.names[frame.next++];
      entry(join(frame.path, name.name), name.link, frame.listing.neighbours);
    }
    frames_.clear();
  }

  void entry(std::string path, bool link, Neighbours neighbours) {
    struct stat st{};
    if (::stat(path.c_str(), &st) != 0) {
      const bool dangling = link && errno == ENOENT;
      return add_error(std::move(path),
                       dangling ? "cannot read: a symbolic link to nothing" : reason(errno));
    }
    if (link) {
      const std::optional<std::string> target = real_path(path);
      if (!target || !is_inside(*target, root_)) {
        return add_error(std::move(path), "not followed: a symbolic link out of the folder");
      }
      if (S_ISDIR(st.st_mode)) return folder_link(std::move(path), st);
    }
    if (S_ISDIR(st.st_mode)) return enter(std::move(path), st);
    if (!S_ISREG(st.st_mode)) return add_error(std::move(path), special_kind(st.st_mode));
    out_.push_back(
        {std::move(path), static_cast<std::uint64_t>(st.st_size), {}, std::move(neighbours)});
  }

  // The target's contents come under their own name; only a loop is worth a word.
  void folder_link(std::string path, const struct stat& st) {
    for (const Frame& frame : frames_) {
      if (frame.device == st.st_dev && frame.inode == st.st_ino) {
        return add_error(std::move(path), "not walked: a loop, it is " + frame.path + " again");
      }
    }
  }

  std::vector<WalkEntry>& out_;
  std::uint64_t depth_;
  bool (*stop_)();
  std::string root_;
  std::vector<Frame> frames_;
  std::string beside_;
  Neighbours beside_names_;
};

}  // namespace

std::vector<WalkEntry> walk(const std::vector<std::string>& paths, std::uint64_t depth,
                            bool (*stop)()) {
  std::vector<WalkEntry> out;
  Walker walker(out, depth, stop);
  for (const std::string& path : paths) {
    if (!walker.stopped()) walker.path(path);
  }
  return out;
}

}  // namespace brine::cli
