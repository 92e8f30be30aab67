// SPDX-License-Identifier: Apache-2.0
#include "moliere/judge/evaluation_page.hpp"

#include "moliere/core/json.hpp"
#include "moliere/core/version.hpp"
#include "moliere/judge/evaluation_text.hpp"
#include "moliere/judge/figures.hpp"
#include "moliere/judge/shower_pictures.hpp"
#include "moliere/page/chart.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include <fmt/format.h>

namespace moliere::judge {
namespace {

const char* const reference_name = "reference";
const char* const sample_name = "generated";

/// One and the same thing of both samples.
template <class What>
std::array<Shown<What>, 2> both(const What& reference, const What& sample) {
  return {Shown<What>{reference_name, page::ColourRole::reference, &reference},
          Shown<What>{sample_name, page::ColourRole::first, &sample}};
}

std::string chart_id(std::size_t comparison) { return fmt::format("comparison-{}", comparison); }

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
                      {"what it says", page::Alignment::left}};
  }
  void add(std::string name, std::string value, std::string floor, std::string remark = "",
           page::CellClass kind = page::CellClass::plain, std::string link = "") {
    page::Cell note = cell(std::move(remark), page::CellClass::muted);
    note.link = std::move(link);
    table_.rows.push_back({cell(std::move(name)), cell(std::move(value), kind),
                           cell(std::move(floor), page::CellClass::muted), std::move(note)});
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

/// Within 3 standard errors of the floor is good: for figures that chance moves to both sides of
/// it.
page::CellClass within_errors(const Figure& figure) {
  constexpr double certain = 3;
  const double error = std::hypot(figure.error, figure.floor_error);
  if (error > 0 && std::fabs(figure.value - figure.floor) <= certain * error) {
    return page::CellClass::good;
  }
  return near_floor(figure.value, figure.floor);
}

void add_separations(SummaryTable& table, const Evaluation& evaluation,
                     const calo::Geometry& geometry) {
  for (const SeparationSummary& summary : summarise_separations(evaluation)) {
    const bool several = summary.worst > summary.mean;
    const std::string worst = title_of(evaluation.comparisons[summary.worst_index], geometry);
    table.add(
        "separation power: " + summary.name, number(summary.mean), number(summary.floor),
        several ? fmt::format("worst: {} ({})", worst, number(summary.worst)) : "its histogram",
        near_floor(summary.mean, summary.floor), "#" + chart_id(summary.worst_index));
  }
}

void add_neighbours(SummaryTable& table, const Evaluation& evaluation) {
  const calo::Prdc& value = evaluation.prdc;
  const calo::Prdc& floor = evaluation.prdc_floor;
  table.add("precision", number(value.precision), number(floor.precision),
            fmt::format("generated showers that lie among reference ones ({} of each)",
                        evaluation.neighbour_rows));
  table.add("recall", number(value.recall), number(floor.recall),
            "reference showers that lie among generated ones");
  table.add("density", number(value.density), number(floor.density),
            "reference neighbourhoods that a generated shower lies in, over k; 1 is expected");
  table.add("coverage", number(value.coverage), number(floor.coverage),
            "reference showers with a generated one in their neighbourhood");
}

page::Table summary_table(const Evaluation& evaluation, const calo::Geometry& geometry) {
  constexpr double scale = 1000;  // as in published tables
  constexpr double certain = 3;   // standard errors
  constexpr double percent = 100;
  SummaryTable table;
  const double z = evaluation.response.z_at_energy;
  table.add("mean E_tot / E_inc: difference in standard errors (z)", fmt::format("{:+.2f}", z),
            fmt::format("{:+.2f}", evaluation.response_floor.z_at_energy),
            fmt::format("shifted by {:+.2f} % (absolute) at equal E_inc; |z| < 3 is chance",
                        percent * evaluation.response.shift_at_energy),
            std::fabs(z) < certain ? page::CellClass::good : page::CellClass::bad);
  add_separations(table, evaluation, geometry);
  const auto distance = [&](const char* name, const Figure& figure, const char* what,
                            page::CellClass kind) {
    table.add(name, with_error(scale * figure.value, scale * figure.error),
              with_error(scale * figure.floor, scale * figure.floor_error), what, kind);
  };
  distance("FPD × 1000", evaluation.frechet, "distance of all high-level features, as Gaussians",
           near_floor(evaluation.frechet.value, evaluation.frechet.floor));
  distance("KPD × 1000", evaluation.kernel,
           "distance of all high-level features by a kernel; 0 is expected",
           within_errors(evaluation.kernel));
  add_neighbours(table, evaluation);
  table.add(
      "layer correlation: largest difference", number(evaluation.correlation_difference.value),
      number(evaluation.correlation_difference.floor), "Pearson's, of layer energies",
      near_floor(evaluation.correlation_difference.value, evaluation.correlation_difference.floor),
      "#correlations");
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
  if (evaluation.membership) {
    const MembershipVerdict& it = *evaluation.membership;
    const bool known = it.problem.empty();
    table.add(
        fmt::format("memorisation: AUC of a classifier that knows the training ({})", it.features),
        known ? with_error(it.mean_auc(), it.auc_error) : "-", known ? "0.5" : "-",
        known ? it.verdict() : it.problem,
        it.finds_copies()        ? page::CellClass::bad
        : it.verdict() == "none" ? page::CellClass::good
                                 : page::CellClass::plain);
  }
  return table.take();
}

/// Nothing where one of the two has no entry in range.
std::optional<page::Chart> comparison_chart(const Evaluation& evaluation, std::size_t index,
                                            const calo::Geometry& geometry) {
  const calo::Comparison& comparison = evaluation.comparisons[index];
  if (std::isnan(comparison.separation)) return std::nullopt;
  page::Chart chart = histogram_chart(title_of(comparison, geometry), axis_of(comparison),
                                      both(comparison.reference, comparison.sample));
  chart.id = chart_id(index);
  chart.note =
      fmt::format("separation {}, floor {}; chi2/ndf {:.1f}/{}", number(comparison.separation),
                  number(evaluation.separation_floors[index]), comparison.chi_square.value,
                  comparison.chi_square.degrees);
  return chart;
}

page::Section histograms(const Evaluation& evaluation, const calo::Geometry& geometry,
                         std::string id, std::string title,
                         const std::vector<calo::ObservableKind>& kinds) {
  page::Section section;
  section.id = std::move(id);
  section.title = std::move(title);
  for (std::size_t i = 0; i < evaluation.comparisons.size(); ++i) {
    const calo::Comparison& comparison = evaluation.comparisons[i];
    if (std::ranges::find(kinds, comparison.kind) == kinds.end()) continue;
    if (auto chart = comparison_chart(evaluation, i, geometry)) {
      section.items.emplace_back(*std::move(chart));
    }
  }
  return section;
}

page::Section profiles(const Evaluation& evaluation, const calo::Geometry& geometry) {
  page::Section section;
  section.id = "profiles";
  section.title = "Longitudinal and radial profiles";
  section.text = {
      "Mean over all showers with its standard error; below, the ratio to the reference."};
  section.items = profile_charts(geometry, both(evaluation.reference, evaluation.sample));
  return section;
}

page::Section mean_showers(const Evaluation& evaluation, const calo::Geometry& geometry) {
  page::Section section;
  section.id = "mean-showers";
  section.title = "Mean showers";
  section.text = {
      "Mean energy of each voxel, layer by layer, seen along the beam; one colour scale for both."};
  const std::vector<double>& reference = evaluation.reference.mean_shower;
  const std::vector<double>& sample = evaluation.sample.mean_shower;
  const ColourRange range = common_range(colour_range(reference), colour_range(sample));
  const char* const label = "mean energy of a voxel";
  section.items.emplace_back(shower_maps("Reference", geometry, reference, label, range));
  section.items.emplace_back(shower_maps("Generated", geometry, sample, label, range));
  return section;
}

page::Section events(const Evaluation& evaluation, const calo::Geometry& geometry) {
  page::Section section;
  section.id = "events";
  section.title = "Single showers";
  section.text = {
      "Showers of the least, the middle and the largest incident energy among the first 200 of "
      "each file, each on its own colour scale."};
  for (const EventDisplay& event : evaluation.events) {
    section.items.emplace_back(event_maps(event, geometry));
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
  section.text = {"Rows and columns are layers."};
  std::vector<double> difference = evaluation.correlation_sample;
  for (std::size_t i = 0; i < difference.size(); ++i) {
    difference[i] -= evaluation.correlation_reference[i];
  }
  section.items.emplace_back(
      correlation_map("Reference", geometry, evaluation.correlation_reference));
  section.items.emplace_back(correlation_map("Generated", geometry, evaluation.correlation_sample));
  section.items.emplace_back(
      correlation_map("Generated − reference", geometry, std::move(difference)));
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
  summary.text = {
      "Beside each figure stands its floor: the same figure of one half of the reference against "
      "the other, which a perfect generator of that size reaches. Smaller is better, but for "
      "precision, recall, density and coverage, which should be as high as their floors.",
      "✓: not above the floor (z: below 3; KPD and AUC: within 3 standard errors of the floor). ✗: "
      "above 5 times the floor (z: from 3 on; memorisation: found). Unmarked: between, or without "
      "a "
      "rule.",
      "In the charts black (white in the dark) is the reference, blue the generated sample; bands "
      "are statistical errors of one standard deviation. Ratios are taken to the reference, and "
      "triangles at the rim stand for ratios beyond it."};
  summary.items.emplace_back(summary_table(evaluation, geometry));
  if (!evaluation.notes.empty()) {
    summary.items.emplace_back(
        page::Notes{.kind = page::Notes::Kind::note, .paragraphs = evaluation.notes});
  }
  if (auto chart = roc_chart(evaluation)) summary.items.emplace_back(*std::move(chart));
  page.sections.push_back(std::move(summary));

  page.sections.push_back(
      histograms(evaluation, geometry, "energies", "Response and voxels",
                 {Kind::response, Kind::voxel_energy, Kind::response_at_energy}));
  page.sections.push_back(profiles(evaluation, geometry));
  page.sections.push_back(mean_showers(evaluation, geometry));
  page.sections.push_back(events(evaluation, geometry));
  page.sections.push_back(
      histograms(evaluation, geometry, "layer-energies", "Layer energies", {Kind::layer_energy}));
  page.sections.push_back(histograms(evaluation, geometry, "centres", "Centres of energy",
                                     {Kind::centre_eta, Kind::centre_phi, Kind::centre_r}));
  page.sections.push_back(histograms(evaluation, geometry, "widths", "Widths",
                                     {Kind::width_eta, Kind::width_phi, Kind::width_r}));
  page.sections.push_back(
      histograms(evaluation, geometry, "sparsity", "Sparsity", {Kind::sparsity}));
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
