// SPDX-License-Identifier: Apache-2.0
#include "moliere/stats/hierarchy.hpp"

#include "moliere/stats/location.hpp"
#include "moliere/stats/quantile.hpp"

#include <cmath>

namespace moliere::stats {

double relative_half_width(const Interval& interval, double value) {
  return (interval.upper - interval.lower) / (2 * value);
}

Estimate hierarchical_median(const Hierarchy& values, double level) {
  const Location location = locate(logarithms(values, "values"), median);
  return {.value = std::exp(location.centre), .interval = exponential_interval(location, level)};
}

}  // namespace moliere::stats
