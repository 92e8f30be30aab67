// SPDX-License-Identifier: Apache-2.0
#include "moliere/stats/ratio.hpp"

#include "moliere/core/error.hpp"
#include "moliere/stats/drift.hpp"

#include <cmath>

#include <gtest/gtest.h>

namespace moliere::stats {
namespace {

const Hierarchy candidate{{20, 22, 21}, {40, 44, 40}, {10, 10.5, 10.2}};
const Hierarchy baseline{{10, 10, 10}, {20, 20, 20}, {5, 5, 5}};

Ratio ratio_between(double lower99, double upper99, double lower999, double upper999) {
  return {.value = 1,
          .at99 = {.lower = lower99, .upper = upper99, .level = 0.99},
          .at999 = {.lower = lower999, .upper = upper999, .level = 0.999},
          .processes = 5,
          .rounds = 5};
}

TEST(PairedRatio, OfThreeProcessesIsWhatAHandComputes) {
  // Log-ratios per process log 1, log 2, log 4 exactly: mean log 2, standard error log 2 / sqrt(3).
  const Ratio ratio = paired_ratio({{7, 9}, {8, 6}, {4, 8}}, {{7, 9}, {4, 3}, {1, 2}});
  const double error = std::log(2.0) / std::sqrt(3.0);
  EXPECT_DOUBLE_EQ(ratio.value, 2);
  EXPECT_NEAR(std::log(ratio.at95.upper / 2), 4.302653 * error, 1e-6);
  EXPECT_NEAR(std::log(ratio.at99.lower / 2), -9.924843 * error, 1e-6);
  EXPECT_NEAR(std::log(ratio.at999.upper / 2), 31.599055 * error, 1e-5);
  EXPECT_EQ(ratio.at95.level, 0.95);
  EXPECT_EQ(ratio.at99.level, 0.99);
  EXPECT_EQ(ratio.at999.level, 0.999);
  EXPECT_EQ(ratio.processes, 3U);
  EXPECT_EQ(ratio.rounds, 2U);
}

TEST(PairedRatio, DoesNotSeeWhatBothEnginesOfARoundShare) {
  Hierarchy a = candidate, b = baseline;
  for (std::size_t p = 0; p < a.size(); ++p)
    for (std::size_t r = 0; r < a[p].size(); ++r) {
      const double slowness = 1 + 0.3 * static_cast<double>(p) + 0.1 * static_cast<double>(r * r);
      a[p][r] *= slowness;
      b[p][r] *= slowness;
    }
  const Ratio calm = paired_ratio(candidate, baseline);
  const Ratio drifting = paired_ratio(a, b);
  EXPECT_NEAR(drifting.value, calm.value, 1e-12);
  EXPECT_NEAR(drifting.at999.upper, calm.at999.upper, 1e-9);
}

TEST(PairedRatio, IsInvertedWhenTheEnginesChangeSides) {
  const Ratio there = paired_ratio(candidate, baseline);
  const Ratio back = paired_ratio(baseline, candidate);
  EXPECT_NEAR(there.value * back.value, 1, 1e-12);
  EXPECT_NEAR(there.at99.lower * back.at99.upper, 1, 1e-12);
}

TEST(PairedRatio, OutlivesASpikeInAQuarterOfTheRounds) {
  Hierarchy spiky = candidate;
  for (auto& rounds : spiky) {
    rounds.insert(rounds.end(), rounds.begin(), rounds.end());
    rounds.insert(rounds.end(), {1e6, 1e6});
  }
  Hierarchy reference = baseline;
  for (auto& rounds : reference) rounds.resize(8, rounds.front());
  EXPECT_LT(paired_ratio(spiky, reference).value, 2.2) << "the largest ratio without the spikes";
}

TEST(PairedRatio, AveragesTheMiddleHalfOfTheRounds) {
  // Log-ratios 0, 0, 1, 4, 9 (times log 2), whose median is 1.
  EXPECT_DOUBLE_EQ(paired_ratio({{1, 1, 2, 16, 512}}, {{1, 1, 1, 1, 1}}).value,
                   std::exp2((0.75 * 0 + 1 + 0.75 * 4) / 2.5));
}

TEST(PairedRatio, CountsTheFewestRoundsOfAProcess) {
  EXPECT_EQ(paired_ratio({{1, 2}, {1}, {1, 2, 3}}, {{1, 2}, {1}, {1, 2, 3}}).rounds, 1U);
}

TEST(PairedRatio, RefusesWhatIsNotPaired) {
  EXPECT_THROW(paired_ratio({{1, 2}}, {{1, 2}, {1, 2}}), Error);
  EXPECT_THROW(paired_ratio({{1, 2}, {1}}, {{1, 2}, {1, 2}}), Error);
  EXPECT_THROW(paired_ratio({}, {}), Error);
  EXPECT_THROW(paired_ratio({{}}, {{}}), Error);
  EXPECT_THROW(paired_ratio({{1}}, {{0}}), Error);
  EXPECT_THROW(paired_ratio({{NAN}}, {{1}}), Error);
}

TEST(UnpairedRatio, IsTheRatioOfTheMedians) {
  const Ratio ratio = unpaired_ratio({{8, 8}, {8, 8}, {8, 8, 9}}, {{2, 2}, {2}}, 0);
  EXPECT_DOUBLE_EQ(ratio.value, 4);
  EXPECT_EQ(ratio.processes, 2U);
  EXPECT_EQ(ratio.rounds, 1U);
}

TEST(UnpairedRatio, WidensByTheDriftOnBothSidesWhateverItsSign) {
  const Ratio calm = unpaired_ratio(candidate, baseline, 0);
  const Ratio slower = unpaired_ratio(candidate, baseline, 0.05);
  EXPECT_EQ(slower.value, calm.value);
  EXPECT_NEAR(slower.at95.upper, calm.at95.upper * 1.05, 1e-9);
  EXPECT_NEAR(slower.at95.lower, calm.at95.lower / 1.05, 1e-9);
  EXPECT_NEAR(slower.at999.upper / calm.at999.upper, 1.05, 1e-9);
  const Ratio faster = unpaired_ratio(candidate, baseline, 1 / 1.05 - 1);
  EXPECT_NEAR(faster.at95.upper, slower.at95.upper, 1e-9);
}

TEST(UnpairedRatio, RefusesAnImpossibleDrift) {
  EXPECT_THROW(unpaired_ratio(candidate, baseline, -1), Error);
  EXPECT_THROW(unpaired_ratio(candidate, baseline, NAN), Error);
  EXPECT_THROW(unpaired_ratio(candidate, baseline, INFINITY), Error);
}

TEST(Judge, FasterAndSlowerLieBeyondOnePercent) {
  EXPECT_EQ(judge(ratio_between(0.95, 0.98, 0.94, 0.9899)), Verdict::faster);
  EXPECT_EQ(judge(ratio_between(0.95, 0.985, 0.94, 0.99)), Verdict::undecided);
  EXPECT_EQ(judge(ratio_between(1.02, 1.05, 1.0101, 1.06)), Verdict::slower);
  EXPECT_EQ(judge(ratio_between(1.015, 1.05, 1.01, 1.06)), Verdict::undecided);
}

TEST(Judge, SameLiesWithinTwoPercent) {
  EXPECT_EQ(judge(ratio_between(0.98, 1.02, 0.9, 1.1)), Verdict::same);
  EXPECT_EQ(judge(ratio_between(0.9799, 1.0, 0.9, 1.1)), Verdict::undecided);
  EXPECT_EQ(judge(ratio_between(1.0, 1.0201, 0.9, 1.1)), Verdict::undecided);
}

TEST(Judge, ACertainDifferenceIsNotTheSame) {
  EXPECT_EQ(judge(ratio_between(1.013, 1.017, 1.012, 1.018)), Verdict::slower);
  EXPECT_EQ(judge(ratio_between(0.983, 0.987, 0.982, 0.988)), Verdict::faster);
}

TEST(Judge, GivesNoVerdictBelowThreeProcesses) {
  Ratio ratio = ratio_between(0.5, 0.5, 0.5, 0.5);
  ratio.processes = 2;
  EXPECT_EQ(judge(ratio), Verdict::undecided);
  ratio.processes = 3;
  EXPECT_EQ(judge(ratio), Verdict::faster);
}

TEST(Judge, OfNothingKnownIsUndecided) {
  EXPECT_EQ(judge(ratio_between(0, INFINITY, 0, INFINITY)), Verdict::undecided);
  EXPECT_EQ(judge(ratio_between(NAN, NAN, NAN, NAN)), Verdict::undecided);
}

TEST(Verdict, HasANameEach) {
  EXPECT_EQ(to_string(Verdict::faster), "faster");
  EXPECT_EQ(to_string(Verdict::slower), "slower");
  EXPECT_EQ(to_string(Verdict::same), "same");
  EXPECT_EQ(to_string(Verdict::undecided), "undecided");
}

TEST(RelativeDrift, ComparesMedians) {
  EXPECT_NEAR(relative_drift({10, 10, 99}, {12, 1, 12}), 0.2, 1e-12);
  EXPECT_THROW(relative_drift({}, {1}), Error);
  EXPECT_THROW(relative_drift({1}, {0}), Error);
  EXPECT_THROW(relative_drift({NAN}, {1}), Error);
}

TEST(DriftRange, ComparesSuccessiveGroups) {
  const std::vector<double> up_and_down{10, 10, 10, 10, 99, 13, 13, 13, 13, 13, 10, 10, 1, 10, 10};
  EXPECT_NEAR(drift_range(up_and_down), 0.3, 1e-12);
  EXPECT_EQ(drift_range(std::vector<double>{10, 10, 10, 10, 20, 20, 20, 20, 20}), 0);
  std::vector<double> long_run(80, 10.0);
  for (std::size_t i = 70; i < 80; ++i) long_run[i] = 11;
  EXPECT_NEAR(drift_range(long_run), 0.1, 1e-12) << "the last of eight groups";
  long_run.assign(80, 10.0);
  for (std::size_t i = 75; i < 80; ++i) long_run[i] = 11;
  EXPECT_NEAR(drift_range(long_run), 0.05, 1e-12) << "half of the last of eight groups";
  EXPECT_THROW(drift_range({}), Error);
  EXPECT_THROW(drift_range(std::vector<double>{1, -1}), Error);
}

}  // namespace
}  // namespace moliere::stats
