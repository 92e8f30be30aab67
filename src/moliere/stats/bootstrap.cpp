// SPDX-License-Identifier: Apache-2.0
#include "moliere/stats/bootstrap.hpp"

#include "moliere/core/error.hpp"
#include "moliere/core/random.hpp"
#include "moliere/stats/quantile.hpp"

#include <cmath>

namespace moliere::stats {

double bootstrap_standard_error(const Hierarchy& values, Centre centre, std::size_t resamples,
                                std::uint64_t seed) {
  if (values.size() < 2 || resamples < 2)
    throw Error(fmt::format("{} processes cannot be resampled {} times", values.size(), resamples),
                "a scatter needs two of each", "Measure more processes.");
  std::vector<double> centres;
  for (const auto& rounds : values) centres.push_back(centre(rounds));

  RandomStream random(seed);
  const auto count = static_cast<std::uint32_t>(centres.size());
  Moments means;
  for (std::size_t i = 0; i < resamples; ++i) {
    double sum = 0;
    for (std::uint32_t drawn = 0; drawn < count; ++drawn) sum += centres[random.below(count)];
    means.add(sum / count);
  }
  return std::sqrt(means.variance() * count / (count - 1));
}

}  // namespace moliere::stats
