// SPDX-License-Identifier: Apache-2.0
#include "moliere/judge/shower_pictures.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include <fmt/format.h>

namespace moliere::judge {
namespace {

/// All samples over the first one.
void add_ratio(page::Chart& chart) {
  if (chart.series.size() < 2) return;
  chart.ratio = page::ratio_to(chart.series[0], std::span(chart.series).subspan(1));
  chart.ratio->y.label = "ratio";
}

const char* quantity_of(calo::ObservableKind kind) {
  using Kind = calo::ObservableKind;
  switch (kind) {
    case Kind::response:
    case Kind::response_at_energy:
      return "E_tot / E_inc";
    case Kind::layer_energy:
      return "Energy";
    case Kind::centre_eta:
      return "Centre of energy in eta";
    case Kind::centre_phi:
      return "Centre of energy in phi";
    case Kind::width_eta:
      return "Width in eta";
    case Kind::width_phi:
      return "Width in phi";
    case Kind::voxel_energy:
      return "Voxel energy";
    case Kind::sparsity:
      return "Sparsity";
    case Kind::centre_r:
      return "Centre of energy in r";
    case Kind::width_r:
      return "Width in r";
  }
  return "";
}

page::Series profile_series(const Shown<calo::Profile>& sample, const std::vector<double>& x) {
  page::Series series;
  series.name = sample.name;
  series.kind = page::SeriesKind::points;
  series.x = x;
  series.y = sample.what->mean;
  series.colour = sample.colour;
  for (std::size_t i = 0; i < series.y.size(); ++i) {
    const double error = sample.what->standard_error[i];
    series.lower.push_back(series.y[i] - error);
    series.upper.push_back(series.y[i] + error);
  }
  return series;
}

page::Chart profile_chart(std::string title, page::Axis x_axis, page::Axis y_axis,
                          const std::vector<double>& x,
                          const std::vector<Shown<calo::Profile>>& samples) {
  page::Chart chart;
  chart.title = std::move(title);
  chart.x = std::move(x_axis);
  chart.y = std::move(y_axis);
  for (const Shown<calo::Profile>& sample : samples) {
    chart.series.push_back(profile_series(sample, x));
  }
  add_ratio(chart);
  return chart;
}

/// Rings of ds1 span orders of magnitude.
bool rings_differ(std::span<const calo::Layer> layers) {
  constexpr double much_wider = 5;
  double narrowest = INFINITY;
  double widest = 0;
  for (const calo::Layer& layer : layers) {
    for (std::size_t ring = 0; ring + 1 < layer.r_edges.size(); ++ring) {
      const double width = layer.r_edges[ring + 1] - layer.r_edges[ring];
      narrowest = std::min(narrowest, width);
      widest = std::max(widest, width);
    }
  }
  return widest > much_wider * narrowest;
}

/// Energy of rings over their area: rings of unlike widths make one smooth curve.
calo::Profile per_area(calo::Profile profile, const calo::Layer& layer) {
  for (std::size_t ring = 0; ring < profile.mean.size(); ++ring) {
    const double inner = layer.r_edges[ring];
    const double outer = layer.r_edges[ring + 1];
    const double area = std::numbers::pi * (outer * outer - inner * inner);
    profile.mean[ring] /= area;
    profile.standard_error[ring] /= area;
  }
  return profile;
}

/// `choose` takes the profile of `layer`'s rings from each sample's observables.
template <class Choose>
page::Chart radial_chart(std::string title, const calo::Layer& layer,
                         std::span<const Shown<calo::Observables>> samples, const Choose& choose) {
  std::vector<calo::Profile> profiles;
  for (const auto& sample : samples) profiles.push_back(per_area(choose(*sample.what), layer));
  std::vector<Shown<calo::Profile>> shown;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    shown.push_back({samples[i].name, samples[i].colour, &profiles[i]});
  }
  std::vector<double> centres;
  for (int r = 0; r < layer.r_bins(); ++r) centres.push_back(layer.r_centre(r));
  return profile_chart(std::move(title), {"r", "mm", rings_differ({&layer, 1})},
                       {"mean energy / area", "MeV/mm²", true}, centres, shown);
}

page::Chart longitudinal_chart(const calo::Geometry& geometry,
                               std::span<const Shown<calo::Observables>> samples) {
  std::vector<double> ids;
  for (const calo::Layer& layer : geometry.layers()) ids.push_back(layer.id);
  std::vector<Shown<calo::Profile>> shown;
  for (const auto& sample : samples) {
    shown.push_back({sample.name, sample.colour, &sample.what->longitudinal});
  }
  return profile_chart("Longitudinal profile", {"layer", ""}, {"mean energy", "MeV", true}, ids,
                       shown);
}

}  // namespace

page::Cell cell(std::string text, page::CellClass kind) {
  page::Cell result;
  result.text = std::move(text);
  result.kind = kind;
  return result;
}

std::string title_of(const calo::Comparison& comparison, const calo::Geometry& geometry) {
  // The official label ends with the energy in MeV, without saying so.
  if (comparison.kind == calo::ObservableKind::response_at_energy) return comparison.name + " MeV";
  std::string title = quantity_of(comparison.kind);
  if (comparison.layer >= 0) {
    const auto layer = static_cast<std::size_t>(comparison.layer);
    title += fmt::format(", layer {}", geometry.layers()[layer].id);
  }
  return title;
}

page::Axis axis_of(const calo::Comparison& comparison) {
  return {quantity_of(comparison.kind), comparison.unit, comparison.logarithmic};
}

page::Chart histogram_chart(std::string title, page::Axis axis,
                            std::span<const Shown<calo::Histogram>> samples) {
  page::Chart chart;
  chart.title = std::move(title);
  chart.y.label = "density";
  if (!axis.unit.empty()) chart.y.unit = "1/" + axis.unit;
  chart.y.log = axis.log;
  chart.x = std::move(axis);
  for (const Shown<calo::Histogram>& sample : samples) {
    const calo::Histogram& histogram = *sample.what;
    chart.series.push_back(page::histogram(sample.name, histogram.edges(), histogram.densities(),
                                           histogram.density_errors()));
    chart.series.back().colour = sample.colour;
  }
  if (!chart.series.empty()) chart.series[0].filled = true;
  add_ratio(chart);
  if (chart.ratio) {
    // Tails scatter widely; this is what generators of today are looked at in.
    chart.ratio->y.min = 0.5;
    chart.ratio->y.max = 1.5;
  }
  return chart;
}

std::vector<page::Item> profile_charts(const calo::Geometry& geometry,
                                       std::span<const Shown<calo::Observables>> samples) {
  std::vector<page::Item> charts;
  const std::vector<calo::Layer>& layers = geometry.layers();
  charts.emplace_back(longitudinal_chart(geometry, samples));
  if (!samples.front().what->radial_sum.mean.empty()) {
    charts.emplace_back(radial_chart("Radial profile, all layers", layers.front(), samples,
                                     [](const auto& one) { return one.radial_sum; }));
  }
  for (std::size_t i = 0; i < layers.size(); ++i) {
    charts.emplace_back(radial_chart(fmt::format("Radial profile, layer {}", layers[i].id),
                                     layers[i], samples,
                                     [i](const auto& one) { return one.radial[i]; }));
  }
  return charts;
}

ColourRange colour_range(std::span<const double> energies) {
  constexpr double decades = 1e6;  // as many as colours tell apart
  ColourRange range{INFINITY, 0};
  for (const double energy : energies) {
    if (!(energy > 0)) continue;
    range.least = std::min(range.least, energy);
    range.largest = std::max(range.largest, energy);
  }
  range.least = std::max(range.least, range.largest / decades);
  return range;
}

ColourRange common_range(ColourRange a, ColourRange b) {
  if (!(a.largest > 0)) return b;
  if (!(b.largest > 0)) return a;
  return {std::min(a.least, b.least), std::max(a.largest, b.largest)};
}

page::HeatMapGrid shower_maps(std::string title, const calo::Geometry& geometry,
                              std::span<const double> energies, std::string label,
                              ColourRange range) {
  constexpr double decade = 10;
  page::HeatMapGrid grid;
  grid.title = std::move(title);
  grid.scale = {std::move(label), "MeV", true};
  if (range.largest > 0) {
    grid.scale.min = std::min(range.least, range.largest / decade);
    grid.scale.max = range.largest;
  }
  grid.radial =
      rings_differ(geometry.layers()) ? page::RadialScale::equal_rings : page::RadialScale::linear;
  for (const calo::Layer& layer : geometry.layers()) {
    const auto voxels = energies.subspan(static_cast<std::size_t>(layer.first_voxel),
                                         static_cast<std::size_t>(layer.voxels()));
    page::PolarMap map;
    map.name = fmt::format("layer {}", layer.id);
    map.r_edges = layer.r_edges;
    map.alpha_bins = layer.alpha_bins;
    map.values.assign(voxels.begin(), voxels.end());
    grid.maps.push_back(std::move(map));
  }
  return grid;
}

page::HeatMapGrid event_maps(const EventDisplay& event, const calo::Geometry& geometry) {
  const auto threshold = static_cast<float>(geometry.threshold());
  std::vector<double> energies;
  for (const float energy : event.energies) {
    energies.push_back(energy < threshold ? 0.0 : static_cast<double>(energy));
  }
  return shower_maps(event.title, geometry, energies, "energy", colour_range(energies));
}

}  // namespace moliere::judge
