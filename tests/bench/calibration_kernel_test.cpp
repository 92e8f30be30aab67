// SPDX-License-Identifier: Apache-2.0
#include "moliere/bench/calibration_kernel.hpp"

#include <array>
#include <bit>

#include <gtest/gtest.h>

namespace moliere::bench {
namespace {

/// What the header promises, written down once more, plainly and with each step forced.
std::uint64_t plain_work(std::uint64_t iterations) {
  std::array<double, 8> x{};
  for (int j = 0; j < 8; ++j) x[static_cast<std::size_t>(j)] = 1.0 + j / 16.0;
  std::uint64_t state = 1;
  for (std::uint64_t i = 0; i < iterations; ++i) {
    for (double& value : x) {
      volatile double product = value * 1.25;
      product = product * 0.8;
      value = product;
    }
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
  }
  for (const double value : x) state = std::rotl(state, 7) ^ std::bit_cast<std::uint64_t>(value);
  return state;
}

TEST(CalibrationKernel, DoesAllOfItsWork) {
  for (const std::uint64_t iterations : {0U, 1U, 2U, 1000U}) {
    EXPECT_EQ(calibration_work(iterations), plain_work(iterations)) << iterations;
  }
}

TEST(CalibrationKernel, TakesTime) { EXPECT_GT(calibration_kernel_ns(), 0); }

}  // namespace
}  // namespace moliere::bench
