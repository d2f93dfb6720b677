// JSON for machines: the report (brine.report/1) and a small writer of documents.
//
// Output is valid UTF-8 whatever stands in the report: bytes that are no text become \xNN (as
// text), control, bidirectional and invisible characters become \u escapes. Keys are those of
// DESIGN's published schema (docs/report.schema.json), in its order; keys are added, never renamed.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "brine/report.h"

namespace brine::render {

// Appends one JSON document to a string. Commas and indentation are the writer's; balance is the
// caller's. Compact when `indent` is false.
class JsonWriter {
 public:
  explicit JsonWriter(std::string& out, bool indent = false) : out_(&out), indent_(indent) {}

  void begin_object() { open('{'); }
  void end_object() { close('}'); }
  void begin_array() { open('['); }
  void end_array() { close(']'); }
  void key(std::string_view name);  // an ASCII word of ours
  void string(std::string_view text);
  void number(std::uint64_t value);
  void number(std::int64_t value);
  void number(double value);
  void boolean(bool value) { raw(value ? "true" : "false"); }
  void null() { raw("null"); }

  // key and value in one.
  void field(std::string_view name, std::string_view text);
  void field(std::string_view name, std::uint64_t value);
  void field(std::string_view name, const std::optional<std::uint64_t>& value);
  void field(std::string_view name, std::span<const std::string> texts);
  void field_or_null(std::string_view name, std::string_view text);  // null when empty

  // Until end: values on one line although the document is indented.
  void inline_values(bool on) { inline_ = on; }

 private:
  void raw(std::string_view text);
  void open(char bracket);
  void close(char bracket);
  void before_value();
  void new_line();

  std::string* out_;
  bool indent_;
  bool inline_ = false;
  bool first_ = true;  // nothing stands yet in the innermost bracket
  bool after_key_ = false;
  std::uint32_t depth_ = 0;
};

// `text` as a JSON string with its quotes.
void append_json_string(std::string& out, std::string_view text);

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
