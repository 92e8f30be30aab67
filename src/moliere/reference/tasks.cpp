// SPDX-License-Identifier: Apache-2.0
#include "moliere/reference/blocked_gemm.hpp"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace moliere::reference::detail {
namespace {

/// Some 10 ms of one core's work: starting threads costs a hundredth of it.
constexpr double flop_worth_threads = 50e6;

/// MOLIERE_REFERENCE_THREADS, else every core: a benchmark of the reference sets it.
std::size_t most_threads() {
  const char* given = std::getenv("MOLIERE_REFERENCE_THREADS");
  const long limit = given != nullptr ? std::strtol(given, nullptr, 10) : 0;
  return limit > 0 ? static_cast<std::size_t>(limit)
                   : std::max<std::size_t>(1, std::thread::hardware_concurrency());
}

}  // namespace

void for_each_task(std::size_t tasks, double flop, const std::function<void(std::size_t)>& work) {
  const std::size_t cores = most_threads();
  const std::size_t threads = flop < flop_worth_threads ? 1 : std::min(cores, tasks);
  if (threads <= 1) {
    for (std::size_t i = 0; i < tasks; ++i) work(i);
    return;
  }
  std::atomic<std::size_t> next{0};
  std::mutex mutex;
  std::exception_ptr failure;
  const auto run = [&] {
    try {
      for (std::size_t i = next++; i < tasks; i = next++) work(i);
    } catch (...) {
      next = tasks;
      const std::lock_guard lock(mutex);
      if (!failure) failure = std::current_exception();
    }
  };
  {
    std::vector<std::jthread> others;
    for (std::size_t i = 1; i < threads; ++i) others.emplace_back(run);
    run();
  }
  if (failure) std::rethrow_exception(failure);
}

}  // namespace moliere::reference::detail
