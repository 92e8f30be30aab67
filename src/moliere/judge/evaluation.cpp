// SPDX-License-Identifier: Apache-2.0
#include "moliere/judge/evaluation.hpp"

#include "moliere/calo/features.hpp"
#include "moliere/core/error.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <numeric>

namespace moliere::judge {
namespace {

/// Below, halves of the reference say nothing.
constexpr std::int64_t fewest_showers = 20;

std::int64_t rows_of(const calo::ShowerReader& reader, std::int64_t most) {
  const std::int64_t rows = most > 0 ? std::min(most, reader.size()) : reader.size();
  if (rows < fewest_showers) {
    throw Error(fmt::format("{} has {} showers to compare", reader.file().string(), rows),
                "distributions and their floors cannot be told from so few",
                fmt::format("give at least {}", fewest_showers));
  }
  return rows;
}

/// The larger of |a_i - b_i| over pairs of layers that vary in both.
double largest_difference(const std::vector<double>& a, const std::vector<double>& b) {
  double largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double difference = std::fabs(a[i] - b[i]);
    if (difference > largest) largest = difference;  // false for NaN
  }
  return largest;
}

/// The first and the second half of the reference, observed.
struct Halves {
  calo::Observables first;
  calo::Observables second;
};

Halves halves_of(const calo::Observables& observables) {
  const std::int64_t half = observables.size() / 2;
  return {calo::slice(observables, 0, half), calo::slice(observables, half, half)};
}

/// Observables, separations and what follows from them. Reads the reference twice, the sample once.
void compare_distributions(Evaluation& result, const calo::ShowerReader& reference,
                           const calo::ShowerReader& sample, const calo::Geometry& geometry,
                           const EvaluationOptions& options, Progress& progress) {
  calo::ObserveOptions rows;
  rows.threads = options.threads;
  rows.rows = rows_of(reference, options.rows);
  result.reference = calo::observe(reference, geometry, progress, rows);
  calo::require_no_negative(result.reference, reference.file());

  const std::vector<double> edges = calo::voxel_edges(geometry, result.reference);
  calo::ObserveOptions half = rows;
  half.rows = rows.rows / 2;
  const calo::Histogram first = calo::voxel_spectrum(reference, geometry, edges, progress, half);
  half.first = half.rows;
  half.rows = rows.rows - half.first;
  const calo::Histogram second = calo::voxel_spectrum(reference, geometry, edges, progress, half);
  calo::Histogram voxels = first;
  voxels.merge(second);

  rows.rows = rows_of(sample, options.rows);
  calo::Histogram sample_voxels(edges);
  result.sample = calo::observe(sample, geometry, progress, sample_voxels, rows);
  calo::require_no_negative(result.sample, sample.file());

  result.comparisons =
      calo::compare_observables(geometry, result.reference, result.sample, voxels, sample_voxels);
  const Halves halves = halves_of(result.reference);
  for (const calo::Comparison& comparison :
       calo::compare_observables(geometry, halves.first, halves.second, first, second)) {
    result.separation_floors.push_back(comparison.separation);
  }
  result.response = calo::test_response(result.reference, result.sample);
  result.response_floor = calo::test_response(halves.first, halves.second);
  result.correlation_reference = calo::layer_correlation(result.reference);
  result.correlation_sample = calo::layer_correlation(result.sample);
  result.correlation_difference.value =
      largest_difference(result.correlation_reference, result.correlation_sample);
  result.correlation_difference.floor = largest_difference(calo::layer_correlation(halves.first),
                                                           calo::layer_correlation(halves.second));
}

/// Distances of the high-level features' distributions.
void compare_features(Evaluation& result, const EvaluationOptions& options, Progress& progress) {
  const calo::FeatureMatrix<double> reference = calo::high_level_features(result.reference);
  const calo::FeatureMatrix<double> sample = calo::high_level_features(result.sample);
  const Halves halves = halves_of(result.reference);
  const calo::FeatureMatrix<double> first = calo::high_level_features(halves.first);
  const calo::FeatureMatrix<double> second = calo::high_level_features(halves.second);

  calo::FrechetOptions frechet = options.frechet;
  frechet.threads = options.threads;
  const calo::Distance distance =
      calo::frechet_physics_distance(reference, sample, frechet, progress);
  const calo::Distance floor = calo::frechet_physics_distance(first, second, frechet, progress);
  result.frechet = {distance.value, distance.error, floor.value, floor.error};

  calo::KernelOptions kernel = options.kernel;
  kernel.threads = options.threads;
  const calo::Distance discrepancy =
      calo::kernel_physics_distance(reference, sample, kernel, progress);
  const calo::Distance own = calo::kernel_physics_distance(first, second, kernel, progress);
  result.kernel = {discrepancy.value, discrepancy.error, own.value, own.error};
}

calo::FeatureMatrix<float> voxels_of(const calo::ShowerReader& reader,
                                     const calo::Geometry& geometry, std::int64_t first,
                                     std::int64_t count, Progress& progress) {
  calo::ObserveOptions rows;
  rows.first = first;
  rows.rows = count;
  return calo::logarithmic_voxels(reader, geometry, progress, rows);
}

/// Everything that looks at pairs of showers.
void compare_neighbours(Evaluation& result, const calo::ShowerReader& reference,
                        const calo::ShowerReader& sample, const calo::Geometry& geometry,
                        const EvaluationOptions& options, Progress& progress) {
  constexpr int neighbours = 5;  // the CaloChallenge's k
  calo::NeighbourOptions how;
  how.threads = options.threads;
  const std::int64_t count =
      std::min({result.reference.size(), result.sample.size(), options.neighbour_rows});
  result.neighbour_rows = count;
  const calo::FeatureMatrix<float> generated = voxels_of(sample, geometry, 0, count, progress);
  {
    const calo::FeatureMatrix<float> held_out = voxels_of(reference, geometry, 0, count, progress);
    result.prdc =
        calo::precision_recall_density_coverage(held_out, generated, neighbours, how, progress);
    const std::int64_t half = count / 2;
    result.prdc_floor = calo::precision_recall_density_coverage(
        voxels_of(reference, geometry, 0, half, progress),
        voxels_of(reference, geometry, half, half, progress), neighbours, how, progress);
    if (!options.train) return;
    const calo::ShowerReader reader(*options.train, geometry.voxel_count());
    calo::MemorisationOptions memorisation;
    memorisation.neighbours = how;
    const std::int64_t trained =
        std::min(reader.size(), options.rows > 0 ? options.rows : reader.size());
    result.memorisation =
        calo::memorisation(generated, voxels_of(reader, geometry, 0, trained, progress), held_out,
                           memorisation, progress);
  }
}

void choose_events(Evaluation& result, const calo::ShowerReader& reader, const char* name) {
  for (const std::int64_t row : telling_rows(reader)) {
    result.events.push_back(read_event(reader, row, name));
  }
}

/// Mean and standard error of the logarithms of the incident energies.
struct EnergyLaw {
  double mean = 0;
  double error = 0;
};

EnergyLaw energy_law(const calo::Observables& observables) {
  EnergyLaw law;
  double squares = 0;
  std::int64_t seen = 0;
  for (const float energy : observables.incident_energy) {
    ++seen;
    const double value = std::log(static_cast<double>(energy));
    const double step = value - law.mean;
    law.mean += step / static_cast<double>(seen);
    squares += step * (value - law.mean);
  }
  const auto count = static_cast<double>(seen);
  law.error = seen > 1 ? std::sqrt(squares / (count - 1) / count) : 0;
  return law;
}

bool differ(const calo::Observables& a, const calo::Observables& b) {
  constexpr double certain = 5;  // standard errors
  const EnergyLaw first = energy_law(a);
  const EnergyLaw second = energy_law(b);
  return std::fabs(first.mean - second.mean) > certain * std::hypot(first.error, second.error);
}

/// Comparisons that answer another question than the one that was asked.
void note_same_files(Evaluation& result) {
  const auto same = [](const std::filesystem::path& a, const std::filesystem::path& b) {
    std::error_code error;
    return std::filesystem::equivalent(a, b, error);
  };
  if (same(result.reference_file, result.sample_file)) {
    result.notes.emplace_back(
        "reference and generated are the same file: every figure is that of showers compared with "
        "themselves and says nothing about a generator");
  }
  if (!result.train_file) return;
  if (same(*result.train_file, result.reference_file)) {
    result.notes.emplace_back(
        "training and reference are the same file: memorisation needs a reference that the "
        "training did not see");
  }
  if (same(*result.train_file, result.sample_file)) {
    result.notes.emplace_back("training and generated are the same file: all showers are copies");
  }
}

void take_notes(Evaluation& result, const calo::ShowerReader& reference,
                const calo::ShowerReader& sample) {
  note_same_files(result);
  const std::int64_t a = result.reference.size();
  const std::int64_t b = result.sample.size();
  if (a != b) {
    result.notes.emplace_back(fmt::format(
        "the samples have {} and {} showers: FPD and separation powers depend on the size, so "
        "compare them with figures at these sizes alone",
        a, b));
  }
  if (a < reference.size() || b < sample.size()) {
    result.notes.emplace_back(fmt::format("only the first {} of {} and {} of {} showers were used",
                                          a, reference.size(), b, sample.size()));
  }
  const Halves halves = halves_of(result.reference);
  if (differ(halves.first, halves.second)) {
    result.notes.emplace_back(
        "the reference's halves differ in incident energy (is it ordered?): its floors are too "
        "high");
  }
  if (differ(result.reference, result.sample)) {
    result.notes.emplace_back(
        "the samples differ in incident energy: every figure sees that as well");
  }
  result.notes.emplace_back(
      "floors compare the reference's two halves, each of half the size: statistical floors of "
      "the whole are about half as high");
}

RunStatistics statistics_of(const std::vector<ClassifierRun>& runs, double ClassifierRun::*what) {
  RunStatistics statistics;
  double squares = 0;
  double seen = 0;
  for (const ClassifierRun& run : runs) {
    ++seen;
    const double step = run.*what - statistics.mean;
    statistics.mean += step / seen;
    squares += step * (run.*what - statistics.mean);
  }
  if (seen > 0) statistics.standard_deviation = std::sqrt(squares / seen);
  if (seen > 1) statistics.standard_error = std::sqrt(squares / (seen - 1) / seen);
  return statistics;
}

const char* name_of(calo::ObservableKind kind) {
  switch (kind) {
    case calo::ObservableKind::response:
      return "E_tot / E_inc";
    case calo::ObservableKind::layer_energy:
      return "layer energy";
    case calo::ObservableKind::centre_eta:
      return "centre of energy in eta";
    case calo::ObservableKind::centre_phi:
      return "centre of energy in phi";
    case calo::ObservableKind::width_eta:
      return "width in eta";
    case calo::ObservableKind::width_phi:
      return "width in phi";
    case calo::ObservableKind::voxel_energy:
      return "voxel energy";
    case calo::ObservableKind::sparsity:
      return "sparsity";
    case calo::ObservableKind::centre_r:
      return "centre of energy in r";
    case calo::ObservableKind::width_r:
      return "width in r";
    case calo::ObservableKind::response_at_energy:
      return "E_tot / E_inc at one E_inc";
  }
  return "";
}

}  // namespace

EvaluationOptions EvaluationOptions::quick() {
  EvaluationOptions options;
  options.rows = 5000;
  options.neighbour_rows = 2000;
  options.frechet.least = 1000;
  options.frechet.most = 5000;
  options.frechet.batches = 5;
  options.kernel.batch_size = 2000;
  return options;
}

double MembershipVerdict::mean_auc() const {
  return std::accumulate(aucs.begin(), aucs.end(), 0.0) / static_cast<double>(aucs.size());
}

bool MembershipVerdict::finds_copies() const {
  constexpr double certain = 3;
  return !aucs.empty() && mean_auc() - 0.5 > certain * auc_error;
}

std::string MembershipVerdict::verdict() const {
  constexpr double by_heart = 0.7;  // chance is 0.5
  if (finds_copies()) return "memorised";
  if (training_accuracy >= by_heart) return "none";
  return fmt::format("cannot tell: only {:.0f} % learnt by heart", 100 * training_accuracy);
}

RunStatistics auc_statistics(const std::vector<ClassifierRun>& runs) {
  return statistics_of(runs, &ClassifierRun::auc);
}
RunStatistics jsd_statistics(const std::vector<ClassifierRun>& runs) {
  return statistics_of(runs, &ClassifierRun::jsd);
}

Evaluation evaluate(const std::filesystem::path& reference, const std::filesystem::path& sample,
                    const calo::Geometry& geometry, const EvaluationOptions& options,
                    Progress& progress) {
  const auto begin = std::chrono::steady_clock::now();
  const calo::ShowerReader reference_reader(reference, geometry.voxel_count());
  const calo::ShowerReader sample_reader(sample, geometry.voxel_count());
  if (options.train) calo::ShowerReader(*options.train, geometry.voxel_count());  // before the work

  Evaluation result;
  result.reference_file = reference;
  result.sample_file = sample;
  result.train_file = options.train;
  result.reference_attributes = reference_reader.attributes();
  result.sample_attributes = sample_reader.attributes();
  compare_distributions(result, reference_reader, sample_reader, geometry, options, progress);
  compare_features(result, options, progress);
  compare_neighbours(result, reference_reader, sample_reader, geometry, options, progress);
  choose_events(result, reference_reader, "reference");
  choose_events(result, sample_reader, "generated");
  take_notes(result, reference_reader, sample_reader);
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return result;
}

std::vector<SeparationSummary> summarise_separations(const Evaluation& evaluation) {
  std::vector<SeparationSummary> summaries;
  std::vector<int> counts;
  for (std::size_t i = 0; i < evaluation.comparisons.size(); ++i) {
    const calo::Comparison& comparison = evaluation.comparisons[i];
    if (std::isnan(comparison.separation)) continue;  // no shower at this incident energy
    const std::string name = name_of(comparison.kind);
    auto found = std::ranges::find(summaries, name, &SeparationSummary::name);
    if (found == summaries.end()) {
      summaries.push_back({.name = name});
      counts.push_back(0);
      found = std::prev(summaries.end());
    }
    int& count = counts[static_cast<std::size_t>(found - summaries.begin())];
    ++count;
    found->mean += (comparison.separation - found->mean) / count;
    const double floor = evaluation.separation_floors[i];
    if (!std::isnan(floor)) found->floor += (floor - found->floor) / count;
    if (comparison.separation > found->worst) {
      found->worst = comparison.separation;
      found->worst_index = i;
    }
  }
  return summaries;
}

}  // namespace moliere::judge
