// JSON for machines: the report (brine.report/1).
//
// Keys are those of the published schema (docs/report.schema.json), in its order; keys are added,
// never renamed. Text is escaped as the writer does it (base/json_writer.h).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json_writer.h"
#include "brine/report.h"

namespace brine::render {

// The report, file by file, so that nothing has to be kept: begin, file ..., end. Each call gives
// the next piece of the one document.
class JsonReport {
 public:
  // Evidence longer than `evidence_bytes` is cut and says so.
  JsonReport(std::string_view version, std::uint64_t evidence_bytes);
  JsonReport(const JsonReport&) = delete;
  JsonReport& operator=(const JsonReport&) = delete;
  std::string begin();
  std::string file(const FileReport& file);
  std::string end(std::span<const ReportError> errors, const Summary& summary, bool interrupted);

 private:
  std::string take();

  std::string version_;
  std::uint64_t evidence_bytes_;
  std::string out_;
  JsonWriter json_;
};

// The whole document at once.
std::string report_json(const Report& report, std::string_view version,
                        std::uint64_t evidence_bytes);

// `text` cut to `limit` bytes at a character's edge; what is missing is counted in words.
std::string cut_text(std::string_view text, std::uint64_t limit);

}  // namespace brine::render
