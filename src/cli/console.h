// Console: the program's two voices. Results go to standard output, everything else to standard
// error as `brine: PLACE: what: why`.
//
// Output is buffered and written by write(2); the first failure (full disk, closed pipe) is kept,
// told once, and makes the exit status 2. A closed pipe is told to nobody: the reader has gone.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "render/style.h"

namespace brine::cli {

enum class ColourChoice : std::uint8_t { automatic, always, never };

// Exit statuses that are not a verdict's.
inline constexpr int kExitOk = 0;
inline constexpr int kExitFound = 1;
inline constexpr int kExitError = 2;
inline constexpr int kExitInterrupted = 130;

class Console {
 public:
  Console();

  void choose_colour(ColourChoice choice);
  const render::Style& style() const { return style_; }
  bool out_is_terminal() const { return out_terminal_; }
  bool err_is_terminal() const { return err_terminal_; }
  std::size_t err_width() const { return err_width_; }

  void out(std::string_view text);
  // Writes what is buffered. Returns whether all output so far arrived.
  bool flush();
  bool ok() const { return error_ == 0; }
  bool pending() const { return !buffer_.empty(); }

  // "brine: PLACE: MESSAGE" on standard error; PLACE may be empty. Both are escaped.
  void error(std::string_view place, std::string_view message);
  // A line of ours under an error: the next thing to type.
  void hint(std::string_view text);
  // Bytes as they are to standard error (progress).
  void raw_error(std::string_view text);

  // The last thing that a run does: flushes, tells a failed write, gives the exit status.
  int finish(int status);

 private:
  render::Style style_;
  bool out_terminal_ = false;
  bool err_terminal_ = false;
  std::size_t err_width_ = 80;
  std::string buffer_;
  int error_ = 0;
  bool told_ = false;
};

}  // namespace brine::cli
