#include "render/json.h"

#include <algorithm>
#include <cmath>

#include "base/escape.h"
#include "render/style.h"

namespace brine::render {
namespace {

void write_finding(JsonWriter& json, const Finding& finding, std::uint64_t evidence_bytes) {
  json.begin_object();
  json.field("code", code_text(finding.code));
  json.field("severity", to_string(finding.severity));
  json.field("title", cut_text(finding.title, evidence_bytes));
  json.field("member", std::span(finding.member));
  json.field("offset", finding.offset);
  json.field("file_offset", finding.file_offset);
  json.field_or_null("opcode", finding.opcode);
  json.field_or_null("callable", cut_text(finding.callable, evidence_bytes));
  json.field("capabilities", std::span(finding.capabilities));
  json.key("evidence");
  json.begin_array();
  for (const ReportEvidence& evidence : finding.evidence) {
    json.begin_object();
    json.field("kind", evidence.kind);
    json.field("text", cut_text(evidence.text, evidence_bytes));
    json.end_object();
  }
  json.end_array();
  json.field_or_null("advice", finding.advice);
  json.field_or_null("loader", finding.loader);
  json.end_object();
}

void write_view(JsonWriter& json, const View& view) {
  json.begin_object();
  json.field("loader", view.loader);
  json.field("member", std::span(view.member));
  json.field("end", view.end);
  json.field("end_offset", view.end_offset);
  json.field_or_null("error", view.error);
  json.end_object();
}

// Whether torch.load(weights_only=True) takes the file, by torch release; null when the file is
// none of PyTorch's.
void write_weights_only(JsonWriter& json, const FileReport& file, std::uint64_t evidence_bytes) {
  json.key("weights_only");
  if (file.weights_only.empty()) return json.null();
  json.begin_object();
  for (const WeightsOnly& row : file.weights_only) {
    json.key(row.release);
    json.begin_object();
    json.key("accepts");
    row.accepts ? json.boolean(*row.accepts) : json.null();
    json.field_or_null("reason", cut_text(row.reason, evidence_bytes));
    json.field("offset", row.offset);
    json.field_or_null("opcode", row.opcode);
    json.end_object();
  }
  json.end_object();
}

void write_coverage(JsonWriter& json, const Coverage& coverage) {
  json.begin_object();
  json.field("total", coverage.total);
  json.field("interpreted", coverage.interpreted);
  json.field("data", coverage.data);
  json.key("unexplained");
  json.inline_values(true);
  json.begin_array();
  for (const auto& [start, end] : coverage.unexplained) {
    json.begin_array();
    json.number(start);
    json.number(end);
    json.end_array();
  }
  json.end_array();
  json.inline_values(false);
  json.end_object();
}

}  // namespace

JsonReport::JsonReport(std::string_view version, std::uint64_t evidence_bytes)
    : version_(version), evidence_bytes_(evidence_bytes), json_(out_, true) {}

std::string JsonReport::take() {
  std::string piece = std::move(out_);
  out_.clear();
  return piece;
}

std::string JsonReport::begin() {
  json_.begin_object();
  json_.field("schema", "brine.report/1");
  json_.field("version", version_);
  json_.key("files");
  json_.begin_array();
  return take();
}

std::string JsonReport::file(const FileReport& file) {
  json_.begin_object();
  json_.field("path", path_text(file.path));
  json_.field("size", file.size);
  json_.field_or_null("sha256", file.sha256.value_or(""));
  json_.field("verdict", to_string(file.verdict));
  json_.field("kind", file.kind);
  json_.key("views");
  json_.begin_array();
  for (const View& view : file.views) write_view(json_, view);
  json_.end_array();
  json_.key("findings");
  json_.begin_array();
  for (const Finding& finding : file.findings) write_finding(json_, finding, evidence_bytes_);
  json_.end_array();
  json_.field("findings_dropped", file.findings_dropped);
  json_.field("waived", std::span(file.waived));
  write_weights_only(json_, file, evidence_bytes_);
  json_.key("coverage");
  write_coverage(json_, file.coverage);
  json_.end_object();
  return take();
}

std::string JsonReport::end(std::span<const ReportError> errors, const Summary& summary,
                            bool interrupted) {
  json_.end_array();
  json_.key("errors");
  json_.begin_array();
  for (const ReportError& error : errors) {
    json_.begin_object();
    json_.field("path", path_text(error.path));
    json_.field("message", error.message);
    json_.end_object();
  }
  json_.end_array();
  json_.key("interrupted");
  json_.boolean(interrupted);
  json_.key("summary");
  json_.begin_object();
  json_.field("files", summary.files);
  json_.field("bytes", summary.bytes);
  json_.field("bytes_read", summary.bytes_read);
  json_.key("seconds");
  json_.number(std::round(summary.seconds * 1e6) / 1e6);
  json_.field("clean", summary.clean);
  json_.field("unrecognized", summary.unrecognized);
  json_.field("incomplete", summary.incomplete);
  json_.field("suspicious", summary.suspicious);
  json_.field("malicious", summary.malicious);
  json_.end_object();
  json_.end_object();
  return take() + "\n";
}

std::string report_json(const Report& report, std::string_view version,
                        std::uint64_t evidence_bytes) {
  JsonReport json(version, evidence_bytes);
  std::string out = json.begin();
  for (const FileReport& file : report.files) out += json.file(file);
  return out += json.end(report.errors, report.summary, report.interrupted);
}

std::string cut_text(std::string_view text, std::uint64_t limit) {
  if (text.size() <= limit) return std::string(text);
  auto kept = static_cast<std::size_t>(limit);
  // Not inside a character: a continuation byte goes with its lead.
  for (int back = 0; back < 3 && kept > 0 && (text[kept] & 0xc0) == 0x80; ++back) --kept;
  return std::string(text.substr(0, kept)) + " ... (" +
         plural(text.size() - kept, "more byte", "more bytes") + ")";
}

}  // namespace brine::render
