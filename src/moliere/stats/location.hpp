// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "moliere/stats/hierarchy.hpp"

#include <cstddef>
#include <string_view>
#include <vector>

namespace moliere::stats {

/// Where a population lies, and how well that is known.
struct Location {
  double centre = 0;
  /// Infinite when there is a single value.
  double standard_error = 0;
  /// Degrees of freedom of the standard error.
  std::size_t freedom = 1;
};

/// Makes one number of the rounds of one process: median() or interquartile_mean().
using Centre = double (*)(std::vector<double> rounds);

/// Mean over processes of `centre` over rounds.
///
/// How: one number m_p a process, then with P processes the mean of m_p, standard error
/// s / sqrt(P) where s^2 = sum (m_p - mean)^2 / (P - 1), and P - 1 degrees of freedom.
///
/// Why so: rounds of one process share its memory layout and its stretch of time, so they say
/// little about the next process, and only whole processes are independent. s contains all that
/// differs between them: the start's own shift, the noise of the rounds and its autocorrelation.
/// This is the hierarchical bootstrap that draws processes with replacement and keeps the rounds of
/// each (Davison and Hinkley, Bootstrap Methods and their Application, 1997, section 3.8: drawing
/// rounds again as well counts their noise twice), in the limit of infinitely many resamples, where
/// it has this closed form but for a factor sqrt(P / (P - 1)). Leaving out that factor and
/// Student's quantile is why percentile intervals of few processes are too short (Hesterberg, "What
/// teachers should know about the bootstrap", The American Statistician 69 (2015) 371). Kalibera
/// and Jones, "Rigorous benchmarking in reasonable time", ISMM 2013, use the same interval over the
/// means of the highest level. bootstrap.hpp resamples; the two agree in tests.
///
/// With a single process its R rounds are cut into successive batches of equal length but for one
/// round, sqrt(R) of them and at least five where there are five rounds, which take the place of
/// the processes. Differences between processes stay unseen, and the interval is too short by
/// them: judge() gives no verdict on fewer than three processes.
Location locate(const Hierarchy& values, Centre centre);

/// The difference of two independent locations, with Welch and Satterthwaite's degrees of freedom
/// (Welch, Biometrika 34 (1947) 28), rounded down.
Location difference(const Location& a, const Location& b);

/// exp of Student's interval for a location on the log scale, `widening` added on both sides.
Interval exponential_interval(const Location& location, double level, double widening = 0);

/// The logarithm of every value. Throws Error, naming `what`, when there is no process, a process
/// without rounds or a value that is not a positive finite number.
Hierarchy logarithms(const Hierarchy& values, std::string_view what);

}  // namespace moliere::stats
