// SPDX-License-Identifier: Apache-2.0
#include "moliere/page/chart.hpp"

#include "moliere/core/error.hpp"
#include "moliere/page/detail/check.hpp"

#include <cmath>
#include <limits>
#include <utility>

#include <fmt/format.h>

namespace moliere::page {
namespace {

double over(double value, double reference) {
  const bool defined = std::isfinite(reference) && reference != 0;
  return defined ? value / reference : std::numeric_limits<double>::quiet_NaN();
}

std::vector<double> over(const std::vector<double>& values, const std::vector<double>& reference) {
  std::vector<double> out(values.size());
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = over(values[i], reference[i]);
  return out;
}

Series divided(const Series& series, const Series& reference) {
  Series out = series;
  out.filled = false;
  out.y = over(series.y, reference.y);
  out.lower = over(series.lower, reference.y);
  out.upper = over(series.upper, reference.y);
  return out;
}

}  // namespace

Series histogram(std::string name, std::vector<double> edges, std::vector<double> contents,
                 std::span<const double> errors) {
  Series series;
  series.name = std::move(name);
  series.kind = SeriesKind::steps;
  series.x = std::move(edges);
  series.y = std::move(contents);
  detail::check(series, Axis{});
  if (errors.empty()) return series;
  if (errors.size() != series.y.size()) {
    throw Error(fmt::format("{} errors for {} bins", errors.size(), series.y.size()),
                "every bin has one error", "give as many as contents, or none");
  }
  for (std::size_t i = 0; i < errors.size(); ++i) {
    series.lower.push_back(series.y[i] - errors[i]);
    series.upper.push_back(series.y[i] + errors[i]);
  }
  return series;
}

RatioPanel ratio_to(const Series& reference, std::span<const Series> samples) {
  RatioPanel panel;
  panel.y.label = "ratio";
  panel.series.push_back(divided(reference, reference));
  for (const Series& sample : samples) {
    if (sample.x != reference.x || sample.y.size() != reference.y.size()) {
      throw Error(fmt::format("no ratio of '{}' to '{}'", sample.name, reference.name),
                  "their bins differ", "fill both with the same edges");
    }
    panel.series.push_back(divided(sample, reference));
  }
  return panel;
}

}  // namespace moliere::page
