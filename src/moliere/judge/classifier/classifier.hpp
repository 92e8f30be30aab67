// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "moliere/calo/feature_matrix.hpp"
#include "moliere/calo/geometry.hpp"
#include "moliere/core/progress.hpp"
#include "moliere/judge/classifier/calibration.hpp"
#include "moliere/judge/classifier/split.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

/// Networks that learn to tell two samples of showers apart, as the CaloChallenge trains them
/// (arXiv:2410.21611, section 4.3, and its published evaluation): how well they can is the verdict.
namespace moliere::judge::classifier {

/// Somebody's feature matrix (N, D), not owned. Kept as it is and converted to the network's
/// precision batch by batch.
struct FeatureView {
  std::variant<std::span<const float>, std::span<const double>> values;
  std::int64_t rows = 0;
  int columns = 0;
};
template <class T>
FeatureView view(const calo::FeatureMatrix<T>& features) {
  return {std::span<const T>(features.values), features.rows(), features.columns};
}

enum class NetworkKind {
  /// Linear(D, hidden), `layers` times Linear(hidden, hidden), Linear(hidden, 1); LeakyReLU of
  /// slope 0.01 between.
  dnn,
  /// 3D ResNet-18 (arXiv:1711.09577, "B" shortcuts) of 32, 64, 64 and 128 planes on the "low"
  /// input: stem 7x7x7 of stride 2, max pool, zero padding also in alpha; log10 E_inc, batch
  /// normalised, joins before the last linear layer.
  cnn,
};

/// What the network computes in. The official evaluation trains in float64.
enum class Precision { float64, float32 };

/// (layers, alpha, r) of a CNN's input.
using ImageShape = std::array<int, 3>;
/// Throws Error when the layers of the geometry differ in their bins.
ImageShape image_shape(const calo::Geometry& geometry);

/// The defaults are the official settings, but for the split.
struct ClassifierOptions {
  NetworkKind kind = NetworkKind::dnn;
  int hidden = 2048;   ///< width of the DNN
  int layers = 2;      ///< hidden layers of the DNN after the first one
  ImageShape image{};  ///< of the CNN; image[0] image[1] image[2] + 1 = D
  int epochs = 50;
  int batch = 1000;
  double learning_rate = 2e-4;  ///< Adam's, constant; its other numbers are the defaults
  Precision precision = Precision::float64;
  /// Showers of each sample for training, model selection and report; empty: 0.6, 0.2 and 0.2 of
  /// the smaller sample.
  std::optional<SplitCounts> split;
  std::uint64_t seed = 1;  ///< of the split, the initial weights and the order of the batches
  std::string device = "cpu";
  int threads = 0;  ///< 0: LibTorch's own choice
};

/// What one training says. Label 1 is the reference. "test" selects the epoch and calibrates,
/// "validation" is reported (the challenge's names).
struct ClassifierResult {
  std::uint64_t seed = 0;
  double auc = 0;  ///< after isotonic calibration: the reported one
  double jsd = 0;
  double auc_uncalibrated = 0;
  double jsd_uncalibrated = 0;
  RocCurve roc;                    ///< after calibration, thinned
  std::vector<double> losses;      ///< mean cross entropy of each epoch while training [nats]
  std::vector<double> accuracies;  ///< on "test" after each epoch
  int best_epoch = 0;              ///< from 1; the first one of the highest accuracy
  SplitCounts counts;              ///< of each of the two samples
  std::int64_t parameters = 0;
  std::string device;
  double seconds = 0;
};

/// Trains one classifier. The larger sample is cut (by random choice) to the other's size. With one
/// thread on the CPU the result depends on the features and the options alone, to the last bit.
///
/// Throws Error: samples of different width, fewer than 50 showers of either, too few for the
/// split, a feature that is not finite, options that do not fit, a device that is not there or
/// short of memory, a training that diverges; and whatever `progress` throws.
ClassifierResult train_classifier(const FeatureView& reference, const FeatureView& sample,
                                  const ClassifierOptions& options, Progress& progress);

/// Mean, population standard deviation (as the challenge publishes) and standard error of the mean
/// (from the sample standard deviation; 0 for one value). Runs share their showers: the error is
/// that of training and split, not of the samples.
struct Spread {
  double mean = 0;
  double standard_deviation = 0;
  double standard_error = 0;
};
Spread spread(std::span<const double> values);

struct RepeatedResult {
  std::vector<ClassifierResult> runs;  ///< seeds options.seed, options.seed + 1, ...
  Spread auc;
  Spread jsd;
};
/// The same with `seeds` seeds (at least 1). Errors as train_classifier.
RepeatedResult train_repeated(const FeatureView& reference, const FeatureView& sample, int seeds,
                              const ClassifierOptions& options, Progress& progress);

/// Parameters that a training on D columns would fit. Throws Error for options that do not fit.
std::int64_t parameter_count(const ClassifierOptions& options, int columns);

/// What a network that knows a generator's training showers by heart says of the generated ones.
struct MembershipResult {
  std::uint64_t seed = 0;
  /// Chance that it finds a generated shower more like those of the training than a shower that
  /// nobody has seen: 1/2 where the generator keeps nothing, up to 1/2 + share_learnt / 2 where
  /// it returns its training.
  double auc = 0.5;
  double auc_error = 0;          ///< of an AUC of 1/2 of so many showers (Mann and Whitney 1947)
  double training_accuracy = 0;  ///< on what it was trained on: how much it knows by heart
  double share_learnt = 0;       ///< of the training showers
  std::int64_t learnt = 0;       ///< of each sample
  std::int64_t unseen = 0;       ///< held-out showers that were kept from it
  double seconds = 0;
};

/// Trains a network to tell training showers from one half of the held-out ones, all epochs and
/// without selecting any: they are of one law, so it can only learn them by heart. It is then asked
/// about the generated showers and the other half (membership inference; Shokri et al.,
/// arXiv:1610.05820, asks a classifier in this way about its own training). `options.split` is not
/// used. Throws Error as train_classifier.
MembershipResult test_membership(const FeatureView& training, const FeatureView& held_out,
                                 const FeatureView& generated, const ClassifierOptions& options,
                                 Progress& progress);

/// A generator's showers in a contest of several.
struct Contestant {
  std::string name;
  FeatureView features;
};

/// Which of several generators do real showers look most like?
struct MulticlassResult {
  std::vector<std::string> names;
  /// Mean over the reference's showers of ln P(generator | shower), one a generator: the highest is
  /// the nearest; ln(1/K) for all of K when the network finds no difference.
  std::vector<double> mean_log_posterior;
  double accuracy = 0;  ///< on "validation": how well the generators are told apart
  int best_epoch = 0;
  SplitCounts counts;  ///< of each generator
  std::int64_t parameters = 0;
  double seconds = 0;
};

/// Trains one softmax classifier on the generators' showers alone (cross entropy; split, model
/// selection and settings as above) and asks it about the reference's. Throws Error as
/// train_classifier does, and for fewer than two generators.
MulticlassResult train_multiclass(const FeatureView& reference,
                                  const std::vector<Contestant>& generators,
                                  const ClassifierOptions& options, Progress& progress);

}  // namespace moliere::judge::classifier
