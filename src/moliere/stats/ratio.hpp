// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "moliere/stats/hierarchy.hpp"

#include <cstddef>
#include <string_view>

namespace moliere::stats {

/// time(candidate) / time(baseline): below 1 the candidate is faster.
struct Ratio {
  double value = 0;
  Interval at95;
  Interval at99;
  Interval at999;
  std::size_t processes = 0;
  /// Of the process that has the fewest.
  std::size_t rounds = 0;
};

/// The ratio of two engines that were measured in turn, from log(numerator / denominator) of each
/// round: what slows both engines of a round alike cancels.
///
/// What is estimated: exp(E[d]), with d the interquartile mean over rounds of one process pair's
/// log-ratios and E the mean over all pairs of process starts. An A/A comparison has the ratio 1
/// whatever the law of the noise, since numerator and denominator can be exchanged. Exchanging them
/// gives exactly 1/ratio and the inverse intervals. Intervals: see locate() in location.hpp.
///
/// Throws Error when the two differ in shape, and for the reasons of hierarchical_median().
Ratio paired_ratio(const Hierarchy& numerator, const Hierarchy& denominator);

/// The ratio of two measurements that were not interleaved (two result files), from the logarithm
/// of hierarchical_median() of each, with Welch's interval. `drift` is the relative change of the
/// calibration kernel between them (0.02: 2 %): it may come from the machine and act on the engine
/// in ways that are not known, so every interval grows by |log(1 + drift)| on both sides, whatever
/// its level.
/// Throws Error when `drift` is not above -1, and for the reasons of hierarchical_median().
Ratio unpaired_ratio(const Hierarchy& numerator, const Hierarchy& denominator, double drift);

enum class Verdict { faster, slower, same, undecided };

/// *faster*/*slower*: the whole 99.9 % interval lies below 0.99 / above 1.01. Else *same*: the
/// whole 99 % interval lies in [0.98, 1.02]. Else, and always below three processes, *undecided*.
/// A difference between 1 and 2 % that is certain is faster or slower, not the same.
Verdict judge(const Ratio& ratio);

/// "faster", "slower", "same", "undecided".
std::string_view to_string(Verdict verdict);

}  // namespace moliere::stats
