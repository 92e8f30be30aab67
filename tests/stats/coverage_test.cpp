// SPDX-License-Identifier: Apache-2.0
// The method on made data with known answers; coverage_study.cpp is the longer version.
#include <cctype>

#include "stats/synthetic.hpp"
#include <gtest/gtest.h>

namespace moliere::stats::synthetic {
namespace {

constexpr std::size_t experiments = 2000;  // a rate near 0.95 is then known to 0.005
constexpr std::uint64_t seed = 2024;

/// Drifts that do not cancel in one engine's own time widen its interval beyond need.
bool drifts_with_time(const Scenario& scenario) {
  return scenario.drift != Drift::none && scenario.drift != Drift::by_process;
}

class Coverage : public testing::TestWithParam<Scenario> {};

TEST_P(Coverage, OfEqualEnginesIsWhatTheLevelsSayAndNoDifferenceIsInvented) {
  const Rates rates = study(GetParam(), 1, experiments, seed);
  EXPECT_GT(rates.covered95, 0.93);
  EXPECT_LT(rates.covered95, 0.97);
  EXPECT_GT(rates.covered99, 0.98);
  EXPECT_GT(rates.covered999, 0.996);
  EXPECT_GT(rates.median_covered95, 0.92) << "two ways of starting are skewed: 93 %";
  EXPECT_LT(rates.median_covered95, drifts_with_time(GetParam()) ? 1.01 : 0.97);
  EXPECT_LT(rates.faster + rates.slower, 0.002);
}

TEST_P(Coverage, HoldsForARatioOfThreePercentWhichIsNeverCalledFasterOrTheSame) {
  const Rates rates = study(GetParam(), 1.03, experiments, seed + 1);
  EXPECT_GT(rates.covered95, 0.93);
  EXPECT_LT(rates.covered95, 0.97);
  EXPECT_LT(rates.faster + rates.same, 0.005);
}

std::string test_name(const testing::TestParamInfo<Scenario>& tested) {
  std::string name = tested.param.name;
  for (char& c : name)
    if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
  return name;
}

INSTANTIATE_TEST_SUITE_P(Scenarios, Coverage, testing::ValuesIn(scenarios()), test_name);

TEST(Power, ThreePercentAreFoundAndEqualEnginesAreTheSame) {
  const Scenario realistic{.name = "8 x 10, rounds 0.5 %, processes 0.2 %"};
  EXPECT_GT(study(realistic, 1.03, experiments, seed).slower, 0.99);
  EXPECT_GT(study(realistic, 1 / 1.03, experiments, seed).faster, 0.99);
  EXPECT_GT(study(realistic, 1, experiments, seed).same, 0.99);
}

TEST(Stopping, KeepsTheLevelsAndFindsThreePercentOnALoudMachine) {
  const Scenario loud{.name = "",
                      .processes = 30,
                      .noise = Noise::spikes,
                      .round_noise = 0.02,
                      .process_noise = 0.005,
                      .drift = Drift::step};
  const Rates equal = study_with_stopping(loud, 1, experiments, seed);
  EXPECT_GT(equal.covered95, 0.93);
  EXPECT_GT(equal.covered99, 0.98);
  EXPECT_LT(equal.faster + equal.slower, 0.002);
  EXPECT_GT(equal.same, 0.95);
  EXPECT_GT(study_with_stopping(loud, 1.03, experiments, seed).slower, 0.95);
}

TEST(FewProcesses, HoldTheirLevelsAndGetNoVerdict) {
  for (const Scenario& scenario : few_processes()) {
    const Rates rates = study(scenario, 1.03, experiments, seed);
    EXPECT_EQ(rates.undecided, 1) << scenario.name;
    // What one process cannot know: how the next one differs, and noise longer than its batches.
    const bool blind =
        scenario.processes == 1 && (scenario.process_noise > 0 || scenario.autocorrelation > 0);
    if (!blind) {
      EXPECT_GT(rates.covered95, 0.93) << scenario.name;
      EXPECT_LT(rates.covered95, 0.97) << scenario.name;
    }
  }
}

TEST(Unpaired, CoversWithoutDriftAndWithTheDriftItIsTold) {
  const Scenario scenario{.name = "", .noise = Noise::spikes};
  double covered = 0, covered_drifted = 0, blind = 0, verdicts = 0;
  for (std::size_t i = 0; i < experiments; ++i) {
    RandomStream random(seed, i);
    const MadeRun first = simulate(scenario, random);
    MadeRun second = simulate(scenario, random);
    const auto holds = [](const Interval& interval) {
      return interval.lower <= 1 && 1 <= interval.upper;
    };
    covered += holds(unpaired_ratio(second.a, first.b, 0).at95);
    for (auto& rounds : second.a)
      for (double& time : rounds) time *= 1.04;
    const Ratio told = unpaired_ratio(second.a, first.b, 0.04);
    covered_drifted += holds(told.at95);
    verdicts += judge(told) != Verdict::undecided;
    blind += holds(unpaired_ratio(second.a, first.b, 0).at95);
  }
  EXPECT_GT(covered / experiments, 0.93);
  EXPECT_LT(covered / experiments, 0.97);
  EXPECT_GT(covered_drifted / experiments, 0.95);
  EXPECT_EQ(verdicts, 0) << "4 % of drift hide a difference of 4 %";
  EXPECT_LT(blind / experiments, 0.01) << "the drift matters in this test";
}

TEST(Simulate, DependsOnTheStreamAlone) {
  const Scenario scenario{.name = "", .noise = Noise::spikes, .drift = Drift::step};
  RandomStream one(1, 2), same(1, 2), other(1, 3);
  const MadeRun run = simulate(scenario, one);
  EXPECT_EQ(run.a, simulate(scenario, same).a);
  EXPECT_NE(run.a, simulate(scenario, other).a);
}

}  // namespace
}  // namespace moliere::stats::synthetic
