// SPDX-License-Identifier: Apache-2.0
#include "moliere/judge/classifier/classifier.hpp"

#include "moliere/core/error.hpp"
#include "moliere/core/random.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include <gmock/gmock.h>

namespace moliere::judge::classifier {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

calo::FeatureMatrix<double> gaussians(std::int64_t rows, int columns, double mean,
                                      std::uint64_t seed) {
  RandomStream stream(seed);
  calo::FeatureMatrix<double> features;
  features.columns = columns;
  for (std::int64_t i = 0; i < rows; ++i) {
    for (int c = 0; c < columns; ++c) {
      features.values.push_back(stream.normal() + (c == 0 ? mean : 0));
    }
  }
  return features;
}

/// A network that trains in a second, on one thread: results are the same to the last bit.
ClassifierOptions small() {
  ClassifierOptions options;
  options.hidden = 32;
  options.epochs = 12;
  options.batch = 100;
  options.learning_rate = 2e-3;
  options.threads = 1;
  return options;
}

/// AUC of the best classifier of two unit Gaussians d apart: P(x1 > x0) = Phi(d / sqrt 2).
double optimal_auc(double d) { return 0.5 * std::erfc(-d / 2); }

/// Standard deviation of an AUC of 1/2 from n entries of each label (Mann and Whitney 1947).
double auc_sigma(std::int64_t n) {
  return std::sqrt(static_cast<double>(2 * n + 1) / (12.0 * static_cast<double>(n * n)));
}

ClassifierResult train(const calo::FeatureMatrix<double>& reference,
                       const calo::FeatureMatrix<double>& sample,
                       const ClassifierOptions& options) {
  SilentProgress progress;
  return train_classifier(view(reference), view(sample), options, progress);
}

TEST(Classifier, ReachesTheOptimumOfTwoGaussians) {
  const auto reference = gaussians(10000, 3, 1.0, 1);
  const auto sample = gaussians(10000, 3, 0.0, 2);
  const ClassifierResult result = train(reference, sample, small());
  // Two standard deviations of the report's 2 x 2000 showers are some 0.014.
  EXPECT_NEAR(result.auc, optimal_auc(1.0), 0.02);
  EXPECT_NEAR(result.auc_uncalibrated, result.auc, 0.01);
  // JSD of N(0,1) and N(1,1) in units of ln 2, by numerical integration.
  EXPECT_NEAR(result.jsd, 0.1612, 0.03);
  EXPECT_EQ(result.counts, (SplitCounts{6000, 2000, 2000}));
  EXPECT_EQ(result.roc.true_positive_rate.back(), 1);
}

TEST(Classifier, ScoresAreHigherForTheReference) {
  const auto reference = gaussians(600, 2, -3.0, 1);
  const auto sample = gaussians(600, 2, 0.0, 2);
  EXPECT_GT(train(reference, sample, small()).auc, 0.95);
}

TEST(Classifier, FindsNothingBetweenSamplesOfOneDistribution) {
  const auto reference = gaussians(4000, 4, 0.0, 11);
  const auto sample = gaussians(4000, 4, 0.0, 12);
  ClassifierOptions options = small();
  options.epochs = 4;
  SilentProgress progress;
  const RepeatedResult result = train_repeated(view(reference), view(sample), 5, options, progress);
  // Each run's 800 showers of each sample are a fifth of all; the runs share them.
  EXPECT_NEAR(result.auc.mean, 0.5, 3 * auc_sigma(800));
  EXPECT_NEAR(result.jsd.mean, 0.0, 0.02);
}

TEST(Classifier, KeepsTheFirstEpochOfTheHighestAccuracy) {
  const auto reference = gaussians(500, 2, 0.5, 3);
  const auto sample = gaussians(500, 2, 0.0, 4);
  const ClassifierResult result = train(reference, sample, small());
  ASSERT_EQ(result.accuracies.size(), 12U);
  ASSERT_EQ(result.losses.size(), 12U);
  const auto best = std::max_element(result.accuracies.begin(), result.accuracies.end());
  EXPECT_EQ(result.best_epoch, best - result.accuracies.begin() + 1);
  // Fewer epochs than the best one change nothing after it: the weights are those of that epoch.
  ClassifierOptions shorter = small();
  shorter.epochs = result.best_epoch;
  EXPECT_EQ(train(reference, sample, shorter).auc, result.auc);
  EXPECT_LT(result.best_epoch, 12) << "else the last line shows nothing: take another seed";
}

TEST(Classifier, StopsAtAccuracyOne) {
  const auto result = train(gaussians(300, 2, 60.0, 3), gaussians(300, 2, 0.0, 4), small());
  EXPECT_LT(result.accuracies.size(), 12U);
  EXPECT_EQ(result.accuracies.back(), 1);
  EXPECT_EQ(result.auc, 1);
  EXPECT_NEAR(result.jsd, 1, 1e-3) << "calibration is linear across the gap";
}

TEST(Classifier, OneSeedOnOneThreadIsOneResult) {
  const auto reference = gaussians(400, 5, 0.7, 3);
  const auto sample = gaussians(500, 5, 0.0, 4);
  ClassifierOptions options = small();
  options.epochs = 3;
  const ClassifierResult first = train(reference, sample, options);
  const ClassifierResult again = train(reference, sample, options);
  EXPECT_EQ(first.auc, again.auc);
  EXPECT_EQ(first.auc_uncalibrated, again.auc_uncalibrated);
  EXPECT_EQ(first.jsd_uncalibrated, again.jsd_uncalibrated);
  EXPECT_EQ(first.losses, again.losses);
  options.seed = 2;
  EXPECT_NE(train(reference, sample, options).losses, first.losses);
}

TEST(Classifier, LargerSampleIsCutToTheSmaller) {
  ClassifierOptions options = small();
  options.epochs = 1;
  const auto result = train(gaussians(150, 2, 0, 1), gaussians(1000, 2, 0, 2), options);
  EXPECT_EQ(result.counts, (SplitCounts{90, 30, 30}));
}

TEST(Classifier, FloatsAndDoublesOfTheSameValuesGiveTheSame) {
  auto reference = gaussians(200, 2, 1.0, 1);
  auto sample = gaussians(200, 2, 0.0, 2);
  calo::FeatureMatrix<float> reference_floats{2, {}};
  calo::FeatureMatrix<float> sample_floats{2, {}};
  for (double& value : reference.values) {
    reference_floats.values.push_back(static_cast<float>(value));
    value = reference_floats.values.back();
  }
  for (double& value : sample.values) {
    sample_floats.values.push_back(static_cast<float>(value));
    value = sample_floats.values.back();
  }
  ClassifierOptions options = small();
  options.epochs = 2;
  SilentProgress progress;
  const auto floats =
      train_classifier(view(reference_floats), view(sample_floats), options, progress);
  EXPECT_EQ(floats.losses, train(reference, sample, options).losses);
  options.precision = Precision::float32;
  const auto single = train(reference, sample, options);
  EXPECT_NE(single.losses, floats.losses);
  EXPECT_NEAR(single.losses.back(), floats.losses.back(), 1e-3);
}

TEST(Classifier, RefusesWhatCannotBeCompared) {
  const auto good = gaussians(100, 3, 0, 1);
  const auto narrow = gaussians(100, 2, 0, 1);
  EXPECT_THAT([&] { train(good, narrow, small()); }, ThrowsMessage<Error>(HasSubstr("columns")));
  EXPECT_THAT([&] { train(good, gaussians(49, 3, 0, 1), small()); },
              ThrowsMessage<Error>(HasSubstr("the sample has 49 showers")));
  auto damaged = good;
  damaged.values[3 * 17 + 2] = std::nan("");
  EXPECT_THAT([&] { train(damaged, good, small()); },
              ThrowsMessage<Error>(HasSubstr("the reference: feature 2 of shower 17")));
  damaged.values[3 * 17 + 2] = std::numeric_limits<double>::infinity();
  EXPECT_THROW(train(good, damaged, small()), Error);
}

TEST(Classifier, RefusesOptionsThatDoNotFit) {
  const auto good = gaussians(100, 3, 0, 1);
  const auto with = [&](auto change) {
    ClassifierOptions options = small();
    change(options);
    return [=] { train(good, good, options); };
  };
  EXPECT_THROW(with([](auto& o) { o.epochs = 0; })(), Error);
  EXPECT_THROW(with([](auto& o) { o.batch = 1; })(), Error);
  EXPECT_THROW(with([](auto& o) { o.hidden = 0; })(), Error);
  EXPECT_THROW(with([](auto& o) { o.learning_rate = 0; })(), Error);
  EXPECT_THROW(with([](auto& o) { o.threads = -1; })(), Error);
  EXPECT_THROW(with([](auto& o) { o.kind = NetworkKind::cnn; })(), Error);
  EXPECT_THROW(with([](auto& o) { o.split = SplitCounts{80, 20, 20}; })(), Error);
  EXPECT_THROW(with([](auto& o) { o.split = SplitCounts{80, 20, 0}; })(), Error);
  EXPECT_THAT(with([](auto& o) { o.device = "tpu"; }),
              ThrowsMessage<Error>(HasSubstr("no device is called 'tpu'")));
  EXPECT_THAT(with([](auto& o) { o.device = "cuda:99"; }),
              ThrowsMessage<Error>(HasSubstr("not there")));
}

TEST(Classifier, DivergedTrainingIsAnError) {
  auto sample = gaussians(200, 2, 0, 1);
  for (double& value : sample.values) value *= 1e200;
  ClassifierOptions options = small();
  options.learning_rate = 1e200;
  EXPECT_THAT([&] { train(gaussians(200, 2, 0, 2), sample, options); },
              ThrowsMessage<Error>(HasSubstr("not finite in epoch")));
}

TEST(Classifier, ProgressReachesItsEndAndMayStopTheWork) {
  struct Stop {};
  class Watch final : public Progress {
   public:
    void update(double done, double total, std::string_view) override {
      EXPECT_GE(done, before_);
      before_ = done;
      finished = done >= total;
      if (stop) throw Stop{};
    }
    bool stop = false;
    bool finished = false;

   private:
    double before_ = 0;
  };
  const auto features = gaussians(100, 2, 0, 1);
  ClassifierOptions options = small();
  options.epochs = 2;
  Watch watch;
  train_repeated(view(features), view(features), 2, options, watch);
  EXPECT_TRUE(watch.finished);
  Watch stopping;
  stopping.stop = true;
  EXPECT_THROW(train_classifier(view(features), view(features), options, stopping), Stop);
}

TEST(Spread, IsHandMade) {
  const Spread spread_of_three = spread(std::vector<double>{1, 2, 6});
  EXPECT_DOUBLE_EQ(spread_of_three.mean, 3);
  EXPECT_DOUBLE_EQ(spread_of_three.standard_deviation, std::sqrt(14.0 / 3));
  EXPECT_DOUBLE_EQ(spread_of_three.standard_error, std::sqrt(7.0 / 3));
  EXPECT_EQ(spread(std::vector<double>{5}).standard_error, 0);
}

TEST(Repeated, SeedsFollowOneAnother) {
  const auto reference = gaussians(100, 2, 1, 1);
  const auto sample = gaussians(100, 2, 0, 2);
  ClassifierOptions options = small();
  options.epochs = 2;
  options.seed = 7;
  SilentProgress progress;
  const RepeatedResult result = train_repeated(view(reference), view(sample), 3, options, progress);
  ASSERT_EQ(result.runs.size(), 3U);
  EXPECT_EQ(result.runs[2].seed, 9U);
  EXPECT_NE(result.runs[0].losses, result.runs[1].losses);
  EXPECT_NEAR(result.auc.mean, (result.runs[0].auc + result.runs[1].auc + result.runs[2].auc) / 3,
              1e-15);
  EXPECT_THROW(train_repeated(view(reference), view(sample), 0, options, progress), Error);
}

TEST(Multiclass, TheNearestGeneratorHasTheHighestPosterior) {
  const auto reference = gaussians(1000, 2, 0.0, 1);
  const auto near = gaussians(1500, 2, 0.1, 2);
  const auto far = gaussians(1500, 2, 2.0, 3);
  const auto farther = gaussians(1500, 2, -4.0, 4);
  SilentProgress progress;
  const MulticlassResult result = train_multiclass(
      view(reference), {{"far", view(far)}, {"near", view(near)}, {"farther", view(farther)}},
      small(), progress);
  ASSERT_EQ(result.mean_log_posterior.size(), 3U);
  EXPECT_GT(result.mean_log_posterior[1], result.mean_log_posterior[0]);
  EXPECT_GT(result.mean_log_posterior[0], result.mean_log_posterior[2]);
  EXPECT_GT(result.accuracy, 0.8);
  EXPECT_EQ(result.names[1], "near");
}

TEST(Multiclass, EqualGeneratorsShareThePosterior) {
  const auto reference = gaussians(500, 2, 0.0, 1);
  const auto first = gaussians(2000, 2, 0.0, 2);
  const auto second = gaussians(2000, 2, 0.0, 3);
  ClassifierOptions options = small();
  options.epochs = 2;
  SilentProgress progress;
  const MulticlassResult result = train_multiclass(
      view(reference), {{"first", view(first)}, {"second", view(second)}}, options, progress);
  EXPECT_NEAR(result.mean_log_posterior[0], std::log(0.5), 0.05);
  EXPECT_NEAR(result.mean_log_posterior[1], std::log(0.5), 0.05);
  EXPECT_THROW(train_multiclass(view(reference), {{"first", view(first)}}, options, progress),
               Error);
}

TEST(Cnn, LearnsWhatOnlyTheNeighboursOfACellShow) {
  // Both samples light half of the layers: the reference the first ones, the other every second.
  const ImageShape image{8, 4, 4};
  const auto showers = [&](bool first_ones, std::uint64_t seed) {
    RandomStream stream(seed);
    calo::FeatureMatrix<float> features;
    features.columns = 1 + 8 * 4 * 4;
    for (int row = 0; row < 200; ++row) {
      features.values.push_back(static_cast<float>(4 + stream.normal()));
      for (int voxel = 0; voxel < 8 * 4 * 4; ++voxel) {
        const int layer = voxel / (4 * 4);
        const bool lit = first_ones ? layer < 4 : layer % 2 == 0;
        features.values.push_back(static_cast<float>(0.1 * stream.uniform() + (lit ? 0.05 : 0)));
      }
    }
    return features;
  };
  ClassifierOptions options;
  options.kind = NetworkKind::cnn;
  options.image = image;
  // Enough steps that the running means of the batch normalisations forget where they began.
  options.epochs = 12;
  options.batch = 24;
  options.learning_rate = 1e-3;
  options.precision = Precision::float32;
  options.threads = 1;
  const auto reference = showers(true, 1);
  const auto sample = showers(false, 2);
  SilentProgress progress;
  const ClassifierResult result =
      train_classifier(view(reference), view(sample), options, progress);
  EXPECT_GT(result.auc, 0.95);
}

TEST(Cnn, ImageIsTheGeometrysWhereLayersAreEqual) {
  EXPECT_EQ(image_shape(calo::builtin_geometry("ds2")), (ImageShape{45, 16, 9}));
  EXPECT_EQ(image_shape(calo::builtin_geometry("ds3")), (ImageShape{45, 50, 18}));
  EXPECT_THROW(image_shape(calo::builtin_geometry("ds1-photons")), Error);
}

TEST(Parameters, AreAsManyAsTheOfficialNetworksHave) {
  // Linear layers of the official program: D 2048 + 2048, twice 2048^2 + 2048, 2048 + 1.
  ClassifierOptions dnn;
  for (const std::int64_t columns : {369, 534, 6481, 40501}) {
    EXPECT_EQ(parameter_count(dnn, static_cast<int>(columns)),
              columns * 2048 + 2048 + 2 * (2048 * 2048 + 2048) + 2048 + 1);
  }
  // As PyTorch counts them, see tests/golden/make_classifier_golden.py; of inputs of any size.
  ClassifierOptions cnn;
  cnn.kind = NetworkKind::cnn;
  cnn.image = {45, 16, 9};
  EXPECT_EQ(parameter_count(cnn, 6481), 2516644);
  cnn.image = {45, 50, 18};
  EXPECT_EQ(parameter_count(cnn, 40501), 2516644);
}

}  // namespace
}  // namespace moliere::judge::classifier
