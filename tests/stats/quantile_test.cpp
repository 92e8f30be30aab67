// SPDX-License-Identifier: Apache-2.0
#include "moliere/stats/quantile.hpp"

#include "moliere/core/error.hpp"

#include <cmath>
#include <limits>
#include <numeric>

#include <gtest/gtest.h>

namespace moliere::stats {
namespace {

std::vector<double> one_to(std::size_t count) {
  std::vector<double> values(count);
  std::iota(values.begin(), values.end(), 1.0);
  return values;
}

TEST(Quantile, InterpolatesBetweenOrderStatistics) {
  const std::vector<double> values{1, 2, 4, 8};
  EXPECT_DOUBLE_EQ(quantile(values, 0.0), 1);
  EXPECT_DOUBLE_EQ(quantile(values, 0.25), 1.75) << "position 0.75: 1 + 0.75 (2 - 1)";
  EXPECT_DOUBLE_EQ(quantile(values, 0.5), 3);
  EXPECT_DOUBLE_EQ(quantile(values, 0.9), 6.8) << "position 2.7: 4 + 0.7 (8 - 4)";
  EXPECT_DOUBLE_EQ(quantile(values, 1.0), 8);
  EXPECT_DOUBLE_EQ(quantile(std::vector<double>{5}, 0.3), 5);
}

TEST(Quantile, RefusesWhatHasNoAnswer) {
  EXPECT_THROW(quantile({}, 0.5), Error);
  EXPECT_THROW(quantile(std::vector<double>{1}, -0.01), Error);
  EXPECT_THROW(quantile(std::vector<double>{1}, 90), Error);
  EXPECT_THROW(quantile(std::vector<double>{1}, std::nan("")), Error);
}

TEST(Median, SortsFirst) {
  EXPECT_DOUBLE_EQ(median({9, 1, 5}), 5);
  EXPECT_DOUBLE_EQ(median({9, 1, 5, 6}), 5.5);
  EXPECT_THROW(median({}), Error);
  EXPECT_THROW(median({1, std::nan(""), 2}), Error);
  EXPECT_THROW(median({1, std::numeric_limits<double>::infinity()}), Error);
}

TEST(InterquartileMean, WeighsTheBordersOfTheMiddleHalf) {
  EXPECT_DOUBLE_EQ(interquartile_mean({7}), 7);
  EXPECT_DOUBLE_EQ(interquartile_mean({10, 2}), 6);
  EXPECT_DOUBLE_EQ(interquartile_mean({100, 1, 4}), (0.25 * 1 + 4 + 0.25 * 100) / 1.5);
  EXPECT_DOUBLE_EQ(interquartile_mean({100, 1, 4, 2}), 3);
  EXPECT_DOUBLE_EQ(interquartile_mean({1, 2, 4, 7, 1000}), (0.75 * 2 + 4 + 0.75 * 7) / 2.5);
}

TEST(Moments, KeepTheirDigitsOnALargeOffset) {
  // Variance of 4, 7, 13, 16 is 30; E[x^2] - E[x]^2 loses all of it at 1e9.
  Moments moments;
  for (const double value : {4.0, 7.0, 13.0, 16.0}) moments.add(1e9 + value);
  EXPECT_DOUBLE_EQ(moments.mean(), 1e9 + 10);
  EXPECT_DOUBLE_EQ(moments.variance(), 30);
}

TEST(Moments, OfFewerThanTwoValuesHaveNoVariance) {
  Moments moments;
  EXPECT_EQ(moments.variance(), 0);
  moments.add(3);
  EXPECT_EQ(moments.mean(), 3);
  EXPECT_EQ(moments.variance(), 0);
}

TEST(Summarize, SaysWhatTheSamplesAre) {
  const Summary summary = summarize({4, 16, 7, 13});
  EXPECT_EQ(summary.count, 4U);
  EXPECT_DOUBLE_EQ(summary.minimum, 4);
  EXPECT_DOUBLE_EQ(summary.median, 10);
  EXPECT_DOUBLE_EQ(summary.mean, 10);
  EXPECT_DOUBLE_EQ(summary.standard_deviation, std::sqrt(30.0));
  EXPECT_THROW(summarize({}), Error);
}

TEST(Summarize, GivesTailsOnlyWithEnoughSamples) {
  EXPECT_FALSE(summarize(one_to(99)).p90);
  EXPECT_DOUBLE_EQ(summarize(one_to(100)).p90.value(), 90.1);
  EXPECT_FALSE(summarize(one_to(999)).p99);
  EXPECT_DOUBLE_EQ(summarize(one_to(1000)).p99.value(), 990.01);
}

}  // namespace
}  // namespace moliere::stats
