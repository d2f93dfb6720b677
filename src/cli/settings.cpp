#include "cli/settings.h"

#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <thread>
#include <vector>

#include "cli/console.h"
#include "io/source.h"

namespace brine::cli {
namespace {

constexpr std::size_t kMostJobs = 256;
constexpr std::uint64_t kMostPolicy = 1'000'000;

Result<std::uint64_t> parse_number(std::string_view text) {
  std::uint64_t value = 0;
  const char* const begin = text.data();
  const char* const end = begin + text.size();
  const auto [stop, error] = std::from_chars(begin, end, value);
  std::string_view unit(stop, static_cast<std::size_t>(end - stop));
  unsigned shift = 0;
  if (unit == "k" || unit == "K") {
    shift = 10;
  } else if (unit == "M") {
    shift = 20;
  } else if (unit == "G") {
    shift = 30;
  } else if (!unit.empty()) {
    return fail(usage_error("not a number"));
  }
  if (error != std::errc() || value > (~std::uint64_t{0} >> shift)) {
    return fail(usage_error("not a number"));
  }
  return value << shift;
}

Status set_limit(std::string_view one, Limits& limits) {
  const std::string place = "--limits " + std::string(one);
  const std::size_t equals = one.find('=');
  if (equals == std::string_view::npos) {
    return fail(usage_error(place + ": wants NAME=VALUE (brine help limits lists the names)"));
  }
  const std::string_view name = one.substr(0, equals);
  std::vector<std::string_view> names;
  for (const LimitName& row : limit_names()) {
    names.push_back(row.name);
    if (row.name != name) continue;
    Result<std::uint64_t> value = parse_number(one.substr(equals + 1));
    if (!value) {
      return fail(usage_error(place + ": wants a whole number, with k, M or G behind it if you "
                                      "like"));
    }
    limits.*row.member = *value;
    return {};
  }
  return fail(usage_error(place + ": unknown limit" + suggestion(name, names)));
}

// brine/policy.toml of the person's configuration folder; empty when there is no such folder. A
// relative folder would be the current directory's and is not taken.
std::string settings_file() {
  const char* config = std::getenv("XDG_CONFIG_HOME");
  if (config != nullptr && *config == '/') return std::string(config) + "/brine/policy.toml";
  const char* home = std::getenv("HOME");
  if (home != nullptr && *home == '/') return std::string(home) + "/.config/brine/policy.toml";
  return {};
}

Result<scan::Policy> read_policy(const std::string& path) {
  BRINE_TRY(const std::shared_ptr<FileSource> file, FileSource::open(path));
  if (file->size() > kMostPolicy)
    return fail(usage_error("more than 1 MB: no policy is that long"));
  BRINE_TRY(const std::vector<std::uint8_t> bytes, file->read_vector(0, file->size()));
  return scan::Policy::parse(as_text(bytes));
}

}  // namespace

Status set_limits(std::string_view text, Limits& limits) {
  while (true) {
    const std::size_t comma = text.find(',');
    BRINE_CHECK_STATUS(set_limit(text.substr(0, comma), limits));
    if (comma == std::string_view::npos) return {};
    text.remove_prefix(comma + 1);
  }
}

Result<Limits> limits_of(const Arguments& arguments) {
  Limits limits;
  for (const std::string_view text : arguments.values("limits")) {
    BRINE_CHECK_STATUS(set_limits(text, limits));
  }
  return limits;
}

Result<scan::Policy> policy_of(const Arguments& arguments) {
  scan::Policy policy;
  if (arguments.has("policy")) {
    const std::string path(arguments.value("policy"));
    Result<scan::Policy> read = read_policy(path);
    if (!read) return fail(usage_error("--policy " + path + ": " + read.error().what));
    policy = std::move(*read);
  } else if (const std::string path = settings_file(); !path.empty()) {
    struct stat st{};
    // Not having one is fine; having one that cannot be read is not.
    if (::stat(path.c_str(), &st) == 0) {
      Result<scan::Policy> read = read_policy(path);
      if (!read) return fail(usage_error(path + ": " + read.error().what));
      policy = std::move(*read);
    }
  }
  for (const std::string_view pattern : arguments.values("trust")) {
    if (const Status added = policy.trust(pattern); !added) {
      return fail(usage_error("--trust " + std::string(pattern) + ": " + added.error().what));
    }
  }
  return policy;
}

Result<std::size_t> jobs_of(const Arguments& arguments) {
  if (!arguments.has("jobs")) {
    return std::clamp<std::size_t>(std::thread::hardware_concurrency(), 1, kMostJobs);
  }
  const std::string_view text = arguments.value("jobs");
  const Result<std::uint64_t> jobs = parse_number(text);
  if (!jobs || *jobs == 0 || *jobs > kMostJobs) {
    return fail(usage_error("--jobs " + std::string(text) + ": wants a number from 1 to " +
                            std::to_string(kMostJobs)));
  }
  return static_cast<std::size_t>(*jobs);
}

Status colour_of(const Arguments& arguments, Console& console) {
  if (!arguments.has("color")) return {};
  constexpr std::string_view kWords[] = {"auto", "always", "never"};
  BRINE_TRY(const std::size_t choice, choose("--color", arguments.value("color"), kWords));
  console.choose_colour(static_cast<ColourChoice>(choice));
  return {};
}

}  // namespace brine::cli
