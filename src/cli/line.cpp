#include "cli/line.h"

#include <utility>

namespace brine::cli {

BufferPool::BufferPool(std::size_t count, std::size_t size, std::size_t alignment)
    : size_(size),
      alignment_(std::align_val_t{alignment}),
      memory_(static_cast<std::uint8_t*>(::operator new(count* size, alignment_))) {
  // The first is taken first: what is never needed is never touched.
  for (std::size_t i = count; i-- > 0;) free_.push_back(memory_ + i * size);
}

BufferPool::~BufferPool() { ::operator delete(memory_, alignment_); }

BufferPool::Buffer BufferPool::take() {
  std::unique_lock lock(mutex_);
  freed_.wait(lock, [this] { return !free_.empty(); });
  std::uint8_t* buffer = free_.back();
  free_.pop_back();
  return Buffer(buffer, [this](std::uint8_t* done) { give_back(done); });
}

void BufferPool::give_back(std::uint8_t* buffer) {
  // Notified under the lock: behind it the pool may be gone.
  const std::lock_guard lock(mutex_);
  free_.push_back(buffer);
  freed_.notify_one();
}

void Line::put(Job job) {
  const std::lock_guard lock(mutex_);
  jobs_.push_back(std::move(job));
  changed_.notify_one();
}

bool Line::failed() const {
  const std::lock_guard lock(mutex_);
  return !status_.has_value();
}

Line::~Line() { close(); }

Status Line::finish() {
  close();
  return status_;
}

void Line::close() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    changed_.notify_one();
  }
  if (thread_.joinable()) thread_.join();
}

void Line::work() {
  while (true) {
    Job job;
    bool wanted = false;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return closed_ || !jobs_.empty(); });
      if (jobs_.empty()) return;
      job = std::move(jobs_.front());
      jobs_.pop_front();
      wanted = status_.has_value();
    }
    if (!wanted) continue;
    Status done = job();
    if (done) continue;
    const std::lock_guard lock(mutex_);
    status_ = std::move(done);
  }
}

}  // namespace brine::cli
