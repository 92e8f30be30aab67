// SPDX-License-Identifier: Apache-2.0
#include "moliere/stats/stopping.hpp"

#include <cmath>

#include <gtest/gtest.h>

namespace moliere::stats {
namespace {

constexpr StoppingRule rule{.minimum_processes = 4,
                            .minimum_rounds = 6,
                            .relative_half_width = 0.01,
                            .median_half_width = 0.02};

/// Around `value`, half widths relative to it.
Ratio pair_of(double value, double half99, double half999) {
  return {.value = value,
          .at99 = {.lower = value * (1 - half99), .upper = value * (1 + half99), .level = 0.99},
          .at999 = {.lower = value * (1 - half999), .upper = value * (1 + half999), .level = 0.999},
          .processes = 8,
          .rounds = 8};
}

Estimate median_of(double half_width) {
  return {.value = 100,
          .interval = {
              .lower = 100 * (1 - half_width), .upper = 100 * (1 + half_width), .level = 0.95}};
}

class StopReasonTest : public testing::Test {
 protected:
  std::vector<Ratio> pairs{pair_of(1, 0.015, 0.03), pair_of(2, 0.1, 0.2)};
  std::vector<Estimate> medians{median_of(0.019), median_of(0.001)};
  Measured measured{
      .processes = 4, .rounds = 6, .pairs = {}, .medians = {}, .elapsed_s = 19, .time_cap_s = 20};

  std::optional<StopReason> reason() {
    measured.pairs = pairs;
    measured.medians = medians;
    return stop_reason(rule, measured);
  }
};

TEST_F(StopReasonTest, IsPreciseWhenAllIs) { EXPECT_EQ(reason(), StopReason::precise); }

TEST_F(StopReasonTest, NeedsTheMinimumOfProcessesAndRounds) {
  measured.processes = 3;
  EXPECT_EQ(reason(), std::nullopt);
  measured.processes = 4;
  measured.rounds = 5;
  EXPECT_EQ(reason(), std::nullopt);
}

TEST_F(StopReasonTest, NeedsEveryPair) {
  pairs.push_back(pair_of(1, 0.025, 0.05));
  EXPECT_EQ(reason(), std::nullopt);
}

TEST_F(StopReasonTest, NeedsEveryMedian) {
  medians.push_back(median_of(0.021));
  EXPECT_EQ(reason(), std::nullopt);
}

TEST_F(StopReasonTest, IsTheTimeCapWhateverIsKnown) {
  measured.elapsed_s = 20;
  measured.processes = 1;
  pairs.push_back(pair_of(1, 1, 1));
  EXPECT_EQ(reason(), StopReason::time_cap);
}

TEST_F(StopReasonTest, IsPreciseRatherThanTheTimeCap) {
  measured.elapsed_s = 21;
  EXPECT_EQ(reason(), StopReason::precise);
}

TEST_F(StopReasonTest, OfASingleEngineAsksItsMedianAlone) {
  pairs.clear();
  EXPECT_EQ(reason(), StopReason::precise);
}

TEST(IsPrecise, GivesUpOnAnUndecidedRatioThatIsKnownWellEnough) {
  const Ratio narrow = pair_of(1.018, 0.0061, 0.0099);
  ASSERT_EQ(judge(narrow), Verdict::undecided);
  EXPECT_TRUE(is_precise(rule, narrow));
  EXPECT_FALSE(is_precise(rule, pair_of(1.018, 0.0061, 0.0101)));
}

TEST(IsPrecise, LeavesOnlyRatiosBetweenOneAndTwoPercentUndecided) {
  for (double value = 0.95; value < 1.05; value += 0.0005) {
    // Student's 99 % quantile is at most 0.82 of the 99.9 % one.
    const bool undecided = judge(pair_of(value, 0.0082, 0.0099)) == Verdict::undecided;
    const double distance = std::abs(value - 1);
    const bool may_be_undecided = distance >= 0.01 && distance <= 0.0205;
    EXPECT_TRUE(!undecided || may_be_undecided) << value;
  }
}

TEST(IsPrecise, IsFalseForWhatIsUnbounded) {
  const Interval unbounded{.lower = 0, .upper = INFINITY, .level = 0.999};
  EXPECT_FALSE(is_precise(
      rule, Ratio{.value = 1, .at95 = unbounded, .at99 = unbounded, .at999 = unbounded}));
  EXPECT_FALSE(is_precise(rule, Estimate{.value = 1, .interval = unbounded}));
}

TEST(StopReason, HasANameEach) {
  EXPECT_EQ(to_string(StopReason::precise), "precise");
  EXPECT_EQ(to_string(StopReason::time_cap), "time cap");
  EXPECT_EQ(to_string(StopReason::interrupted), "interrupted");
}

}  // namespace
}  // namespace moliere::stats
