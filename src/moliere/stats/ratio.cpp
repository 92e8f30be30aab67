// SPDX-License-Identifier: Apache-2.0
#include "moliere/stats/ratio.hpp"

#include "moliere/core/error.hpp"
#include "moliere/stats/location.hpp"
#include "moliere/stats/quantile.hpp"

#include <algorithm>
#include <cmath>
#include <functional>

namespace moliere::stats {
namespace {

std::size_t fewest_rounds(const Hierarchy& values) {
  const auto by_size = [](const auto& a, const auto& b) { return a.size() < b.size(); };
  return std::min_element(values.begin(), values.end(), by_size)->size();
}

bool same_shape(const Hierarchy& a, const Hierarchy& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const auto& x, const auto& y) { return x.size() == y.size(); });
}

Ratio ratio_at(const Location& location, double widening) {
  return {.value = std::exp(location.centre),
          .at95 = exponential_interval(location, 0.95, widening),
          .at99 = exponential_interval(location, 0.99, widening),
          .at999 = exponential_interval(location, 0.999, widening)};
}

}  // namespace

Ratio paired_ratio(const Hierarchy& numerator, const Hierarchy& denominator) {
  if (!same_shape(numerator, denominator))
    throw Error("The two engines of a pair differ in processes or rounds",
                "each round of one is divided by the same round of the other",
                "Leave out rounds that only one of them finished, or compare them unpaired.");
  Hierarchy log_ratios = logarithms(numerator, "times");
  const Hierarchy subtrahend = logarithms(denominator, "times");
  for (std::size_t process = 0; process < log_ratios.size(); ++process)
    std::transform(log_ratios[process].begin(), log_ratios[process].end(),
                   subtrahend[process].begin(), log_ratios[process].begin(), std::minus<>());
  Ratio ratio = ratio_at(locate(log_ratios, interquartile_mean), 0);
  ratio.processes = numerator.size();
  ratio.rounds = fewest_rounds(numerator);
  return ratio;
}

Ratio unpaired_ratio(const Hierarchy& numerator, const Hierarchy& denominator, double drift) {
  if (!(drift > -1 && std::isfinite(drift)))
    throw Error(fmt::format("{} is not a relative drift", drift),
                "a time cannot change by -100 % or more, nor by an unknown amount",
                "Give after / before - 1 of the calibration kernel.");
  const Location above = locate(logarithms(numerator, "times"), median);
  const Location below = locate(logarithms(denominator, "times"), median);
  Ratio ratio = ratio_at(difference(above, below), std::abs(std::log1p(drift)));
  ratio.processes = std::min(numerator.size(), denominator.size());
  ratio.rounds = std::min(fewest_rounds(numerator), fewest_rounds(denominator));
  return ratio;
}

Verdict judge(const Ratio& ratio) {
  // With two processes Student's 99.9 % quantile is 637: whatever it contains, no one would trust.
  constexpr std::size_t enough_processes = 3;
  // The layout of code and memory alone shifts programs by this much and more (Mytkowicz et al.,
  // "Producing wrong data without doing anything obviously wrong", ASPLOS 2009).
  constexpr double negligible = 0.01;
  constexpr double alike = 0.02;
  if (ratio.processes < enough_processes) return Verdict::undecided;
  if (ratio.at999.upper < 1 - negligible) return Verdict::faster;
  if (ratio.at999.lower > 1 + negligible) return Verdict::slower;
  if (ratio.at99.lower >= 1 - alike && ratio.at99.upper <= 1 + alike) return Verdict::same;
  return Verdict::undecided;
}

std::string_view to_string(Verdict verdict) {
  switch (verdict) {
    case Verdict::faster:
      return "faster";
    case Verdict::slower:
      return "slower";
    case Verdict::same:
      return "same";
    case Verdict::undecided:
      break;
  }
  return "undecided";
}

}  // namespace moliere::stats
