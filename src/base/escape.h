// Escaping: text from files is hostile and is never interpreted by a terminal, log or page.
//
// The invariant: what these functions return is printable; control characters, bidirectional and
// invisible format characters, unassigned separators and invalid UTF-8 stand as \n, \t, \xNN,
// \uNNNN or \UNNNNNNNN, so that a reader sees that they are there and nothing is moved, hidden or
// coloured.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace brine {

// UTF-8 in, printable UTF-8 out. Bytes that are not UTF-8 become \xNN. The backslash itself is
// doubled only where `quote` is given, and so is the quote: then the result is a literal's inside.
std::string escape_text(std::string_view text, char quote = '\0');

// A Python literal ('...' or b'...') of at most `limit` bytes of content; what is cut is counted:
// 'abc...'+123 bytes.
std::string python_str(std::string_view utf8, std::size_t limit = std::string_view::npos);
std::string python_bytes(std::string_view bytes, std::size_t limit = std::string_view::npos);

// A path as DESIGN promises it in JSON: bytes that are not UTF-8 as \xNN, the rest as it is.
std::string path_text(std::string_view path);

// Whether a character is never printed as it is: controls, bidirectional and invisible format
// characters, look-alikes of the space, private use, noncharacters, surrogates.
bool is_hidden(char32_t code_point);

// Terminal cells that printable text takes: wide East Asian characters and pictures take two.
std::size_t display_width(std::string_view printable);

// One code point from UTF-8 (surrogates allowed when `surrogates`); 0 bytes consumed when invalid.
struct CodePoint {
  char32_t value = 0;
  std::size_t bytes = 0;
};
CodePoint decode_utf8(std::string_view text, bool surrogates = false);
// Whether all of it is UTF-8, without surrogates.
bool is_utf8(std::string_view text);
void append_utf8(std::string& out, char32_t code_point);

}  // namespace brine
