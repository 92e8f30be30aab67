// SPDX-License-Identifier: Apache-2.0
#include "moliere/calo/parallel.hpp"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace moliere::calo {

int thread_count(int requested) {
  if (requested > 0) return requested;
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

void for_each_task(std::size_t tasks, int threads,
                   const std::function<void(std::size_t, std::size_t)>& work) {
  const std::size_t count = std::min(tasks, static_cast<std::size_t>(thread_count(threads)));
  std::atomic<std::size_t> next{0};
  std::mutex mutex;
  std::exception_ptr failure;
  const auto take_tasks = [&](std::size_t thread) {
    try {
      for (std::size_t task = next++; task < tasks; task = next++) work(task, thread);
    } catch (...) {
      next = tasks;  // the others stop at their next task
      const std::scoped_lock lock(mutex);
      if (!failure) failure = std::current_exception();
    }
  };
  {
    std::vector<std::jthread> helpers;
    for (std::size_t thread = 1; thread < count; ++thread) helpers.emplace_back(take_tasks, thread);
    take_tasks(0);
  }
  if (failure) std::rethrow_exception(failure);
}

}  // namespace moliere::calo
