// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstddef>
#include <optional>
#include <span>
#include <vector>

namespace moliere::stats {

/// The p-quantile of `sorted` (ascending) by linear interpolation between order statistics: with
/// n values, position h = (n - 1) p counted from 0, x[floor h] + (h - floor h)(x[floor h + 1] -
/// x[floor h]). Type 7 of Hyndman and Fan, "Sample quantiles in statistical packages", The
/// American Statistician 50 (1996) 361: what NumPy and R do unless told otherwise.
/// Throws Error when there are no values or p is not in [0, 1].
double quantile(std::span<const double> sorted, double p);

/// The middle value, or the mean of the two in the middle. Throws Error when there are none or one
/// of them is not finite.
double median(std::vector<double> values);

/// Mean of the half of the values that lies in the middle (25 % trimmed mean): the values in order
/// cover [0, n], those in [n/4, 3n/4] count, one on a border with its part inside. Of 1 or 2 values
/// the mean. As deaf to spikes as a quartile, yet its variance on Gaussian data is 1.2 times the
/// mean's, where the median's is 1.6 times. Throws as median().
double interquartile_mean(std::vector<double> values);

/// Mean and variance of a stream of values in one pass without cancellation.
/// B. P. Welford, Technometrics 4 (1962) 419: with d = x - mean before x,
///   mean += d / n,  M2 += d (x - mean after x),  variance = M2 / (n - 1).
class Moments {
 public:
  void add(double value);
  std::size_t count() const { return count_; }
  double mean() const { return mean_; }
  /// Of the sample, divisor n - 1; 0 for fewer than two values.
  double variance() const;

 private:
  std::size_t count_ = 0;
  double mean_ = 0;
  double sum_of_squares_ = 0;
};

/// What a row of a table says about many samples of one quantity, in the samples' unit.
struct Summary {
  std::size_t count = 0;
  double minimum = 0;
  double median = 0;
  double mean = 0;
  /// Divisor n - 1; 0 for one sample.
  double standard_deviation = 0;
  /// Only with ten samples or more expected beyond it, that is from 100 (p90) and 1000 (p99)
  /// samples on: a quantile estimated from fewer is the luck of one or two samples.
  std::optional<double> p90;
  std::optional<double> p99;
};

/// Throws as median().
Summary summarize(std::vector<double> values);

}  // namespace moliere::stats
