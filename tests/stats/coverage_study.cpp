// SPDX-License-Identifier: Apache-2.0
// Prints the tables of docs/measuring.md, "Statistics": how often the intervals hold the truth, and
// what the verdicts say. Usage: stats_coverage_study [experiments per cell, default 20000].
#include "moliere/stats/quantile.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>

#include "stats/synthetic.hpp"
#include <fmt/format.h>

namespace {
using namespace moliere::stats;
using moliere::RandomStream;
using namespace moliere::stats::synthetic;

using Study = Rates (*)(const Scenario&, double, std::size_t, std::uint64_t);

void print_table(const char* title, const std::vector<Scenario>& scenarios, Study run_study,
                 std::size_t experiments) {
  fmt::print("\n{}\n\n", title);
  fmt::print(
      "| scenario | P x R | 95 % | 99 % | 99.9 % | half width | median 95 % "
      "| A/A same | A/A faster or slower | +3 % slower | +3 % same or faster |\n");
  fmt::print("|---|---|---|---|---|---|---|---|---|---|---|\n");
  for (const Scenario& scenario : scenarios) {
    const Rates equal = run_study(scenario, 1.00, experiments, 11);
    const Rates slower = run_study(scenario, 1.03, experiments, 12);
    fmt::print(
        "| {} | {} x {} | {:.1f} | {:.1f} | {:.2f} | {:.2f} % | {:.1f} | {:.1f} | {:.3f} "
        "| {:.1f} | {:.3f} |\n",
        scenario.name, scenario.processes, scenario.rounds, 100 * equal.covered95,
        100 * equal.covered99, 100 * equal.covered999, 100 * equal.median_width95,
        100 * equal.median_covered95, 100 * equal.same, 100 * (equal.faster + equal.slower),
        100 * slower.slower, 100 * (slower.same + slower.faster));
  }
}

/// What paired_ratio() does not do: the percentile interval of a bootstrap that draws processes
/// and, if asked, rounds again within each.
bool percentile_interval_holds(const Hierarchy& log_ratios, double truth, double level,
                               bool draw_rounds, RandomStream& random) {
  constexpr std::size_t resamples = 1000;
  std::vector<double> means(resamples);
  const auto draw = [&random](const auto& from) -> const auto& {
    return from[random.below(static_cast<std::uint32_t>(from.size()))];
  };
  for (double& mean : means) {
    for (std::size_t i = 0; i < log_ratios.size(); ++i) {
      std::vector<double> rounds = draw(log_ratios);
      if (draw_rounds) {
        const std::vector<double> original = rounds;
        for (double& value : rounds) value = draw(original);
      }
      mean += interquartile_mean(std::move(rounds)) / static_cast<double>(log_ratios.size());
    }
  }
  std::sort(means.begin(), means.end());
  return quantile(means, (1 - level) / 2) <= truth && truth <= quantile(means, (1 + level) / 2);
}

void print_percentile_table(std::size_t experiments) {
  fmt::print("\nFor comparison, percentile intervals of 1000 resamples, {} experiments:\n\n",
             experiments);
  fmt::print(
      "| scenario | P x R | draws processes: 95 % | 99.9 % "
      "| draws processes, then rounds: 95 % | 99.9 % |\n|---|---|---|---|---|---|\n");
  const std::vector<Scenario> compared{
      {.name = "no process shift", .processes = 5, .process_noise = 0},
      {.name = "large process shift", .processes = 5, .process_noise = 0.01},
      {.name = "large process shift", .processes = 10, .process_noise = 0.01},
  };
  for (const Scenario& scenario : compared) {
    std::array<double, 4> covered{};
    for (std::size_t i = 0; i < experiments; ++i) {
      RandomStream random(13, i);
      const MadeRun run = simulate(scenario, random);
      Hierarchy log_ratios = run.a;
      for (std::size_t p = 0; p < scenario.processes; ++p)
        for (std::size_t r = 0; r < scenario.rounds; ++r)
          log_ratios[p][r] = std::log(run.a[p][r] / run.b[p][r]);
      covered[0] += percentile_interval_holds(log_ratios, 0, 0.95, false, random);
      covered[1] += percentile_interval_holds(log_ratios, 0, 0.999, false, random);
      covered[2] += percentile_interval_holds(log_ratios, 0, 0.95, true, random);
      covered[3] += percentile_interval_holds(log_ratios, 0, 0.999, true, random);
    }
    const double percent = 100.0 / static_cast<double>(experiments);
    fmt::print("| {} | {} x {} | {:.1f} | {:.1f} | {:.1f} | {:.1f} |\n", scenario.name,
               scenario.processes, scenario.rounds, covered[0] * percent, covered[1] * percent,
               covered[2] * percent, covered[3] * percent);
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::size_t experiments = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 20000;
  if (experiments == 0) {
    fmt::print(stderr, "usage: {} [EXPERIMENTS]\n", argv[0]);
    return 1;
  }
  fmt::print("{} experiments a cell; all rates in percent.\n", experiments);
  print_table("Fixed numbers of processes (P) and rounds (R):", scenarios(), study, experiments);
  print_table("Too few processes for a verdict:", few_processes(), study, experiments);
  std::vector<Scenario> stopped = scenarios();
  for (Scenario& scenario : stopped) scenario.processes = 20;
  print_table("Stopped by the default rule, asked after every process, at most 20:", stopped,
              study_with_stopping, experiments);
  print_percentile_table(std::max<std::size_t>(experiments / 20, 1));
}
