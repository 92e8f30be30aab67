// SPDX-License-Identifier: Apache-2.0
#include "moliere/bench/roofline_kernels.hpp"

#include <cmath>
#include <numeric>
#include <string>

#include <gtest/gtest.h>

namespace moliere::bench {
namespace {

class EachPath : public testing::TestWithParam<VectorPath> {};

/// Sum over the chains of x <- x a + b, each counted once for every lane.
double plain_multiply_add(const VectorPath& path, std::int64_t steps, double a, double b) {
  const std::int64_t chains = path.flops_per_step / (2 * path.lanes);
  double sum = 0;
  for (std::int64_t chain = 0; chain < chains; ++chain) {
    auto x = static_cast<double>(1 + chain);
    for (std::int64_t step = 0; step < steps; ++step) x = x * a + b;
    sum += x;
  }
  return sum * static_cast<double>(path.lanes);
}

TEST_P(EachPath, MultiplyAddDoesEveryStepOfEveryChain) {
  const VectorPath path = GetParam();
  for (const std::int64_t steps : {0, 1, 2, 7, 50}) {
    const double expected = plain_multiply_add(path, steps, 0.96875, 0.25);
    EXPECT_NEAR(path.multiply_add(steps, 0.96875F, 0.25F), expected, 1e-5 * expected) << steps;
  }
}

TEST_P(EachPath, SumReadsEveryValueInEveryPass) {
  const VectorPath path = GetParam();
  const auto step = static_cast<std::size_t>(path.elements_per_step);
  for (const std::size_t steps : {1U, 2U, 5U}) {
    // Aligned as the kernels want it, wherever the vector begins.
    constexpr std::size_t alignment = 64 / sizeof(std::uint32_t);
    std::vector<std::uint32_t> memory(steps * step + alignment);
    const auto address = reinterpret_cast<std::uintptr_t>(memory.data()) / sizeof(std::uint32_t);
    const std::span<std::uint32_t> values(memory.data() + (alignment - address % alignment),
                                          steps * step);
    std::iota(values.begin(), values.end(), 3'000'000'000U);
    const std::uint32_t once = std::accumulate(values.begin(), values.end(), 0U);
    EXPECT_EQ(path.sum(values, 0), 0U);
    EXPECT_EQ(path.sum(values, 1), once);
    EXPECT_EQ(path.sum(values, 3), 3 * once);
  }
}

INSTANTIATE_TEST_SUITE_P(VectorPaths, EachPath, testing::ValuesIn(vector_paths()),
                         [](const auto& param) { return std::to_string(param.param.lanes); });

TEST(VectorPaths, WidestFirst) {
  const std::vector<VectorPath> paths = vector_paths();
  ASSERT_FALSE(paths.empty());
  EXPECT_EQ(paths.back().lanes, 4);
  for (std::size_t i = 1; i < paths.size(); ++i) EXPECT_GT(paths[i - 1].lanes, paths[i].lanes);
}

TEST(VectorPaths, StepsFitWholePages) {
  for (const VectorPath& path : vector_paths()) {
    EXPECT_EQ(4096 % (path.elements_per_step * 4), 0) << path.instruction_set;
  }
}

}  // namespace
}  // namespace moliere::bench
