#include "render/inspect.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cstdio>

#include "base/escape.h"

namespace brine::render {
namespace {

constexpr std::size_t kMapCells = 64;
constexpr std::size_t kHexLine = 16;
constexpr std::size_t kMembersShown = 60;
constexpr std::size_t kRangesShown = 16;
constexpr std::size_t kReadingWidth = 96;

std::string member_path(const std::vector<std::string>& member) {
  if (member.empty()) return "the file";
  std::string out;
  for (const std::string& name : member) {
    if (!out.empty()) out.append(" ").append(glyph::kInto).append(" ");
    out += escape_text(name);
  }
  return out;
}

std::string percent(std::uint64_t part, std::uint64_t whole) {
  if (whole == 0) return {};
  std::array<char, 16> text{};
  std::snprintf(text.data(), text.size(), "%5.1f %%",
                100.0 * static_cast<double>(part) / static_cast<double>(whole));
  return text.data();
}

// One character a cell: '?' where unexplained bytes lie, '=' elsewhere.
std::string coverage_map(const Coverage& coverage) {
  std::string map(kMapCells, '=');
  const auto cell = [&coverage](std::uint64_t offset) {
    const double place = static_cast<double>(offset) / static_cast<double>(coverage.total);
    return std::min(kMapCells - 1, static_cast<std::size_t>(place * kMapCells));
  };
  for (const auto& [start, end] : coverage.unexplained) {
    if (end <= start) continue;
    for (std::size_t i = cell(start); i <= cell(end - 1); ++i) map[i] = '?';
  }
  return map;
}

// Columns of text, the first `right` of them right-aligned numbers.
std::string table(const std::vector<std::vector<std::string>>& rows, std::size_t right) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], display_width(row[i]));
    }
  }
  std::string out;
  for (const auto& row : rows) {
    std::string line = " ";
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::string pad = padding(row[i], widths[i]);
      line += " ";
      line += i < right ? pad + row[i] : row[i] + (i + 1 < row.size() ? pad : "");
      if (i + 1 < row.size()) line += " ";
    }
    out += line + "\n";
  }
  return out;
}

}  // namespace

std::string hex_dump(ByteSpan bytes, std::uint64_t offset, std::size_t indent) {
  std::string out;
  std::array<char, 24> text{};
  for (std::size_t at = 0; at < bytes.size(); at += kHexLine) {
    const ByteSpan line = bytes.subspan(at, std::min(kHexLine, bytes.size() - at));
    out.append(indent, ' ');
    std::snprintf(text.data(), text.size(), "%08llx ",
                  static_cast<unsigned long long>(offset + at));
    out += text.data();
    for (std::size_t i = 0; i < kHexLine; ++i) {
      if (i == kHexLine / 2) out += ' ';
      if (i >= line.size()) {
        out += "   ";
        continue;
      }
      std::snprintf(text.data(), text.size(), " %02x", line[i]);
      out += text.data();
    }
    out += "  |";
    for (const std::uint8_t byte : line) {
      out += byte >= 0x20 && byte < 0x7f ? static_cast<char>(byte) : '.';
    }
    out += "|\n";
  }
  return out;
}

pickle::TraceSink* Inspection::begin(const scan::ViewStart& view) {
  auto reading = std::make_unique<Reading>();
  reading->loader = view.loader;
  reading->profile = view.profile;
  reading->member = view.member;
  reading->start = view.start;
  pickle::DisassemblyOptions options;
  options.start = view.start;
  options.docs = options_.verbose;
  options.max_lines = options_.verbose ? ~std::uint64_t{0} : options_.max_lines;
  reading->sink = std::make_unique<pickle::DisassemblySink>(
      *view.source, options,
      [to = reading.get()](std::string_view line) { to->lines.emplace_back(line); });
  open_.push_back(std::move(reading));
  return open_.back()->sink.get();
}

std::size_t Inspection::open(const scan::ViewStart& view) const {
  const auto it = std::find_if(open_.begin(), open_.end(), [&view](const auto& reading) {
    return reading->loader == view.loader && reading->start == view.start &&
           reading->member == view.member;
  });
  assert(it != open_.end());
  return static_cast<std::size_t>(it - open_.begin());
}

void Inspection::ran(const scan::ViewStart& view, const pickle::RunResult& run, pickle::Machine&) {
  static_cast<void>(open_[open(view)]->sink->finish(run));
}

void Inspection::end(const scan::ViewStart& view, const scan::ViewEnd& how) {
  const std::size_t at = open(view);
  std::unique_ptr<Reading> reading = std::move(open_[at]);
  open_.erase(open_.begin() + static_cast<std::ptrdiff_t>(at));
  reading->sink.reset();
  reading->end = how.end;
  reading->loaders.push_back(reading->loader);
  reading->loaders.insert(reading->loaders.end(), how.also.begin(), how.also.end());
  const auto same = std::find_if(readings_.begin(), readings_.end(), [&reading](const auto& other) {
    return other->member == reading->member && other->start == reading->start &&
           other->lines == reading->lines;
  });
  if (same == readings_.end()) {
    readings_.push_back(std::move(reading));
    return;
  }
  std::vector<std::string>& loaders = (*same)->loaders;
  for (std::string& loader : reading->loaders) {
    if (std::find(loaders.begin(), loaders.end(), loader) == loaders.end()) {
      loaders.push_back(std::move(loader));
    }
  }
}

std::string Inspection::heading(std::string_view words) const {
  return "\n" + options_.style.ink(Ink::bold, words) + "\n";
}

std::string Inspection::members_text() const {
  std::vector<std::vector<std::string>> rows = {{"bytes", "at", "role", "name"}};
  const std::size_t shown =
      options_.verbose ? members_.size() : std::min(members_.size(), kMembersShown);
  for (std::size_t i = 0; i < shown; ++i) {
    const scan::MemberInfo& member = members_[i];
    rows.push_back({std::to_string(member.size),
                    member.file_offset ? std::to_string(*member.file_offset) : "-",
                    escape_text(member.role), member_path(member.path)});
  }
  std::string out = heading("members") + table(rows, 2);
  if (shown < members_.size()) {
    out += "  and " + plural(members_.size() - shown, "more member", "more members") + ": -v\n";
  }
  return out;
}

std::string Inspection::views_text(const FileReport& report) const {
  std::vector<std::vector<std::string>> rows;
  for (const View& view : report.views) {
    std::string end = escape_text(view.end) + " at byte " + std::to_string(view.end_offset);
    if (!view.error.empty()) end += ": " + escape_text(view.error);
    rows.push_back({escape_text(view.loader), member_path(view.member), std::move(end)});
  }
  if (rows.empty()) return heading("views") + "  none: no loader that Brine knows opens it\n";
  return heading("views") + table(rows, 0);
}

std::string Inspection::coverage_text(const Coverage& coverage, ByteSource& source) const {
  std::uint64_t unexplained = 0;
  for (const auto& [start, end] : coverage.unexplained) unexplained += end - start;
  std::string out = heading("coverage");
  out += table({{std::to_string(coverage.interpreted),
                 percent(coverage.interpreted, coverage.total), "interpreted"},
                {std::to_string(coverage.data), percent(coverage.data, coverage.total), "data"},
                {std::to_string(unexplained), percent(unexplained, coverage.total), "unexplained"}},
               2);
  if (unexplained == 0) return out;
  out += "  [" + coverage_map(coverage) + "]  ? unexplained\n";
  const std::size_t shown = options_.verbose ? coverage.unexplained.size()
                                             : std::min(coverage.unexplained.size(), kRangesShown);
  for (std::size_t i = 0; i < shown; ++i) {
    const auto [start, end] = coverage.unexplained[i];
    out += "  bytes " + std::to_string(start) + " to " + std::to_string(end) + "\n";
    const std::uint64_t count = std::min(end - start, options_.hex_bytes);
    const auto bytes = source.read_vector(start, count);
    if (!bytes) {
      out += "    " + escape_text(bytes.error().what) + "\n";
      continue;
    }
    out += hex_dump(*bytes, start, 4);
    if (count < end - start) {
      out += "    and " + plural(end - start - count, "byte", "bytes") + " more\n";
    }
  }
  if (shown < coverage.unexplained.size()) {
    out += "  and " + plural(coverage.unexplained.size() - shown, "more range", "more ranges") +
           ": -v\n";
  }
  return out;
}

std::string Inspection::text(const FileReport& report, ByteSource& source) const {
  const Style& style = options_.style;
  std::string out =
      style.ink(Ink::bold, escape_text(report.path == "-" ? "standard input" : report.path));
  if (!report.kind.empty()) out += ": " + escape_text(report.kind);
  out += ", " + std::to_string(source.size()) + " bytes, " +
         style.ink(verdict_ink(report.verdict), verdict_word(report.verdict)) + "\n";
  if (!members_.empty()) out += members_text();
  out += views_text(report);
  out += coverage_text(report.coverage, source);
  for (const auto& reading : readings_) {
    std::string title = member_path(reading->member);
    if (reading->start != 0) title += " from byte " + std::to_string(reading->start);
    title += " as read by ";
    for (const std::string& loader : reading->loaders) {
      title += (&loader == &reading->loaders.front() ? "" : ", ") + escape_text(loader);
    }
    const std::size_t width =
        options_.style.width == 0 ? kReadingWidth : std::min(options_.style.width, kReadingWidth);
    out += '\n';
    for (const std::string& line : wrap(title, width)) {
      out += options_.style.ink(Ink::bold, line) + "\n";
    }
    for (const std::string& line : reading->lines) out += line + "\n";
  }
  return out;
}

}  // namespace brine::render
