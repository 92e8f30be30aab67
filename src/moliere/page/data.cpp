// SPDX-License-Identifier: Apache-2.0
#include "moliere/page/detail/data.hpp"

#include "moliere/page/detail/text.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace moliere::page::detail {
namespace {

// Screens have some 1e3 pixels across a chart, and 4 digits are shown on hovering: 4 for contents
// of bins, 5 for other values, which may be drawn on a range far from 0, 3 for lengths of error
// bars. Positions may lie close together far from 0 (times, edges): 7.
constexpr int position_digits = 7;
constexpr int value_digits = 5;
constexpr int content_digits = 4;
constexpr int error_digits = 3;
// Maps may have 40500 cells, and a colour scale tells some 100 shades apart.
constexpr int cell_digits = 3;
// Fewer edges are not worth the words that describe them.
constexpr std::size_t long_edges = 8;

void append_key(std::string& out, std::string_view key) {
  if (out.back() != '{') out += ',';
  out += '"';
  out += key;
  out += "\":";
}

void append_text(std::string& out, std::string_view key, std::string_view text) {
  if (text.empty()) return;
  append_key(out, key);
  out += quoted(text);
}

void append_flag(std::string& out, std::string_view key, bool flag) {
  if (!flag) return;
  append_key(out, key);
  out += "true";
}

void append_integer(std::string& out, std::string_view key, long value) {
  append_key(out, key);
  out += std::to_string(value);
}

void append_limit(std::string& out, std::string_view key, const std::optional<double>& limit) {
  if (!limit) return;
  append_key(out, key);
  append_number(out, *limit, position_digits);
}

void append_texts(std::string& out, std::string_view key, const std::vector<std::string>& texts) {
  if (texts.empty()) return;
  append_key(out, key);
  out += '[';
  for (std::size_t i = 0; i < texts.size(); ++i) {
    if (i > 0) out += ',';
    out += quoted(texts[i]);
  }
  out += ']';
}

/// Whether x_i lies within 1e-7 of the range of where `count` equal steps would put it.
bool equal_steps(const std::vector<double>& x) {
  const double step = (x.back() - x.front()) / static_cast<double>(x.size() - 1);
  const double tolerance = 1e-7 * std::abs(x.back() - x.front());
  for (std::size_t i = 0; i < x.size(); ++i) {
    const bool near = std::abs(x[i] - (x.front() + step * static_cast<double>(i))) <= tolerance;
    if (!near) return false;  // NaN and inf too
  }
  return step > 0;
}

std::vector<double> logarithms(const std::vector<double>& x) {
  std::vector<double> out(x.size());
  std::ranges::transform(x, out.begin(), [](double value) { return std::log(value); });
  return out;
}

/// {"from":a,"to":b,"count":n} for equal steps, with "log":true for equal factors, else a list.
std::string positions(const std::vector<double>& x) {
  const bool linear = x.size() >= long_edges && equal_steps(x);
  const bool log = !linear && x.size() >= long_edges && equal_steps(logarithms(x));
  std::string out;
  if (linear || log) {
    // All digits: the edges between are made from these two.
    out += fmt::format("{{\"from\":{},\"to\":{},\"count\":{}", x.front(), x.back(), x.size());
    append_flag(out, "log", log);
    out += '}';
  } else {
    append_numbers(out, x, position_digits);
  }
  return out;
}

/// Distances from y to a bound: they need fewer digits than the bound.
std::vector<double> distances(const std::vector<double>& a, const std::vector<double>& b) {
  std::vector<double> out(a.size());
  std::ranges::transform(a, b, out.begin(), std::minus<>{});
  return out;
}

/// Whether two lists of lengths of error bars are the same to the digits that are written.
bool same_lengths(const std::vector<double>& down, const std::vector<double>& up) {
  return std::ranges::equal(down, up, [](double a, double b) {
    if (!std::isfinite(a) || !std::isfinite(b)) return std::isfinite(a) == std::isfinite(b);
    return std::abs(a - b) <= 1e-3 * std::abs(a);
  });
}

void append_bounds(std::string& out, const Series& series) {
  if (series.lower.empty()) return;
  const std::vector<double> down = distances(series.y, series.lower);
  const std::vector<double> up = distances(series.upper, series.y);
  append_key(out, "down");
  append_numbers(out, down, error_digits);
  if (same_lengths(down, up)) return;  // page.js takes `down` for both
  append_key(out, "up");
  append_numbers(out, up, error_digits);
}

std::string_view name_of(SeriesKind kind) {
  switch (kind) {
    case SeriesKind::line:
      return "line";
    case SeriesKind::steps:
      return "steps";
    case SeriesKind::points:
      return "points";
    case SeriesKind::bars:
      return "bars";
  }
  return "line";
}

/// The series of one panel; `known` are the x written so far, which later ones refer to by number.
void append_series(std::string& out, const std::vector<Series>& all,
                   const std::vector<int>& colours,
                   std::vector<const std::vector<double>*>& known) {
  out += '[';
  for (std::size_t i = 0; i < all.size(); ++i) {
    const Series& series = all[i];
    if (i > 0) out += ',';
    out += '{';
    append_text(out, "name", series.name);
    append_text(out, "kind", name_of(series.kind));
    append_integer(out, "colour", colours[i]);
    append_flag(out, "filled", series.filled);
    if (!series.x.empty()) {
      const auto same = std::ranges::find_if(known, [&](auto* x) { return *x == series.x; });
      append_key(out, "x");
      out += same != known.end() ? std::to_string(same - known.begin()) : positions(series.x);
      if (same == known.end()) known.push_back(&series.x);
    }
    append_key(out, "y");
    append_numbers(out, series.y, series.kind == SeriesKind::steps ? content_digits : value_digits);
    append_bounds(out, series);
    append_texts(out, "names", series.point_names);
    out += '}';
  }
  out += ']';
}

void append_axis(std::string& out, std::string_view key, const Axis& axis) {
  append_key(out, key);
  out += '{';
  append_text(out, "label", label_with_unit(axis.label, axis.unit));
  append_flag(out, "log", axis.log);
  append_limit(out, "min", axis.min);
  append_limit(out, "max", axis.max);
  append_texts(out, "categories", axis.categories);
  out += '}';
}

void append_scale(std::string& out, const ColourScale& scale) {
  append_key(out, "scale");
  out += '{';
  append_text(out, "label", label_with_unit(scale.label, scale.unit));
  append_flag(out, "log", scale.log);
  append_limit(out, "min", scale.min);
  append_limit(out, "max", scale.max);
  out += '}';
}

/// A sample keeps its colour in the ratio panel: there it is found by its name.
std::vector<int> colours_of_ratio(const std::vector<Series>& ratio,
                                  const std::vector<Series>& series,
                                  const std::vector<int>& colours) {
  std::vector<int> out = palette(ratio);
  for (std::size_t i = 0; i < ratio.size(); ++i) {
    const auto same = std::ranges::find(series, ratio[i].name, &Series::name);
    if (same != series.end()) out[i] = colours[static_cast<std::size_t>(same - series.begin())];
  }
  return out;
}

}  // namespace

std::vector<int> palette(const std::vector<Series>& series) {
  std::vector<int> out;
  int next = 1;
  for (const Series& one : series) {
    switch (one.colour) {
      case ColourRole::automatic:
        out.push_back(next++);
        break;
      case ColourRole::reference:
        out.push_back(0);
        break;
      case ColourRole::muted:
        out.push_back(-1);
        break;
      default:
        out.push_back(static_cast<int>(one.colour) - static_cast<int>(ColourRole::first) + 1);
    }
  }
  return out;
}

std::string data(const Chart& chart) {
  std::string out = "{";
  append_text(out, "kind", "chart");
  append_text(out, "title", chart.title);
  append_axis(out, "x", chart.x);
  append_axis(out, "y", chart.y);
  const std::vector<int> colours = palette(chart.series);
  std::vector<const std::vector<double>*> known;
  append_key(out, "series");
  append_series(out, chart.series, colours, known);
  if (chart.ratio) {
    append_key(out, "ratio");
    out += '{';
    append_axis(out, "y", chart.ratio->y);
    append_key(out, "series");
    append_series(out, chart.ratio->series,
                  colours_of_ratio(chart.ratio->series, chart.series, colours), known);
    out += '}';
  }
  return out + '}';
}

std::string data(const HeatMapGrid& grid) {
  std::string out = "{";
  append_text(out, "kind", "polar");
  append_text(out, "title", grid.title);
  append_scale(out, grid.scale);
  append_text(out, "unit", grid.r_unit);
  append_flag(out, "equal_rings", grid.radial == RadialScale::equal_rings);
  append_key(out, "maps");
  out += '[';
  std::vector<const std::vector<double>*> known;
  for (const PolarMap& map : grid.maps) {
    if (out.back() != '[') out += ',';
    out += '{';
    append_text(out, "name", map.name);
    append_key(out, "r");
    const auto same = std::ranges::find_if(known, [&](auto* r) { return *r == map.r_edges; });
    out += same != known.end() ? std::to_string(same - known.begin()) : positions(map.r_edges);
    if (same == known.end()) known.push_back(&map.r_edges);
    append_integer(out, "alpha", map.alpha_bins);
    append_key(out, "values");
    append_numbers(out, map.values, cell_digits);
    out += '}';
  }
  return out + "]}";
}

std::string data(const MatrixMap& matrix) {
  std::string out = "{";
  append_text(out, "kind", "matrix");
  append_text(out, "title", matrix.title);
  append_scale(out, matrix.scale);
  append_flag(out, "diverging", matrix.diverging);
  append_texts(out, "rows", matrix.rows);
  append_texts(out, "columns", matrix.columns);
  append_key(out, "values");
  append_numbers(out, matrix.values, cell_digits);
  return out + '}';
}

std::string data(const Download& download) {
  std::string out = "{";
  append_text(out, "kind", "download");
  append_text(out, "name", download.file_name);
  append_text(out, "type", download.media_type);
  append_key(out, "text");
  out += quoted(download.text);
  return out + '}';
}

}  // namespace moliere::page::detail
