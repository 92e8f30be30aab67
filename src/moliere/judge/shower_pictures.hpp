// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "moliere/calo/geometry.hpp"
#include "moliere/calo/histogram.hpp"
#include "moliere/calo/observables.hpp"
#include "moliere/calo/separation.hpp"
#include "moliere/judge/event_display.hpp"
#include "moliere/page/page.hpp"

#include <span>
#include <string>
#include <vector>

/// Showers as items of a page: what the pages of one sample and of two have in common.
namespace moliere::judge {

/// Something of one of the samples that a picture shows.
template <class What>
struct Shown {
  std::string name;
  page::ColourRole colour = page::ColourRole::first;
  const What* what = nullptr;
};

page::Cell cell(std::string text, page::CellClass kind = page::CellClass::plain);

/// "Energy, layer 3", where the official label is "E layer 3".
std::string title_of(const calo::Comparison& comparison, const calo::Geometry& geometry);
/// The axis that shows an observable: what it is, its unit, its scale.
page::Axis axis_of(const calo::Comparison& comparison);

/// Histograms of one binning as densities with the statistical error of each bin. Where there are
/// several the first is the reference: the panel below shows all over it.
page::Chart histogram_chart(std::string title, page::Axis axis,
                            std::span<const Shown<calo::Histogram>> samples);

/// Energy of each layer, then energy per area in each ring of all layers (where these have the same
/// rings) and of each layer: means with standard errors, and ratios to the first sample where there
/// are several.
std::vector<page::Item> profile_charts(const calo::Geometry& geometry,
                                       std::span<const Shown<calo::Observables>> samples);

/// Limits of a logarithmic colour scale.
struct ColourRange {
  double least = 0;
  double largest = 0;  ///< 0: nothing is above 0
};
/// From the least to the largest energy above 0, over six decades at most.
ColourRange colour_range(std::span<const double> energies);
/// The range that holds both.
ColourRange common_range(ColourRange a, ColourRange b);

/// A shower (V) [MeV], layer by layer, on a logarithmic colour scale.
page::HeatMapGrid shower_maps(std::string title, const calo::Geometry& geometry,
                              std::span<const double> energies, std::string label,
                              ColourRange range);

/// One shower; voxels below the geometry's threshold are empty, as in every figure.
page::HeatMapGrid event_maps(const EventDisplay& event, const calo::Geometry& geometry);

}  // namespace moliere::judge
