#include "render/text.h"

#include <gtest/gtest.h>

#include "base/escape.h"
#include "render/golden.h"
#include "render/sample_reports.h"

namespace brine::render {
namespace {

TextOptions screen(std::size_t width) {
  TextOptions options;
  options.style.width = width;
  return options;
}

TEST(TextReport, EightyColumns) {
  const std::string text = report_text(mixed_report(), screen(80));
  expect_golden("scan_80.txt", text);
}

TEST(TextReport, NothingIsWiderThanTheScreen) {
  for (const std::size_t width : {60u, 80u, 120u}) {
    Report report = mixed_report();
    report.files.push_back(hostile_file());
    const std::string text = report_text(report, screen(width));
    std::size_t start = 0;
    for (std::size_t end = text.find('\n'); end != std::string::npos;
         end = text.find('\n', start)) {
      EXPECT_LE(display_width(text.substr(start, end - start)), width)
          << text.substr(start, end - start);
      start = end + 1;
    }
  }
}

TEST(TextReport, PipedIsNeitherCutNorFolded) {
  expect_golden("scan_piped.txt", report_text(mixed_report(), TextOptions{}));
}

TEST(TextReport, VerboseTellsViewsAndCoverage) {
  TextOptions options = screen(80);
  options.verbose = true;
  expect_golden("scan_verbose.txt", report_text(mixed_report(), options));
}

TEST(TextReport, QuietTellsOnlyWhatIsNotClean) {
  TextOptions options = screen(80);
  options.quiet = true;
  const std::string text = report_text(mixed_report(), options);
  EXPECT_EQ(text.find("safetensors"), std::string::npos);
  EXPECT_EQ(text.find("5 files"), std::string::npos);
  EXPECT_NE(text.find("MALICIOUS"), std::string::npos);
}

TEST(TextReport, FoldCountsWhatItDoesNotList) {
  TextOptions options = screen(80);
  options.fold = true;
  Report report;
  for (int i = 0; i < 30; ++i) report.files.push_back(clean_file("m" + std::to_string(i)));
  report.files.push_back(malicious_file());
  report.summary = {31, 1'000, 1'000, 0.5, 30, 0, 0, 0, 1};
  expect_golden("scan_folded.txt", report_text(report, options));
}

TEST(TextReport, HostileTextStaysText) {
  TextOptions options = screen(80);
  Report report;
  report.files = {hostile_file()};
  report.summary = {1, 64, 64, 0.001, 0, 0, 0, 0, 1};
  const std::string text = report_text(report, options);
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_EQ(text.find('\r'), std::string::npos);
  EXPECT_EQ(text.find("\xe2\x80\xae"), std::string::npos);
  expect_golden("scan_hostile.txt", text);
}

TEST(TextReport, ColoursOnlyWhereAsked) {
  TextOptions options = screen(80);
  EXPECT_EQ(report_text(mixed_report(), options).find('\x1b'), std::string::npos);
  options.style.colour = true;
  EXPECT_NE(report_text(mixed_report(), options).find("\x1b[1;31mMALICIOUS"), std::string::npos);
}

TEST(TextReport, ManyFindingsAreCounted) {
  FileReport file = malicious_file();
  file.findings.assign(40, reverse_shell());
  for (std::size_t i = 0; i < 40; ++i) {
    file.findings[i].offset = i;
    file.findings[i].title += " " + std::to_string(i);
  }
  TextReport text(screen(80));
  EXPECT_NE(text.file(file).find("and 32 more findings: -v"), std::string::npos);
}

TEST(TextReport, OneThingInManyPlacesIsSaidOnce) {
  FileReport file = malicious_file();
  file.findings.assign(40, reverse_shell());
  for (std::size_t i = 0; i < 40; ++i) file.findings[i].offset = i;
  TextReport text(screen(80));
  const std::string out = text.file(file);
  EXPECT_NE(out.find("39 more places"), std::string::npos) << out;
  EXPECT_EQ(out.find("more finding"), std::string::npos) << out;
  TextOptions options = screen(80);
  options.verbose = true;
  EXPECT_EQ(TextReport(options).file(file).find("more places"), std::string::npos);
}

TEST(TextReport, WhatFollowsFromAnUnknownNameIsNotSaidAgain) {
  FileReport file = malicious_file();
  const auto unknown = [](std::uint16_t code, std::string title, std::string callable) {
    Finding out;
    out.code = code;
    out.severity = Severity::medium;
    out.verdict = Verdict::suspicious;
    out.title = std::move(title);
    out.callable = std::move(callable);
    return out;
  };
  file.findings = {unknown(122, "uses a name that is not known: m.C", "m.C"),
                   unknown(120, "makes an object of an unknown class: m.C", "m.C"),
                   unknown(127, "changes an object of unknown code: m.C()", "m.C()"),
                   unknown(120, "makes an object of an unknown class: m.D", "m.D")};
  const std::string out = TextReport(screen(80)).file(file);
  EXPECT_NE(out.find("not known: m.C"), std::string::npos) << out;
  EXPECT_EQ(out.find("class: m.C"), std::string::npos) << out;
  EXPECT_EQ(out.find("m.C()"), std::string::npos) << out;
  EXPECT_NE(out.find("class: m.D"), std::string::npos) << out;
}

TEST(TextReport, InterruptedIsSaid) {
  Report report = mixed_report();
  report.interrupted = true;
  EXPECT_NE(report_text(report, screen(80)).find("interrupted"), std::string::npos);
}

TEST(Style, SizesTimesCounts) {
  EXPECT_EQ(size_text(0), "0 bytes");
  EXPECT_EQ(size_text(1), "1 byte");
  EXPECT_EQ(size_text(999), "999 bytes");
  EXPECT_EQ(size_text(1000), "1.0 kB");
  EXPECT_EQ(size_text(18'000'000), "18 MB");
  EXPECT_EQ(size_text(999'999), "1.0 MB");
  EXPECT_EQ(size_text(2'100'000'000), "2.1 GB");
  EXPECT_EQ(size_text(~std::uint64_t{0}), "18 EB");
  EXPECT_EQ(time_text(0.0031), "3.1 ms");
  EXPECT_EQ(time_text(0.031), "31 ms");
  EXPECT_EQ(time_text(0.31), "0.31 s");
  EXPECT_EQ(time_text(1.5), "1.5 s");
  EXPECT_EQ(time_text(200), "3 min 20 s");
  EXPECT_EQ(time_text(7300), "2 h 1 min");
  EXPECT_EQ(count_text(1'234'567), "1,234,567");
  EXPECT_EQ(plural(1, "file", "files"), "1 file");
}

TEST(Style, LongPathsAreCutInTheMiddle) {
  EXPECT_EQ(cut_middle("short", 10), "short");
  const std::string cut = cut_middle("downloads/somewhere/far/away/pytorch_model.bin", 24);
  EXPECT_EQ(display_width(cut), 24u);
  EXPECT_TRUE(cut.ends_with("ch_model.bin")) << cut;
  EXPECT_TRUE(cut.starts_with("downlo")) << cut;
}

TEST(Style, WrapsAtBlanksAndInsideLongWords) {
  EXPECT_EQ(wrap("one two three", 8), (std::vector<std::string>{"one two", "three"}));
  EXPECT_EQ(wrap("abcdefghij", 4), (std::vector<std::string>{"abcd", "efgh", "ij"}));
  EXPECT_EQ(wrap("one two", 0), (std::vector<std::string>{"one two"}));
}

}  // namespace
}  // namespace brine::render
