// Style: how words, numbers and places look on a screen.
//
// Colour never carries meaning alone and is switched by the caller, who knows whether a terminal is
// there; everything here is a pure function. Text that came from a file is escaped before it is
// styled, so that the only escape sequences in the output are Brine's own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "brine/report.h"

namespace brine::render {

// Marks that are not ASCII, as UTF-8.
namespace glyph {
inline constexpr std::string_view kCorner = "\xe2\x94\x94";  // box corner before a finding
inline constexpr std::string_view kBar = "\xe2\x94\x82";  // gutter: what follows is file text
inline constexpr std::string_view kInto = "\xe2\x80\xba";  // file > member > byte
inline constexpr std::string_view kEllipsis = "\xe2\x80\xa6";
inline constexpr std::string_view kRule = "\xe2\x94\x80";
inline constexpr std::string_view kMark = "\xe2\x97\x80";  // points at a line of interest
inline constexpr std::string_view kDot = "\xc2\xb7";
inline constexpr std::string_view kBlock = "\xe2\x94\x81";  // progress bar
}  // namespace glyph

enum class Ink : std::uint8_t { plain, bold, dim, red, yellow, green, cyan };

struct Style {
  bool colour = false;
  std::size_t width = 0;  // columns; 0: no terminal, nothing is cut or wrapped

  std::string ink(Ink ink, std::string_view text) const;
};

// "clean", "incomplete" ..., "MALICIOUS"; and the ink it is written in.
std::string_view verdict_word(Verdict verdict);
Ink verdict_ink(Verdict verdict);
Ink severity_ink(Severity severity);

// "BRN201".
std::string code_text(std::uint16_t code);
// "512 bytes", "18 MB", "2.1 GB".
std::string size_text(std::uint64_t bytes);
// "4 ms", "0.31 s", "12 s", "3 min 20 s".
std::string time_text(double seconds);
// "1,234".
std::string count_text(std::uint64_t count);
// "1 file", "1,234 files".
std::string plural(std::uint64_t count, std::string_view one, std::string_view many);

// `printable` cut in the middle to at most `cells`; the end keeps the larger part (a file's name).
std::string cut_middle(std::string_view printable, std::size_t cells);
// `printable` cut at the end.
std::string cut_end(std::string_view printable, std::size_t cells);
// Blanks up to `cells`.
std::string padding(std::string_view printable, std::size_t cells);
// Lines of at most `cells`, broken at blanks where there are some; cells 0: one line.
std::vector<std::string> wrap(std::string_view printable, std::size_t cells);

// "model.pt > data.pkl > byte 61 (REDUCE)": a finding's place, escaped.
std::string place_text(std::string_view path, const std::vector<std::string>& member,
                       const std::uint64_t* offset, std::string_view opcode);
// The path's last component, escaped.
std::string base_name(std::string_view path);

}  // namespace brine::render
