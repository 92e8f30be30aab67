// SPDX-License-Identifier: Apache-2.0
#include "moliere/judge/evaluation_text.hpp"

#include "moliere/core/version.hpp"
#include "moliere/judge/figures.hpp"

#include <cmath>

#include <fmt/format.h>

namespace moliere::judge {
namespace {

/// Published tables give FPD and KPD so.
constexpr double published_scale = 1000;

std::string line(std::string_view name, const std::string& value, const std::string& floor,
                 std::string_view remark = "") {
  std::string text = fmt::format("{:<37} {:>18} {:>18}  {}", name, value, floor, remark);
  text.erase(text.find_last_not_of(' ') + 1);
  return text + "\n";
}

std::string classifier_lines(const ClassifierResult& result) {
  const std::string name = fmt::format("classifier {}", result.features);
  if (!result.problem.empty()) return fmt::format("{:<37} {}\n", name, result.problem);
  const RunStatistics auc = auc_statistics(result.runs);
  const RunStatistics jsd = jsd_statistics(result.runs);
  std::string auc_floor = "-";
  std::string jsd_floor = "-";
  if (!result.floor_runs.empty()) {
    const RunStatistics floor = auc_statistics(result.floor_runs);
    auc_floor = with_error(floor.mean, floor.standard_deviation);
    const RunStatistics other = jsd_statistics(result.floor_runs);
    jsd_floor = with_error(other.mean, other.standard_deviation);
  }
  const std::string runs =
      fmt::format("{} run{}", result.runs.size(), result.runs.size() == 1 ? "" : "s");
  return line(name + " AUC", with_error(auc.mean, auc.standard_deviation), auc_floor, runs) +
         line(name + " JSD", with_error(jsd.mean, jsd.standard_deviation), jsd_floor);
}

Json json_number(double value) { return std::isfinite(value) ? Json(value) : Json(); }

Json json_numbers(const std::vector<double>& values) {
  Json json = Json::array();
  for (const double value : values) json.push_back(json_number(value));
  return json;
}

Json to_json(const Figure& figure) {
  return {{"value", json_number(figure.value)},
          {"error", json_number(figure.error)},
          {"floor", json_number(figure.floor)},
          {"floor_error", json_number(figure.floor_error)}};
}

Json to_json(const calo::Prdc& prdc) {
  return {{"precision", prdc.precision},
          {"recall", prdc.recall},
          {"density", prdc.density},
          {"coverage", prdc.coverage}};
}

Json to_json(const calo::ResponseTest& test) {
  return {{"reference_mean", test.reference_mean},
          {"reference_error", test.reference_error},
          {"sample_mean", test.sample_mean},
          {"sample_error", test.sample_error},
          {"z", json_number(test.z)},
          {"z_at_energy", json_number(test.z_at_energy)},
          {"shift_at_energy", json_number(test.shift_at_energy)}};
}

Json to_json(const calo::Comparison& comparison, double floor) {
  return {{"name", comparison.name},
          {"unit", comparison.unit},
          {"separation", json_number(comparison.separation)},
          {"separation_of_halves", json_number(floor)},
          {"expected_floor", json_number(comparison.floor.mean)},
          {"expected_floor_deviation", json_number(comparison.floor.standard_deviation)},
          {"chi2", json_number(comparison.chi_square.value)},
          {"degrees", comparison.chi_square.degrees},
          {"edges", comparison.reference.edges()},
          {"reference", comparison.reference.counts()},
          {"sample", comparison.sample.counts()}};
}

Json runs_json(const std::vector<ClassifierRun>& runs) {
  Json json = Json::array();
  for (const ClassifierRun& run : runs) {
    json.push_back({{"seed", run.seed}, {"auc", run.auc}, {"jsd", run.jsd}});
  }
  return json;
}

Json to_json(const ClassifierResult& result) {
  if (!result.problem.empty()) {
    return {{"features", result.features}, {"problem", result.problem}};
  }
  const RunStatistics auc = auc_statistics(result.runs);
  const RunStatistics jsd = jsd_statistics(result.runs);
  return {{"features", result.features},
          {"auc", auc.mean},
          {"auc_deviation", auc.standard_deviation},
          {"jsd", jsd.mean},
          {"jsd_deviation", jsd.standard_deviation},
          {"runs", runs_json(result.runs)},
          {"floor_runs", runs_json(result.floor_runs)},
          {"false_positive_rate", result.false_positive_rate},
          {"true_positive_rate", result.true_positive_rate}};
}

std::string membership_line(const MembershipVerdict& it) {
  const std::string name = fmt::format("memorisation, classifier {} AUC", it.features);
  if (!it.problem.empty()) return fmt::format("{:<37} {}\n", name, it.problem);
  return line(name, with_error(it.mean_auc(), it.auc_error), "0.5", it.verdict());
}

Json to_json(const MembershipVerdict& it) {
  if (!it.problem.empty()) return {{"features", it.features}, {"problem", it.problem}};
  return {{"features", it.features},         {"auc", it.mean_auc()},
          {"auc_error", it.auc_error},       {"runs", it.aucs},
          {"share_learnt", it.share_learnt}, {"training_accuracy", it.training_accuracy},
          {"verdict", it.verdict()}};
}

Json to_json(const calo::Memorisation& it) {
  return {{"generated_median", it.generated_median},
          {"held_out_median", it.held_out_median},
          {"ratio", it.ratio},
          {"ratio_interval", {it.ratio_interval.low, it.ratio_interval.high}},
          {"share_near", it.share_near},
          {"share_interval", {it.share_interval.low, it.share_interval.high}},
          {"verdict", calo::to_string(it.verdict)}};
}

}  // namespace

std::string evaluation_table(const Evaluation& evaluation) {
  std::string text =
      fmt::format("{} reference showers, {} generated{}\n", evaluation.reference.size(),
                  evaluation.sample.size(),
                  evaluation.quick ? " (--quick: a glance, not for comparisons)" : "");
  text += line("", "generated", "floor (reference)");
  const calo::ResponseTest& response = evaluation.response;
  text += line("mean E_tot / E_inc, reference",
               with_error(response.reference_mean, response.reference_error), "");
  text += line("mean E_tot / E_inc, generated",
               with_error(response.sample_mean, response.sample_error), "");
  text += line("  their difference in errors, z", fmt::format("{:+.2f}", response.z_at_energy),
               fmt::format("{:+.2f}", evaluation.response_floor.z_at_energy), "chance: |z| < 3");
  text += "separation power (mean over layers)\n";
  for (const SeparationSummary& summary : summarise_separations(evaluation)) {
    text +=
        line("  " + summary.name, number(summary.mean), number(summary.floor),
             summary.worst > summary.mean ? fmt::format("worst {}", number(summary.worst)) : "");
  }
  text += line("FPD x 1000",
               with_error(published_scale * evaluation.frechet.value,
                          published_scale * evaluation.frechet.error),
               with_error(published_scale * evaluation.frechet.floor,
                          published_scale * evaluation.frechet.floor_error));
  text += line("KPD x 1000",
               with_error(published_scale * evaluation.kernel.value,
                          published_scale * evaluation.kernel.error),
               with_error(published_scale * evaluation.kernel.floor,
                          published_scale * evaluation.kernel.floor_error));
  const std::string pairs = fmt::format("{} showers each", evaluation.neighbour_rows);
  text += line("precision", number(evaluation.prdc.precision),
               number(evaluation.prdc_floor.precision), pairs);
  text += line("recall", number(evaluation.prdc.recall), number(evaluation.prdc_floor.recall));
  text += line("density", number(evaluation.prdc.density), number(evaluation.prdc_floor.density));
  text +=
      line("coverage", number(evaluation.prdc.coverage), number(evaluation.prdc_floor.coverage));
  text +=
      line("layer correlation, largest difference", number(evaluation.correlation_difference.value),
           number(evaluation.correlation_difference.floor));
  for (const ClassifierResult& result : evaluation.classifiers) text += classifier_lines(result);
  if (evaluation.memorisation) {
    const calo::Memorisation& it = *evaluation.memorisation;
    text += line("memorisation",
                 fmt::format("{:.3f} [{:.3f}, {:.3f}]", it.ratio, it.ratio_interval.low,
                             it.ratio_interval.high),
                 "1", fmt::format("{}", calo::to_string(it.verdict)));
    text += line("  generated within 1 % distance", fmt::format("{:.2f} %", 100 * it.share_near),
                 "1 %");
  }
  if (evaluation.membership) text += membership_line(*evaluation.membership);
  for (const std::string& note : evaluation.notes) text += fmt::format("note: {}\n", note);
  return text;
}

Json evaluation_json(const Evaluation& evaluation, const calo::Geometry& geometry) {
  Json json;
  json["format"] = "moliere-evaluation";
  json["version"] = 1;
  json["moliere"] = {{"version", version()}, {"commit", commit()}};
  json["geometry"] = geometry.name();
  json["threshold_mev"] = geometry.threshold();
  json["quick"] = evaluation.quick;
  json["seconds"] = evaluation.seconds;
  json["reference"] = {{"file", evaluation.reference_file.string()},
                       {"showers", evaluation.reference.size()},
                       {"attributes", evaluation.reference_attributes}};
  json["sample"] = {{"file", evaluation.sample_file.string()},
                    {"showers", evaluation.sample.size()},
                    {"attributes", evaluation.sample_attributes}};
  json["response"] = to_json(evaluation.response);
  json["response_floor"] = to_json(evaluation.response_floor);
  Json comparisons = Json::array();
  for (std::size_t i = 0; i < evaluation.comparisons.size(); ++i) {
    comparisons.push_back(to_json(evaluation.comparisons[i], evaluation.separation_floors[i]));
  }
  json["separations"] = std::move(comparisons);
  json["fpd"] = to_json(evaluation.frechet);
  json["kpd"] = to_json(evaluation.kernel);
  json["neighbour_rows"] = evaluation.neighbour_rows;
  json["prdc"] = to_json(evaluation.prdc);
  json["prdc_floor"] = to_json(evaluation.prdc_floor);
  json["layer_correlation"] = {{"reference", json_numbers(evaluation.correlation_reference)},
                               {"sample", json_numbers(evaluation.correlation_sample)},
                               {"largest_difference", to_json(evaluation.correlation_difference)}};
  json["memorisation"] = evaluation.memorisation ? to_json(*evaluation.memorisation) : Json();
  json["membership"] = evaluation.membership ? to_json(*evaluation.membership) : Json();
  Json classifiers = Json::array();
  for (const ClassifierResult& result : evaluation.classifiers) {
    classifiers.push_back(to_json(result));
  }
  json["classifiers"] = std::move(classifiers);
  json["notes"] = evaluation.notes;
  return json;
}

}  // namespace moliere::judge
