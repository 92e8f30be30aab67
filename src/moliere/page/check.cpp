// SPDX-License-Identifier: Apache-2.0
#include "moliere/page/detail/check.hpp"

#include "moliere/core/error.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace moliere::page::detail {
namespace {

bool rises(const std::vector<double>& edges) {
  return std::ranges::all_of(edges, [](double edge) { return std::isfinite(edge); }) &&
         std::ranges::adjacent_find(edges, std::greater_equal<>{}) == edges.end();
}

void check_edges(const std::vector<double>& edges, std::string_view what) {
  if (edges.size() < 2 || !rises(edges)) {
    throw Error(fmt::format("{} do not rise", what),
                "bins need at least two finite edges, each above the one before", "sort the edges");
  }
}

void check_length(std::size_t actual, std::size_t expected, std::string_view what,
                  std::string_view rule) {
  if (actual == expected) return;
  throw Error(fmt::format("{} are {} instead of {}", what, actual, expected), rule,
              "give as many as are needed");
}

void check_limits(const std::optional<double>& min, const std::optional<double>& max, bool log) {
  for (const auto& limit : {min, max}) {
    if (limit && (!std::isfinite(*limit) || (log && *limit <= 0))) {
      throw Error(fmt::format("the limit {} of an axis cannot be drawn", *limit),
                  log ? "a logarithmic axis has positive limits" : "limits are finite",
                  "leave it out, and the range follows the data");
    }
  }
  if (min && max && *min >= *max) {
    throw Error(fmt::format("the limits {} and {} of an axis do not rise", *min, *max),
                "min lies below max", "swap them, or leave them out");
  }
}

void check_title(const std::string& title) {
  if (title.empty()) {
    throw Error("the title is empty", "readers and screen readers find an item by its title",
                "give it a title");
  }
}

void check_panel(const Axis& x, const Axis& y, const std::vector<Series>& all) {
  check_limits(y.min, y.max, y.log);
  if (!y.categories.empty()) {
    throw Error("the y axis has categories", "only an x axis can have names in place of numbers",
                "give them to the x axis");
  }
  for (const Series& series : all) {
    try {
      check(series, x);
    } catch (const Error& error) {
      throw error.about(fmt::format("series '{}'", series.name));
    }
  }
}

}  // namespace

void check_id(const std::string& id) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  const auto allowed = [&](char c) {
    return letter(c) || (c >= '0' && c <= '9') || c == '-' || c == '_';
  };
  if (id.empty() || !letter(id.front()) || !std::ranges::all_of(id, allowed)) {
    throw Error(fmt::format("'{}' cannot be an id", id),
                "ids are letters, digits, '-' and '_', a letter first", "choose another id");
  }
}

void check(const Series& series, const Axis& x) {
  const std::size_t count = series.y.size();
  if (!x.categories.empty()) {
    if (series.kind == SeriesKind::steps || !series.x.empty()) {
      throw Error("a series over categories has x values", "its x are the categories' names",
                  "leave x empty and choose bars, points or line");
    }
    check_length(count, x.categories.size(), "y values", "a series has one y per category");
  } else if (series.kind == SeriesKind::bars) {
    throw Error("bars stand on numbers", "bars are drawn over categories alone",
                "give the x axis categories, or choose steps for a histogram");
  } else if (series.kind == SeriesKind::steps) {
    check_edges(series.x, "the edges of the bins");
    check_length(series.x.size(), count + 1, "edges", "K contents have K + 1 edges");
  } else {
    check_length(series.x.size(), count, "x values", "every y has one x");
  }
  if (!series.lower.empty() || !series.upper.empty()) {
    check_length(series.lower.size(), count, "lower bounds", "bounds are as long as y");
    check_length(series.upper.size(), count, "upper bounds", "bounds are as long as y");
  }
  if (!series.point_names.empty()) {
    check_length(series.point_names.size(), count, "point names", "every y has one name");
  }
}

void check(const Chart& chart) {
  check_title(chart.title);
  check_limits(chart.x.min, chart.x.max, chart.x.log);
  check_panel(chart.x, chart.y, chart.series);
  if (chart.ratio) check_panel(chart.x, chart.ratio->y, chart.ratio->series);
}

void check(const HeatMapGrid& grid) {
  check_title(grid.title);
  check_limits(grid.scale.min, grid.scale.max, grid.scale.log);
  for (const PolarMap& map : grid.maps) {
    try {
      check_edges(map.r_edges, "the r edges");
      if (map.r_edges.front() < 0) {
        throw Error("the first r edge is negative", "r is a distance", "begin at 0");
      }
      if (map.alpha_bins < 1) {
        throw Error(fmt::format("{} alpha bins", map.alpha_bins), "a ring has at least one cell",
                    "give 1 where rings are not cut");
      }
      check_length(map.values.size(),
                   static_cast<std::size_t>(map.alpha_bins) * (map.r_edges.size() - 1), "values",
                   "a map has one value per alpha bin and ring");
    } catch (const Error& error) {
      throw error.about(fmt::format("map '{}'", map.name));
    }
  }
}

void check(const MatrixMap& matrix) {
  check_title(matrix.title);
  check_limits(matrix.scale.min, matrix.scale.max, matrix.scale.log);
  check_length(matrix.values.size(), matrix.rows.size() * matrix.columns.size(), "values",
               "a matrix has one value per row and column");
  if (matrix.diverging && matrix.scale.log) {
    throw Error("a diverging scale is logarithmic", "two colours around 0 need a 0",
                "choose one of the two");
  }
}

void check(const Table& table) {
  for (const auto& row : table.rows) {
    check_length(row.size(), table.columns.size(), "cells of a row",
                 "every row is as long as the columns");
  }
}

void check(const Notes&) {}

void check(const Download& download) {
  if (download.file_name.empty() || download.file_name.find_first_of("/\\") != std::string::npos) {
    throw Error(fmt::format("'{}' is no file name", download.file_name),
                "a browser saves into its own folder", "give a name without a folder");
  }
}

}  // namespace moliere::page::detail
