#include "scan/findings.h"

#include <gtest/gtest.h>

#include "scan/codes.h"

namespace brine::scan {
namespace {

Finding at(std::uint16_t code, std::uint64_t offset) {
  Finding finding = finding_of(code);
  finding.offset = offset;
  return finding;
}

TEST(Findings, CountsTheSameEffectOnce) {
  const Limits limits;
  Findings findings(limits);
  findings.add(at(code::kBroken, 7));
  findings.add(at(code::kBroken, 7));
  findings.add(at(code::kBroken, 8));
  EXPECT_EQ(findings.take().size(), 2u);
}

TEST(Findings, KeepsABoundedNumberAndTheVerdictOfAll) {
  Limits limits;
  limits.findings_per_code = 3;
  Findings findings(limits);
  for (std::uint64_t i = 0; i < 10; ++i) findings.add(at(code::kNotAnalysed, i));
  Finding worst = at(code::kNotAnalysed, 99);
  worst.verdict = Verdict::malicious;
  findings.add(worst);
  EXPECT_EQ(findings.worst(), Verdict::malicious);
  EXPECT_EQ(findings.dropped(), 8u);
  EXPECT_EQ(findings.take().size(), 3u);
}

TEST(Findings, PutsTheWorstFirstAndThenByPlace) {
  const Limits limits;
  Findings findings(limits);
  findings.add(at(code::kBroken, 1));
  findings.add(at(code::kUnexplained, 9));
  findings.add(at(code::kUnexplained, 2));
  const auto taken = findings.take();
  ASSERT_EQ(taken.size(), 3u);
  EXPECT_EQ(*taken[0].offset, 2u);
  EXPECT_EQ(*taken[1].offset, 9u);
  EXPECT_EQ(taken[2].code, code::kBroken);
}

TEST(Findings, CutsLongEvidence) {
  Limits limits;
  limits.evidence_bytes = 4;
  Findings findings(limits);
  Finding finding = at(code::kBroken, 1);
  finding.evidence.push_back({"value", "abcdefgh"});
  findings.add(finding);
  EXPECT_EQ(findings.take()[0].evidence[0].text, "abcd...");
}

TEST(Findings, TakesSeverityFromLevelAndCapability) {
  pickle::Judgement judgement;
  judgement.level = pickle::Level::malicious;
  judgement.code = 201;
  judgement.caps = pickle::kProcess;
  judgement.what = "starts a process";
  const Finding finding = finding_of(judgement);
  EXPECT_EQ(finding.severity, Severity::critical);
  EXPECT_EQ(finding.verdict, Verdict::malicious);
  ASSERT_EQ(finding.capabilities.size(), 1u);
  EXPECT_EQ(finding.capabilities[0], "process");
}

TEST(Codes, AreAscendingAndUnique) {
  std::uint16_t last = 0;
  for (const CodeRow& row : code_rows()) {
    EXPECT_GT(row.code, last);
    last = row.code;
    EXPECT_FALSE(row.title.empty());
    EXPECT_EQ(find_code(row.code), &row);
  }
  EXPECT_EQ(find_code(999), nullptr);
}

}  // namespace
}  // namespace brine::scan
