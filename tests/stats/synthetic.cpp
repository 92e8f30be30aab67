// SPDX-License-Identifier: Apache-2.0
#include "stats/synthetic.hpp"

#include "moliere/stats/quantile.hpp"
#include "moliere/stats/stopping.hpp"

#include <cmath>
#include <numbers>

namespace moliere::stats::synthetic {
namespace {

/// Rounds of one engine in one process.
class RoundNoise {
 public:
  RoundNoise(const Scenario& scenario, RandomStream& random)
      : scenario_(scenario), random_(random), state_(random.normal()) {}

  double operator()() {
    const double z = normal();
    const double scale = scenario_.round_noise;
    switch (scenario_.noise) {
      case Noise::gaussian:
        return scale * z;
      case Noise::lognormal:
        return scale * std::exp(z);
      case Noise::spikes:
        break;
    }
    const bool spike = random_.uniform() < 0.1;
    const double height = std::pow(1 - random_.uniform(), -1 / 1.5) - 1;
    return scale * (z + (spike ? 2 * height : 0));
  }

 private:
  /// AR(1) of unit variance.
  double normal() {
    const double rho = scenario_.autocorrelation;
    state_ = rho * state_ + std::sqrt(1 - rho * rho) * random_.normal();
    return state_;
  }

  const Scenario& scenario_;
  RandomStream& random_;
  double state_;
};

double noise_median(const Scenario& scenario) {
  if (scenario.noise == Noise::gaussian) return 0;
  if (scenario.noise == Noise::lognormal) return scenario.round_noise;
  Scenario unit = scenario;  // no closed form: the median of a million draws, error 0.001
  unit.round_noise = 1;
  static const double spikes = [&unit] {
    RandomStream random(1);
    RoundNoise draw(unit, random);
    std::vector<double> draws(1000000);
    for (double& value : draws) value = draw();
    return median(std::move(draws));
  }();
  return scenario.round_noise * spikes;
}

/// The machine's slowness over the run; time in rounds.
class Machine {
 public:
  Machine(const Scenario& scenario, RandomStream& random)
      : drift_(scenario.drift),
        length_(static_cast<double>(scenario.processes * scenario.rounds)),
        phase_(random.uniform()) {}

  /// At `time`, in a process that drew the standard normal number `luck`.
  double slowness(double time, double luck) const {
    const auto sinusoid = [&](double size, double period) {
      return 1 + size * std::sin(2 * std::numbers::pi * (time / period + phase_));
    };
    switch (drift_) {
      case Drift::linear:
        return 1 + 0.1 * time / length_;
      case Drift::slow_sinusoid:
        return sinusoid(0.05, 0.7 * length_);
      case Drift::fast_sinusoid:
        return sinusoid(0.02, 7);
      case Drift::step:
        return time < phase_ * length_ ? 1 : 1.08;
      case Drift::by_process:
        return std::exp(0.03 * luck);
      case Drift::none:
        break;
    }
    return 1;
  }

 private:
  Drift drift_;
  double length_;
  double phase_;
};

double process_shift(const Scenario& scenario, RandomStream& random) {
  if (scenario.start == Start::gaussian) return scenario.process_noise * random.normal();
  return random.uniform() < 0.3 ? 2 * scenario.process_noise : 0;
}

double mean_process_shift(const Scenario& scenario) {
  return scenario.start == Start::gaussian ? 0 : 0.6 * scenario.process_noise;
}

bool holds(const Interval& interval, double truth) {
  return interval.lower <= truth && truth <= interval.upper;
}

/// Counts what one run's results say.
class Tally {
 public:
  void add(const Ratio& ratio, double true_ratio, const Estimate& estimate, double true_median) {
    ++runs_;
    rates_.covered95 += holds(ratio.at95, true_ratio);
    rates_.covered99 += holds(ratio.at99, true_ratio);
    rates_.covered999 += holds(ratio.at999, true_ratio);
    rates_.median_covered95 += holds(estimate.interval, true_median);
    widths_.push_back(relative_half_width(ratio.at95, ratio.value));
    const Verdict verdict = judge(ratio);
    rates_.faster += verdict == Verdict::faster;
    rates_.slower += verdict == Verdict::slower;
    rates_.same += verdict == Verdict::same;
    rates_.undecided += verdict == Verdict::undecided;
  }

  Rates rates() const {
    Rates result = rates_;
    for (double* rate :
         {&result.covered95, &result.covered99, &result.covered999, &result.median_covered95,
          &result.faster, &result.slower, &result.same, &result.undecided})
      *rate /= runs_;
    result.median_width95 = median(widths_);
    return result;
  }

 private:
  double runs_ = 0;
  Rates rates_;
  std::vector<double> widths_;
};

}  // namespace

MadeRun simulate(const Scenario& scenario, RandomStream& random, double slowdown) {
  constexpr double call_ns = 1000;
  const Machine machine(scenario, random);
  MadeRun run;
  const double true_log =
      std::log(call_ns * slowdown * (1 + noise_median(scenario))) + mean_process_shift(scenario);
  Moments log_slowness;
  std::size_t round_number = 0;
  for (std::size_t process = 0; process < scenario.processes; ++process) {
    const double shift_a = std::exp(process_shift(scenario, random));
    const double shift_b = std::exp(process_shift(scenario, random));
    const double luck = random.normal();
    RoundNoise noise_a(scenario, random);
    RoundNoise noise_b(scenario, random);
    auto& times_a = run.a.emplace_back();
    auto& times_b = run.b.emplace_back();
    for (std::size_t round = 0; round < scenario.rounds; ++round, ++round_number) {
      const bool a_first = round_number % 2 == 0;
      const auto time = static_cast<double>(round_number);
      const double slowness_a = machine.slowness(time + (a_first ? 0 : 0.5), luck);
      const double slowness_b = machine.slowness(time + (a_first ? 0.5 : 0), luck);
      times_a.push_back(call_ns * slowdown * shift_a * slowness_a * (1 + noise_a()));
      times_b.push_back(call_ns * shift_b * slowness_b * (1 + noise_b()));
      // A speed that is drawn with the process is part of the scatter, not of the truth.
      log_slowness.add(scenario.drift == Drift::by_process ? 0 : std::log(slowness_a));
    }
    run.true_median_of_a.push_back(std::exp(true_log + log_slowness.mean()));
  }
  return run;
}

std::vector<Scenario> scenarios() {
  return {
      {.name = "Gaussian"},
      {.name = "Gaussian, no process shift", .process_noise = 0},
      {.name = "large process shift", .process_noise = 0.01},
      {.name = "process shift of two ways", .process_noise = 0.005, .start = Start::two_ways},
      {.name = "few processes, few rounds", .processes = 5, .rounds = 5, .process_noise = 0.003},
      {.name = "few processes, many rounds", .processes = 5, .rounds = 40, .process_noise = 0.01},
      {.name = "ten processes", .processes = 10, .rounds = 20, .process_noise = 0.003},
      {.name = "three processes", .processes = 3},
      {.name = "lognormal", .noise = Noise::lognormal},
      {.name = "Pareto spikes", .noise = Noise::spikes},
      {.name = "Pareto spikes, few", .processes = 5, .rounds = 5, .noise = Noise::spikes},
      {.name = "autocorrelated 0.8", .rounds = 20, .autocorrelation = 0.8},
      {.name = "linear drift", .drift = Drift::linear},
      {.name = "slow sinusoid", .drift = Drift::slow_sinusoid},
      {.name = "fast sinusoid", .drift = Drift::fast_sinusoid},
      {.name = "step", .drift = Drift::step},
      {.name = "speed by process", .drift = Drift::by_process},
      {.name = "step, spikes, few",
       .processes = 5,
       .rounds = 6,
       .noise = Noise::spikes,
       .process_noise = 0.005,
       .drift = Drift::step},
      {.name = "loud machine",
       .noise = Noise::spikes,
       .round_noise = 0.02,
       .process_noise = 0.005,
       .drift = Drift::slow_sinusoid},
  };
}

std::vector<Scenario> few_processes() {
  return {
      {.name = "two processes", .processes = 2},
      {.name = "two processes, one round", .processes = 2, .rounds = 1},
      {.name = "one process, no shift", .processes = 1, .rounds = 40, .process_noise = 0},
      {.name = "one process, no shift, 5 rounds", .processes = 1, .rounds = 5, .process_noise = 0},
      {.name = "one process, autocorrelated 0.8",
       .processes = 1,
       .rounds = 40,
       .autocorrelation = 0.8,
       .process_noise = 0},
      {.name = "one process, shift", .processes = 1, .rounds = 40},
  };
}

Rates study(const Scenario& scenario, double slowdown, std::size_t experiments,
            std::uint64_t seed) {
  Tally tally;
  for (std::size_t i = 0; i < experiments; ++i) {
    RandomStream random(seed, i);
    const MadeRun run = simulate(scenario, random, slowdown);
    tally.add(paired_ratio(run.a, run.b), slowdown, hierarchical_median(run.a),
              run.true_median_of_a.back());
  }
  return tally.rates();
}

Rates study_with_stopping(const Scenario& scenario, double slowdown, std::size_t experiments,
                          std::uint64_t seed) {
  Tally tally;
  for (std::size_t i = 0; i < experiments; ++i) {
    RandomStream random(seed, i);
    const MadeRun run = simulate(scenario, random, slowdown);
    Hierarchy a, b;
    for (std::size_t process = 0; process < scenario.processes; ++process) {
      a.push_back(run.a[process]);
      b.push_back(run.b[process]);
      const Ratio pair = paired_ratio(a, b);
      const std::vector<Estimate> medians{hierarchical_median(a), hierarchical_median(b)};
      const auto stop = stop_reason({}, {.processes = a.size(),
                                         .rounds = scenario.rounds,
                                         .pairs = {&pair, 1},
                                         .medians = medians,
                                         .elapsed_s = static_cast<double>(process + 1),
                                         .time_cap_s = static_cast<double>(scenario.processes)});
      if (!stop) continue;
      tally.add(pair, slowdown, medians.front(), run.true_median_of_a[process]);
      break;
    }
  }
  return tally.rates();
}

}  // namespace moliere::stats::synthetic
