// Inspect: what a file is made of and who would read what, for people who look closer.
//
// Members, readings with their disassembly, coverage, and the bytes that nothing explains. Readings
// whose disassembly is the same are told once.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "brine/report.h"
#include "io/source.h"
#include "pickle/disassembler.h"
#include "render/style.h"
#include "scan/scan_file.h"

namespace brine::render {

struct InspectOptions {
  Style style;
  bool verbose = false;  // a sentence about each opcode, no bound on lines
  std::uint64_t max_lines = 2000;  // of one disassembly
  std::uint64_t hex_bytes = 256;  // of each unexplained range
};

class Inspection final : public scan::ViewObserver {
 public:
  explicit Inspection(InspectOptions options) : options_(options) {}

  pickle::TraceSink* begin(const scan::ViewStart& view) override;
  void ran(const scan::ViewStart& view, const pickle::RunResult& run,
           pickle::Machine& machine) override;
  void end(const scan::ViewStart& view, const scan::ViewEnd& how) override;
  void member(const scan::MemberInfo& member) override { members_.push_back(member); }

  // All of it, when the scan is done; unexplained bytes are read from `source`.
  std::string text(const FileReport& report, ByteSource& source) const;

 private:
  // One reading; and, of readings with the same lines, the first with the others' loaders.
  struct Reading {
    std::string loader;
    std::vector<std::string> loaders;
    pickle::Profile profile;
    std::vector<std::string> member;
    std::uint64_t start = 0;
    pickle::End end;
    std::vector<std::string> lines;
    std::unique_ptr<pickle::DisassemblySink> sink;  // until the reading has ended
  };

  // The reading that runs; runs of several readings may overlap.
  std::size_t open(const scan::ViewStart& view) const;
  std::string members_text() const;
  std::string views_text(const FileReport& report) const;
  std::string coverage_text(const Coverage& coverage, ByteSource& source) const;
  std::string heading(std::string_view words) const;

  InspectOptions options_;
  std::vector<scan::MemberInfo> members_;
  std::vector<std::unique_ptr<Reading>> open_;  // in place: their sinks write into them
  std::vector<std::unique_ptr<Reading>> readings_;
};

// "00000040  48 65 6c 6c 6f  |Hello|", 16 bytes a line.
std::string hex_dump(ByteSpan bytes, std::uint64_t offset, std::size_t indent);

}  // namespace brine::render
