// SPDX-License-Identifier: Apache-2.0
#include "moliere/bench/calibration_kernel.hpp"

#include <bit>
#include <chrono>
#include <cstddef>

// The same work whatever the build (see roofline_kernels.cpp).
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O2")
#endif

namespace moliere::bench {

std::uint64_t calibration_work(std::uint64_t iterations) {
  // Independent chains, so that the units are kept busy and a neighbour on the same core is felt.
  constexpr std::size_t chains = 8;
  // Multiplications alone: there is no sum that a compiler could contract on some machines only.
  // The product of the factors is 1, so that the values stay of order one.
  constexpr double up = 1.25;
  constexpr double down = 0.8;
  // Knuth's MMIX generator.
  constexpr std::uint64_t multiplier = 6364136223846793005ULL;
  constexpr std::uint64_t increment = 1442695040888963407ULL;
  // Read at run time, so that nothing can be computed at build time.
  volatile const double start = 1.0;
  double x[chains];  // unrolled everywhere, so that they stay in registers
#pragma GCC unroll 8
  for (std::size_t j = 0; j < chains; ++j) x[j] = start + 0.0625 * static_cast<double>(j);
  std::uint64_t state = 1;
  for (std::uint64_t i = 0; i < iterations; ++i) {
#pragma GCC unroll 8
    for (std::size_t j = 0; j < chains; ++j) x[j] = x[j] * up * down;
    state = state * multiplier + increment;
  }
#pragma GCC unroll 8
  for (std::size_t j = 0; j < chains; ++j) {
    state = std::rotl(state, 7) ^ std::bit_cast<std::uint64_t>(x[j]);
  }
  return state;
}

double calibration_kernel_ns() {
  using Clock = std::chrono::steady_clock;
  // Some 8 cycles an iteration: 1 ms at 3 to 4 GHz.
  constexpr std::uint64_t iterations = 400'000;
  const Clock::time_point before = Clock::now();
  volatile const std::uint64_t digest = calibration_work(iterations);
  const Clock::time_point after = Clock::now();
  static_cast<void>(digest);
  return std::chrono::duration<double, std::nano>(after - before).count();
}

}  // namespace moliere::bench
