// SPDX-License-Identifier: Apache-2.0
#include "moliere/stats/quantile.hpp"

#include "moliere/core/error.hpp"

#include <algorithm>
#include <cmath>

namespace moliere::stats {
namespace {

/// In ascending order; refuses what has no order or no finite mean.
std::vector<double> sorted(std::vector<double> values) {
  if (values.empty())
    throw Error("There are no values to summarise", "a statistic of nothing is not defined",
                "Take at least one sample.");
  if (!std::all_of(values.begin(), values.end(), [](double x) { return std::isfinite(x); }))
    throw Error("A value to summarise is not finite", "NaN and infinity are not measured times",
                "Look for the sample that went wrong.");
  std::sort(values.begin(), values.end());
  return values;
}

}  // namespace

double quantile(std::span<const double> sorted_values, double p) {
  if (sorted_values.empty())
    throw Error("There are no values to take a quantile of", "a quantile of nothing is not defined",
                "Take at least one sample.");
  if (!(p >= 0 && p <= 1))
    throw Error(fmt::format("{} is not the order of a quantile", p), "it must lie in [0, 1]",
                "Give a fraction, not a percentage.");
  const double position = static_cast<double>(sorted_values.size() - 1) * p;
  const auto below = static_cast<std::size_t>(position);
  const std::size_t above = std::min(below + 1, sorted_values.size() - 1);
  return std::lerp(sorted_values[below], sorted_values[above],
                   position - static_cast<double>(below));
}

double median(std::vector<double> values) { return quantile(sorted(std::move(values)), 0.5); }

double interquartile_mean(std::vector<double> values) {
  const std::vector<double> order = sorted(std::move(values));
  const double count = static_cast<double>(order.size());
  double sum = 0;
  for (std::size_t i = 0; i < order.size(); ++i) {
    const double begin = std::max(static_cast<double>(i), 0.25 * count);
    const double end = std::min(static_cast<double>(i + 1), 0.75 * count);
    if (end > begin) sum += (end - begin) * order[i];
  }
  return sum / (0.5 * count);
}

void Moments::add(double value) {
  ++count_;
  const double deviation = value - mean_;
  mean_ += deviation / static_cast<double>(count_);
  sum_of_squares_ += deviation * (value - mean_);
}

double Moments::variance() const {
  return count_ < 2 ? 0.0 : sum_of_squares_ / static_cast<double>(count_ - 1);
}

Summary summarize(std::vector<double> values) {
  constexpr std::size_t enough_for_p90 = 100;   // 10 / (1 - 0.90)
  constexpr std::size_t enough_for_p99 = 1000;  // 10 / (1 - 0.99)
  const std::vector<double> order = sorted(std::move(values));
  Moments moments;
  for (const double value : order) moments.add(value);
  Summary summary{.count = order.size(),
                  .minimum = order.front(),
                  .median = quantile(order, 0.5),
                  .mean = moments.mean(),
                  .standard_deviation = std::sqrt(moments.variance()),
                  .p90 = std::nullopt,
                  .p99 = std::nullopt};
  if (order.size() >= enough_for_p90) summary.p90 = quantile(order, 0.90);
  if (order.size() >= enough_for_p99) summary.p99 = quantile(order, 0.99);
  return summary;
}

}  // namespace moliere::stats
