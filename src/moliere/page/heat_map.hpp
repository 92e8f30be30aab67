// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <optional>
#include <string>
#include <vector>

namespace moliere::page {

/// The common colour scale of a grid of maps. Without limits it follows the values of all maps.
struct ColourScale {
  std::string label;
  std::string unit;
  bool log = false;  ///< values that are not positive are then drawn as empty cells
  std::optional<double> min;
  std::optional<double> max;
};

/// One layer of a calorimeter, seen along the beam: rings cut into equal alpha bins.
struct PolarMap {
  std::string name;
  std::vector<double> r_edges;  ///< (R + 1), rising, from 0 or more
  int alpha_bins = 1;           ///< (A), equal, anticlockwise from alpha = -pi
  std::vector<double> values;   ///< (A, R), r fastest: a row of a shower file, cut by layers
};

/// How wide the rings are drawn.
enum class RadialScale {
  linear,
  equal_rings,  ///< for edges that span orders of magnitude
};

/// Polar maps with one colour scale: an average shower's layers, an event display.
struct HeatMapGrid {
  std::string title;
  ColourScale scale;
  std::string r_unit = "mm";
  RadialScale radial = RadialScale::linear;
  std::vector<PolarMap> maps;
  std::string id;    ///< for links to it; made from section and position where empty
  std::string note;  ///< a short line below the maps
};

/// A matrix as coloured cells: correlations, a confusion matrix.
struct MatrixMap {
  std::string title;
  ColourScale scale;
  bool diverging = false;            ///< two colours around 0, limits symmetric unless given
  std::vector<std::string> rows;     ///< (N) names, drawn from the top
  std::vector<std::string> columns;  ///< (M) names
  std::vector<double> values;        ///< (N, M), columns fastest; what is not finite stays empty
  std::string id;
  std::string note;
};

}  // namespace moliere::page
