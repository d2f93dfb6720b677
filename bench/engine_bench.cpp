// engine_bench: times the engine inside one process, so that bench/run.py can compare it with other
// engines inside theirs. Prints one JSON object a call; the seconds of every round, unsorted.
//
//   engine_bench opcodes FILE ROUNDS   the interpreter with the catalogue, stream in memory
//   engine_bench scan FILE ROUNDS      the whole scan of a file, opened anew each round
//   engine_bench lookup BLOB ROUNDS    all names of the facts and as many others, shuffled; BLOB is
//                                      a file that tools/catalogue/embed.py wrote, or -
#include <time.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/limits.h"
#include "catalogue/blob.h"
#include "catalogue/world.h"
#include "io/source.h"
#include "pickle/machine.h"
#include "scan/scan_file.h"

namespace {

// The processor's time that this process used: what else the machine does meanwhile is not in it.
struct Clock {
  using duration = std::chrono::nanoseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<Clock>;
  static time_point now() {
    timespec used{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return time_point(std::chrono::seconds(used.tv_sec) + std::chrono::nanoseconds(used.tv_nsec));
  }
};

class NoSink final : public brine::pickle::TraceSink {
 public:
  bool wants_inert() const override { return false; }
  void on_event(const brine::pickle::Event&, brine::pickle::Machine&) override { ++events_; }
  std::uint64_t events() const { return events_; }

 private:
  std::uint64_t events_ = 0;
};

double since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

void print_rounds(const std::vector<double>& seconds) {
  std::printf("\"seconds\": [");
  for (std::size_t i = 0; i < seconds.size(); ++i)
    std::printf("%s%.9f", i == 0 ? "" : ", ", seconds[i]);
  std::printf("]");
}

std::vector<std::uint8_t> read_file(const char* path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

int time_opcodes(const char* path, int rounds) {
  brine::MemorySource source(read_file(path));
  const brine::Limits limits;
  std::vector<double> seconds;
  std::uint64_t opcodes = 0;
  std::uint64_t events = 0;
  std::string end;
  for (int i = 0; i < rounds; ++i) {
    const auto begin = Clock::now();
    const auto world = brine::catalogue::make_catalogue_world();
    NoSink sink;
    brine::pickle::Machine machine(source, brine::pickle::Profile{}, *world, sink, limits);
    const brine::pickle::RunResult result = machine.run();
    seconds.push_back(since(begin));
    opcodes = result.opcodes;
    events = sink.events();
    end = brine::pickle::to_string(result.end.kind);
  }
  std::printf("{\"bytes\": %llu, \"opcodes\": %llu, \"events\": %llu, \"end\": \"%s\", ",
              static_cast<unsigned long long>(source.size()),
              static_cast<unsigned long long>(opcodes), static_cast<unsigned long long>(events),
              end.c_str());
  print_rounds(seconds);
  std::printf("}\n");
  return 0;
}

int time_scan(const char* path, int rounds) {
  std::vector<double> seconds;
  brine::FileReport report;
  for (int i = 0; i < rounds; ++i) {
    const auto begin = Clock::now();
    auto source = brine::FileSource::open(path);
    if (!source) return 2;
    report = brine::scan::scan_source(path, *source, {});
    seconds.push_back(since(begin));
  }
  std::printf("{\"bytes\": %llu, \"bytes_read\": %llu, \"verdict\": \"%s\", ",
              static_cast<unsigned long long>(report.size.value_or(0)),
              static_cast<unsigned long long>(report.bytes_read), brine::to_string(report.verdict));
  print_rounds(seconds);
  std::printf("}\n");
  return 0;
}

int time_lookup(const char* path, int rounds) {
  std::vector<std::uint8_t> bytes;
  std::optional<brine::catalogue::Blob> loaded;
  if (std::string_view(path) != "-") {
    bytes = read_file(path);
    loaded = brine::catalogue::Blob::over(bytes);
    if (!loaded) return 2;
  }
  const brine::catalogue::Blob& blob = loaded ? *loaded : brine::catalogue::Blob::embedded();
  std::vector<std::pair<std::string, std::string>> names;
  for (brine::catalogue::Rank rank = 0; rank < blob.name_count(); ++rank) {
    const std::string name = blob.name(rank);
    const std::size_t colon = name.find(':');
    if (colon == std::string::npos) continue;
    names.emplace_back(name.substr(0, colon), name.substr(colon + 1));
    names.emplace_back(names.back().first, names.back().second + "x");
  }
  if (names.empty()) return 2;
  std::ranges::shuffle(names, std::mt19937_64(1));
  std::vector<double> seconds;
  std::uint64_t found = 0;
  for (int i = 0; i < rounds; ++i) {
    const auto begin = Clock::now();
    for (const auto& [module, name] : names)
      found += blob.find_name(module, name) == brine::catalogue::kNoRank ? 0 : 1;
    seconds.push_back(since(begin));
  }
  std::printf("{\"names\": %llu, \"lookups\": %llu, \"found\": %llu, ",
              static_cast<unsigned long long>(blob.name_count()),
              static_cast<unsigned long long>(names.size()),
              static_cast<unsigned long long>(found / static_cast<std::uint64_t>(rounds)));
  print_rounds(seconds);
  std::printf("}\n");
  return 0;
}

}  // namespace

int main(int count, char** words) {
  const std::string_view mode = count > 1 ? words[1] : "";
  if (mode == "opcodes" && count == 4) return time_opcodes(words[2], std::atoi(words[3]));
  if (mode == "scan" && count == 4) return time_scan(words[2], std::atoi(words[3]));
  if (mode == "lookup" && count == 4) return time_lookup(words[2], std::atoi(words[3]));
  std::fprintf(stderr, "usage: engine_bench opcodes|scan|lookup FILE ROUNDS\n");
  return 2;
}
