#include "render/explain.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "base/escape.h"
#include "format/codes.h"

namespace brine::render {
namespace {

constexpr std::size_t kReadingWidth = 96;
constexpr std::size_t kContinued = 4;  // cells of the mark before a comment's next line

std::size_t reading_width(const Style& style) {
  return (style.width == 0 ? kReadingWidth : std::min(style.width, kReadingWidth)) - kContinued;
}

// Where a line's comment begins, outside of quotes; npos when there is none.
std::size_t comment_start(std::string_view line) {
  char quote = '\0';
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (quote != '\0') {
      if (line[i] == '\\') {
        ++i;
      } else if (line[i] == quote) {
        quote = '\0';
      }
    } else if (line[i] == '\'' || line[i] == '"') {
      quote = line[i];
    } else if (line[i] == '#') {
      return i;
    }
  }
  return std::string_view::npos;
}

}  // namespace

pickle::TraceSink* Explanation::begin(const scan::ViewStart& view) {
  pickle::DecompilerOptions options;
  options.full = options_.full;
  options.verbose = options_.verbose;
  Reading reading;
  reading.decompiler = std::make_unique<pickle::Decompiler>(*view.source, options);
  reading.loader = view.loader;
  reading.profile = view.profile;
  reading.member = view.member;
  reading.start = view.start;
  open_.push_back(std::move(reading));
  return open_.back().decompiler.get();
}

Explanation::Reading& Explanation::open(const scan::ViewStart& view) {
  const auto it = std::find_if(open_.begin(), open_.end(), [&view](const Reading& reading) {
    return reading.loader == view.loader && reading.start == view.start &&
           reading.member == view.member;
  });
  assert(it != open_.end());
  return *it;
}

void Explanation::ran(const scan::ViewStart& view, const pickle::RunResult& run,
                      pickle::Machine& machine) {
  open(view).decompiler->finish(run, machine);
}

void Explanation::end(const scan::ViewStart& view, const scan::ViewEnd& how) {
  const auto index = &open(view) - open_.data();
  Reading reading = std::move(open_[static_cast<std::size_t>(index)]);
  open_.erase(open_.begin() + index);
  reading.also = how.also;
  reading.decompiler->print(
      [&reading](std::string_view line) { reading.lines.emplace_back(line); });
  reading.sentence = reading.decompiler->sentence();
  reading.worst = reading.decompiler->worst();
  reading.decompiler.reset();
  const auto same = std::find_if(readings_.begin(), readings_.end(), [&](const Reading& other) {
    return other.member == reading.member && other.start == reading.start &&
           other.lines == reading.lines;
  });
  if (same == readings_.end()) {
    readings_.push_back(std::move(reading));
    return;
  }
  same->also.push_back(reading.loader);
  same->also.insert(same->also.end(), reading.also.begin(), reading.also.end());
}

std::string Explanation::code_line(const std::string& line) const {
  if (!options_.style.colour) return line;
  const std::size_t comment = comment_start(line);
  if (comment == std::string::npos) return line;
  const std::size_t mark = line.find(glyph::kMark, comment);
  std::string out = line.substr(0, comment);
  out += options_.style.ink(
      Ink::dim,
      std::string_view(line).substr(comment, mark == std::string::npos ? mark : mark - comment));
  if (mark != std::string::npos) out += options_.style.ink(Ink::red, line.substr(mark));
  return out;
}

std::string Explanation::reading_text(const FileReport& report, const Reading& reading) const {
  std::vector<std::string> also;
  for (const std::string& loader : reading.also) {
    if (loader != reading.loader && std::find(also.begin(), also.end(), loader) == also.end()) {
      also.push_back(loader);
    }
  }
  const Style& style = options_.style;
  std::string out;
  const std::string heading = pickle::view_heading(reading.loader, reading.profile, also);
  for (const std::string& line : wrap(heading, reading_width(style))) {
    out += style.ink(Ink::bold, (out.empty() ? "" : "#   ") + line) + "\n";
  }
  if (!reading.member.empty() || reading.start != 0) {
    const std::uint64_t* offset = reading.start == 0 ? nullptr : &reading.start;
    out +=
        style.ink(Ink::dim, "# in " + place_text(report.path, reading.member, offset, "")) + "\n";
  }
  for (const std::string& line : reading.lines) out += code_line(line) + "\n";
  return out;
}

// Of the gravest reading. In a clean file that is one whose loader raises on its way where another
// reads on: then the longest of the harmless readings speaks, and what the report says of the
// loader that raises.
std::string Explanation::sentence(const FileReport& report) const {
  const auto gravest =
      std::max_element(readings_.begin(), readings_.end(),
                       [](const Reading& a, const Reading& b) { return a.worst < b.worst; });
  if (report.verdict != Verdict::clean || gravest->worst == pickle::Level::inert) {
    return gravest->sentence;
  }
  const auto whole =
      std::max_element(readings_.begin(), readings_.end(), [](const Reading& a, const Reading& b) {
        return std::pair(a.worst == pickle::Level::inert, a.lines.size()) <
               std::pair(b.worst == pickle::Level::inert, b.lines.size());
      });
  const auto raises =
      std::find_if(report.findings.begin(), report.findings.end(), [&](const Finding& finding) {
        return finding.code == format::code::kEarlyStop && finding.loader == gravest->loader;
      });
  if (raises == report.findings.end()) return whole->sentence;
  return whole->sentence + " " + raises->title + ".";
}

std::string Explanation::text(const FileReport& report) const {
  std::string out;
  for (const Reading& reading : readings_) {
    if (!out.empty()) out += '\n';
    out += reading_text(report, reading);
  }
  if (options_.full) return out;

  const Style& style = options_.style;
  std::string closing = escape_text(report.path == "-" ? "standard input" : report.path) + ": ";
  if (!report.kind.empty()) closing += escape_text(report.kind) + ", ";
  closing += style.ink(verdict_ink(report.verdict), verdict_word(report.verdict));
  if (readings_.empty()) {
    return "# " + closing + "\n# no loader that Brine knows runs a pickle of this file\n";
  }
  out += '\n';
  for (const std::string& line :
       wrap("In one sentence: " + sentence(report), reading_width(style) + kContinued)) {
    out += line + "\n";
  }
  return out + closing + "\n";
}

}  // namespace brine::render
