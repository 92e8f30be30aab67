// SPDX-License-Identifier: Apache-2.0
#include "moliere/stats/drift.hpp"

#include "moliere/core/error.hpp"
#include "moliere/stats/quantile.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace moliere::stats {
namespace {

void check_times(std::span<const double> times) {
  if (times.empty() ||
      !std::all_of(times.begin(), times.end(), [](double t) { return t > 0 && std::isfinite(t); }))
    throw Error("The calibration kernel's times are missing or not positive finite numbers",
                "the drift of the machine is read from them", "Measure the kernel again.");
}

}  // namespace

double relative_drift(const std::vector<double>& before, const std::vector<double>& after) {
  check_times(before);
  check_times(after);
  return median(after) / median(before) - 1;
}

double drift_range(std::span<const double> in_order) {
  constexpr std::size_t group_size = 5;  // the smallest whose median outlives two spikes
  constexpr std::size_t most_groups = 8;
  check_times(in_order);
  const std::size_t groups = std::clamp<std::size_t>(in_order.size() / group_size, 1, most_groups);
  double lowest = std::numeric_limits<double>::infinity();
  double highest = 0;
  for (std::size_t group = 0; group < groups; ++group) {
    const std::size_t begin = group * in_order.size() / groups;
    const std::size_t end = (group + 1) * in_order.size() / groups;
    const auto part = in_order.subspan(begin, end - begin);
    const double middle = median({part.begin(), part.end()});
    lowest = std::min(lowest, middle);
    highest = std::max(highest, middle);
  }
  return highest / lowest - 1;
}

}  // namespace moliere::stats
