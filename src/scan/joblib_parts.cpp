#include "scan/joblib_parts.h"

#include <algorithm>
#include <string_view>

#include "catalogue/findings.h"
#include "scan/python_modules.h"

namespace brine::scan {

namespace {

using catalogue::Code;

// The name that NumPy's pickle of an array takes from the module, behind two BINGETs.
constexpr std::string_view kWanted = ".dtype";

bool is(const Finding& finding, Code code) { return finding.code == static_cast<int>(code); }

bool knows_arrays(const ViewRun& view) {
  return view.use->profile.joblib == pickle::JoblibReads::arrays;
}

// An import of `dtype` from a module of one word that is none of Python's: X.dtype.
bool wants_dtype(const Finding& finding) {
  if (!is(finding, Code::unknown_module) && !is(finding, Code::unknown_name)) return false;
  if (!finding.callable.ends_with(kWanted)) return false;
  const std::size_t dot = finding.callable.size() - kWanted.size();
  return dot > 0 && finding.callable.find('.') == dot &&
         !kPythonModules.contains(" " + finding.callable.substr(0, dot) + " ");
}

// What is said of the values that a missing X.dtype would have made: the call, its state, the
// array.
bool follows(const Finding& finding, std::string_view wanted) {
  if (is(finding, Code::contract_broken)) return finding.callable == "numpy.ndarray";
  return (is(finding, Code::unknown_used) || is(finding, Code::unknown_state)) &&
         finding.callable.starts_with(wanted);
}

}  // namespace

std::optional<std::uint64_t> joblib_parts(const StreamReading& reading) {
  for (const ViewRun& view : reading.views) {
    if (!knows_arrays(view) || view.end.kind != pickle::EndKind::stop) continue;
    for (const auto& run : view.pickles) {
      if (run->first_array) return run->first_array;
    }
  }
  return std::nullopt;
}

std::optional<MissingModule> missing_module(const ViewRun& view, const PickleRun& run,
                                            std::uint64_t parts) {
  if (knows_arrays(view) || run.findings_dropped != 0 || !run.nested.empty()) return std::nullopt;
  const auto behind = [parts](const Finding& finding) {
    return finding.offset && *finding.offset >= parts;
  };
  MissingModule out;
  const Finding* import = nullptr;
  for (const Finding& finding : run.findings) {
    if (!behind(finding)) {
      out.left.push_back(finding);
    } else if (wants_dtype(finding)) {
      if (import != nullptr) return std::nullopt;
      import = &finding;
    }
  }
  if (import == nullptr) return std::nullopt;
  for (const Finding& finding : run.findings) {
    if (!behind(finding) || &finding == import) continue;
    if (*finding.offset < *import->offset || !follows(finding, import->callable)) {
      return std::nullopt;
    }
  }
  out.offset = *import->offset;
  out.module = import->callable.substr(0, import->callable.size() - kWanted.size());
  return out;
}

bool parted_by_joblib(const ViewRun& one, const ViewRun& other,
                      std::optional<std::uint64_t> parts) {
  if (!parts || knows_arrays(one) == knows_arrays(other)) return false;
  const auto reaches = [&](const ViewRun& view) {
    const PickleRun& run = *view.pickles.front();
    return run.result.end.kind == pickle::EndKind::stop ? run.behind > *parts
                                                        : run.result.end.offset >= *parts;
  };
  return reaches(one) && reaches(other);
}

}  // namespace brine::scan
