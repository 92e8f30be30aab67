// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "moliere/judge/classifier/classifier.hpp"

#include <memory>
#include <vector>

/// The training that the classifiers of two and of several samples share; no LibTorch type in it.
namespace moliere::judge::classifier::detail {

/// Row-major: of a network with one output the probability of label 1 (N, 1), of one with K the
/// natural logarithms of the classes' probabilities (N, K).
using Outputs = std::vector<double>;

struct TrainingLog {
  std::vector<double> losses;
  std::vector<double> accuracies;
  int best_epoch = 0;
};

/// A network on a device with the samples that it looks at.
class Trainer {
 public:
  /// `samples[k]` has label k. `outputs`: 1 for two samples (sigmoid), or K classes (softmax);
  /// samples that no split names are only looked at. The views must outlive the trainer.
  /// Throws Error.
  Trainer(const std::vector<FeatureView>& samples, int outputs, const ClassifierOptions& options);
  ~Trainer();
  Trainer(const Trainer&) = delete;
  Trainer& operator=(const Trainer&) = delete;

  /// Leaves the network as it was after the best epoch, or, where nothing selects it (an empty
  /// `split.test`), after the last. Throws Error; what `progress` throws.
  TrainingLog train(const Split& split, Progress& progress);
  Outputs outputs(const std::vector<Entry>& entries);
  std::int64_t parameters() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Share of the entries whose own class is the likeliest (above 1/2, for two).
double accuracy(const Outputs& outputs, const std::vector<Entry>& entries);

}  // namespace moliere::judge::classifier::detail
