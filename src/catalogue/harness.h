// Harness: runs a stream in the catalogue's World and keeps what was judged, for this folder's
// tests.
#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "catalogue/assembler.h"
#include "catalogue/world.h"
#include "io/source.h"
#include "pickle/machine.h"

namespace brine::catalogue {

struct Judged {
  pickle::EventKind kind;
  std::string name;
  pickle::Judgement judgement;
};

struct Ran {
  pickle::RunResult result;
  std::vector<Judged> events;  // those that are not inert
  std::vector<std::pair<std::string, std::string>> nested;  // loader, bytes
  pickle::Level worst = pickle::Level::inert;
  std::vector<std::string> waived;
  bool poisoned = false;

  bool has(int code) const {
    return std::any_of(events.begin(), events.end(),
                       [code](const Judged& event) { return event.judgement.code == code; });
  }
  std::string evidence(std::string_view kind) const {
    for (const Judged& event : events) {
      for (const auto& row : event.judgement.evidence) {
        if (row.kind == kind) return row.text;
      }
    }
    return {};
  }
  std::string report() const {
    std::string out;
    for (const Judged& event : events) {
      out += std::string(to_string(event.kind)) + " " + event.name + ": " +
             std::to_string(event.judgement.code) + " " + event.judgement.what + "\n";
    }
    return out + std::string(to_string(result.end.kind)) + " " + result.end.error + "\n";
  }
};

class Recorder final : public pickle::TraceSink {
 public:
  explicit Recorder(Ran& out) : out_(&out) {}
  bool wants_inert() const override { return false; }
  void on_event(const pickle::Event& event, pickle::Machine&) override {
    std::string name(event.callable);
    if (name.empty()) name = std::string(event.module) + "." + std::string(event.name);
    out_->events.push_back({event.kind, name, *event.judgement});
    out_->worst = std::max(out_->worst, event.judgement->level);
  }
  void on_nested(std::string_view bytes, std::string_view loader, std::uint64_t,
                 pickle::Machine&) override {
    out_->nested.emplace_back(loader, bytes);
  }

 private:
  Ran* out_;
};

inline pickle::Profile torch_profile() {
  pickle::Profile profile;
  profile.encoding = pickle::Encoding::utf8;
  profile.persistent = pickle::PersistentLoad::torch;
  profile.find_class = pickle::FindClass::torch;
  return profile;
}

inline Ran run(const Assembler& stream, const WorldOptions& options = {},
               const pickle::Profile& profile = {}, bool collapse = true) {
  Ran out;
  MemorySource source(stream.data());
  const auto world = make_catalogue_world(options);
  Recorder recorder(out);
  pickle::Machine machine(source, profile, *world, recorder, Limits{},
                          {.collapse = collapse, .start = 0});
  out.result = machine.run();
  if (out.result.end.kind == pickle::EndKind::stop) {
    pickle::Outcome outcome;
    world->finish(machine, out.result.result, outcome);
    if (outcome.judgement.level != pickle::Level::inert) {
      out.events.push_back({pickle::EventKind::call, "result", outcome.judgement});
      out.worst = std::max(out.worst, outcome.judgement.level);
    }
  }
  out.waived = world->waived();
  out.poisoned = machine.poisoned();
  return out;
}

}  // namespace brine::catalogue
