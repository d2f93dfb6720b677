// brine-differential: our trace of many small streams, as text to compare with an oracle's.
//
//   brine-differential generate --unpickler c|py --seed S --from A --count N [--check]
//   brine-differential small    --unpickler c|py --from A --count N [--check]
//   brine-differential run      [--check]
//
// generate and small make the streams themselves and print, for each: one byte (how it is loaded,
// generator.h), the lengths of stream and trace (32 bits, little-endian), stream, trace. run reads
// byte, length and stream from standard input and answers each with length and trace at once. At
// the end generate and small print the byte 0xff, two zero lengths' place with the length of a JSON
// text, and that text: the generator's figures. The lines of a trace are described in oracle.py.
// With
// --check every fourth stream is also interpreted with collapsing of containers switched off, under
// both Worlds; a trace that differs ends with a line "DIFFERS ...".
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "generator.h"
#include "pickle/machine.h"
#include "spelling.h"

#if __has_include("catalogue/world.h") && defined(BRINE_HAS_CATALOGUE)
#include "catalogue/world.h"
#endif

namespace brine::differential {
namespace {

using pickle::Event;
using pickle::EventKind;
using pickle::Kind;
using pickle::Machine;
using pickle::Opcode;
using pickle::Value;

// Which opcode met which kind on top of the stack, and how much of the streams was executed.
class Figures {
 public:
  static constexpr std::size_t kKinds = static_cast<std::size_t>(Kind::unknown) + 1;
  static constexpr std::size_t kColumns = kKinds + 2;  // a mark, nothing

  void step(const Opcode& opcode, Machine& machine) {
    std::size_t height = machine.stack_height();
    while (marks_.size() > machine.mark_count()) marks_.pop_back();
    std::size_t column = kKinds + 1;
    if (height > (marks_.empty() ? 0 : marks_.back())) {
      column = static_cast<std::size_t>(machine.stack_at(0).kind());
    } else if (!marks_.empty()) {
      column = kKinds;
    }
    ++met_[opcode.code][column];
    if (opcode.code == pickle::op::MARK) marks_.push_back(height);
  }
  void stream(std::uint64_t opcodes, bool stopped) {
    ++streams_;
    stopped_ += stopped ? 1 : 0;
    ++lengths_[std::min<std::uint64_t>(opcodes, lengths_.size() - 1)];
  }
  std::string json() const {
    std::string out = "{\"streams\": " + std::to_string(streams_) +
                      ", \"stopped\": " + std::to_string(stopped_) + ", \"lengths\": [";
    for (std::size_t i = 0; i < lengths_.size(); ++i) {
      out += (i == 0 ? "" : ", ") + std::to_string(lengths_[i]);
    }
    out += "], \"met\": {";
    bool first = true;
    for (const Opcode& opcode : pickle::all_opcodes()) {
      out += (first ? "\"" : ", \"") + std::string(opcode.name) + "\": [";
      first = false;
      for (std::size_t i = 0; i < kColumns; ++i) {
        out += (i == 0 ? "" : ", ") + std::to_string(met_[opcode.code][i]);
      }
      out += "]";
    }
    return out + "}}";
  }

 private:
  std::vector<std::size_t> marks_;  // heights at which the running stream's marks lie
  std::uint64_t streams_ = 0;
  std::uint64_t stopped_ = 0;
  std::array<std::uint64_t, 512> lengths_{};
  std::array<std::array<std::uint64_t, kColumns>, 256> met_{};
};

class Log final : public pickle::TraceSink {
 public:
  Log(std::string& out, bool deep, Figures* figures) : out_(out), deep_(deep), figures_(figures) {}

  bool wants_inert() const override { return true; }
  bool wants_steps() const override { return figures_ != nullptr; }
  void on_step(std::uint64_t, const Opcode& opcode, Machine& machine) override {
    figures_->step(opcode, machine);
  }

  void on_event(const Event& event, Machine& machine) override {
    switch (event.kind) {
      case EventKind::import:
        out_.append("I ").append(event.written_module).append(1, '\0').append(event.written_name);
        break;
      case EventKind::getattr:
        out_.append("G ").append(event.module).append(1, '\0').append(event.name);
        break;
      case EventKind::call:
      case EventKind::construct:
        out_ += event.kind == EventKind::call ? "C " : "N ";
        target(event, machine);
        out_ += ' ';
        out_ += event.nargs < 0 ? "?" : std::to_string(event.nargs);
        if (deep_) out_ += event.has_argument ? spell_items(machine, event.argument) : " ?";
        break;
      case EventKind::set_state:
        out_ += "B ";
        target(event, machine);
        if (deep_) out_ += spell(machine, event.argument);
        break;
      case EventKind::store:
        out_.append("S ").append(to_string(event.how)).append(1, ' ');
        target(event, machine);
        break;
      case EventKind::hash:
        out_ += "H ";
        target(event, machine);
        break;
      case EventKind::persistent:
        out_ += 'P';
        if (deep_) out_ += spell(machine, event.argument);
        break;
    }
    out_ += '\n';
  }

 private:
  void target(const Event& event, Machine& machine) {
    if (event.target.kind() == Kind::ref) {
      pickle::RefId ref = event.target.aux();
      out_.append(machine.module_of(ref)).append(1, '\0').append(machine.name_of(ref));
    } else {
      out_ += event.target.kind() == Kind::unknown ? "?" : "obj";
    }
  }

  std::string& out_;
  bool deep_;
  Figures* figures_;
};

enum class WorldName { opaque, catalogue };

std::unique_ptr<pickle::World> make_world(WorldName name) {
#ifdef BRINE_HAS_CATALOGUE
  if (name == WorldName::catalogue) return catalogue::make_catalogue_world();
#endif
  (void)name;
  return std::make_unique<pickle::OpaqueWorld>();
}

constexpr std::uint8_t kRestricted = 64;  // torch's weights_only unpickler; ends carry offsets
constexpr std::uint8_t kDeep = 32;  // in the stream's byte: values are spelled out

// Interprets one stream and appends its trace.
void interpret(std::string_view stream, std::uint8_t how, WorldName world_name, bool collapse,
               std::string& out, Figures* figures) {
  Setup setup = Setup::unpack(how);
  pickle::Profile profile;
  profile.unpickler = setup.unpickler;
  profile.encoding = setup.encoding;
  profile.persistent =
      setup.persistent ? pickle::PersistentLoad::any : pickle::PersistentLoad::none;
  if ((how & kRestricted) != 0) {
    profile = {pickle::Unpickler::torch_weights_only, pickle::Encoding::utf8,
               pickle::PersistentLoad::torch};
  }
  const bool deep = (how & kDeep) != 0;
  MemorySource source(as_bytes(stream));
  std::unique_ptr<pickle::World> world = make_world(world_name);
  Log log(out, deep, figures);
  Limits limits;
  Machine machine(source, profile, *world, log, limits, {.collapse = collapse});
  for (int load = 0; load < (setup.twice ? 2 : 1); ++load) {
    pickle::RunResult result = machine.run();
    const bool stopped = result.end.kind == pickle::EndKind::stop;
    if (figures != nullptr && load == 0) figures->stream(result.opcodes, stopped);
    out += to_string(result.end.kind);
    if (stopped) {
      out += ' ';
      out += std::to_string(machine.position());
      if (deep) out += spell(machine, result.result);
    }
    if (!stopped && (how & kRestricted) != 0) out += " " + std::to_string(result.end.offset);
    if (!stopped) break;
    if (load == 0 && setup.twice) out += '\n';
  }
}

// The same with containers collapsed and not: every line must be the same.
void check_collapse(std::string_view stream, std::uint8_t how, std::string& out) {
  how |= kDeep;
  for (WorldName world : {WorldName::opaque, WorldName::catalogue}) {
    std::string collapsed, explicitly;
    interpret(stream, how, world, true, collapsed, nullptr);
    interpret(stream, how, world, false, explicitly, nullptr);
    if (collapsed == explicitly) continue;
    out += world == WorldName::opaque ? "\nDIFFERS opaque\n" : "\nDIFFERS catalogue\n";
    out += collapsed + "\n--- not collapsed\n" + explicitly;
  }
}

// --- the pipe --------------------------------------------------------------------------------

class Output {
 public:
  void put(std::string_view bytes) {
    buffer_.append(bytes);
    if (buffer_.size() > (1u << 18)) flush();
  }
  void u32(std::size_t value) {
    char bytes[4];
    for (int i = 0; i < 4; ++i) bytes[i] = static_cast<char>(value >> (8 * i) & 0xff);
    put({bytes, 4});
  }
  void flush() {
    std::string_view left = buffer_;
    while (!left.empty()) {
      ssize_t written = ::write(STDOUT_FILENO, left.data(), left.size());
      if (written <= 0) std::exit(3);
      left.remove_prefix(static_cast<std::size_t>(written));
    }
    buffer_.clear();
  }

 private:
  std::string buffer_;
};

struct Options {
  std::string mode;
  pickle::Unpickler unpickler = pickle::Unpickler::c;
  std::uint64_t seed = 0, from = 0, count = 0;
  bool check = false;
};

void generate(const Options& options) {
  Output output;
  Figures figures;
  Generator generator;
  std::string stream, trace;
  for (std::uint64_t i = options.from; i < options.from + options.count; ++i) {
    Setup setup;
    if (options.mode == "small") {
      if (!small_program(i, stream)) break;
      setup.persistent = i % 2 == 0;
      setup.unpickler = options.unpickler;
    } else {
      setup = generator.make(options.seed, i, options.unpickler, stream);
    }
    std::uint8_t how = setup.packed();
    if (i % 4 == 1) how |= kDeep;
    trace.clear();
    interpret(stream, how, WorldName::opaque, true, trace, &figures);
    if (options.check && i % 4 == 0) check_collapse(stream, how, trace);
    output.put({reinterpret_cast<const char*>(&how), 1});
    output.u32(stream.size());
    output.u32(trace.size());
    output.put(stream);
    output.put(trace);
  }
  std::string json = figures.json();
  output.put("\xff");
  output.u32(0);
  output.u32(json.size());
  output.put(json);
  output.flush();
}

bool read_exactly(void* into, std::size_t count) {
  return std::fread(into, 1, count, stdin) == count;
}

void answer(const Options& options) {
  Output output;
  std::string stream, trace;
  std::array<std::uint8_t, 5> head{};
  while (read_exactly(head.data(), head.size())) {
    std::uint32_t size = load_le32(head.data() + 1);
    stream.resize(size);
    if (!read_exactly(stream.data(), size)) return;
    trace.clear();
    interpret(stream, head[0], WorldName::opaque, true, trace, nullptr);
    if (options.check) check_collapse(stream, head[0], trace);
    output.u32(trace.size());
    output.put(trace);
    output.flush();
  }
}

bool parse(int argc, char** argv, Options& options) {
  if (argc < 2) return false;
  options.mode = argv[1];
  for (int i = 2; i < argc; ++i) {
    std::string_view name = argv[i];
    if (name == "--check") {
      options.check = true;
      continue;
    }
    if (i + 1 == argc) return false;
    std::string_view value = argv[++i];
    auto number = [&](std::uint64_t& into) {
      return std::from_chars(value.data(), value.data() + value.size(), into).ec == std::errc{};
    };
    if (name == "--unpickler") {
      options.unpickler = value == "py" ? pickle::Unpickler::py : pickle::Unpickler::c;
    } else if (!(name == "--seed"    ? number(options.seed)
                 : name == "--from"  ? number(options.from)
                 : name == "--count" ? number(options.count)
                                     : false)) {
      return false;
    }
  }
  return options.mode == "generate" || options.mode == "small" || options.mode == "run";
}

}  // namespace
}  // namespace brine::differential

int main(int argc, char** argv) {
  brine::differential::Options options;
  if (!brine::differential::parse(argc, argv, options)) {
    std::fputs("usage: brine-differential generate|small|run [options]; see driver.cpp\n", stderr);
    return 2;
  }
  if (options.mode == "run") {
    brine::differential::answer(options);
  } else {
    brine::differential::generate(options);
  }
  return 0;
}
