// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <condition_variable>
#include <cstddef>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace moliere::worker {

/// One thread for each stream, started once; between tasks they block and use no CPU time. A
/// session is made, bound and called on its stream's thread, as some libraries keep state a thread.
/// A single stream is the calling thread itself: no thread is started then.
class StreamThreads {
 public:
  using Task = std::function<void(std::size_t stream)>;

  explicit StreamThreads(std::size_t streams);
  ~StreamThreads();
  StreamThreads(const StreamThreads&) = delete;
  StreamThreads& operator=(const StreamThreads&) = delete;

  std::size_t size() const { return streams_; }

  /// Runs the task for every stream, all at the same time, and returns when all have ended.
  /// Rethrows the exception of the first stream that threw one.
  void run_all(const Task& task);
  /// Runs the task for one stream. Rethrows its exception.
  void run_one(std::size_t stream, const Task& task);

 private:
  struct Seat {
    const Task* task = nullptr;
    std::exception_ptr exception;
  };

  void work(std::size_t stream);
  void run_on(std::size_t first, std::size_t last, const Task& task);

  std::size_t streams_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable done_;
  std::vector<Seat> seats_;
  std::size_t busy_ = 0;
  bool ending_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace moliere::worker
