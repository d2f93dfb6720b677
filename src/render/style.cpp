#include "render/style.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "base/escape.h"

namespace brine::render {
namespace {

std::string decimal(double value, int digits, std::string_view unit) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.*f ", digits, value);
  return std::string(text.data()).append(unit);
}

// The bytes of the longest head of `printable` that fits in `cells`.
std::size_t head_bytes(std::string_view printable, std::size_t cells) {
  std::size_t at = 0;
  std::size_t used = 0;
  while (at < printable.size()) {
    const std::size_t step = std::max<std::size_t>(decode_utf8(printable.substr(at)).bytes, 1);
    used += display_width(printable.substr(at, step));
    if (used > cells) break;
    at += step;
  }
  return at;
}

// The first byte of the longest tail that fits in `cells`.
std::size_t tail_start(std::string_view printable, std::size_t cells) {
  std::size_t at = printable.size();
  std::size_t used = 0;
  while (at > 0) {
    std::size_t step = 1;
    while (step < 4 && step < at && (printable[at - step] & 0xc0) == 0x80) ++step;
    used += display_width(printable.substr(at - step, step));
    if (used > cells) break;
    at -= step;
  }
  return at;
}

}  // namespace

std::string Style::ink(Ink ink, std::string_view text) const {
  if (!colour || ink == Ink::plain || text.empty()) return std::string(text);
  std::string_view on;
  switch (ink) {
    case Ink::plain: break;
    case Ink::bold: on = "\x1b[1m"; break;
    case Ink::dim: on = "\x1b[2m"; break;
    case Ink::red: on = "\x1b[1;31m"; break;
    case Ink::yellow: on = "\x1b[33m"; break;
    case Ink::green: on = "\x1b[32m"; break;
    case Ink::cyan: on = "\x1b[36m"; break;
  }
  return std::string(on).append(text).append("\x1b[0m");
}

std::string_view verdict_word(Verdict verdict) {
  switch (verdict) {
    case Verdict::clean: return "clean";
    case Verdict::unrecognized: return "unrecognized";
    case Verdict::incomplete: return "incomplete";
    case Verdict::suspicious: return "suspicious";
    case Verdict::malicious: return "MALICIOUS";
  }
  return "?";
}

Ink verdict_ink(Verdict verdict) {
  switch (verdict) {
    case Verdict::clean: return Ink::green;
    case Verdict::unrecognized: return Ink::dim;
    case Verdict::incomplete: return Ink::cyan;
    case Verdict::suspicious: return Ink::yellow;
    case Verdict::malicious: return Ink::red;
  }
  return Ink::plain;
}

Ink severity_ink(Severity severity) {
  switch (severity) {
    case Severity::info: return Ink::dim;
    case Severity::low:
    case Severity::medium: return Ink::plain;
    case Severity::high: return Ink::yellow;
    case Severity::critical: return Ink::red;
  }
  return Ink::plain;
}

std::string code_text(std::uint16_t code) { return "BRN" + std::to_string(code); }

std::string size_text(std::uint64_t bytes) {
  if (bytes < 1000) return plural(bytes, "byte", "bytes");
  constexpr std::array<std::string_view, 6> kUnits = {"kB", "MB", "GB", "TB", "PB", "EB"};
  auto value = static_cast<double>(bytes) / 1000;
  std::size_t unit = 0;
  // 999.5 and more would be written as 1000.
  while (value >= 999.5 && unit + 1 < kUnits.size()) {
    value /= 1000;
    ++unit;
  }
  return decimal(value, value < 9.95 ? 1 : 0, kUnits[unit]);
}

std::string time_text(double seconds) {
  if (seconds < 0.0995) return decimal(seconds * 1000, seconds < 0.00995 ? 1 : 0, "ms");
  if (seconds < 9.95) return decimal(seconds, seconds < 0.995 ? 2 : 1, "s");
  if (seconds < 99.5) return decimal(seconds, 0, "s");
  const auto whole = static_cast<std::uint64_t>(seconds + 0.5);
  if (whole < 3600) {
    return std::to_string(whole / 60) + " min " + std::to_string(whole % 60) + " s";
  }
  return std::to_string(whole / 3600) + " h " + std::to_string(whole % 3600 / 60) + " min";
}

std::string count_text(std::uint64_t count) {
  std::string text = std::to_string(count);
  for (std::size_t at = text.size(); at > 3; at -= 3) text.insert(at - 3, 1, ',');
  return text;
}

std::string plural(std::uint64_t count, std::string_view one, std::string_view many) {
  return count_text(count).append(" ").append(count == 1 ? one : many);
}

std::string cut_middle(std::string_view printable, std::size_t cells) {
  if (display_width(printable) <= cells) return std::string(printable);
  if (cells <= 1) return std::string(glyph::kEllipsis);
  const std::size_t head = (cells - 1) / 3;
  std::string out(printable.substr(0, head_bytes(printable, head)));
  out += glyph::kEllipsis;
  return out.append(printable.substr(tail_start(printable, cells - 1 - head)));
}

std::string cut_end(std::string_view printable, std::size_t cells) {
  if (display_width(printable) <= cells) return std::string(printable);
  if (cells <= 1) return std::string(glyph::kEllipsis);
  return std::string(printable.substr(0, head_bytes(printable, cells - 1)))
      .append(glyph::kEllipsis);
}

std::string padding(std::string_view printable, std::size_t cells) {
  const std::size_t used = display_width(printable);
  return std::string(used < cells ? cells - used : 0, ' ');
}

std::vector<std::string> wrap(std::string_view printable, std::size_t cells) {
  std::vector<std::string> lines;
  while (cells != 0 && display_width(printable) > cells) {
    std::size_t end = std::max<std::size_t>(head_bytes(printable, cells), 1);
    // A blank may stand right behind the line's last cell.
    std::size_t blank = printable.substr(0, end + 1).rfind(' ');
    const bool at_blank = blank != std::string_view::npos && blank >= end / 2;
    if (at_blank) end = blank;
    lines.emplace_back(printable.substr(0, end));
    printable.remove_prefix(at_blank ? end + 1 : end);
  }
  lines.emplace_back(printable);
  return lines;
}

std::string place_text(std::string_view path, const std::vector<std::string>& member,
                       const std::uint64_t* offset, std::string_view opcode) {
  std::string out = base_name(path);
  const auto into = [&out](std::string_view part) {
    out.append(" ").append(glyph::kInto).append(" ").append(part);
  };
  for (const std::string& name : member) into(escape_text(name));
  if (offset != nullptr) into("byte " + std::to_string(*offset));
  if (!opcode.empty()) out.append(" (").append(escape_text(opcode)).append(")");
  return out;
}

std::string base_name(std::string_view path) {
  while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  const std::size_t slash = path.rfind('/');
  if (slash != std::string_view::npos && slash + 1 < path.size()) path.remove_prefix(slash + 1);
  return path == "-" ? "standard input" : escape_text(path);
}

}  // namespace brine::render
