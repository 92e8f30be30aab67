// SPDX-License-Identifier: Apache-2.0
#include "moliere/calo/geometry.hpp"
#include "moliere/core/error.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

/// The data sets of the CaloChallenge (arXiv:2410.21611, section 2).
namespace moliere::calo {
namespace {

/// Data sets 1 come from ATLAS's open data; the challenge cuts voxels at 1 MeV.
constexpr double ds1_threshold = 1.0;
/// Data sets 2 and 3: half a keV read out in silicon, over its sampling fraction 0.033 [MeV].
constexpr double silicon_threshold = 0.5e-3 / 0.033;
constexpr int silicon_layers = 45;

Layer make_layer(int id, std::vector<double> r_edges, int alpha_bins) {
  Layer layer;
  layer.id = id;
  layer.r_edges = std::move(r_edges);
  layer.alpha_bins = alpha_bins;
  return layer;
}

Geometry ds1_photons() {
  std::vector<Layer> layers;
  layers.push_back(make_layer(0, {0, 5, 10, 30, 50, 100, 200, 400, 600}, 1));
  layers.push_back(
      make_layer(1, {0, 2, 4, 6, 8, 10, 12, 15, 20, 30, 40, 50, 70, 90, 120, 150, 200}, 10));
  layers.push_back(make_layer(
      2, {0, 2, 5, 10, 15, 20, 25, 30, 40, 50, 60, 80, 100, 130, 160, 200, 250, 300, 350, 400},
      10));
  layers.push_back(make_layer(3, {0, 50, 100, 200, 400, 600}, 1));
  layers.push_back(make_layer(12, {0, 100, 200, 400, 1000, 2000}, 1));
  return {"ds1-photons", "photon", ds1_threshold, std::move(layers)};
}

Geometry ds1_pions() {
  std::vector<Layer> layers;
  layers.push_back(make_layer(0, {0, 5, 10, 30, 50, 100, 200, 400, 600}, 1));
  layers.push_back(make_layer(1, {0, 1, 4, 7, 10, 15, 30, 50, 90, 150, 200}, 10));
  layers.push_back(make_layer(2, {0, 5, 10, 20, 30, 50, 80, 130, 200, 300, 400}, 10));
  layers.push_back(make_layer(3, {0, 50, 100, 200, 400, 600}, 1));
  layers.push_back(make_layer(
      12, {0, 10, 20, 30, 50, 80, 100, 130, 160, 200, 250, 300, 350, 400, 1000, 2000}, 10));
  layers.push_back(make_layer(
      13, {0, 10, 20, 30, 50, 80, 100, 130, 160, 200, 250, 300, 350, 400, 600, 1000, 2000}, 10));
  layers.push_back(make_layer(14, {0, 50, 100, 150, 200, 250, 300, 400, 600, 1000, 2000}, 1));
  return {"ds1-pions", "pion", ds1_threshold, std::move(layers)};
}

/// 45 equal layers. The ring width is given in micrometres: an integer multiple over 1000 is the
/// double nearest to the decimal edge in the binning file, a sum of widths is not.
Geometry sampled_silicon(std::string name, int rings, int ring_um, int alpha_bins) {
  std::vector<double> edges;
  for (int i = 0; i <= rings; ++i) edges.push_back(i * ring_um / 1000.0);
  std::vector<Layer> layers;
  for (int id = 0; id < silicon_layers; ++id) layers.push_back(make_layer(id, edges, alpha_bins));
  return {std::move(name), "electron", silicon_threshold, std::move(layers)};
}

}  // namespace

const std::vector<std::string>& builtin_geometry_names() {
  static const std::vector<std::string> names{"ds1-photons", "ds1-pions", "ds2", "ds3"};
  return names;
}

Geometry builtin_geometry(std::string_view name) {
  if (name == "ds1-photons") return ds1_photons();
  if (name == "ds1-pions") return ds1_pions();
  if (name == "ds2") return sampled_silicon("ds2", 9, 4650, 16);
  if (name == "ds3") return sampled_silicon("ds3", 18, 2325, 50);
  throw Error(fmt::format("there is no geometry {}", name),
              fmt::format("built in are {}", fmt::join(builtin_geometry_names(), ", ")),
              "choose one of these, or give a binning file (file.xml)");
}

}  // namespace moliere::calo
