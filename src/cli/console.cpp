#include "cli/console.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "base/escape.h"

namespace brine::cli {
namespace {

constexpr std::size_t kBuffer = 64u << 10;
constexpr std::size_t kLeastWidth = 40;
constexpr std::size_t kMostWidth = 160;  // wider lines are hard to read

// 0, or the errno of what went wrong.
int write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t done = ::write(fd, text.data(), text.size());
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) return errno;
    text.remove_prefix(static_cast<std::size_t>(done));
  }
  return 0;
}

std::size_t terminal_width(int fd) {
  winsize size{};
  std::size_t width = 0;
  if (const char* columns = std::getenv("COLUMNS")) {
    width = std::strtoul(columns, nullptr, 10);
  }
  if (width == 0 && ::ioctl(fd, TIOCGWINSZ, &size) == 0) width = size.ws_col;
  return width == 0 ? 80 : std::clamp(width, kLeastWidth, kMostWidth);
}

std::string write_error(int error) {
  if (error == ENOSPC) return "cannot write: no space left on the device";
  return std::string("cannot write: ") + std::strerror(error);
}

}  // namespace

Console::Console() : out_terminal_(::isatty(1) == 1), err_terminal_(::isatty(2) == 1) {
  if (out_terminal_) style_.width = terminal_width(1);
  if (err_terminal_) err_width_ = terminal_width(2);
  choose_colour(ColourChoice::automatic);
}

void Console::choose_colour(ColourChoice choice) {
  switch (choice) {
    case ColourChoice::always: style_.colour = true; return;
    case ColourChoice::never: style_.colour = false; return;
    case ColourChoice::automatic: break;
  }
  const char* no_color = std::getenv("NO_COLOR");
  const char* term = std::getenv("TERM");
  style_.colour = out_terminal_ && (no_color == nullptr || *no_color == '\0') &&
                  (term == nullptr || std::string_view(term) != "dumb");
}

void Console::out(std::string_view text) {
  if (error_ != 0) return;
  buffer_ += text;
  if (buffer_.size() >= kBuffer) flush();
}

bool Console::flush() {
  if (error_ == 0 && !buffer_.empty()) error_ = write_all(1, buffer_);
  buffer_.clear();
  return error_ == 0;
}

void Console::error(std::string_view place, std::string_view message) {
  std::string text = "brine: ";
  if (!place.empty()) text += escape_text(place) + ": ";
  text += escape_text(message) + "\n";
  raw_error(text);
}

void Console::hint(std::string_view text) { raw_error(std::string(text) + "\n"); }

void Console::raw_error(std::string_view text) {
  // Nobody can be told that standard error is gone.
  static_cast<void>(write_all(2, text));
}

int Console::finish(int status) {
  if (flush()) return status;
  if (error_ != EPIPE && !told_) error("standard output", write_error(error_));
  told_ = true;
  return kExitError;
}

}  // namespace brine::cli
