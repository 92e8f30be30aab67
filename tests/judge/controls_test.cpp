// SPDX-License-Identifier: Apache-2.0
// Trained classifiers on samples that are known to be right or wrong: the figures are those of an
// independent implementation (tests/golden/make_classifier_controls.py) within their errors. A
// network that learns nothing, or too much, does not pass.
#include "moliere/calo/features.hpp"
#include "moliere/judge/classifier/classifier.hpp"

#include <cmath>

#include "calo/formula_pairs.hpp"
#include <fmt/format.h>
#include <gtest/gtest.h>

namespace moliere::judge::classifier {
namespace {

using calo::FeatureMatrix;
using calo::ShowerBatch;

const Json& golden() {
  static const Json file = read_json(calo::testing::golden_folder() / "classifier_controls.json");
  return file;
}

int seeds() { return golden().at("seeds").get<int>(); }

ClassifierOptions settings() {
  const Json& json = golden().at("settings");
  ClassifierOptions options;
  options.hidden = json.at("hidden").get<int>();
  options.layers = json.at("layers").get<int>();
  options.epochs = json.at("epochs").get<int>();
  options.batch = json.at("batch").get<int>();
  options.learning_rate = json.at("learning_rate").get<double>();
  options.precision = Precision::float32;
  options.threads = 1;
  return options;
}

const calo::Geometry& geometry() {
  static const calo::Geometry geometry =
      calo::builtin_geometry(golden().at("geometry").get<std::string>());
  return geometry;
}

std::int64_t rows() {
  return calo::testing::evaluation_golden()
      .at(geometry().name())
      .at("settings")
      .at("rows")
      .get<std::int64_t>();
}

FeatureMatrix<double> features(const ShowerBatch& batch, const std::string& kind) {
  if (kind == "high") return calo::high_level_features(calo::observe(batch, geometry()));
  const FeatureMatrix<float> low = calo::low_level_features(batch, geometry());
  FeatureMatrix<double> result;
  result.columns = low.columns;
  result.values.assign(low.values.begin(), low.values.end());
  return result;
}

/// The showers of one seed of one part.
ShowerBatch slice(int part, int number) {
  const calo::ShowerReader reader(*calo::testing::shared_data() / "data" /
                                  fmt::format("photons_ds1_{}.h5", part));
  return reader.read(number * rows(), rows());
}

/// A sample by its name in classifier_controls.json.
ShowerBatch changed(const std::string& name) {
  if (name != "part2 response smeared") return calo::testing::make_sample(name, geometry());
  return calo::testing::response_smeared(calo::testing::make_sample("part2", geometry()));
}

RepeatedResult train_on(const std::vector<std::pair<ShowerBatch, ShowerBatch>>& pairs,
                        const std::string& kind) {
  SilentProgress progress;
  if (pairs.size() == 1) {
    const FeatureMatrix<double> reference = features(pairs[0].first, kind);
    const FeatureMatrix<double> sample = features(pairs[0].second, kind);
    return train_repeated(view(reference), view(sample), seeds(), settings(), progress);
  }
  RepeatedResult result;
  std::vector<double> aucs, jsds;
  for (const auto& [reference, sample] : pairs) {
    ClassifierOptions options = settings();
    options.seed = result.runs.size() + 1;
    const FeatureMatrix<double> x = features(reference, kind);
    const FeatureMatrix<double> y = features(sample, kind);
    result.runs.push_back(train_classifier(view(x), view(y), options, progress));
    aucs.push_back(result.runs.back().auc);
    jsds.push_back(result.runs.back().jsd);
  }
  result.auc = spread(aucs);
  result.jsd = spread(jsds);
  return result;
}

void expect_golden(const Spread& ours, const Json& theirs, const std::string& what) {
  const double difference = ours.mean - theirs.at("mean").get<double>();
  const double error = std::hypot(ours.standard_error, theirs.at("standard_error").get<double>());
  EXPECT_LT(std::abs(difference), 3 * error)
      << what << ": " << ours.mean << " +- " << ours.standard_error << " and " << theirs.dump();
}

class TrainedControls : public testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Golden, TrainedControls,
                         testing::Values("voxel swapped, low", "response smeared, high",
                                         "voxels smeared, low", "layers shuffled, high",
                                         "layers shuffled, low", "parametrised, high"),
                         [](const auto& test) {
                           std::string name;
                           for (const char c : test.param) name += c == ' ' || c == ',' ? '_' : c;
                           return name;
                         });

TEST_P(TrainedControls, GiveTheFiguresOfTheIndependentImplementation) {
  MOLIERE_NEED_SHARED_DATA();
  const Json& control = golden().at("controls").at(GetParam());
  std::vector<std::pair<ShowerBatch, ShowerBatch>> pairs;
  pairs.emplace_back(slice(1, 0), changed(control.at("sample").get<std::string>()));
  const RepeatedResult ours = train_on(pairs, control.at("features").get<std::string>());
  expect_golden(ours.auc, control.at("auc"), "AUC");
  expect_golden(ours.jsd, control.at("jsd"), "JSD");
}

class GeantAgainstGeant : public testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Golden, GeantAgainstGeant, testing::Values("high", "low"),
                         [](const auto& test) { return test.param; });

TEST_P(GeantAgainstGeant, CannotBeTold) {
  MOLIERE_NEED_SHARED_DATA();
  std::vector<std::pair<ShowerBatch, ShowerBatch>> pairs;
  for (int i = 0; i < seeds(); ++i) pairs.emplace_back(slice(1, i), slice(2, i));
  const RepeatedResult ours = train_on(pairs, GetParam());
  // The scatter of eight runs tells their error to a quarter: it is not below that of an AUC of one
  // half of n showers on each side (Mann and Whitney 1947).
  const auto n = static_cast<double>(ours.runs.front().counts.validation);
  const double one_run = std::sqrt((2 * n + 1) / (12 * n * n));
  const double error = std::max(ours.auc.standard_error, one_run / std::sqrt(seeds()));
  EXPECT_LT(std::abs(ours.auc.mean - 0.5), 2 * error)
      << ours.auc.mean << " +- " << ours.auc.standard_error;
  expect_golden(ours.auc, golden().at("controls").at("real, " + GetParam()).at("auc"), "AUC");
}

/// A network that learns by heart: small, and trained for long.
ClassifierOptions by_heart() {
  ClassifierOptions options = settings();
  options.epochs = 60;
  return options;
}

/// On the voxels: 30 high-level features are not enough to know a thousand showers by.
MembershipResult membership(const ShowerBatch& generated) {
  const std::string kind = "low";
  SilentProgress progress;
  const FeatureMatrix<double> training = features(slice(1, 0), kind);
  const FeatureMatrix<double> held_out = features(slice(2, 0), kind);
  const FeatureMatrix<double> asked = features(generated, kind);
  return test_membership(view(training), view(held_out), view(asked), by_heart(), progress);
}

TEST(Membership, CopiesOfTheTrainingAreFound) {
  MOLIERE_NEED_SHARED_DATA();
  const MembershipResult copies = membership(slice(1, 0));
  EXPECT_EQ(copies.learnt, rows() / 2);
  EXPECT_DOUBLE_EQ(copies.share_learnt, 0.5);
  EXPECT_GT(copies.training_accuracy, 0.7) << "it knows them by heart";
  EXPECT_GT(copies.auc, 0.5 + 5 * copies.auc_error);
}

TEST(Membership, NewShowersAreNot) {
  MOLIERE_NEED_SHARED_DATA();
  const MembershipResult fresh = membership(slice(2, 1));
  EXPECT_GT(fresh.training_accuracy, 0.7);
  EXPECT_LT(std::abs(fresh.auc - 0.5), 3 * fresh.auc_error) << fresh.auc;
}

}  // namespace
}  // namespace moliere::judge::classifier
