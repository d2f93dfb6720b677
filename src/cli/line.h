// Line: jobs done one after another on a thread of their own; and the buffers that they share.
//
// Problem: a file is to be hashed while it is written, in bounded memory. Method: whoever reads
// fills a buffer of the pool and puts a job for it into each line; the last job that holds a buffer
// gives it back, and taking one waits for that. So the pool bounds what is under way, and the lines
// need no bound. Invariant: after a job that failed no other of its line is begun; whoever puts
// jobs asks failed() and stops.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <new>
#include <span>
#include <thread>
#include <vector>

#include "base/result.h"

namespace brine::cli {

class BufferPool {
 public:
  using Buffer = std::shared_ptr<std::uint8_t>;

  // Each buffer begins at a multiple of `alignment`, as its size does.
  BufferPool(std::size_t count, std::size_t size, std::size_t alignment);
  ~BufferPool();  // all buffers are back
  BufferPool(const BufferPool&) = delete;
  BufferPool& operator=(const BufferPool&) = delete;

  std::size_t size() const { return size_; }
  // Waits until one is free.
  Buffer take();

 private:
  void give_back(std::uint8_t* buffer);

  std::size_t size_;
  std::align_val_t alignment_;
  std::uint8_t* memory_;  // touched only where it is used
  std::mutex mutex_;
  std::condition_variable freed_;
  std::vector<std::uint8_t*> free_;
};

class Line {
 public:
  using Job = std::function<Status()>;

  Line() : thread_([this] { work(); }) {}
  ~Line();
  Line(const Line&) = delete;
  Line& operator=(const Line&) = delete;

  void put(Job job);
  bool failed() const;
  // Waits for all jobs; the first error. Nothing may be put in any more.
  Status finish();

 private:
  void work();
  void close();

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Job> jobs_;
  bool closed_ = false;
  Status status_;
  std::thread thread_;
};

}  // namespace brine::cli
