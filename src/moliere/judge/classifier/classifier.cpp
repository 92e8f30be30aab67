// SPDX-License-Identifier: Apache-2.0
#include "moliere/judge/classifier/classifier.hpp"

#include "moliere/core/error.hpp"
#include "moliere/judge/classifier/detail/training.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>

namespace moliere::judge::classifier {
namespace {

/// Below, "test" and "validation" hold some ten showers of each sample: no figure is worth reading.
constexpr std::int64_t fewest_showers = 50;

/// `sample` names it in messages.
void require_features(const FeatureView& features, int columns, std::string_view sample) {
  const std::size_t size =
      std::visit([](const auto& values) { return values.size(); }, features.values);
  if (features.columns < 1 || features.columns != columns ||
      size != static_cast<std::size_t>(features.rows) * static_cast<std::size_t>(columns)) {
    throw Error(
        fmt::format("{} has {} columns, and another sample {}", sample, features.columns, columns),
        "a classifier compares the same features of all", "compute them with one geometry");
  }
  if (features.rows < fewest_showers) {
    throw Error(fmt::format("{} has {} showers", sample, features.rows),
                fmt::format("a classifier needs {} of each to say anything", fewest_showers),
                "take a larger file");
  }
  std::visit(
      [&](const auto& values) {
        const auto wrong = std::find_if(values.begin(), values.end(),
                                        [](auto value) { return !std::isfinite(value); });
        if (wrong == values.end()) return;
        const std::int64_t at = wrong - values.begin();
        throw Error(fmt::format("{}: feature {} of shower {} is not a finite number", sample,
                                at % columns, at / columns),
                    "a network that reads it learns nothing",
                    "look at the file with moliere showers validate");
      },
      features.values);
}

void require_options(const ClassifierOptions& options) {
  if (options.epochs < 1 || options.batch < 2 || !(options.learning_rate > 0) ||
      !std::isfinite(options.learning_rate)) {
    throw Error(fmt::format("{} epochs of batches of {} at a learning rate of {}", options.epochs,
                            options.batch, options.learning_rate),
                "a training needs at least one epoch, two showers a batch, and a rate above 0",
                "give larger numbers");
  }
}

SplitCounts split_counts(const ClassifierOptions& options, const std::vector<std::int64_t>& rows) {
  const SplitCounts counts = options.split
                                 ? *options.split
                                 : fractional_split(*std::min_element(rows.begin(), rows.end()));
  if (counts.train < 1 || counts.test < 1 || counts.validation < 1) {
    throw Error("a part of the classifier's split is empty",
                "it trains on one, selects on the next, and is reported on the third",
                "give all three showers");
  }
  return counts;
}

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

std::vector<std::uint8_t> labels_of(const std::vector<Entry>& entries) {
  std::vector<std::uint8_t> labels;
  labels.reserve(entries.size());
  for (const Entry& entry : entries) labels.push_back(static_cast<std::uint8_t>(entry.sample));
  return labels;
}

/// (N, K) -> (K).
std::vector<double> column_means(const std::vector<double>& values, std::size_t columns) {
  std::vector<double> means(columns);
  for (std::size_t i = 0; i < values.size(); ++i) means[i % columns] += values[i];
  const std::size_t rows = values.size() / columns;
  for (double& mean : means) mean /= static_cast<double>(rows);
  return means;
}

/// Progress of run `index` of `count` as a part of the whole.
class PartOfProgress final : public Progress {
 public:
  PartOfProgress(Progress& whole, int index, int count)
      : whole_(whole), index_(index), count_(count) {}
  void update(double done, double total, std::string_view what) override {
    const double share = total > 0 ? done / total : 0;
    whole_.update(index_ + share, count_,
                  fmt::format("run {} of {}: {}", index_ + 1, count_, what));
  }

 private:
  Progress& whole_;
  int index_;
  int count_;
};

}  // namespace

ImageShape image_shape(const calo::Geometry& geometry) {
  const calo::Layer& first = geometry.layers().front();
  for (const calo::Layer& layer : geometry.layers()) {
    if (layer.alpha_bins != first.alpha_bins || layer.r_bins() != first.r_bins()) {
      throw Error(fmt::format("a CNN cannot read showers of {}", geometry.name()),
                  "its layers differ in their bins, so they are no image",
                  "choose the features low, low-normed or high");
    }
  }
  return {static_cast<int>(geometry.layers().size()), first.alpha_bins, first.r_bins()};
}

ClassifierResult train_classifier(const FeatureView& reference, const FeatureView& sample,
                                  const ClassifierOptions& options, Progress& progress) {
  const auto start = std::chrono::steady_clock::now();
  require_options(options);
  require_features(reference, reference.columns, "the reference");
  require_features(sample, reference.columns, "the sample");
  // The position is the label: the reference's is 1.
  const std::vector<std::int64_t> rows{sample.rows, reference.rows};
  ClassifierResult result;
  result.seed = options.seed;
  result.counts = split_counts(options, rows);
  result.device = options.device;
  const Split split = draw_split(rows, result.counts, options.seed);

  detail::Trainer trainer({sample, reference}, 1, options);
  detail::TrainingLog log = trainer.train(split, progress);
  result.losses = std::move(log.losses);
  result.accuracies = std::move(log.accuracies);
  result.best_epoch = log.best_epoch;
  result.parameters = trainer.parameters();

  const std::vector<std::uint8_t> labels = labels_of(split.validation);
  const std::vector<double> scores = trainer.outputs(split.validation);
  const IsotonicCalibration calibrate(trainer.outputs(split.test), labels_of(split.test));
  const std::vector<double> calibrated = calibrate(scores);
  result.auc = roc_auc(calibrated, labels);
  result.jsd = jsd(calibrated, labels);
  result.auc_uncalibrated = roc_auc(scores, labels);
  result.jsd_uncalibrated = jsd(scores, labels);
  result.roc = roc_curve(calibrated, labels);
  result.seconds = seconds_since(start);
  return result;
}

Spread spread(std::span<const double> values) {
  Spread result;
  double squares = 0;
  double seen = 0;
  for (const double value : values) {
    ++seen;
    const double step = value - result.mean;
    result.mean += step / seen;
    squares += step * (value - result.mean);
  }
  if (seen > 0) result.standard_deviation = std::sqrt(squares / seen);
  if (seen > 1) result.standard_error = std::sqrt(squares / (seen - 1) / seen);
  return result;
}

RepeatedResult train_repeated(const FeatureView& reference, const FeatureView& sample, int seeds,
                              const ClassifierOptions& options, Progress& progress) {
  if (seeds < 1) {
    throw Error(fmt::format("{} trainings", seeds), "there must be one", "give at least 1");
  }
  RepeatedResult result;
  std::vector<double> aucs;
  std::vector<double> jsds;
  for (int i = 0; i < seeds; ++i) {
    ClassifierOptions seeded = options;
    seeded.seed = options.seed + static_cast<std::uint64_t>(i);
    PartOfProgress part(progress, i, seeds);
    result.runs.push_back(train_classifier(reference, sample, seeded, part));
    aucs.push_back(result.runs.back().auc);
    jsds.push_back(result.runs.back().jsd);
  }
  result.auc = spread(aucs);
  result.jsd = spread(jsds);
  return result;
}

MulticlassResult train_multiclass(const FeatureView& reference,
                                  const std::vector<Contestant>& generators,
                                  const ClassifierOptions& options, Progress& progress) {
  const auto start = std::chrono::steady_clock::now();
  if (generators.size() < 2) {
    throw Error(fmt::format("{} generators", generators.size()),
                "a contest needs two, and Geant4 is its judge", "give more samples");
  }
  require_options(options);
  require_features(reference, reference.columns, "the reference");
  MulticlassResult result;
  std::vector<FeatureView> samples;
  std::vector<std::int64_t> rows;
  for (const Contestant& generator : generators) {
    require_features(generator.features, reference.columns, generator.name);
    result.names.push_back(generator.name);
    samples.push_back(generator.features);
    rows.push_back(generator.features.rows);
  }
  result.counts = split_counts(options, rows);
  const Split split = draw_split(rows, result.counts, options.seed);
  const int classes = static_cast<int>(generators.size());
  samples.push_back(reference);

  detail::Trainer trainer(samples, classes, options);
  result.best_epoch = trainer.train(split, progress).best_epoch;
  result.parameters = trainer.parameters();
  result.accuracy = detail::accuracy(trainer.outputs(split.validation), split.validation);

  std::vector<Entry> judged;
  for (std::int64_t row = 0; row < reference.rows; ++row) judged.push_back({classes, row});
  result.mean_log_posterior = column_means(trainer.outputs(judged), generators.size());
  result.seconds = seconds_since(start);
  return result;
}

MembershipResult test_membership(const FeatureView& training, const FeatureView& held_out,
                                 const FeatureView& generated, const ClassifierOptions& options,
                                 Progress& progress) {
  const auto start = std::chrono::steady_clock::now();
  require_options(options);
  require_features(training, training.columns, "the training");
  require_features(held_out, training.columns, "the held-out showers");
  require_features(generated, training.columns, "the generated showers");
  MembershipResult result;
  result.seed = options.seed;
  result.learnt = std::min(training.rows, held_out.rows / 2);
  result.unseen = held_out.rows - result.learnt;
  result.share_learnt = static_cast<double>(result.learnt) / static_cast<double>(training.rows);

  // The positions are the labels. Of the held-out showers, all that do not train are unseen.
  constexpr int held_out_label = 0;
  constexpr int generated_label = 2;
  const Split train =
      draw_split({held_out.rows, training.rows}, {.train = result.learnt}, options.seed);
  std::vector<bool> seen(static_cast<std::size_t>(held_out.rows));
  for (const Entry& entry : train.train) {
    if (entry.sample == held_out_label) seen[static_cast<std::size_t>(entry.row)] = true;
  }
  std::vector<Entry> asked;
  std::vector<std::uint8_t> labels;
  for (std::int64_t row = 0; row < held_out.rows; ++row) {
    if (seen[static_cast<std::size_t>(row)]) continue;
    asked.push_back({held_out_label, row});
    labels.push_back(0);
  }
  for (std::int64_t row = 0; row < generated.rows; ++row) {
    asked.push_back({generated_label, row});
    labels.push_back(1);
  }
  detail::Trainer trainer({held_out, training, generated}, 1, options);
  trainer.train(train, progress);
  result.training_accuracy = detail::accuracy(trainer.outputs(train.train), train.train);
  result.auc = roc_auc(trainer.outputs(asked), labels);
  const auto unseen = static_cast<double>(result.unseen);
  const auto of_generator = static_cast<double>(generated.rows);
  result.auc_error = std::sqrt((unseen + of_generator + 1) / (12 * unseen * of_generator));
  result.seconds = seconds_since(start);
  return result;
}

}  // namespace moliere::judge::classifier
