// Explain: a file's readings as annotated Python, framed for people.
//
// The decompiler prints one reading; here readings that print the same are told once, members and
// loaders stand above them, and the file is summed up in one sentence.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "brine/report.h"
#include "pickle/decompiler.h"
#include "render/style.h"
#include "scan/scan_file.h"

namespace brine::render {

struct ExplainOptions {
  Style style;
  bool full = false;     // exact Python and nothing else
  bool verbose = false;  // similar steps are not grouped
};

class Explanation final : public scan::ViewObserver {
 public:
  explicit Explanation(ExplainOptions options) : options_(options) {}

  pickle::TraceSink* begin(const scan::ViewStart& view) override;
  void ran(const scan::ViewStart& view, const pickle::RunResult& run,
           pickle::Machine& machine) override;
  void end(const scan::ViewStart& view, const scan::ViewEnd& how) override;

  // All of it, when the scan is done.
  std::string text(const FileReport& report) const;

 private:
  // One reading; and, of readings with the same text, the first with the others' loaders.
  struct Reading {
    std::unique_ptr<pickle::Decompiler> decompiler;  // until the reading has ended
    std::string loader;
    pickle::Profile profile;
    std::vector<std::string> member;
    std::uint64_t start = 0;
    std::vector<std::string> also;
    std::vector<std::string> lines;
    std::string sentence;
    pickle::Level worst = pickle::Level::inert;
  };

  // The reading that runs; runs of several readings may overlap.
  Reading& open(const scan::ViewStart& view);
  std::string reading_text(const FileReport& report, const Reading& reading) const;
  std::string code_line(const std::string& line) const;
  std::string sentence(const FileReport& report) const;

  ExplainOptions options_;
  std::vector<Reading> open_;
  std::vector<Reading> readings_;
};

}  // namespace brine::render
