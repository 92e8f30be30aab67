// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "moliere/core/random.hpp"
#include "moliere/stats/ratio.hpp"

#include <cstddef>
#include <string>
#include <vector>

/// Made benchmark data whose true values are known.
namespace moliere::stats::synthetic {

/// Of one round, relative to the time without noise; `round_noise` s is its scale.
enum class Noise {
  gaussian,   ///< s z, z standard normal
  lognormal,  ///< s exp(z): only ever slower, skewed
  spikes,     ///< s z, and in one round of ten 2 s (u^(-1/1.5) - 1) more: Pareto, infinite variance
};

/// Of the machine's speed, common to both engines; they are measured half a round apart.
enum class Drift {
  none,
  linear,         ///< 10 % slower at the end
  slow_sinusoid,  ///< +-5 %, period 0.7 of the run, random phase
  fast_sinusoid,  ///< +-2 %, period 7 rounds, random phase
  step,           ///< 8 % slower from a random moment on
  by_process,     ///< drawn anew for each process, Gaussian, 3 %
};

/// Of the time of an engine from one process start to the next; `process_noise` s is its scale.
enum class Start {
  gaussian,  ///< s z
  two_ways,  ///< 0 or, three times in ten, 2 s: a memory layout that is hit or missed
};

struct Scenario {
  std::string name;
  std::size_t processes = 8;
  std::size_t rounds = 10;
  Noise noise = Noise::gaussian;
  double round_noise = 0.005;
  /// Of successive rounds; Gaussian noise only.
  double autocorrelation = 0;
  double process_noise = 0.002;
  Start start = Start::gaussian;
  Drift drift = Drift::none;
};

/// One run of two engines, A and B, in balanced order (A B, B A). Without noise and drift a call of
/// A takes 1000 `slowdown` ns, a call of B 1000 ns.
struct MadeRun {
  Hierarchy a, b;
  /// What hierarchical_median() of the first processes of A estimates, one entry for each number of
  /// processes: for drifts that are a function of time, at the machine's mean speed during them.
  std::vector<double> true_median_of_a;
};

MadeRun simulate(const Scenario& scenario, RandomStream& random, double slowdown = 1);

/// What the intervals are tested on: the ways in which machines disturb.
std::vector<Scenario> scenarios();
/// One and two processes, where intervals still hold what they promise but verdicts are not given.
std::vector<Scenario> few_processes();

/// What a share of experiments did.
struct Rates {
  double covered95 = 0, covered99 = 0, covered999 = 0;  ///< paired ratio
  double median_covered95 = 0;
  double median_width95 = 0;  ///< typical half width of the ratio's 95 % interval
  double faster = 0, slower = 0, same = 0, undecided = 0;
};

/// `experiments` runs of a scenario with a true ratio of `slowdown`.
Rates study(const Scenario& scenario, double slowdown, std::size_t experiments, std::uint64_t seed);

/// As study(), but each run goes on, process by process, until the default StoppingRule finds pair
/// and both medians precise or `scenario.processes` are used up.
Rates study_with_stopping(const Scenario& scenario, double slowdown, std::size_t experiments,
                          std::uint64_t seed);

}  // namespace moliere::stats::synthetic
