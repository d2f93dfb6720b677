#include "cli/progress.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "base/escape.h"
#include "render/style.h"

namespace brine::cli {
namespace {

constexpr double kQuietSeconds = 0.5;   // shorter runs show nothing
constexpr double kRedrawSeconds = 0.1;
constexpr std::size_t kBarCells = 20;

// "0:07", "1:02:03".
std::string clock_text(double seconds) {
  const auto whole = static_cast<std::uint64_t>(std::min(seconds, 359999.0) + 0.5);
  std::array<char, 24> text{};
  if (whole < 3600) {
    std::snprintf(text.data(), text.size(), "%u:%02u", static_cast<unsigned>(whole / 60),
                  static_cast<unsigned>(whole % 60));
  } else {
    std::snprintf(text.data(), text.size(), "%u:%02u:%02u", static_cast<unsigned>(whole / 3600),
                  static_cast<unsigned>(whole % 3600 / 60), static_cast<unsigned>(whole % 60));
  }
  return text.data();
}

}  // namespace

std::string progress_line(const ProgressState& state) {
  const double rate = state.seconds > 0 ? static_cast<double>(state.done) / state.seconds : 0;
  std::string line;
  if (state.total != 0) {
    const double part =
        std::min(1.0, static_cast<double>(state.done) / static_cast<double>(state.total));
    const auto full = static_cast<std::size_t>(part * kBarCells);
    for (std::size_t i = 0; i < full; ++i) line += render::glyph::kBlock;
    line.append(kBarCells - full, ' ');
    line += "  ";
  }
  line += render::size_text(state.done);
  if (state.total != 0) line += " of " + render::size_text(state.total);
  line += "  " + render::size_text(static_cast<std::uint64_t>(rate)) + "/s";
  if (state.total != 0 && rate > 0) {
    const auto left = static_cast<double>(state.total - std::min(state.done, state.total));
    line += "  " + clock_text(left / rate);
  }
  const std::size_t used = display_width(line) + 2;
  if (!state.current.empty() && used + 8 < state.width) {
    line += "  " + render::cut_middle(escape_text(state.current), state.width - used);
  }
  return render::cut_end(line, state.width);
}

std::string Progress::draw(std::string_view current) {
  if (!terminal_) return {};
  const Clock::time_point now = Clock::now();
  const std::chrono::duration<double> since_start = now - start_;
  const std::chrono::duration<double> since_drawn = now - drawn_;
  if (since_start.count() < kQuietSeconds || since_drawn.count() < kRedrawSeconds) return {};
  drawn_ = now;
  visible_ = true;
  // One cell is kept free: a full line would wrap on some terminals.
  return "\r" +
         progress_line({done_.load(std::memory_order_relaxed), total_, since_start.count(), current,
                        width_ - 1}) +
         "\x1b[K";
}

std::string Progress::erase() {
  if (!visible_) return {};
  visible_ = false;
  drawn_ = {};
  return "\r\x1b[K";
}

double Progress::seconds() const {
  return std::chrono::duration<double>(Clock::now() - start_).count();
}

}  // namespace brine::cli
