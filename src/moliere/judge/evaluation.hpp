// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "moliere/calo/distances.hpp"
#include "moliere/calo/geometry.hpp"
#include "moliere/calo/memorisation.hpp"
#include "moliere/calo/neighbours.hpp"
#include "moliere/calo/response.hpp"
#include "moliere/calo/separation.hpp"
#include "moliere/calo/shower_file.hpp"
#include "moliere/core/progress.hpp"
#include "moliere/judge/event_display.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace moliere::judge {

/// What is computed, and with how much.
struct EvaluationOptions {
  /// Showers that the generator was trained on: asks whether it repeats them.
  std::optional<std::filesystem::path> train;
  /// At most so many rows of each file, from the first one; 0: all.
  std::int64_t rows = 0;
  /// At most so many showers of each sample where all pairs of showers are looked at (precision,
  /// recall, density, coverage, memorisation): time grows with the square, memory is 4 N V bytes.
  std::int64_t neighbour_rows = 10000;
  calo::FrechetOptions frechet;
  calo::KernelOptions kernel;
  int threads = 0;  ///< 0: all hardware threads

  /// A glance: 5,000 rows, 2,000 for pairs, fewer and smaller batches of FPD and KPD.
  static EvaluationOptions quick();
};

/// A figure of generated against reference showers, and its floor: the same figure of one half of
/// the reference against the other, which a perfect generator of that size reaches.
struct Figure {
  double value = 0;
  double error = 0;  ///< 0: not estimated
  double floor = 0;
  double floor_error = 0;
};

/// One run of a trained classifier: label 1 is the reference.
struct ClassifierRun {
  std::uint64_t seed = 0;
  double auc = 0;  ///< calibrated, on showers that the training did not see
  double jsd = 0;
};

struct ClassifierResult {
  std::string features;                     ///< "low", "low-normed", "high", "cnn"
  std::string problem;                      ///< why there is no figure; empty where there is
  std::vector<ClassifierRun> runs;          ///< generated against reference
  std::vector<ClassifierRun> floor_runs;    ///< half of the reference against the other half
  std::vector<double> false_positive_rate;  ///< ROC curve of the first run
  std::vector<double> true_positive_rate;
};

/// What a network that knows the training by heart says of the generated showers.
struct MembershipVerdict {
  std::string features;
  std::string problem;       ///< why there is no figure; empty where there is
  std::vector<double> aucs;  ///< one a run; 1/2 expected
  double auc_error = 0;      ///< statistical, of one run
  double share_learnt = 0;   ///< of the training showers
  /// On what it learnt, the least of the runs: how much it knows by heart.
  double training_accuracy = 0;
  double mean_auc() const;
  /// The mean lies more than 3 errors above 1/2. (Runs share their showers: their number does not
  /// make the error smaller.)
  bool finds_copies() const;
  /// "memorised", "none", or that it cannot tell since it learnt too little by heart.
  std::string verdict() const;
};

/// Mean, population standard deviation and standard error of the mean over runs.
struct RunStatistics {
  double mean = 0;
  double standard_deviation = 0;
  double standard_error = 0;
};
RunStatistics auc_statistics(const std::vector<ClassifierRun>& runs);
RunStatistics jsd_statistics(const std::vector<ClassifierRun>& runs);

/// Everything that `moliere evaluate` says.
struct Evaluation {
  std::filesystem::path reference_file;
  std::filesystem::path sample_file;
  std::optional<std::filesystem::path> train_file;
  calo::Attributes reference_attributes;
  calo::Attributes sample_attributes;
  std::int64_t neighbour_rows = 0;  ///< showers of each sample that pairs were formed of
  bool quick = false;
  double seconds = 0;

  calo::Observables reference;
  calo::Observables sample;
  /// The official separations, in their order; floors[i] is the separation of the reference's
  /// halves of comparisons[i].
  std::vector<calo::Comparison> comparisons;
  std::vector<double> separation_floors;
  calo::ResponseTest response;
  calo::ResponseTest response_floor;
  Figure frechet;  ///< FPD, not times 1000
  Figure kernel;   ///< KPD, not times 1000
  calo::Prdc prdc;
  calo::Prdc prdc_floor;
  std::vector<double> correlation_reference;  ///< (L, L), NaN where a layer is constant
  std::vector<double> correlation_sample;
  Figure correlation_difference;  ///< largest absolute difference of the two
  std::optional<calo::Memorisation> memorisation;
  std::optional<MembershipVerdict> membership;
  std::vector<ClassifierResult> classifiers;
  std::vector<EventDisplay> events;
  /// What a reader must know: unequal sizes, a reference that is ordered by energy, ...
  std::vector<std::string> notes;
};

/// Reads the reference twice, the others once (the first `neighbour_rows` again). Classifiers are
/// left empty: they need training, see classifier/. Throws Error for files that do not fit the
/// geometry, fewer than 20 showers of either, or energies that are not numbers or negative.
Evaluation evaluate(const std::filesystem::path& reference, const std::filesystem::path& sample,
                    const calo::Geometry& geometry, const EvaluationOptions& options,
                    Progress& progress);

/// Mean of the separations of one kind (the challenge's tables average over layers); NaN without.
struct SeparationSummary {
  std::string name;
  double mean = 0;
  double worst = 0;
  std::size_t worst_index = 0;  ///< of Evaluation::comparisons
  double floor = 0;             ///< mean of the floors
};
std::vector<SeparationSummary> summarise_separations(const Evaluation& evaluation);

}  // namespace moliere::judge
