// SPDX-License-Identifier: Apache-2.0
#include "moliere/stats/location.hpp"

#include "moliere/core/error.hpp"
#include "moliere/stats/quantile.hpp"
#include "moliere/stats/student.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace moliere::stats {
namespace {

/// Successive rounds in batches. Longer batches suffer less from autocorrelation, more batches
/// know their own scatter better: the square root balances the two, five keeps Student's quantile
/// at 95 % below 3.
Hierarchy batches(const std::vector<double>& rounds) {
  const std::size_t count = rounds.size();
  const auto root = static_cast<std::size_t>(std::sqrt(static_cast<double>(count)));
  const std::size_t parts = std::max(root, std::min<std::size_t>(count, 5));
  Hierarchy result;
  for (std::size_t part = 0; part < parts; ++part)
    result.emplace_back(rounds.begin() + static_cast<std::ptrdiff_t>(part * count / parts),
                        rounds.begin() + static_cast<std::ptrdiff_t>((part + 1) * count / parts));
  return result;
}

}  // namespace

Location locate(const Hierarchy& values, Centre centre) {
  Moments moments;
  for (const auto& rounds : values.size() == 1 ? batches(values.front()) : values)
    moments.add(centre(rounds));
  Location location{.centre = moments.mean(),
                    .standard_error = std::numeric_limits<double>::infinity(),
                    .freedom = 1};
  if (moments.count() > 1) {
    location.standard_error = std::sqrt(moments.variance() / static_cast<double>(moments.count()));
    location.freedom = moments.count() - 1;
  }
  if (values.size() == 1) location.centre = centre(values.front());
  return location;
}

Location difference(const Location& a, const Location& b) {
  const double va = a.standard_error * a.standard_error;
  const double vb = b.standard_error * b.standard_error;
  Location result{.centre = a.centre - b.centre,
                  .standard_error = std::sqrt(va + vb),
                  .freedom = std::min(a.freedom, b.freedom)};
  if (va + vb > 0 && std::isfinite(va + vb)) {
    const double shares =
        va * va / static_cast<double>(a.freedom) + vb * vb / static_cast<double>(b.freedom);
    // Mathematically never below the smaller of the two; the maximum guards against rounding.
    result.freedom =
        std::max(result.freedom, static_cast<std::size_t>((va + vb) * (va + vb) / shares));
  }
  return result;
}

Interval exponential_interval(const Location& location, double level, double widening) {
  const double half_width =
      student_quantile(level, location.freedom) * location.standard_error + widening;
  return {.lower = std::exp(location.centre - half_width),
          .upper = std::exp(location.centre + half_width),
          .level = level};
}

Hierarchy logarithms(const Hierarchy& values, std::string_view what) {
  if (values.empty())
    throw Error(fmt::format("There are no {}", what), "no process was measured",
                "Measure at least one process.");
  Hierarchy result;
  for (const auto& rounds : values) {
    if (rounds.empty())
      throw Error(fmt::format("Process {} has no {}", result.size(), what),
                  "a process without rounds says nothing", "Leave it out.");
    auto& logs = result.emplace_back();
    for (const double value : rounds) {
      if (!(value > 0 && std::isfinite(value)))
        throw Error(fmt::format("{} is among the {} of process {}", value, what, result.size() - 1),
                    "ratios need positive finite numbers",
                    "Look for the round that went wrong, or make its slice longer.");
      logs.push_back(std::log(value));
    }
  }
  return result;
}

}  // namespace moliere::stats
