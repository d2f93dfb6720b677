// The report as people read it: a line a file, findings below it, a summary at the end.
//
// First the answer, then the reason, then what to do. Pieces come file by file, so that lines can
// be printed as soon as their turn comes. Pure functions: the caller says how wide the screen is
// and whether there is one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "brine/report.h"
#include "render/style.h"

namespace brine::render {

struct TextOptions {
  Style style;
  bool quiet = false;    // only files that are not clean, and no summary
  bool verbose = false;  // views, coverage, every finding
  bool fold = false;     // clean and unrecognized files are counted, not listed
  std::size_t path_cells = 0;  // the longest path that will come; the column is made for it
  std::uint64_t evidence_bytes = 4096;
};

class TextReport {
 public:
  explicit TextReport(TextOptions options);

  // The file's line with everything below it; empty when it is folded or quiet.
  std::string file(const FileReport& file);
  // The summary; empty when quiet.
  std::string end(const Summary& summary, bool interrupted);

 private:
  std::string head(const FileReport& file) const;
  struct Told {
    const Finding* finding;
    std::uint64_t more;  // findings that say the same of other places
  };
  std::string finding(const FileReport& file, const Told& told) const;
  // `told`: there are findings above it.
  std::string advice(const FileReport& file, bool told) const;
  std::string details(const FileReport& file) const;
  // What torch.load(weights_only=True) makes of it: a refusal by the newest release, or everything.
  std::string weights_only(const FileReport& file) const;
  // "  label       text", wrapped below the text.
  void labelled(std::string& out, std::string_view label, std::string_view text) const;
  void line(std::string& out, std::size_t indent, std::string_view text) const;
  void evidence(std::string& out, const ReportEvidence& evidence, std::size_t label_cells) const;

  TextOptions options_;
  std::size_t path_column_;
  std::uint64_t folded_clean_ = 0;
  std::uint64_t folded_unrecognized_ = 0;
};

// Cells of a path as it will be printed.
std::size_t path_cells(std::string_view path);

// "starts a process: posix.system('id')": what a finding says in one line, escaped, not cut.
std::string finding_title(const Finding& finding);

// The whole report at once.
std::string report_text(const Report& report, TextOptions options);

}  // namespace brine::render
