#include "render/text.h"

#include <algorithm>
#include <map>
#include <string_view>
#include <vector>

#include "base/escape.h"
#include "render/json.h"

namespace brine::render {
namespace {

// Columns: "  + critical  BRN201 title", continuation lines under the code.
constexpr std::size_t kVerdictColumn = 14;
constexpr std::size_t kSeverityColumn = 10;
constexpr std::size_t kDetail = 14;
constexpr std::size_t kLeastPath = 12;
constexpr std::size_t kMostPath = 60;     // when nothing limits the width
constexpr std::size_t kKindRoom = 24;     // what the kind keeps of a narrow screen
constexpr std::size_t kAdvices = 2;
constexpr std::size_t kFindingsShown = 8;   // on a screen, without -v
constexpr std::size_t kCodeLines = 12;      // of source shown as evidence, without -v
constexpr std::uint16_t kUnknownCall = 120, kUnknownModule = 121, kUnknownName = 122,
                        kUnknownState = 127;
constexpr std::size_t kTextShown = 600;     // bytes of one evidence line, without -v

std::size_t column_of_paths(const TextOptions& options) {
  const std::size_t width = options.style.width;
  const std::size_t most =
      width == 0 ? kMostPath
                 : std::max(kLeastPath, width - std::min(width, kVerdictColumn + kKindRoom));
  return std::clamp(options.path_cells, kLeastPath, most) + 2;
}

// The arguments' text as it stands between the parentheses of a call.
std::string_view call_arguments(const Finding& finding) {
  for (const ReportEvidence& evidence : finding.evidence) {
    if (evidence.kind != "arguments") continue;
    std::string_view text = evidence.text;
    if (text.size() >= 2 && text.front() == '(' && text.back() == ')') {
      text = text.substr(1, text.size() - 2);
      if (text.ends_with(',')) text.remove_suffix(1);
    }
    return text;
  }
  return {};
}

bool has_arguments(const Finding& finding) {
  return std::any_of(finding.evidence.begin(), finding.evidence.end(),
                     [](const ReportEvidence& e) { return e.kind == "arguments"; });
}

// Evidence that the finding's first line shows already.
bool said_in_title(const Finding& finding, const ReportEvidence& evidence) {
  if (evidence.kind == "arguments") return true;
  if (!evidence.text.empty() && finding.title.find(evidence.text) != std::string::npos) return true;
  const std::string_view arguments = call_arguments(finding);
  return !arguments.empty() && !evidence.text.empty() &&
         (arguments.find(python_str(evidence.text)) != std::string_view::npos ||
          arguments.find(python_bytes(evidence.text)) != std::string_view::npos);
}

// "refers to posix.system" says nothing new below a call of posix.system.
bool said_by_another(const FileReport& file, const Finding& finding) {
  if (finding.callable.empty() || has_arguments(finding)) return false;
  return std::any_of(file.findings.begin(), file.findings.end(), [&finding](const Finding& other) {
    return other.severity > finding.severity && other.callable == finding.callable &&
           other.member == finding.member && has_arguments(other);
  });
}

// "makes an object of an unknown class: m.C" and "changes an object of unknown code: m.C()" follow
// from "uses a name that is not known: m.C".
bool follows_from_another(const FileReport& file, const Finding& finding) {
  if (finding.code != kUnknownCall && finding.code != kUnknownState) return false;
  const std::string_view name =
      std::string_view(finding.callable).substr(0, finding.callable.find('('));
  return std::ranges::any_of(file.findings, [&](const Finding& other) {
    return (other.code == kUnknownModule || other.code == kUnknownName) &&
           other.member == finding.member && !name.empty() && other.callable == name;
  });
}

// What to type for this file: its path where that is short and can be pasted into a shell.
std::string file_word(const FileReport& file, std::size_t room) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./+=@%,:-";
  const std::string& path = file.path;
  if (path.empty() || path.starts_with('-') || path.size() > room) return "FILE";
  if (path.find_first_not_of(kPlain) == std::string::npos) return path;
  const bool quotable = escape_text(path) == path && path.find('\'') == std::string::npos;
  return quotable ? "'" + path + "'" : "FILE";
}

// The module of an unknown name that a person may vouch for; empty when the file's trouble is more
// than unknown names.
std::string trustable_module(const FileReport& file) {
  std::string module;
  for (const Finding& finding : file.findings) {
    if (finding.verdict < Verdict::suspicious) continue;
    if (finding.code == kUnknownState) continue;
    if (finding.code != kUnknownCall && finding.code != kUnknownModule) return {};
    const std::size_t dot = finding.callable.rfind('.');
    if (module.empty() && dot != std::string::npos) module = finding.callable.substr(0, dot);
  }
  return escape_text(module) == module ? module : std::string();
}

// Lines: a sentence, then perhaps what to type, which is never wrapped.
std::vector<std::string> default_advice(const FileReport& file, std::size_t room) {
  const std::string word = file_word(file, room);
  switch (file.verdict) {
    case Verdict::clean:
    case Verdict::unrecognized: return {};
    case Verdict::incomplete: return {"take it for unknown, not for clean"};
    case Verdict::suspicious:
      if (const std::string module = trustable_module(file); !module.empty()) {
        return {"if it is yours, vouch for it:", "brine scan --trust '" + module + ".*' " + word};
      }
      return {"load it only if you know who made it; to see what it does:",
              "brine explain " + word};
    case Verdict::malicious:
      return {"do not load it; to see what it does:", "brine explain " + word};
  }
  return {};
}

std::string join(const std::vector<std::string>& parts, std::string_view between) {
  std::string out;
  for (const std::string& part : parts) {
    if (!out.empty()) out += between;
    out += escape_text(part);
  }
  return out;
}

std::string member_text(const std::vector<std::string>& member) {
  if (member.empty()) return "the file";
  return join(member, std::string(" ").append(glyph::kInto).append(" "));
}

}  // namespace

std::size_t path_cells(std::string_view path) { return display_width(escape_text(path)); }

std::string finding_title(const Finding& finding) {
  std::string out = escape_text(finding.title);
  if (finding.callable.empty()) return out;
  const std::string callable = escape_text(finding.callable);
  const bool named = out.find(callable) != std::string::npos;
  if (!has_arguments(finding) && !named) {
    // A title that names something already gets the callable behind it.
    return out.find(": ") == std::string::npos ? out + ": " + callable
                                               : out + " (" + callable + ")";
  }
  if (named) return out;
  return out + ": " + callable + "(" + escape_text(call_arguments(finding)) + ")";
}

TextReport::TextReport(TextOptions options)
    : options_(options), path_column_(column_of_paths(options)) {}

void TextReport::labelled(std::string& out, std::string_view label, std::string_view text) const {
  const std::size_t width = options_.style.width;
  const std::size_t room = width > kDetail + 28 ? width - kDetail : 0;
  bool first = true;
  for (const std::string& part : wrap(text, room)) {
    const std::string_view left = first ? label : std::string_view();
    out.append("  ").append(left).append(kDetail - 2 - left.size(), ' ').append(part) += '\n';
    first = false;
  }
}

void TextReport::line(std::string& out, std::size_t indent, std::string_view text) const {
  const std::size_t width = options_.style.width;
  const std::size_t room = width > indent + 20 ? width - indent : 0;
  for (const std::string& part : wrap(text, room)) {
    out.append(indent, ' ').append(part) += '\n';
  }
}

std::string TextReport::head(const FileReport& file) const {
  const Style& style = options_.style;
  std::string path = escape_text(file.path == "-" ? "standard input" : file.path);
  if (style.width != 0) path = cut_middle(path, path_column_ - 2);
  std::string out = path + padding(path, path_column_ - 2) + "  ";
  const std::string_view verdict = verdict_word(file.verdict);
  out += style.ink(verdict_ink(file.verdict), verdict);
  std::string rest(verdict);
  if (file.verdict == Verdict::clean && !file.waived.empty()) {
    std::string trusted = " (trusted: " + join(file.waived, ", ") + ")";
    const std::size_t used = path_column_ + verdict.size();
    if (style.width > used + 8) trusted = cut_end(trusted, style.width - used);
    out += style.ink(Ink::yellow, trusted);
    rest += trusted;
  }
  if (file.kind.empty()) return out + "\n";
  out += padding(rest, kVerdictColumn - 2) + "  ";
  const std::size_t used = display_width(path + padding(path, path_column_ - 2)) + 2 +
                           std::max(display_width(rest), kVerdictColumn - 2) + 2;
  const std::string kind = escape_text(file.kind);
  if (style.width == 0) return out + kind + "\n";
  return style.width > used + 8 ? out + cut_end(kind, style.width - used) + "\n" : out + "\n";
}

void TextReport::evidence(std::string& out, const ReportEvidence& evidence,
                          std::size_t label_cells) const {
  const Style& style = options_.style;
  const std::string text = cut_text(evidence.text, options_.evidence_bytes);
  const std::string label = escape_text(evidence.kind);
  const std::size_t gutter = kDetail + label_cells + 3;
  const bool all = options_.verbose || style.width == 0;

  // Source text keeps its lines; what is in a line is escaped.
  std::vector<std::string> lines;
  std::string_view left = text;
  while (true) {
    const std::size_t newline = left.find('\n');
    std::string_view one = left.substr(0, newline);
    if (one.ends_with('\r')) one.remove_suffix(1);
    const std::size_t tabs = std::min(one.find_first_not_of('\t'), one.size());
    one.remove_prefix(tabs);
    std::string shown = std::string(tabs * 4, ' ') +
                        escape_text(all ? one : std::string_view(cut_text(one, kTextShown)));
    const std::size_t room = style.width > gutter + 20 ? style.width - gutter : 0;
    for (std::string& part : wrap(shown, room)) lines.push_back(std::move(part));
    if (newline == std::string_view::npos || newline + 1 == left.size()) break;
    left.remove_prefix(newline + 1);
  }
  const std::size_t count = all ? lines.size() : std::min(lines.size(), kCodeLines);
  for (std::size_t i = 0; i < count; ++i) {
    out.append(kDetail, ' ');
    out += i == 0 ? style.ink(Ink::dim, label) + padding(label, label_cells)
                  : std::string(label_cells, ' ');
    out.append(" ").append(style.ink(Ink::dim, glyph::kBar)).append(" ").append(lines[i]) += '\n';
  }
  if (count < lines.size()) {
    line(out, gutter, "(" + plural(lines.size() - count, "more line", "more lines") + ": -v)");
  }
}

std::string TextReport::finding(const FileReport& file, const Told& told) const {
  const Finding& finding = *told.finding;
  const Style& style = options_.style;
  const std::string severity = to_string(finding.severity);
  std::string out = "  ";
  out.append(glyph::kCorner).append(" ");
  out += style.ink(severity_ink(finding.severity), severity);
  out += padding(severity, kSeverityColumn);

  const std::string code = code_text(finding.code);
  const std::string title = finding_title(finding);
  const std::size_t room = style.width > kDetail + 28 ? style.width - kDetail : 0;
  std::vector<std::string> lines = wrap(code + " " + title, room);
  lines[0] = style.ink(Ink::bold, code) + lines[0].substr(code.size());
  out += lines[0] + "\n";
  for (std::size_t i = 1; i < lines.size(); ++i) out.append(kDetail, ' ').append(lines[i]) += '\n';

  const std::uint64_t offset = finding.offset.value_or(0);
  std::string place = "at " + place_text(file.path, finding.member,
                                         finding.offset ? &offset : nullptr, finding.opcode);
  if (told.more != 0) {
    place += ", and at " + plural(told.more, "more place", "more places");
  }
  if (options_.verbose) {
    if (finding.file_offset && finding.file_offset != finding.offset) {
      place += ", byte " + std::to_string(*finding.file_offset) + " of the file";
    }
    if (!finding.loader.empty()) place += ", seen in " + escape_text(finding.loader);
  }
  if (finding.offset || !finding.member.empty() || options_.verbose) line(out, kDetail, place);
  std::size_t label_cells = 0;
  for (const ReportEvidence& e : finding.evidence) {
    if (!said_in_title(finding, e)) label_cells = std::max(label_cells, display_width(e.kind));
  }
  for (const ReportEvidence& e : finding.evidence) {
    if (!said_in_title(finding, e)) evidence(out, e, label_cells);
  }
  return out;
}

std::string TextReport::details(const FileReport& file) const {
  std::string out;
  for (const View& view : file.views) {
    std::string text = escape_text(view.loader) + " reads " + member_text(view.member) + ": " +
                       escape_text(view.end) + " at byte " + std::to_string(view.end_offset);
    if (!view.error.empty()) text += " (" + escape_text(view.error) + ")";
    labelled(out, "view", text);
  }
  const Coverage& coverage = file.coverage;
  std::uint64_t unexplained = 0;
  for (const auto& [start, end] : coverage.unexplained) unexplained += end - start;
  labelled(out, "coverage",
           size_text(coverage.interpreted) + " interpreted, " + size_text(coverage.data) +
               " data, " + size_text(unexplained) + " unexplained");
  if (file.sha256) labelled(out, "sha256", *file.sha256);
  return out;
}

std::string TextReport::weights_only(const FileReport& file) const {
  std::string out;
  const auto because = [](const WeightsOnly& row) {
    std::string text = escape_text(row.reason);
    if (row.offset) text += " (byte " + std::to_string(*row.offset) + ")";
    return text;
  };
  if (options_.verbose) {
    for (const WeightsOnly& row : file.weights_only) {
      std::string text = row.accepts == true    ? "accepts it with weights_only=True"
                         : row.accepts == false ? "refuses it with weights_only=True"
                                                : "may refuse it with weights_only=True";
      if (!row.reason.empty()) text += ": " + because(row);
      labelled(out, "torch " + row.release, text);
    }
  }
  if (file.weights_only.empty() || file.weights_only.back().accepts != false) return out;
  if (!options_.verbose) {
    labelled(out, "torch.load",
             "refuses it with weights_only=True: " + because(file.weights_only.back()) +
                 "; for its tensors:");
  }
  constexpr std::size_t kCommand = 16;  // "brine convert " and quotes
  const std::size_t width = options_.style.width;
  const std::size_t room = width > kDetail + 28 ? width - kDetail - kCommand : kMostPath;
  out.append(kDetail, ' ').append("brine convert ").append(file_word(file, room)) += '\n';
  return out;
}

std::string TextReport::file(const FileReport& file) {
  if (options_.quiet && file.verdict == Verdict::clean) return {};
  if (options_.fold && !options_.verbose && file.waived.empty()) {
    if (file.verdict == Verdict::clean) return ++folded_clean_, std::string();
    if (file.verdict == Verdict::unrecognized) return ++folded_unrecognized_, std::string();
  }
  const Style& style = options_.style;
  std::string out = head(file);
  if (options_.verbose) {
    out += details(file);
  } else if (file.sha256) {
    labelled(out, "sha256", *file.sha256);
  }
  std::vector<Told> wanted;
  std::map<std::pair<std::string, std::vector<std::string>>, std::size_t> known;
  for (const Finding& one : file.findings) {
    // Notes that change nothing are for those who ask.
    const bool told = one.severity != Severity::info && !said_by_another(file, one) &&
                      !follows_from_another(file, one);
    if (!told && !options_.verbose) continue;
    const auto [place, fresh] = known.emplace(
        std::pair(code_text(one.code) + finding_title(one), one.member), wanted.size());
    if (fresh || options_.verbose) {
      wanted.push_back({&one, 0});
    } else {
      ++wanted[place->second].more;
    }
  }
  const bool all = options_.verbose || style.width == 0;
  const std::size_t shown = all ? wanted.size() : std::min(wanted.size(), kFindingsShown);
  for (std::size_t i = 0; i < shown; ++i) out += finding(file, wanted[i]);
  if (shown < wanted.size()) {
    line(out, kDetail,
         "and " + plural(wanted.size() - shown, "more finding", "more findings") + ": -v");
  }
  if (file.findings_dropped != 0) {
    line(out, kDetail,
         plural(file.findings_dropped, "further finding was", "further findings were") +
             " counted and not kept");
  }
  if (!file.waived.empty() && file.verdict != Verdict::clean) {
    labelled(out, "waived", join(file.waived, ", "));
  }

  return out + weights_only(file) + advice(file, shown != 0);
}

std::string TextReport::advice(const FileReport& file, bool told) const {
  const Style& style = options_.style;
  const std::size_t room = style.width > kDetail + 28 ? style.width - kDetail : 0;
  std::vector<std::string> given;
  for (const Finding& one : file.findings) {
    if (one.advice.empty() || one.verdict != file.verdict || given.size() == kAdvices) continue;
    std::string text = escape_text(one.advice);
    if (std::find(given.begin(), given.end(), text) == given.end())
      given.push_back(std::move(text));
  }
  if (given.empty() && told) {
    constexpr std::size_t kCommand = 16;  // "brine explain " and quotes
    given = default_advice(file, room == 0 ? kMostPath : room - kCommand);
  }
  std::string out;
  for (const std::string& text : given) {
    for (const std::string& part : wrap(text, room)) {
      const bool first = out.empty();
      out += first ? "  " + style.ink(Ink::bold, "what now") + "    " : std::string(kDetail, ' ');
      out += part + "\n";
    }
  }
  return out;
}

std::string TextReport::end(const Summary& summary, bool interrupted) {
  if (options_.quiet) return {};
  const Style& style = options_.style;
  std::string out;
  if (folded_clean_ + folded_unrecognized_ != 0) {
    std::string folded;
    if (folded_clean_ != 0) folded = count_text(folded_clean_) + " clean";
    if (folded_unrecognized_ != 0) {
      if (!folded.empty()) folded += " and ";
      folded += count_text(folded_unrecognized_) + " unrecognized";
    }
    const bool one = folded_clean_ + folded_unrecognized_ == 1;
    out +=
        style.ink(Ink::dim, folded + (one ? " file is" : " files are") + " not listed: -v") + "\n";
  }
  out += "\n";
  std::string head = interrupted ? "interrupted, this is what was read: " : "";
  head += plural(summary.files, "file", "files") + ", " + size_text(summary.bytes) + " in " +
          time_text(summary.seconds) + " (" + size_text(summary.bytes_read) + " read)";
  struct Part {
    std::uint64_t count;
    Verdict verdict;
    std::string text() const { return count_text(count).append(" ").append(verdict_word(verdict)); }
  };
  const Part parts[] = {{summary.clean, Verdict::clean},
                        {summary.unrecognized, Verdict::unrecognized},
                        {summary.incomplete, Verdict::incomplete},
                        {summary.suspicious, Verdict::suspicious},
                        {summary.malicious, Verdict::malicious}};
  // On a narrow screen the counts stand below, as many in a line as fit.
  const std::size_t width = style.width;
  std::size_t cells = display_width(head);
  std::string_view between = ": ";
  std::size_t all_cells = cells;
  for (const Part& part : parts) {
    if (part.count != 0) all_cells += 2 + part.text().size();
  }
  for (const Part& part : parts) {
    if (part.count == 0) continue;
    const std::string text = part.text();
    const bool first = between == ": ";
    const bool below = width != 0 && (first ? all_cells > width : cells + 3 + text.size() > width);
    head += below ? (first ? ":\n  " : ",\n  ") : between;
    cells = (below ? 2 : cells + 2) + text.size();
    head += style.ink(verdict_ink(part.verdict), text);
    between = ", ";
  }
  return out + head + "\n";
}

std::string report_text(const Report& report, TextOptions options) {
  for (const FileReport& file : report.files) {
    options.path_cells = std::max(options.path_cells, path_cells(file.path));
  }
  TextReport text(options);
  std::string out;
  for (const FileReport& file : report.files) out += text.file(file);
  return out += text.end(report.summary, report.interrupted);
}

}  // namespace brine::render
