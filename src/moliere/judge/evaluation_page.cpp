// SPDX-License-Identifier: Apache-2.0
#include "moliere/judge/evaluation_page.hpp"

#include "moliere/core/json.hpp"
#include "moliere/core/version.hpp"
#include "moliere/judge/evaluation_text.hpp"
#include "moliere/judge/figures.hpp"
#include "moliere/page/chart.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include <fmt/format.h>

namespace moliere::judge {
namespace {

const char* const reference_name = "reference";
const char* const sample_name = "generated";

page::Cell cell(std::string text, page::CellClass kind = page::CellClass::plain) {
  page::Cell result;
  result.text = std::move(text);
  result.kind = kind;
  return result;
}

/// Green where a figure is not above its floor (which has half the showers, so is about twice the
/// statistical one of the whole), red where it is many times that.
page::CellClass near_floor(double value, double floor) {
  constexpr double at_floor = 1;
  constexpr double far_off = 5;
  if (!std::isfinite(value) || !std::isfinite(floor) || floor <= 0) return page::CellClass::plain;
  if (value <= at_floor * floor) return page::CellClass::good;
  return value > far_off * floor ? page::CellClass::bad : page::CellClass::plain;
}

class SummaryTable {
 public:
  SummaryTable() {
    table_.columns = {{"figure", page::Alignment::left},
                      {"generated", page::Alignment::right},
                      {"floor: halves of the reference", page::Alignment::right},
                      {"", page::Alignment::left}};
  }
  void add(std::string name, std::string value, std::string floor, std::string remark = "",
           page::CellClass kind = page::CellClass::plain) {
    table_.rows.push_back({cell(std::move(name)), cell(std::move(value), kind),
                           cell(std::move(floor), page::CellClass::muted),
                           cell(std::move(remark), page::CellClass::muted)});
  }
  page::Table take() { return std::move(table_); }

 private:
  page::Table table_;
};

void add_classifiers(SummaryTable& table, const Evaluation& evaluation) {
  constexpr double certain = 3;  // standard errors
  for (const ClassifierResult& result : evaluation.classifiers) {
    const std::string name = fmt::format("classifier AUC, {}", result.features);
    if (!result.problem.empty()) {
      table.add(name, "-", "-", result.problem);
      continue;
    }
    const RunStatistics auc = auc_statistics(result.runs);
    const RunStatistics floor = auc_statistics(result.floor_runs);
    const bool at_floor = !result.floor_runs.empty() &&
                          std::fabs(auc.mean - floor.mean) <=
                              certain * std::hypot(auc.standard_error, floor.standard_error);
    table.add(name, with_error(auc.mean, auc.standard_deviation),
              result.floor_runs.empty() ? "-" : with_error(floor.mean, floor.standard_deviation),
              fmt::format("{} runs; 0.5: cannot be told apart", result.runs.size()),
              at_floor ? page::CellClass::good : page::CellClass::plain);
  }
}

page::Table summary_table(const Evaluation& evaluation) {
  constexpr double scale = 1000;  // as in published tables
  constexpr double certain = 3;   // standard errors
  SummaryTable table;
  const double z = evaluation.response.z_at_energy;
  table.add("mean E_tot / E_inc: difference in standard errors (z)", fmt::format("{:+.2f}", z),
            fmt::format("{:+.2f}", evaluation.response_floor.z_at_energy), "|z| < 3 is chance",
            std::fabs(z) < certain ? page::CellClass::good : page::CellClass::bad);
  for (const SeparationSummary& summary : summarise_separations(evaluation)) {
    table.add("separation power: " + summary.name, number(summary.mean), number(summary.floor),
              summary.worst > summary.mean
                  ? fmt::format("worst: {} ({})", summary.worst_name, number(summary.worst))
                  : "",
              near_floor(summary.mean, summary.floor));
  }
  const auto distance = [&](const char* name, const Figure& figure) {
    table.add(name, with_error(scale * figure.value, scale * figure.error),
              with_error(scale * figure.floor, scale * figure.floor_error), "",
              near_floor(figure.value, figure.floor));
  };
  distance("FPD × 1000", evaluation.frechet);
  distance("KPD × 1000", evaluation.kernel);
  const std::string pairs = fmt::format("{} showers of each", evaluation.neighbour_rows);
  table.add("precision", number(evaluation.prdc.precision), number(evaluation.prdc_floor.precision),
            pairs);
  table.add("recall", number(evaluation.prdc.recall), number(evaluation.prdc_floor.recall), pairs);
  table.add("density", number(evaluation.prdc.density), number(evaluation.prdc_floor.density));
  table.add("coverage", number(evaluation.prdc.coverage), number(evaluation.prdc_floor.coverage));
  table.add(
      "layer correlation: largest difference", number(evaluation.correlation_difference.value),
      number(evaluation.correlation_difference.floor), "",
      near_floor(evaluation.correlation_difference.value, evaluation.correlation_difference.floor));
  add_classifiers(table, evaluation);
  if (evaluation.memorisation) {
    const calo::Memorisation& it = *evaluation.memorisation;
    table.add("memorisation: distance to training showers over that of held-out ones",
              fmt::format("{:.3f} [{:.3f}, {:.3f}]", it.ratio, it.ratio_interval.low,
                          it.ratio_interval.high),
              "1", std::string(calo::to_string(it.verdict)),
              it.verdict == calo::MemorisationVerdict::none ? page::CellClass::good
                                                            : page::CellClass::bad);
  }
  return table.take();
}

page::Series densities(const char* name, const calo::Histogram& histogram, page::ColourRole role) {
  page::Series series =
      page::histogram(name, histogram.edges(), histogram.densities(), histogram.density_errors());
  series.colour = role;
  return series;
}

/// Nothing where one of the two has no entry in range.
std::optional<page::Chart> comparison_chart(const calo::Comparison& comparison, double floor) {
  if (std::isnan(comparison.separation)) return std::nullopt;
  page::Chart chart;
  chart.title = comparison.name;
  chart.x = {comparison.name, comparison.unit, comparison.logarithmic};
  chart.y.label = "density";
  chart.y.log = comparison.logarithmic;
  chart.series = {densities(reference_name, comparison.reference, page::ColourRole::reference),
                  densities(sample_name, comparison.sample, page::ColourRole::first)};
  chart.series[0].filled = true;
  chart.ratio = page::ratio_to(chart.series[0], std::span(chart.series).subspan(1));
  chart.ratio->y.label = "ratio";
  chart.ratio->y.min = 0.5;
  chart.ratio->y.max = 1.5;
  chart.note = fmt::format("separation {} (halves of the reference {}), chi2 / ndf {:.1f} / {}",
                           number(comparison.separation), number(floor),
                           comparison.chi_square.value, comparison.chi_square.degrees);
  return chart;
}

page::Section histograms(const Evaluation& evaluation, std::string id, std::string title,
                         const std::vector<calo::ObservableKind>& kinds) {
  page::Section section;
  section.id = std::move(id);
  section.title = std::move(title);
  for (std::size_t i = 0; i < evaluation.comparisons.size(); ++i) {
    const calo::Comparison& comparison = evaluation.comparisons[i];
    if (std::ranges::find(kinds, comparison.kind) == kinds.end()) continue;
    if (auto chart = comparison_chart(comparison, evaluation.separation_floors[i])) {
      section.items.emplace_back(*std::move(chart));
    }
  }
  return section;
}

page::Series profile_series(const char* name, const std::vector<double>& x,
                            const calo::Profile& profile, page::ColourRole role) {
  page::Series series;
  series.name = name;
  series.kind = page::SeriesKind::points;
  series.x = x;
  series.y = profile.mean;
  series.colour = role;
  for (std::size_t i = 0; i < profile.mean.size(); ++i) {
    series.lower.push_back(profile.mean[i] - profile.standard_error[i]);
    series.upper.push_back(profile.mean[i] + profile.standard_error[i]);
  }
  return series;
}

page::Chart profile_chart(std::string title, page::Axis axis, const std::vector<double>& x,
                          const calo::Profile& reference, const calo::Profile& sample) {
  page::Chart chart;
  chart.title = std::move(title);
  chart.x = std::move(axis);
  chart.y = {"mean energy", "MeV", true};
  chart.series = {profile_series(reference_name, x, reference, page::ColourRole::reference),
                  profile_series(sample_name, x, sample, page::ColourRole::first)};
  chart.ratio = page::ratio_to(chart.series[0], std::span(chart.series).subspan(1));
  chart.ratio->y.label = "ratio";
  return chart;
}

page::Section profiles(const Evaluation& evaluation, const calo::Geometry& geometry) {
  page::Section section;
  section.id = "profiles";
  section.title = "Longitudinal and radial profiles";
  std::vector<double> layers;
  for (const calo::Layer& layer : geometry.layers()) layers.push_back(layer.id);
  section.items.emplace_back(profile_chart("Longitudinal profile", {"layer", ""}, layers,
                                           evaluation.reference.longitudinal,
                                           evaluation.sample.longitudinal));
  const auto rings = [](const calo::Layer& layer) {
    std::vector<double> centres;
    for (int r = 0; r < layer.r_bins(); ++r) centres.push_back(layer.r_centre(r));
    return centres;
  };
  if (!evaluation.reference.radial_sum.mean.empty()) {
    section.items.emplace_back(
        profile_chart("Radial profile, all layers", {"r", "mm"}, rings(geometry.layers().front()),
                      evaluation.reference.radial_sum, evaluation.sample.radial_sum));
  }
  for (std::size_t i = 0; i < geometry.layers().size(); ++i) {
    const calo::Layer& layer = geometry.layers()[i];
    section.items.emplace_back(
        profile_chart(fmt::format("Radial profile, layer {}", layer.id), {"r", "mm"}, rings(layer),
                      evaluation.reference.radial[i], evaluation.sample.radial[i]));
  }
  return section;
}

/// Rings of ds1 span orders of magnitude.
page::RadialScale radial_scale(const calo::Geometry& geometry) {
  constexpr double much_wider = 5;
  double narrowest = INFINITY;
  double widest = 0;
  for (const calo::Layer& layer : geometry.layers()) {
    for (int r = 0; r < layer.r_bins(); ++r) {
      const auto ring = static_cast<std::size_t>(r);
      const double width = layer.r_edges[ring + 1] - layer.r_edges[ring];
      narrowest = std::min(narrowest, width);
      widest = std::max(widest, width);
    }
  }
  return widest > much_wider * narrowest ? page::RadialScale::equal_rings
                                         : page::RadialScale::linear;
}

template <class T>
page::HeatMapGrid shower_maps(std::string title, const calo::Geometry& geometry,
                              const std::vector<T>& energies, const std::string& label,
                              std::optional<double> largest) {
  page::HeatMapGrid grid;
  grid.title = std::move(title);
  grid.scale = {label, "MeV", true};
  grid.scale.max = largest;
  if (largest) grid.scale.min = *largest * 1e-6;  // six decades are as many as a colour scale shows
  grid.radial = radial_scale(geometry);
  for (const calo::Layer& layer : geometry.layers()) {
    const auto begin = energies.begin() + layer.first_voxel;
    page::PolarMap map;
    map.name = fmt::format("layer {}", layer.id);
    map.r_edges = layer.r_edges;
    map.alpha_bins = layer.alpha_bins;
    map.values.assign(begin, begin + layer.voxels());
    grid.maps.push_back(std::move(map));
  }
  return grid;
}

page::Section mean_showers(const Evaluation& evaluation, const calo::Geometry& geometry) {
  page::Section section;
  section.id = "mean-showers";
  section.title = "Mean showers";
  section.text = {"Mean energy of each voxel, layer by layer, on one colour scale."};
  const double largest = std::max(std::ranges::max(evaluation.reference.mean_shower),
                                  std::ranges::max(evaluation.sample.mean_shower));
  const std::optional<double> top = largest > 0 ? std::optional(largest) : std::nullopt;
  section.items.emplace_back(
      shower_maps("Reference", geometry, evaluation.reference.mean_shower, "mean energy", top));
  section.items.emplace_back(
      shower_maps("Generated", geometry, evaluation.sample.mean_shower, "mean energy", top));
  return section;
}

page::Section events(const Evaluation& evaluation, const calo::Geometry& geometry) {
  page::Section section;
  section.id = "events";
  section.title = "Single showers";
  section.text = {
      "Showers of the least, the middle and the largest incident energy among the first 200 of "
      "each file."};
  for (const EventDisplay& event : evaluation.events) {
    const float largest = std::ranges::max(event.energies);
    const auto top = largest > 0 ? std::optional<double>(largest) : std::nullopt;
    section.items.emplace_back(shower_maps(event.title, geometry, event.energies, "energy", top));
  }
  return section;
}

page::MatrixMap correlation_map(std::string title, const calo::Geometry& geometry,
                                std::vector<double> values) {
  page::MatrixMap map;
  map.title = std::move(title);
  map.scale.label = "Pearson's correlation of layer energies";
  map.diverging = true;
  for (const calo::Layer& layer : geometry.layers()) map.rows.push_back(fmt::to_string(layer.id));
  map.columns = map.rows;
  map.values = std::move(values);
  return map;
}

page::Section correlations(const Evaluation& evaluation, const calo::Geometry& geometry) {
  page::Section section;
  section.id = "correlations";
  section.title = "Correlation of layer energies";
  std::vector<double> difference = evaluation.correlation_sample;
  for (std::size_t i = 0; i < difference.size(); ++i) {
    difference[i] -= evaluation.correlation_reference[i];
  }
  section.items.emplace_back(
      correlation_map("Reference", geometry, evaluation.correlation_reference));
  section.items.emplace_back(correlation_map("Generated", geometry, evaluation.correlation_sample));
  section.items.emplace_back(
      correlation_map("Generated - reference", geometry, std::move(difference)));
  return section;
}

std::optional<page::Chart> roc_chart(const Evaluation& evaluation) {
  page::Chart chart;
  chart.title = "ROC curves of the classifiers";
  chart.x.label = "generated showers taken for the reference";
  chart.y.label = "reference showers recognised";
  for (page::Axis* axis : {&chart.x, &chart.y}) {
    axis->min = 0;
    axis->max = 1;
  }
  for (const ClassifierResult& result : evaluation.classifiers) {
    if (result.false_positive_rate.empty()) continue;
    page::Series series;
    series.name = fmt::format("{} (AUC {:.4f})", result.features, result.runs.front().auc);
    series.x = result.false_positive_rate;
    series.y = result.true_positive_rate;
    chart.series.push_back(std::move(series));
  }
  if (chart.series.empty()) return std::nullopt;
  page::Series chance;
  chance.name = "chance";
  chance.x = {0, 1};
  chance.y = {0, 1};
  chance.colour = page::ColourRole::muted;
  chart.series.push_back(std::move(chance));
  return chart;
}

page::Table attribute_table(const Evaluation& evaluation) {
  page::Table table;
  table.title = "Notes of the files";
  table.columns = {{"note", page::Alignment::left},
                   {reference_name, page::Alignment::left},
                   {sample_name, page::Alignment::left}};
  std::map<std::string, std::pair<std::string, std::string>> rows;
  for (const auto& [key, value] : evaluation.reference_attributes) rows[key].first = value;
  for (const auto& [key, value] : evaluation.sample_attributes) rows[key].second = value;
  table.rows.push_back({cell("file"), cell(evaluation.reference_file.filename().string()),
                        cell(evaluation.sample_file.filename().string())});
  for (const auto& [key, values] : rows) {
    table.rows.push_back({cell(key), cell(values.first), cell(values.second)});
  }
  return table;
}

}  // namespace

page::Page evaluation_page(const Evaluation& evaluation, const calo::Geometry& geometry) {
  using Kind = calo::ObservableKind;
  page::Page page;
  page.title = fmt::format("Showers against showers: {}", geometry.name());
  page.subtitle =
      fmt::format("{} reference showers ({}), {} generated ({}){}; Molière {}",
                  evaluation.reference.size(), evaluation.reference_file.filename().string(),
                  evaluation.sample.size(), evaluation.sample_file.filename().string(),
                  evaluation.quick ? ", a quick look" : "", version());

  page::Section summary;
  summary.id = "summary";
  summary.title = "Summary";
  summary.items.emplace_back(summary_table(evaluation));
  if (!evaluation.notes.empty()) {
    summary.items.emplace_back(
        page::Notes{.kind = page::Notes::Kind::note, .paragraphs = evaluation.notes});
  }
  if (auto chart = roc_chart(evaluation)) summary.items.emplace_back(*std::move(chart));
  page.sections.push_back(std::move(summary));

  page.sections.push_back(
      histograms(evaluation, "energies", "Response and voxels",
                 {Kind::response, Kind::voxel_energy, Kind::response_at_energy}));
  page.sections.push_back(profiles(evaluation, geometry));
  page.sections.push_back(mean_showers(evaluation, geometry));
  page.sections.push_back(events(evaluation, geometry));
  page.sections.push_back(
      histograms(evaluation, "layer-energies", "Layer energies", {Kind::layer_energy}));
  page.sections.push_back(histograms(evaluation, "centres", "Centres of energy",
                                     {Kind::centre_eta, Kind::centre_phi, Kind::centre_r}));
  page.sections.push_back(histograms(evaluation, "widths", "Widths",
                                     {Kind::width_eta, Kind::width_phi, Kind::width_r}));
  page.sections.push_back(histograms(evaluation, "sparsity", "Sparsity", {Kind::sparsity}));
  page.sections.push_back(correlations(evaluation, geometry));

  page::Section provenance;
  provenance.id = "provenance";
  provenance.title = "Where it comes from";
  provenance.items.emplace_back(attribute_table(evaluation));
  provenance.items.emplace_back(
      page::Download{.label = "All figures",
                     .file_name = "evaluation.json",
                     .media_type = "application/json",
                     .text = evaluation_json(evaluation, geometry).dump(1)});
  page.sections.push_back(std::move(provenance));
  return page;
}

}  // namespace moliere::judge
