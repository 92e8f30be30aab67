// SPDX-License-Identifier: Apache-2.0
#include "moliere/page/detail/describe.hpp"

#include "moliere/page/detail/text.hpp"

#include <algorithm>
#include <cmath>
#include <optional>
#include <span>

#include <fmt/format.h>

namespace moliere::page::detail {
namespace {

struct Extremes {
  std::size_t least = 0;
  std::size_t most = 0;
};

/// Where the least and the greatest finite value are; nothing when none is finite.
std::optional<Extremes> extremes(std::span<const double> values) {
  std::optional<Extremes> out;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!std::isfinite(values[i])) continue;
    if (!out) out = Extremes{i, i};
    if (values[i] < values[out->least]) out->least = i;
    if (values[i] > values[out->most]) out->most = i;
  }
  return out;
}

std::string place(const Series& series, const Axis& x, std::size_t i) {
  if (!x.categories.empty()) return x.categories[i];
  if (series.kind == SeriesKind::steps) {
    return fmt::format("{} to {}", in_words(series.x[i]), in_words(series.x[i + 1]));
  }
  return in_words(series.x[i]);
}

std::string describe(const Series& series, const Axis& x) {
  const auto at = extremes(series.y);
  if (!at) return fmt::format("{} has no values", series.name);
  return fmt::format("{} goes from {} at {} to {} at {}", series.name,
                     in_words(series.y[at->least]), place(series, x, at->least),
                     in_words(series.y[at->most]), place(series, x, at->most));
}

std::string describe_range(std::span<const double> values) {
  const auto at = extremes(values);
  if (!at) return "without values";
  return fmt::format("values from {} to {}", in_words(values[at->least]),
                     in_words(values[at->most]));
}

}  // namespace

std::string describe(const Chart& chart) {
  std::string out =
      fmt::format("{}: {} over {}", chart.title, label_with_unit(chart.y.label, chart.y.unit),
                  label_with_unit(chart.x.label, chart.x.unit));
  for (const Series& series : chart.series) out += "; " + describe(series, chart.x);
  return out + ".";
}

std::string describe(const HeatMapGrid& grid) {
  std::vector<double> all;
  for (const PolarMap& map : grid.maps) {
    all.insert(all.end(), map.values.begin(), map.values.end());
  }
  return fmt::format("{}: {} polar maps of {}, {}.", grid.title, grid.maps.size(),
                     label_with_unit(grid.scale.label, grid.scale.unit), describe_range(all));
}

std::string describe(const MatrixMap& matrix) {
  return fmt::format("{}: {} by {} cells of {}, {}.", matrix.title, matrix.rows.size(),
                     matrix.columns.size(), label_with_unit(matrix.scale.label, matrix.scale.unit),
                     describe_range(matrix.values));
}

}  // namespace moliere::page::detail
