// WatchedSource: the file as the scan reads it: counted, reported, and stopped when asked.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <stop_token>
#include <utility>

#include "io/source.h"

namespace brine::scan {

class WatchedSource final : public ByteSource {
 public:
  WatchedSource(SourcePtr base, std::function<void(std::uint64_t)> progress, std::stop_token stop)
      : base_(std::move(base)), progress_(std::move(progress)), stop_(std::move(stop)) {}

  std::uint64_t size() const override { return base_->size(); }
  ByteSpan in_memory() const override { return base_->in_memory(); }
  int descriptor() const override { return base_->descriptor(); }
  Place place() const override { return base_->place(); }
  std::uint64_t bytes_read() const override { return read_.load(std::memory_order_relaxed); }
  Status read(std::uint64_t offset, std::span<std::uint8_t> out) override {
    if (stop_.stop_requested()) return fail({ErrorCode::io, offset, "interrupted"});
    Status status = base_->read(offset, out);
    if (!status) {
      error_ = status.error();
      failed_ = true;
      return status;
    }
    read_.fetch_add(out.size(), std::memory_order_relaxed);
    if (progress_) progress_(out.size());
    return status;
  }
  // The last read that failed; a scan of a file is one thread.
  bool failed() const { return failed_; }
  const Error& error() const { return error_; }

 private:
  SourcePtr base_;
  std::function<void(std::uint64_t)> progress_;
  std::stop_token stop_;
  std::atomic<std::uint64_t> read_{0};
  bool failed_ = false;
  Error error_;
};

}  // namespace brine::scan
