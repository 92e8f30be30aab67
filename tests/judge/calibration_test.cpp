// SPDX-License-Identifier: Apache-2.0
#include "moliere/judge/classifier/calibration.hpp"

#include "moliere/core/error.hpp"
#include "moliere/core/random.hpp"
#include "moliere/judge/classifier/split.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <set>

#include <gmock/gmock.h>

namespace moliere::judge::classifier {
namespace {

using testing::DoubleNear;
using testing::ElementsAre;
using Labels = std::vector<std::uint8_t>;
using Scores = std::vector<double>;

struct Entries {
  Scores scores;
  Labels labels;
};

/// Scores on a coarse grid, so that ties are many.
Entries random_entries(std::size_t count, std::uint64_t seed) {
  RandomStream stream(seed);
  Entries entries;
  for (std::size_t i = 0; i < count; ++i) {
    entries.scores.push_back(0.05 * stream.below(20));
    entries.labels.push_back(stream.uniform() < entries.scores.back() ? 1 : 0);
  }
  entries.labels.front() = 0;
  entries.labels.back() = 1;
  return entries;
}

double auc_by_pairs(const Entries& entries) {
  double pairs = 0;
  double right = 0;
  for (std::size_t i = 0; i < entries.scores.size(); ++i) {
    for (std::size_t j = 0; j < entries.scores.size(); ++j) {
      if (entries.labels[i] != 1 || entries.labels[j] != 0) continue;
      pairs += 1;
      if (entries.scores[i] > entries.scores[j]) right += 1;
      if (entries.scores[i] == entries.scores[j]) right += 0.5;
    }
  }
  return right / pairs;
}

/// The isotonic fit at each score by its min-max formula: the largest, over begins at or before
/// it, of the least mean label of the ranges from there to an end at or after it.
Scores isotonic_by_ranges(const Entries& entries) {
  const std::set<double> grid(entries.scores.begin(), entries.scores.end());
  const auto mean = [&](double lo, double hi) {
    double ones = 0;
    double count = 0;
    for (std::size_t i = 0; i < entries.scores.size(); ++i) {
      if (entries.scores[i] < lo || entries.scores[i] > hi) continue;
      ones += entries.labels[i];
      count += 1;
    }
    return ones / count;
  };
  Scores fit;
  for (const double score : entries.scores) {
    double best = 0;
    for (const double lo : grid) {
      if (lo > score) break;
      double least = 1;
      for (const double hi : grid) {
        if (hi >= score) least = std::min(least, mean(lo, hi));
      }
      best = std::max(best, least);
    }
    fit.push_back(std::clamp(best, 1e-6, 1 - 1e-6));
  }
  return fit;
}

TEST(Auc, IsTheShareOfPairsInTheRightOrder) {
  EXPECT_EQ(roc_auc(Scores{0.1, 0.4, 0.35, 0.8}, Labels{0, 0, 1, 1}), 0.75);
  EXPECT_EQ(roc_auc(Scores{1, 2, 3, 4}, Labels{0, 0, 1, 1}), 1);
  EXPECT_EQ(roc_auc(Scores{1, 2, 3, 4}, Labels{1, 1, 0, 0}), 0) << "it is not folded";
}

TEST(Auc, TiesCountHalf) {
  EXPECT_EQ(roc_auc(Scores{0.5, 0.5, 0.5}, Labels{0, 1, 1}), 0.5);
  EXPECT_EQ(roc_auc(Scores{0.2, 0.5, 0.5, 0.9}, Labels{0, 0, 1, 1}), 0.875);
  for (const std::uint64_t seed : {1U, 2U, 3U}) {
    const Entries entries = random_entries(300, seed);
    EXPECT_NEAR(roc_auc(entries.scores, entries.labels), auc_by_pairs(entries), 1e-14);
  }
}

TEST(Auc, RefusesWhatHasNone) {
  EXPECT_THROW(roc_auc(Scores{}, Labels{}), Error);
  EXPECT_THROW(roc_auc(Scores{1, 2}, Labels{1, 1}), Error);
  EXPECT_THROW(roc_auc(Scores{1, 2}, Labels{1}), Error);
  EXPECT_THROW(roc_auc(Scores{1, 2}, Labels{1, 2}), Error);
  EXPECT_THROW(roc_auc(Scores{1, std::nan("")}, Labels{1, 0}), Error);
}

TEST(Roc, GoesThroughTheCorners) {
  const RocCurve curve = roc_curve(Scores{0.1, 0.4, 0.35, 0.8}, Labels{0, 0, 1, 1});
  EXPECT_THAT(curve.false_positive_rate, ElementsAre(0, 0, 0.5, 0.5, 1));
  EXPECT_THAT(curve.true_positive_rate, ElementsAre(0, 0.5, 0.5, 1, 1));
}

TEST(Roc, AreaUnderItIsTheAucAndThinningKeepsTheEnds) {
  RandomStream stream(5);
  Entries entries;
  for (int i = 0; i < 4000; ++i) {
    entries.labels.push_back(static_cast<std::uint8_t>(i % 2));
    entries.scores.push_back(stream.normal() + 0.7 * (i % 2));
  }
  const auto area = [](const RocCurve& curve) {
    double sum = 0;
    for (std::size_t i = 1; i < curve.true_positive_rate.size(); ++i) {
      sum += 0.5 * (curve.true_positive_rate[i] + curve.true_positive_rate[i - 1]) *
             (curve.false_positive_rate[i] - curve.false_positive_rate[i - 1]);
    }
    return sum;
  };
  const double auc = roc_auc(entries.scores, entries.labels);
  EXPECT_NEAR(area(roc_curve(entries.scores, entries.labels, 100000)), auc, 1e-12);
  const RocCurve thin = roc_curve(entries.scores, entries.labels, 100);
  EXPECT_EQ(thin.true_positive_rate.size(), 100U);
  EXPECT_EQ(thin.false_positive_rate.front(), 0);
  EXPECT_EQ(thin.true_positive_rate.front(), 0);
  EXPECT_EQ(thin.false_positive_rate.back(), 1);
  EXPECT_EQ(thin.true_positive_rate.back(), 1);
  EXPECT_NEAR(area(thin), auc, 2e-3);
}

TEST(Isotonic, PoolsViolators) {
  // Scores 2 and 3 are in the wrong order, and pool to 1/2.
  const IsotonicCalibration calibrate(Scores{1, 2, 3, 4}, Labels{0, 1, 0, 1});
  EXPECT_DOUBLE_EQ(calibrate(1), 1e-6);
  EXPECT_DOUBLE_EQ(calibrate(2), 0.5);
  EXPECT_DOUBLE_EQ(calibrate(2.7), 0.5);
  EXPECT_DOUBLE_EQ(calibrate(3), 0.5);
  EXPECT_DOUBLE_EQ(calibrate(4), 1 - 1e-6);
}

TEST(Isotonic, IsLinearBetweenBlocksAndConstantOutside) {
  const IsotonicCalibration calibrate(Scores{1, 2, 3, 4}, Labels{0, 1, 0, 1});
  EXPECT_NEAR(calibrate(1.5), 0.25, 1e-6);
  EXPECT_NEAR(calibrate(3.25), 0.625, 1e-6);
  EXPECT_DOUBLE_EQ(calibrate(-7), 1e-6);
  EXPECT_DOUBLE_EQ(calibrate(99), 1 - 1e-6);
}

TEST(Isotonic, EqualScoresAreOneAverage) {
  const IsotonicCalibration calibrate(Scores{1, 1, 1, 1, 2}, Labels{0, 1, 0, 0, 1});
  EXPECT_DOUBLE_EQ(calibrate(1), 0.25);
}

TEST(Isotonic, IsTheLeastSquaresFitOfBruteForce) {
  for (const std::uint64_t seed : {1U, 2U, 3U, 4U}) {
    const Entries entries = random_entries(200, seed);
    const IsotonicCalibration calibrate(entries.scores, entries.labels);
    const Scores expected = isotonic_by_ranges(entries);
    for (std::size_t i = 0; i < expected.size(); ++i) {
      EXPECT_NEAR(calibrate(entries.scores[i]), expected[i], 1e-14) << i;
    }
  }
}

TEST(Isotonic, NeverFallsAndNeverMakesTheTrainingFitWorse) {
  const Entries entries = random_entries(500, 9);
  const IsotonicCalibration calibrate(entries.scores, entries.labels);
  double before = 0;
  for (double score = -0.1; score < 1.1; score += 0.001) {
    EXPECT_GE(calibrate(score), before);
    before = calibrate(score);
  }
  EXPECT_LE(cross_entropy(calibrate(entries.scores), entries.labels),
            cross_entropy(entries.scores, entries.labels) + 1e-12);
}

TEST(Isotonic, RefusesWhatCannotBeFitted) {
  EXPECT_THROW(IsotonicCalibration(Scores{}, Labels{}), Error);
  EXPECT_THROW(IsotonicCalibration(Scores{std::nan("")}, Labels{1}), Error);
}

TEST(Jsd, IsZeroForGuessingAndOneForCertainty) {
  EXPECT_NEAR(jsd(Scores{0.5, 0.5}, Labels{0, 1}), 0, 1e-15);
  EXPECT_NEAR(jsd(Scores{0, 1}, Labels{0, 1}), 1, 1e-15);
  EXPECT_LT(jsd(Scores{0.6, 0.4}, Labels{0, 1}), 0) << "worse than guessing";
  const double expected =
      (std::numbers::ln2 + 0.5 * (std::log(0.9) + std::log(0.8))) / std::numbers::ln2;
  EXPECT_NEAR(jsd(Scores{0.1, 0.8}, Labels{0, 1}), expected, 1e-15);
}

TEST(Jsd, OneCertainMistakeIsBoundedAsInTorch) {
  EXPECT_DOUBLE_EQ(cross_entropy(Scores{1, 1}, Labels{0, 1}), 50);
}

TEST(Split, OfficialCountsAreTheChallenges) {
  EXPECT_EQ(official_split("ds1-photons"), (SplitCounts{80000, 20000, 21000}));
  EXPECT_EQ(official_split("ds1-pions"), (SplitCounts{80000, 20000, 20800}));
  EXPECT_EQ(official_split("ds2"), (SplitCounts{60000, 20000, 20000}));
  EXPECT_EQ(official_split("ds3"), (SplitCounts{60000, 20000, 20000}));
  EXPECT_FALSE(official_split("mine"));
}

TEST(Split, FractionsUseEveryShower) {
  EXPECT_EQ(fractional_split(1000), (SplitCounts{600, 200, 200}));
  EXPECT_EQ(fractional_split(57).total(), 57);
}

TEST(Split, TakesNoRowTwiceAndAllSamplesAlike) {
  const SplitCounts counts{60, 20, 19};
  const Split split = draw_split({100, 150}, counts, 3);
  std::set<std::pair<int, std::int64_t>> seen;
  for (const auto* part : {&split.train, &split.test, &split.validation}) {
    const auto of_second = std::count_if(part->begin(), part->end(),
                                         [](const Entry& entry) { return entry.sample == 1; });
    EXPECT_EQ(2 * static_cast<std::size_t>(of_second), part->size());
    for (const Entry& entry : *part) {
      EXPECT_LT(entry.row, entry.sample == 0 ? 100 : 150);
      EXPECT_TRUE(seen.insert({entry.sample, entry.row}).second);
    }
  }
  EXPECT_EQ(split.train.size(), 120U);
  EXPECT_EQ(split.test.size(), 40U);
  EXPECT_EQ(split.validation.size(), 38U);
}

TEST(Split, DependsOnTheSeedAlone) {
  const auto rows = [](std::uint64_t seed) {
    std::vector<std::int64_t> result;
    for (const Entry& entry : draw_split({50, 50}, {30, 10, 10}, seed).train) {
      result.push_back(entry.row);
    }
    return result;
  };
  EXPECT_EQ(rows(1), rows(1));
  EXPECT_NE(rows(1), rows(2));
}

TEST(Split, RefusesTooFewShowersAndEmptyParts) {
  EXPECT_THROW(draw_split({99, 200}, {60, 20, 20}, 1), Error);
  EXPECT_THROW(draw_split({100, 100}, {0, 50, 50}, 1), Error);
}

}  // namespace
}  // namespace moliere::judge::classifier
