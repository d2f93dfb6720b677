// The trace for machines (brine.trace/1): one JSON document a file, on one line.
//
// An observer of the scan that writes each event as it happens, so that a stream of millions of
// events needs no memory of its own. docs/trace.schema.json describes the document. Every event has
// every key; what makes no sense for its kind is null, and so are arguments that Brine cannot tell.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "render/json.h"
#include "scan/scan_file.h"

namespace brine::render {

class TraceDocument final : public scan::ViewObserver, private pickle::TraceSink {
 public:
  using Write = std::function<void(std::string_view)>;

  // `write` gets pieces of the line, its newline included.
  explicit TraceDocument(Write write) : write_(std::move(write)), json_(line_) {}

  void begin_file(std::string_view path);
  // `error`: why the file could not be read; empty when it could.
  void end_file(std::string_view error);

  pickle::TraceSink* begin(const scan::ViewStart& view) override;
  void end(const scan::ViewStart& view, const scan::ViewEnd& how) override;

 private:
  bool wants_inert() const override { return true; }
  void on_event(const pickle::Event& event, pickle::Machine& machine) override;

  Write write_;
  std::string line_;
  JsonWriter json_;
};

}  // namespace brine::render
