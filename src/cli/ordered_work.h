// OrderedWork: jobs on several threads, results in the order of the jobs.
//
// Workers take the next job by number and put its result at its place; the one consumer takes them
// in order as they become ready. Workers run at most `kAhead` jobs ahead of the consumer, so that a
// slow first file does not make results pile up. Invariant: after stop() no new job is begun, and
// what was begun can still be taken.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

namespace brine::cli {

template <class T>
class OrderedWork {
 public:
  static constexpr std::size_t kAhead = 1024;

  // `job(i)` runs on a worker, for i in [0, count). It must not throw.
  OrderedWork(std::size_t count, std::size_t threads, std::function<T(std::size_t)> job)
      : count_(count), job_(std::move(job)) {
    for (std::size_t i = 0; i < std::min(threads, count); ++i) {
      workers_.emplace_back([this] { work(); });
    }
  }
  ~OrderedWork() { stop(); }
  OrderedWork(const OrderedWork&) = delete;
  OrderedWork& operator=(const OrderedWork&) = delete;

  // The next result in order, if it is ready within `wait`.
  std::optional<T> next(std::chrono::milliseconds wait) {
    std::unique_lock lock(mutex_);
    ready_.wait_for(lock, wait, [this] { return done_.contains(taken_); });
    return take(lock, done_.find(taken_));
  }
  // Any finished result, lowest number first, although earlier ones are missing (after stop()).
  std::optional<T> next_finished() {
    std::unique_lock lock(mutex_);
    return take(lock, done_.begin());
  }
  bool exhausted() const { return taken_ >= count_; }

  void stop() {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    room_.notify_all();
  }
  // Waits until no job is running.
  bool wait_idle(std::chrono::milliseconds wait) {
    std::unique_lock lock(mutex_);
    return ready_.wait_for(lock, wait, [this] { return running_ == 0; });
  }
  // The lowest job that is running, if any.
  std::optional<std::size_t> current() {
    const std::lock_guard lock(mutex_);
    if (taken_ < begun_ && !done_.contains(taken_)) return taken_;
    return std::nullopt;
  }

 private:
  std::optional<T> take(std::unique_lock<std::mutex>& lock,
                        typename std::map<std::size_t, T>::iterator it) {
    if (it == done_.end()) return std::nullopt;
    std::optional<T> result(std::move(it->second));
    taken_ = it->first + 1;
    done_.erase(it);
    lock.unlock();
    room_.notify_all();
    return result;
  }

  void work() {
    std::unique_lock lock(mutex_);
    while (true) {
      room_.wait(lock,
                 [this] { return stopping_ || begun_ >= count_ || begun_ - taken_ < kAhead; });
      if (stopping_ || begun_ >= count_) return;
      const std::size_t mine = begun_++;
      ++running_;
      lock.unlock();
      T result = job_(mine);
      lock.lock();
      --running_;
      done_.emplace(mine, std::move(result));
      ready_.notify_all();
    }
  }

  std::size_t count_;
  std::function<T(std::size_t)> job_;
  std::mutex mutex_;
  std::condition_variable ready_, room_;
  std::map<std::size_t, T> done_;
  std::size_t begun_ = 0, taken_ = 0, running_ = 0;
  bool stopping_ = false;
  std::vector<std::jthread> workers_;  // last: joined before the rest goes
};

}  // namespace brine::cli
