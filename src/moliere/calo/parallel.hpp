// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstddef>
#include <functional>

namespace moliere::calo {

/// Threads that are used for a request: `requested`, or all hardware threads where it is 0 or less.
int thread_count(int requested);

/// Calls work(0, thread) ... work(tasks - 1, thread), thread in [0, thread_count(threads)): each
/// task once, in any order. Rethrows the first exception after all threads have stopped.
void for_each_task(std::size_t tasks, int threads,
                   const std::function<void(std::size_t task, std::size_t thread)>& work);

}  // namespace moliere::calo
