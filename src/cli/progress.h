// Progress: one line on standard error while a run takes long, gone when it is done.
//
// Bytes count as done when they are read or when their file is finished, whichever is first, so the
// bar reaches its end although most bytes of a model are never read. Worker threads add; only the
// main thread draws.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace brine::cli {

// The line itself, for tests: bar, bytes, rate, time left, current file; at most `width` cells.
struct ProgressState {
  std::uint64_t done = 0, total = 0;  // bytes; total 0: unknown
  double seconds = 0;
  std::string_view current;
  std::size_t width = 80;
};
std::string progress_line(const ProgressState& state);

class Progress {
 public:
  using Clock = std::chrono::steady_clock;

  // Draws nothing unless `terminal`.
  Progress(bool terminal, std::size_t width, std::uint64_t total)
      : terminal_(terminal), width_(width), total_(total), start_(Clock::now()) {}

  void add(std::uint64_t bytes) { done_.fetch_add(bytes, std::memory_order_relaxed); }
  // What is to be written to standard error now; empty when it is not time for a new picture.
  std::string draw(std::string_view current);
  // What removes the line; empty when there is none.
  std::string erase();
  double seconds() const;

 private:
  bool terminal_;
  std::size_t width_;
  std::uint64_t total_;
  Clock::time_point start_;
  Clock::time_point drawn_{};
  std::atomic<std::uint64_t> done_{0};
  bool visible_ = false;
};

}  // namespace brine::cli
