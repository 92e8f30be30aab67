// SPDX-License-Identifier: Apache-2.0
#include "moliere/stats/hierarchy.hpp"

#include "moliere/core/error.hpp"
#include "moliere/core/random.hpp"
#include "moliere/stats/bootstrap.hpp"
#include "moliere/stats/location.hpp"
#include "moliere/stats/quantile.hpp"

#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace moliere::stats {
namespace {

Hierarchy gaussian(std::size_t processes, std::size_t rounds) {
  RandomStream random(3);
  Hierarchy values(processes);
  for (auto& process : values) {
    const double shift = random.normal();
    for (std::size_t i = 0; i < rounds; ++i) process.push_back(shift + random.normal());
  }
  return values;
}

TEST(HierarchicalMedian, OfThreeProcessesIsWhatAHandComputes) {
  // Medians e^0, e^1, e^2: mean log 1, standard error 1 / sqrt(3), Student 4.302653 (2 degrees).
  const double e = std::exp(1.0);
  const Estimate estimate = hierarchical_median({{0.5, 1, 100}, {e}, {e * e, 0.1, 1e6}});
  EXPECT_DOUBLE_EQ(estimate.value, e);
  EXPECT_EQ(estimate.interval.level, 0.95);
  EXPECT_NEAR(std::log(estimate.interval.upper), 1 + 4.302653 / std::sqrt(3.0), 1e-6);
  EXPECT_NEAR(std::log(estimate.interval.lower), 1 - 4.302653 / std::sqrt(3.0), 1e-6);
}

TEST(HierarchicalMedian, WidensWithTheLevel) {
  const Hierarchy values{{10, 11}, {12, 11}, {10, 10}};
  const Interval at95 = hierarchical_median(values).interval;
  const Interval at99 = hierarchical_median(values, 0.99).interval;
  EXPECT_LT(at99.lower, at95.lower);
  EXPECT_GT(at99.upper, at95.upper);
}

TEST(HierarchicalMedian, CountsProcessesEquallyWhateverTheirRounds) {
  EXPECT_DOUBLE_EQ(hierarchical_median({{1, 1, 1, 1, 1, 1, 1}, {4}}).value, 2);
}

TEST(HierarchicalMedian, OfOneProcessScattersOverBatchesOfItsRounds) {
  // Ten rounds, five batches of two: log medians 0, 1, 2, 3, 4; the centre is that of all rounds.
  std::vector<double> rounds;
  for (int batch = 0; batch < 5; ++batch)
    rounds.insert(rounds.end(), {std::exp(batch), std::exp(batch)});
  const Location location = locate(logarithms({rounds}, "values"), median);
  EXPECT_NEAR(location.centre, 2, 1e-12);
  EXPECT_NEAR(location.standard_error, std::sqrt(2.5 / 5), 1e-12);
  EXPECT_EQ(location.freedom, 4U);
  const double e = std::exp(1.0);
  EXPECT_NEAR(hierarchical_median({{1, 1, 1, e, e * e * e}}).value, 1, 1e-12)
      << "the median of all rounds, not the mean of the batches";
  const std::vector<double> hundred(100, 1.0);
  EXPECT_EQ(locate({hundred}, median).freedom, 9U) << "sqrt(100) batches";
}

TEST(HierarchicalMedian, OfOneValueIsUnbounded) {
  const Estimate estimate = hierarchical_median({{7}});
  EXPECT_DOUBLE_EQ(estimate.value, 7);
  EXPECT_EQ(estimate.interval.lower, 0);
  EXPECT_TRUE(std::isinf(estimate.interval.upper));
  EXPECT_TRUE(std::isinf(relative_half_width(estimate.interval, estimate.value)));
}

TEST(HierarchicalMedian, RefusesToSpeakOfNothing) {
  EXPECT_THROW(hierarchical_median({}), Error);
  EXPECT_THROW(hierarchical_median({{1}, {}}), Error);
}

TEST(HierarchicalMedian, SaysWhichValueIsNotATime) {
  for (const double bad : std::vector<double>{NAN, INFINITY, 0, -1}) {
    try {
      hierarchical_median({{1, 2}, {1, bad}});
      FAIL() << "no exception for " << bad;
    } catch (const Error& error) {
      EXPECT_THAT(error.what(),
                  testing::HasSubstr(fmt::format("{} is among the values of process 1", bad)));
    }
  }
}

TEST(RelativeHalfWidth, IsHalfTheWidthOverTheValue) {
  EXPECT_DOUBLE_EQ(relative_half_width({.lower = 9, .upper = 11.5, .level = 0.95}, 10), 0.125);
}

TEST(Location, IsTheHierarchicalBootstrapWithoutItsNoise) {
  constexpr std::size_t resamples = 20000;
  for (const std::size_t processes : {2, 3, 8}) {
    const Hierarchy values = gaussian(processes, 7);
    const double closed_form = locate(values, interquartile_mean).standard_error;
    const double resampled = bootstrap_standard_error(values, interquartile_mean, resamples);
    // Five standard deviations of the resampled figure's own noise.
    EXPECT_NEAR(resampled / closed_form, 1, 5 / std::sqrt(2.0 * resamples)) << processes;
  }
}

TEST(Bootstrap, NeedsTwoProcessesAndDependsOnItsSeed) {
  EXPECT_THROW(bootstrap_standard_error({{1, 2, 3}}, median), Error);
  const Hierarchy values = gaussian(5, 5);
  EXPECT_THROW(bootstrap_standard_error(values, median, 1), Error);
  EXPECT_EQ(bootstrap_standard_error(values, median, 100, 1),
            bootstrap_standard_error(values, median, 100, 1));
  EXPECT_NE(bootstrap_standard_error(values, median, 100, 1),
            bootstrap_standard_error(values, median, 100, 2));
}

TEST(Difference, AddsVariancesWithWelchsDegreesOfFreedom) {
  // Variances 4 and 1: 25 / (16/4 + 1/9) = 6.08.
  const Location d = difference({.centre = 5, .standard_error = 2, .freedom = 4},
                                {.centre = 3, .standard_error = 1, .freedom = 9});
  EXPECT_DOUBLE_EQ(d.centre, 2);
  EXPECT_DOUBLE_EQ(d.standard_error, std::sqrt(5.0));
  EXPECT_EQ(d.freedom, 6U);
}

TEST(Difference, OfAnUnknownOrAnExactLocationHasTheSmallerFreedom) {
  const Location unknown = difference({.centre = 5, .standard_error = INFINITY, .freedom = 1},
                                      {.centre = 3, .standard_error = 1, .freedom = 9});
  EXPECT_TRUE(std::isinf(unknown.standard_error));
  EXPECT_EQ(unknown.freedom, 1U);
  const Location exact = difference({.centre = 5, .standard_error = 0, .freedom = 4},
                                    {.centre = 3, .standard_error = 0, .freedom = 9});
  EXPECT_EQ(exact.standard_error, 0);
  EXPECT_EQ(exact.freedom, 4U);
}

}  // namespace
}  // namespace moliere::stats
