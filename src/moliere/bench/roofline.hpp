// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "moliere/bench/machine.hpp"
#include "moliere/core/progress.hpp"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace moliere::bench {

/// What this machine can do at most, measured by our own kernels with `threads` threads together.
/// S. Williams, A. Waterman, D. Patterson, "Roofline: an insightful visual performance model for
/// multicore architectures", CACM 52 (2009) 65. docs/measuring.md has definitions and caveats.
struct Roofline {
  struct Bandwidth {
    std::string level;  // "L1", "L2", "L3", "DRAM"
    /// What the level holds for all threads together; 0: no bound is known.
    std::int64_t bytes = 0;
    double read_bytes_per_s = 0;
    /// Working set of the measurement, all threads together.
    std::int64_t measured_with_bytes = 0;

    bool operator==(const Bandwidth&) const = default;
  };

  int threads = 1;
  /// Float32 multiply-adds, two operations each, of all threads together.
  double flops_f32_per_s = 0;
  /// The vectors that reached it.
  std::string instruction_set;
  /// From the smallest level to the largest.
  std::vector<Bandwidth> bandwidths;

  bool operator==(const Roofline&) const = default;
};

/// A level of the memory and the working set that its bandwidth is measured with.
struct MemoryLevel {
  std::string name;
  std::int64_t capacity_bytes = 0;           // for all threads together
  std::int64_t buffer_bytes_per_thread = 0;  // a multiple of 4096
};

/// The data caches of the machine and its memory. A cache is measured with half of it, since its
/// other half may hold something else, a shared one with its cores' shares; the memory with several
/// times the largest cache.
std::vector<MemoryLevel> memory_levels(const Machine& machine, int threads);

/// Takes 2 to 3 s, more with a very large cache. Throws Error when `threads` is not in [1, 4096] or
/// cannot be started, std::bad_alloc when there is no memory for the buffers (a quarter of the
/// usable one at most).
Roofline measure_roofline(int threads, Progress& progress);

/// Only the arithmetic, in some 0.1 s: a little low on a machine that is not idle [FLOP/s]. Throws
/// as measure_roofline().
double measure_peak_f32(int threads);

/// The one measured earlier on this machine, by this build of the kernels, with these settings
/// (governor, turbo, usable cores), else a new one, which is kept in `cache`/roofline. A damaged
/// file is measured anew; a cache that cannot be written costs time and nothing else.
Roofline cached_roofline(const std::filesystem::path& cache, int threads, bool refresh,
                         Progress& progress);
/// The same with the machine and the measuring given.
Roofline cached_roofline(const std::filesystem::path& cache, const Machine& machine, int threads,
                         bool refresh, const std::function<Roofline()>& measure);

/// The least time that some work can take.
struct Limit {
  double seconds = 0;
  bool bound_by_arithmetic = false;
  /// Where the working set fits: whose bandwidth bounds it otherwise. "" where none was measured.
  std::string level;

  bool operator==(const Limit&) const = default;
};

/// max(flops / peak, compulsory_bytes / bandwidth of the smallest level that holds
/// `working_set_bytes`), for work that comes again and again, so that it finds in a cache what the
/// last call left there. Throws Error for negative figures or a roofline without a peak.
Limit roofline_limit(const Roofline& roofline, std::int64_t flops, std::int64_t compulsory_bytes,
                     std::int64_t working_set_bytes);

}  // namespace moliere::bench
