// SPDX-License-Identifier: Apache-2.0
#include "moliere/zoo/weights.hpp"

#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>

namespace moliere::zoo {
namespace {

double variance(const Tensor& tensor) {
  double sum = 0;
  for (const double weight : tensor.to_doubles()) sum += weight * weight;
  return sum / static_cast<double>(tensor.size());
}

TEST(Weights, AreWholeMultiplesOfOneUnit) {
  const Tensor tensor = Weights("a").centred({40, 25}, 25, 25, relu_gain);
  for (const double weight : tensor.to_doubles()) {
    EXPECT_EQ(weight * static_cast<double>(one), std::round(weight * static_cast<double>(one)));
  }
}

TEST(Weights, UniformReachesBothEnds) {
  const Tensor tensor = Weights("a").uniform({1000}, -2, 3);
  std::vector<double> values = tensor.to_doubles();
  for (double& value : values) value *= static_cast<double>(one);
  const auto [low, high] = std::ranges::minmax(values);
  EXPECT_EQ(low, -2);
  EXPECT_EQ(high, 3);
}

TEST(Weights, VarianceIsGainOverFanIn) {
  // 50 000 draws: the variance of a uniform number is known to 0.4 %.
  EXPECT_NEAR(variance(Weights("a").scaled({500, 100}, 100, 2)) * 100, 2, 0.04);
  EXPECT_NEAR(variance(Weights("a").scaled({500, 100}, 7, 1)) * 7, 1, 0.02);
  // Taking off the mean of 100 costs one part in 100.
  EXPECT_NEAR(variance(Weights("a").centred({500, 100}, 100, 100, 3)) * 100, 3 * 0.99, 0.06);
}

TEST(Weights, CentredRunsSumToZero) {
  constexpr std::size_t block = 9;
  const Tensor tensor = Weights("a").centred({16, 4, 3, 3}, block, 36, relu_gain);
  const std::vector<double> weights = tensor.to_doubles();
  for (std::size_t begin = 0; begin < weights.size(); begin += block) {
    double sum = 0;
    for (std::size_t i = 0; i < block; ++i) sum += weights[begin + i];
    EXPECT_LT(std::abs(sum) * static_cast<double>(one), block);
  }
}

TEST(Weights, ModelsHaveStreamsOfTheirOwn) {
  EXPECT_EQ(Weights("a").scaled({8}, 8, 1), Weights("a").scaled({8}, 8, 1));
  EXPECT_NE(Weights("a").scaled({8}, 8, 1), Weights("b").scaled({8}, 8, 1));
  Weights weights("a");
  EXPECT_NE(weights.scaled({8}, 8, 1), weights.scaled({8}, 8, 1));
}

}  // namespace
}  // namespace moliere::zoo
