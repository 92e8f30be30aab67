// SPDX-License-Identifier: Apache-2.0
#include "moliere/worker/stream_threads.hpp"

#include <cassert>
#include <utility>

namespace moliere::worker {

StreamThreads::StreamThreads(std::size_t streams) : streams_(streams), seats_(streams) {
  assert(streams > 0);
  if (streams == 1) return;
  for (std::size_t stream = 0; stream < streams; ++stream) {
    threads_.emplace_back([this, stream] { work(stream); });
  }
}

StreamThreads::~StreamThreads() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void StreamThreads::run_all(const Task& task) { run_on(0, streams_, task); }

void StreamThreads::run_one(std::size_t stream, const Task& task) {
  assert(stream < streams_);
  run_on(stream, stream + 1, task);
}

void StreamThreads::run_on(std::size_t first, std::size_t last, const Task& task) {
  if (threads_.empty()) {
    task(0);
    return;
  }
  std::unique_lock lock(mutex_);
  for (std::size_t stream = first; stream < last; ++stream) seats_[stream].task = &task;
  busy_ = last - first;
  wake_.notify_all();
  done_.wait(lock, [this] { return busy_ == 0; });
  std::exception_ptr failure;
  for (Seat& seat : seats_) {
    if (std::exception_ptr exception = std::exchange(seat.exception, nullptr); !failure) {
      failure = exception;
    }
  }
  if (failure) std::rethrow_exception(failure);
}

void StreamThreads::work(std::size_t stream) {
  Seat& seat = seats_[stream];
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [&] { return ending_ || seat.task != nullptr; });
    if (ending_) return;
    const Task& task = *seat.task;
    lock.unlock();
    std::exception_ptr exception;
    try {
      task(stream);
    } catch (...) {
      exception = std::current_exception();
    }
    lock.lock();
    seat.task = nullptr;
    seat.exception = exception;
    if (--busy_ == 0) done_.notify_one();
  }
}

}  // namespace moliere::worker
