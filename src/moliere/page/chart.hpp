// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace moliere::page {

/// One axis: `label [unit]`, linear or logarithmic. Without min and max the range follows the data.
struct Axis {
  std::string label;
  std::string unit;
  bool log = false;
  std::optional<double> min;
  std::optional<double> max;
  /// Names in place of numbers (x axis only): series then have no x, and one y per category.
  std::vector<std::string> categories;
};

enum class SeriesKind {
  line,
  steps,   ///< a histogram: x are K + 1 rising edges, y the K contents
  points,  ///< bounds become error bars
  bars,    ///< grouped, over categories only
};

/// What a series stands for; the page chooses the colour (Okabe and Ito's palette, both themes).
/// Who draws one thing in several charts (an engine, a generator) gives it the same role in each.
enum class ColourRole {
  automatic,  ///< the next of first, second, ...
  reference,  ///< Geant4, the theoretical minimum: black, in the dark theme white
  first,
  second,
  third,
  fourth,
  fifth,
  sixth,
  muted,  ///< guides: a diagonal, a limit
};

struct Series {
  std::string name;
  SeriesKind kind = SeriesKind::line;
  /// Values that are not finite, or not positive on a logarithmic axis, leave gaps.
  std::vector<double> x;
  std::vector<double> y;
  /// Uncertainty as absolute values on the y axis: both empty or both as long as y.
  std::vector<double> lower;
  std::vector<double> upper;
  ColourRole colour = ColourRole::automatic;
  bool filled = false;                   ///< steps: the area below is tinted
  std::vector<std::string> point_names;  ///< empty, or shown with each point on hovering
};

/// A panel below the chart: same x axis, own y axis, with a guide at y = 1.
struct RatioPanel {
  Axis y;
  std::vector<Series> series;
};

struct Chart {
  std::string title;
  Axis x;
  Axis y;
  std::vector<Series> series;
  std::optional<RatioPanel> ratio;
  std::string id;    ///< for links to it; made from section and position where empty
  std::string note;  ///< a short line below the chart
};

/// A histogram as steps: `edges` (K + 1), `contents` (K), `errors` (K or empty, symmetric).
/// Throws Error when the lengths do not fit or the edges do not rise.
Series histogram(std::string name, std::vector<double> edges, std::vector<double> contents,
                 std::span<const double> errors = {});

/// Each sample over the reference, bin by bin, with the sample's own bounds over the reference;
/// first the reference's bounds over itself, as a band around 1. Bins where the reference is 0 or
/// not finite are gaps. Throws Error when a sample's x differ from the reference's.
RatioPanel ratio_to(const Series& reference, std::span<const Series> samples);

}  // namespace moliere::page
