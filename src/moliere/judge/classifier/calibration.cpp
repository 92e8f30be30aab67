// SPDX-License-Identifier: Apache-2.0
#include "moliere/judge/classifier/calibration.hpp"

#include "moliere/core/error.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

namespace moliere::judge::classifier {
namespace {

/// The official evaluation's y_min, y_max: a calibrated probability is never 0 or 1, or one shower
/// would make the cross entropy infinite.
constexpr double least_probability = 1e-6;

/// Scores nearer than this are one: scikit-learn's rule for float64 (numpy's finfo.resolution).
constexpr double score_resolution = 1e-15;

void require_pairs(std::span<const double> scores, std::span<const std::uint8_t> labels) {
  if (scores.empty() || scores.size() != labels.size()) {
    throw Error(fmt::format("{} scores for {} labels", scores.size(), labels.size()),
                "every entry needs one of each, and there must be one", "check the sample");
  }
  if (!std::all_of(scores.begin(), scores.end(), [](double s) { return std::isfinite(s); })) {
    throw Error("a classifier's score is not a finite number", "the training has diverged",
                "lower the learning rate, or look for huge values in the showers");
  }
  if (std::any_of(labels.begin(), labels.end(), [](std::uint8_t label) { return label > 1; })) {
    throw Error("a label is neither 0 nor 1", "there are two samples", "label them so");
  }
}

std::size_t count_ones(std::span<const std::uint8_t> labels) {
  return static_cast<std::size_t>(std::count(labels.begin(), labels.end(), 1));
}

void require_both_labels(std::span<const std::uint8_t> labels) {
  const std::size_t ones = count_ones(labels);
  if (ones == 0 || ones == labels.size()) {
    throw Error("only one label is there", "a ROC curve compares two samples",
                "use larger samples");
  }
}

/// Indices that sort the scores, rising.
std::vector<std::size_t> rising_order(std::span<const double> scores) {
  std::vector<std::size_t> order(scores.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return scores[a] < scores[b]; });
  return order;
}

/// Entries of one score, or neighbouring ones that were pooled.
struct Block {
  double first = 0;  ///< score
  double last = 0;   ///< score
  double ones = 0;
  double count = 0;

  double mean() const { return ones / count; }
};

std::vector<Block> blocks_of_equal_score(std::span<const double> scores,
                                         std::span<const std::uint8_t> labels) {
  std::vector<Block> blocks;
  for (const std::size_t i : rising_order(scores)) {
    if (blocks.empty() || scores[i] - blocks.back().first >= score_resolution) {
      blocks.push_back({scores[i], scores[i], 0, 0});
    }
    blocks.back().ones += labels[i];
    blocks.back().count += 1;
  }
  return blocks;
}

/// Pools each block with the one before while their means do not rise.
std::vector<Block> pool_adjacent_violators(const std::vector<Block>& blocks) {
  std::vector<Block> pooled;
  for (const Block& block : blocks) {
    pooled.push_back(block);
    while (pooled.size() > 1 && pooled[pooled.size() - 2].mean() >= pooled.back().mean()) {
      const Block right = pooled.back();
      pooled.pop_back();
      pooled.back().last = right.last;
      pooled.back().ones += right.ones;
      pooled.back().count += right.count;
    }
  }
  return pooled;
}

double bounded_log(double x) { return std::max(std::log(x), -100.0); }

/// Whether b lies on the line from a to c, exactly: counts are whole numbers.
struct CornerCounts {
  std::size_t zeros = 0;
  std::size_t ones = 0;
};
bool straight(const CornerCounts& a, const CornerCounts& b, const CornerCounts& c) {
  return (b.zeros - a.zeros) * (c.ones - b.ones) == (c.zeros - b.zeros) * (b.ones - a.ones);
}

std::vector<CornerCounts> corners(std::span<const double> scores,
                                  std::span<const std::uint8_t> labels) {
  const std::vector<std::size_t> order = rising_order(scores);
  std::vector<CornerCounts> points{{0, 0}};
  CornerCounts now;
  for (std::size_t k = order.size(); k-- > 0;) {
    (labels[order[k]] == 1 ? now.ones : now.zeros) += 1;
    if (k > 0 && scores[order[k - 1]] == scores[order[k]]) continue;
    if (points.size() > 1 && straight(points[points.size() - 2], points.back(), now)) {
      points.pop_back();
    }
    points.push_back(now);
  }
  return points;
}

}  // namespace

IsotonicCalibration::IsotonicCalibration(std::span<const double> scores,
                                         std::span<const std::uint8_t> labels) {
  require_pairs(scores, labels);
  for (const Block& block : pool_adjacent_violators(blocks_of_equal_score(scores, labels))) {
    const double value = std::clamp(block.mean(), least_probability, 1 - least_probability);
    scores_.push_back(block.first);
    values_.push_back(value);
    if (block.last > block.first) {
      scores_.push_back(block.last);
      values_.push_back(value);
    }
  }
}

double IsotonicCalibration::operator()(double score) const {
  const auto above = std::upper_bound(scores_.begin(), scores_.end(), score);
  if (above == scores_.begin()) return values_.front();
  if (above == scores_.end()) return values_.back();
  const auto i = static_cast<std::size_t>(above - scores_.begin());
  const double share = (score - scores_[i - 1]) / (scores_[i] - scores_[i - 1]);
  return values_[i - 1] + share * (values_[i] - values_[i - 1]);
}

std::vector<double> IsotonicCalibration::operator()(std::span<const double> scores) const {
  std::vector<double> values;
  values.reserve(scores.size());
  for (const double score : scores) values.push_back((*this)(score));
  return values;
}

double roc_auc(std::span<const double> scores, std::span<const std::uint8_t> labels) {
  require_pairs(scores, labels);
  require_both_labels(labels);
  const std::vector<std::size_t> order = rising_order(scores);
  double pairs = 0;
  double zeros_below = 0;
  for (std::size_t begin = 0; begin < order.size();) {
    double ones = 0;
    double zeros = 0;
    std::size_t end = begin;
    while (end < order.size() && scores[order[end]] == scores[order[begin]]) {
      (labels[order[end]] == 1 ? ones : zeros) += 1;
      ++end;
    }
    pairs += ones * (zeros_below + 0.5 * zeros);
    zeros_below += zeros;
    begin = end;
  }
  const auto ones = static_cast<double>(count_ones(labels));
  return pairs / (ones * (static_cast<double>(labels.size()) - ones));
}

RocCurve roc_curve(std::span<const double> scores, std::span<const std::uint8_t> labels,
                   std::size_t points) {
  require_pairs(scores, labels);
  require_both_labels(labels);
  const std::vector<CornerCounts> all = corners(scores, labels);
  const std::size_t kept = std::min(std::max<std::size_t>(points, 2), all.size());
  const CornerCounts total = all.back();
  RocCurve curve;
  for (std::size_t k = 0; k < kept; ++k) {
    const CornerCounts& point = all[k * (all.size() - 1) / (kept - 1)];
    curve.false_positive_rate.push_back(static_cast<double>(point.zeros) /
                                        static_cast<double>(total.zeros));
    curve.true_positive_rate.push_back(static_cast<double>(point.ones) /
                                       static_cast<double>(total.ones));
  }
  return curve;
}

double cross_entropy(std::span<const double> probabilities, std::span<const std::uint8_t> labels) {
  require_pairs(probabilities, labels);
  double sum = 0;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    sum -= bounded_log(labels[i] == 1 ? probabilities[i] : 1 - probabilities[i]);
  }
  return sum / static_cast<double>(labels.size());
}

double jsd(std::span<const double> probabilities, std::span<const std::uint8_t> labels) {
  return (std::numbers::ln2 - cross_entropy(probabilities, labels)) / std::numbers::ln2;
}

}  // namespace moliere::judge::classifier
