// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>

namespace moliere::worker {

/// What the kernel counts for this process, all its threads together.
struct Counters {
  std::int64_t cpu_ns = 0;
  std::int64_t voluntary_switches = 0;
  std::int64_t involuntary_switches = 0;
  /// Minor and major.
  std::int64_t page_faults = 0;

  static Counters now() noexcept;
  Counters operator-(const Counters& earlier) const;
};

/// Threads that the process has now; 0 where /proc is not readable.
std::int64_t thread_count();

}  // namespace moliere::worker
