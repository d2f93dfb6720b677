// How long a lookup among many names and an inert call take.
//
//   brine-catalogue-bench [BLOB]
//
// Without BLOB the embedded facts are used; tools/catalogue/synthetic.py and embed.py make one of
// 500,000 names. Lookups ask for names in random order, half of them absent. The call is a REDUCE
// of a known constructor with constant arguments, asked of the World as the machine asks it.

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "catalogue/blob.h"
#include "catalogue/world.h"
#include "io/source.h"
#include "pickle/machine.h"

namespace {

using brine::catalogue::Blob;
// Time of this thread, so that others on the same cores count less.
double now() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
}

double lookups(const Blob& blob) {
  constexpr std::size_t kCount = 1u << 20;
  std::mt19937_64 random(1);
  std::vector<std::pair<std::string, std::string>> names;
  for (std::size_t i = 0; i < kCount; ++i) {
    const std::string name = blob.name(static_cast<std::uint32_t>(random() % blob.name_count()));
    const std::size_t colon = name.find(':');
    names.emplace_back(name.substr(0, colon), name.substr(colon + 1) + (i % 2 == 0 ? "" : "x"));
  }
  std::size_t found = 0;
  const double start = now();
  for (const auto& [module, name] : names) {
    found += blob.find_name(module, name) != brine::catalogue::kNoRank ? 1 : 0;
  }
  const double each = (now() - start) / static_cast<double>(kCount);
  std::printf("%u names, %zu of %zu found: %.0f ns a lookup\n", blob.name_count(), found, kCount,
              each);
  return each;
}

// Asks the World again and again at the first call of a stream, with the machine's own arguments.
class Repeater final : public brine::pickle::TraceSink {
 public:
  bool wants_inert() const override { return true; }
  void on_event(const brine::pickle::Event& event, brine::pickle::Machine&) override {
    if (event.kind != brine::pickle::EventKind::call) return;
    callable_ = event.target;
  }
  const brine::pickle::Value& callable() const { return callable_; }

 private:
  brine::pickle::Value callable_{};
};

double calls(const std::string& stream, const char* what,
             std::vector<brine::pickle::Value> arguments) {
  constexpr std::size_t kCount = 1u << 22;
  brine::MemorySource source(std::vector<std::uint8_t>(stream.begin(), stream.end()));
  const auto world = brine::catalogue::make_catalogue_world();
  Repeater repeater;
  brine::pickle::Machine machine(source, {}, *world, repeater, brine::Limits{});
  machine.run();
  brine::pickle::Outcome outcome;
  const brine::pickle::Args args{arguments};
  std::size_t inert = 0;
  const double start = now();
  for (std::size_t i = 0; i < kCount; ++i) {
    outcome.clear();
    world->call(machine, repeater.callable(), args, brine::pickle::CallHow::reduce, outcome);
    inert += outcome.judgement.level == brine::pickle::Level::inert ? 1 : 0;
  }
  const double each = (now() - start) / static_cast<double>(kCount);
  std::printf("%s: %.1f ns a call, %zu of %zu inert\n", what, each, inert, kCount);
  return each;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1) {
    const auto file = brine::FileSource::open(argv[1]);
    if (!file) return 1;
    const auto bytes = (*file)->read_vector(0, (*file)->size());
    if (!bytes) return 1;
    const auto blob = Blob::over(*bytes);
    if (!blob) return 1;
    lookups(*blob);
    return 0;
  }
  lookups(Blob::embedded());
  using brine::pickle::Kind;
  using brine::pickle::Value;
  calls("cdatetime\ntimedelta\n(K\x01K\x02K\x03tR.", "datetime.timedelta(1, 2, 3)",
        {Value::make(Kind::integer, 21, 23), Value::make(Kind::integer, 23, 25),
         Value::make(Kind::integer, 25, 27)});
  calls("ccollections\nOrderedDict\n)R.", "collections.OrderedDict()", {});
  calls("cbuiltins\ncomplex\nF1.0\nF1.0\n\x86R.", "complex(1.0, 1.0)",
        {Value::make(Kind::floating, 18, 23), Value::make(Kind::floating, 23, 28)});
  return 0;
}
