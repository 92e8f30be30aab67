// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

/// What is read off a classifier's scores. Labels are 1 (reference) and 0 (sample); a score is
/// higher where a shower looks more like the reference.
namespace moliere::judge::classifier {

/// The non-decreasing function of the score that is nearest to the labels in least squares (pool
/// adjacent violators: Barlow et al., "Statistical Inference under Order Restrictions", 1972,
/// section 1.2), linear between the blocks and constant outside, as scikit-learn's
/// IsotonicRegression(out_of_bounds="clip", y_min=1e-6, y_max=1-1e-6).
class IsotonicCalibration {
 public:
  /// Scores (N), labels (N). Throws Error when there is none, the lengths differ, a score is not
  /// finite or a label is neither 0 nor 1.
  IsotonicCalibration(std::span<const double> scores, std::span<const std::uint8_t> labels);

  /// Probability of label 1 at a score, in [1e-6, 1 - 1e-6].
  double operator()(double score) const;
  /// The same of each score.
  std::vector<double> operator()(std::span<const double> scores) const;

 private:
  std::vector<double> scores_;  ///< rising; both ends of each block
  std::vector<double> values_;
};

/// Area under the ROC curve: the chance that a label-1 entry scores above a label-0 one, ties
/// counted half (the Mann-Whitney statistic over N1 N0). Throws Error as above, and when one label
/// is absent.
double roc_auc(std::span<const double> scores, std::span<const std::uint8_t> labels);

/// True against false positive rate as the threshold falls, from (0, 0) to (1, 1).
struct RocCurve {
  std::vector<double> false_positive_rate;
  std::vector<double> true_positive_rate;
};
/// Corner points alone (entries of equal score move together, points on a straight line are left
/// out), of these at most `points`, evenly taken. Throws Error as roc_auc does.
RocCurve roc_curve(std::span<const double> scores, std::span<const std::uint8_t> labels,
                   std::size_t points = 256);

/// Mean binary cross entropy of probabilities [nats]; logarithms are bounded at -100, as
/// torch.nn.BCELoss bounds them. Throws Error as above.
double cross_entropy(std::span<const double> probabilities, std::span<const std::uint8_t> labels);

/// Jensen-Shannon divergence estimated by a classifier of equally many of both labels:
/// (ln 2 - BCE) / ln 2. 1: told apart always; 0: never; below 0: worse than guessing.
double jsd(std::span<const double> probabilities, std::span<const std::uint8_t> labels);

}  // namespace moliere::judge::classifier
