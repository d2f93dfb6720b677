#include "scan/verdict.h"

namespace brine {

const char* to_string(Verdict verdict) {
  switch (verdict) {
    case Verdict::clean: return "clean";
    case Verdict::unrecognized: return "unrecognized";
    case Verdict::incomplete: return "incomplete";
    case Verdict::suspicious: return "suspicious";
    case Verdict::malicious: return "malicious";
  }
  return "incomplete";
}

const char* to_string(Severity severity) {
  switch (severity) {
    case Severity::info: return "info";
    case Severity::low: return "low";
    case Severity::medium: return "medium";
    case Severity::high: return "high";
    case Severity::critical: return "critical";
  }
  return "info";
}

namespace scan {

Verdict verdict_of(Verdict worst_finding, bool opened) {
  if (worst_finding != Verdict::clean) return worst_finding;
  return opened ? Verdict::clean : Verdict::unrecognized;
}

}  // namespace scan
}  // namespace brine
