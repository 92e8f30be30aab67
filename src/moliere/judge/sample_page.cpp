// SPDX-License-Identifier: Apache-2.0
#include "moliere/judge/sample_page.hpp"

#include "moliere/core/error.hpp"
#include "moliere/core/version.hpp"
#include "moliere/judge/figures.hpp"
#include "moliere/judge/shower_pictures.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <span>

#include <fmt/format.h>

namespace moliere::judge {
namespace {

constexpr double mev_per_gev = 1000;

template <class What>
std::array<Shown<What>, 1> alone(const What& what) {
  return {Shown<What>{"showers", page::ColourRole::first, &what}};
}

struct MeanAndSpread {
  double mean = 0;
  double spread = 0;  ///< standard deviation of the showers
  double error = 0;   ///< standard error of the mean
};

MeanAndSpread mean_and_spread(std::span<const float> values) {
  MeanAndSpread result;
  double squares = 0;
  double seen = 0;
  for (const float value : values) {
    ++seen;
    const double step = static_cast<double>(value) - result.mean;
    result.mean += step / seen;
    squares += step * (static_cast<double>(value) - result.mean);
  }
  if (seen > 1) result.spread = std::sqrt(squares / (seen - 1));
  if (seen > 1) result.error = result.spread / std::sqrt(seen);
  return result;
}

page::Table facts(const SampleView& view) {
  const calo::Observables& showers = view.observables;
  const auto [least, largest] = std::ranges::minmax(showers.incident_energy);
  const std::vector<float> ratios = showers.response();
  const MeanAndSpread response = mean_and_spread(ratios);
  const double filled =
      static_cast<double>(showers.nonzero_voxels) / static_cast<double>(showers.size());
  page::Table table;
  table.columns = {{"", page::Alignment::left}, {"", page::Alignment::left}};
  const auto add = [&](std::string name, std::string value) {
    table.rows.push_back({cell(std::move(name)), cell(std::move(value))});
  };
  add("showers", fmt::to_string(showers.size()));
  add("incident energies",
      fmt::format("{:.4g} to {:.4g} GeV", static_cast<double>(least) / mev_per_gev,
                  static_cast<double>(largest) / mev_per_gev));
  add("E_tot / E_inc, mean", with_error(response.mean, response.error));
  add("E_tot / E_inc, standard deviation", number(response.spread));
  add("voxels with energy in a shower, mean",
      fmt::format("{:.1f} of {}", filled, showers.mean_shower.size()));
  add("largest voxel", fmt::format("{:.4g} MeV", static_cast<double>(showers.largest_voxel)));
  for (const auto& [name, value] : view.attributes) add(name, value);
  return table;
}

/// Few discrete energies as counts, others as a histogram over ln E.
page::Chart energy_chart(const calo::Observables& showers) {
  constexpr std::size_t most_discrete = 20;
  constexpr int bins = 40;
  constexpr double beyond = 1.0001;  // the largest lies inside the last bin
  std::map<float, int> counts;
  for (const float energy : showers.incident_energy) {
    if (counts.size() > most_discrete) break;
    ++counts[energy];
  }
  page::Chart chart;
  chart.title = "Incident energy";
  chart.x = {"E_inc", "MeV"};
  if (counts.size() > most_discrete) {
    const auto [least, largest] = std::ranges::minmax(showers.incident_energy);
    calo::Histogram histogram(
        calo::logarithmic_edges(static_cast<double>(least),
                                static_cast<float>(static_cast<double>(largest) * beyond), bins));
    histogram.add(std::span<const float>(showers.incident_energy));
    std::vector<double> contents(histogram.counts().begin(), histogram.counts().end());
    std::vector<double> errors;
    for (const double count : contents) errors.push_back(std::sqrt(count));
    chart.x.log = true;
    chart.y.label = "showers in a bin";
    chart.series.push_back(
        page::histogram("showers", histogram.edges(), std::move(contents), errors));
    chart.series.back().colour = page::ColourRole::first;
    chart.series.back().filled = true;
    return chart;
  }
  chart.y.label = "showers";
  page::Series series;
  series.name = "showers";
  series.kind = page::SeriesKind::bars;
  series.colour = page::ColourRole::first;
  for (const auto& [energy, count] : counts) {
    chart.x.categories.push_back(fmt::format("{:.6g}", energy));
    series.y.push_back(count);
  }
  chart.series.push_back(std::move(series));
  return chart;
}

page::Section histograms_of(const SampleView& view, const calo::Geometry& geometry, std::string id,
                            std::string title, const std::vector<calo::ObservableKind>& kinds) {
  page::Section section;
  section.id = std::move(id);
  section.title = std::move(title);
  for (const calo::Comparison& histogram : view.histograms) {
    if (std::ranges::find(kinds, histogram.kind) == kinds.end()) continue;
    if (histogram.reference.in_range() == 0) continue;
    page::Chart chart = histogram_chart(title_of(histogram, geometry), axis_of(histogram),
                                        alone(histogram.reference));
    const std::int64_t outside = histogram.reference.entries() - histogram.reference.in_range();
    // Empty layers and voxels have no place on a logarithmic axis.
    if (outside > 0) {
      chart.note = fmt::format(
          "{:.3g} % lie outside the axis{}",
          100.0 * static_cast<double>(outside) / static_cast<double>(histogram.reference.entries()),
          histogram.logarithmic ? " (empty ones among them)" : "");
    }
    section.items.emplace_back(std::move(chart));
  }
  return section;
}

page::Section mean_shower(const SampleView& view, const calo::Geometry& geometry) {
  page::Section section;
  section.id = "mean-shower";
  section.title = "Mean shower";
  section.text = {"Mean energy of each voxel, layer by layer, seen along the beam."};
  const std::vector<double>& mean = view.observables.mean_shower;
  section.items.emplace_back(shower_maps("Mean of all showers", geometry, mean,
                                         "mean energy of a voxel", colour_range(mean)));
  return section;
}

}  // namespace

SampleView view_sample(const calo::ShowerReader& reader, const calo::Geometry& geometry,
                       const std::vector<std::int64_t>& rows, Progress& progress) {
  SampleView view;
  view.file = reader.file();
  view.attributes = reader.attributes();
  for (const std::int64_t row : rows) view.events.push_back(read_event(reader, row, ""));
  view.observables = calo::observe(reader, geometry, progress);
  calo::require_no_negative(view.observables, reader.file());
  const calo::Histogram voxels = calo::voxel_spectrum(
      reader, geometry, calo::voxel_edges(geometry, view.observables), progress);
  view.histograms =
      calo::compare_observables(geometry, view.observables, view.observables, voxels, voxels);
  if (rows.empty()) {
    for (const std::int64_t row : telling_rows(reader)) {
      view.events.push_back(read_event(reader, row, ""));
    }
  }
  return view;
}

page::Page sample_page(const SampleView& view, const calo::Geometry& geometry) {
  using Kind = calo::ObservableKind;
  page::Page page;
  page.title = fmt::format("Showers: {}", view.file.filename().string());
  page.subtitle = fmt::format("{} shower{}, geometry {}; Molière {}", view.observables.size(),
                              view.observables.size() == 1 ? "" : "s", geometry.name(), version());

  page::Section summary;
  summary.id = "summary";
  summary.title = "Summary";
  summary.items.emplace_back(facts(view));
  if (geometry.threshold() > 0) {
    summary.text = {
        fmt::format("Voxels below {:.4g} MeV, the threshold of the geometry, count as "
                    "empty. Bands and bars are statistical errors.",
                    geometry.threshold())};
  }
  page.sections.push_back(std::move(summary));

  page::Section energies =
      histograms_of(view, geometry, "energies", "Response and voxels",
                    {Kind::response, Kind::voxel_energy, Kind::response_at_energy});
  energies.items.insert(energies.items.begin() + (energies.items.empty() ? 0 : 1),
                        energy_chart(view.observables));
  page.sections.push_back(std::move(energies));

  page::Section profiles;
  profiles.id = "profiles";
  profiles.title = "Longitudinal and radial profiles";
  profiles.text = {"Mean over all showers with its standard error."};
  profiles.items = profile_charts(geometry, alone(view.observables));
  page.sections.push_back(std::move(profiles));

  page.sections.push_back(mean_shower(view, geometry));

  page::Section events;
  events.id = "events";
  events.title = "Single showers";
  events.text = {"Each on its own colour scale; rows count from 0."};
  for (const EventDisplay& event : view.events) {
    events.items.emplace_back(event_maps(event, geometry));
  }
  page.sections.push_back(std::move(events));

  page.sections.push_back(
      histograms_of(view, geometry, "layer-energies", "Layer energies", {Kind::layer_energy}));
  return page;
}

}  // namespace moliere::judge
