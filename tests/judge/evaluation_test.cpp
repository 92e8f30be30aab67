// SPDX-License-Identifier: Apache-2.0
#include "moliere/judge/evaluation.hpp"

#include "moliere/core/error.hpp"
#include "moliere/core/file.hpp"
#include "moliere/core/random.hpp"
#include "moliere/judge/evaluation_page.hpp"
#include "moliere/judge/evaluation_text.hpp"
#include "moliere/page/render.hpp"

#include <cmath>
#include <cstdlib>
#include <limits>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace moliere::judge {
namespace {
namespace fs = std::filesystem;
using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

/// The photons that the project brings, cut into three thousands.
class Evaluations : public testing::Test {
 protected:
  static void SetUpTestSuite() { folder_ = std::make_unique<TemporaryDirectory>("moliere-judge"); }
  static void TearDownTestSuite() { folder_.reset(); }

  static fs::path sample() {
    return fs::path(std::getenv("MOLIERE_SOURCE_DIR")) / "data/showers/photons_ds1_sample.h5";
  }
  static calo::ShowerBatch thousand(std::int64_t number) {
    constexpr std::int64_t size = 1000;
    return calo::ShowerReader(sample()).read(number * size, size);
  }
  static fs::path write(const std::string& name, const calo::ShowerBatch& batch) {
    const fs::path file = folder_->path() / name;
    calo::ShowerWriter writer(file, batch.voxels);
    writer.append(batch);
    writer.finish();
    return file;
  }
  static Evaluation evaluated(const fs::path& reference, const fs::path& generated,
                              const std::optional<fs::path>& train = {}) {
    EvaluationOptions options = EvaluationOptions::quick();
    options.neighbour_rows = 500;
    options.train = train;
    SilentProgress progress;
    return evaluate(reference, generated, geometry(), options, progress);
  }
  static const calo::Geometry& geometry() {
    static const calo::Geometry photons = calo::builtin_geometry("ds1-photons");
    return photons;
  }

 private:
  static inline std::unique_ptr<TemporaryDirectory> folder_;
};

TEST_F(Evaluations, GeantAgainstGeantLiesAtItsFloor) {
  const Evaluation result = evaluated(write("a.h5", thousand(0)), write("b.h5", thousand(1)));
  EXPECT_LT(std::fabs(result.response.z_at_energy), 4);
  ASSERT_EQ(result.comparisons.size(), result.separation_floors.size());
  for (const SeparationSummary& summary : summarise_separations(result)) {
    // The floor is that of half the size, so twice as high.
    EXPECT_LT(summary.mean, 1.5 * summary.floor) << summary.name;
    EXPECT_GE(summary.worst, summary.mean) << summary.name;
  }
  EXPECT_NEAR(result.prdc.precision, result.prdc_floor.precision, 0.15);
  EXPECT_LT(result.frechet.value, 2 * result.frechet.floor);
  EXPECT_EQ(result.neighbour_rows, 500);
}

TEST_F(Evaluations, WhatIsWrongIsSeen) {
  calo::ShowerBatch shifted = thousand(1);
  for (float& energy : shifted.energies) energy *= 1.05F;
  const fs::path reference = write("a.h5", thousand(0));
  const Evaluation good = evaluated(reference, write("b.h5", thousand(1)));
  const Evaluation result = evaluated(reference, write("shifted.h5", shifted));
  EXPECT_GT(result.response.z_at_energy, 5);
  EXPECT_GT(result.comparisons[0].separation, 3 * good.comparisons[0].separation);

  const calo::ShowerBatch whole = thousand(1);
  calo::ShowerBatch shuffled = whole;  // each layer from another shower
  for (const calo::Layer& layer : geometry().layers()) {
    for (std::int64_t i = 0; i < shuffled.size(); ++i) {
      const auto from = whole.shower((i + 37 * (1 + layer.id)) % shuffled.size());
      std::copy_n(from.begin() + layer.first_voxel, layer.voxels(),
                  shuffled.shower(i).begin() + layer.first_voxel);
    }
  }
  EXPECT_GT(evaluated(reference, write("shuffled.h5", shuffled)).frechet.value, good.frechet.value);
}

TEST_F(Evaluations, TrainingDataThatComesBackIsMemorised) {
  const fs::path train = write("train.h5", thousand(0));
  const fs::path held_out = write("held_out.h5", thousand(1));
  const Evaluation copied = evaluated(held_out, train, train);
  ASSERT_TRUE(copied.memorisation);
  EXPECT_EQ(copied.memorisation->verdict, calo::MemorisationVerdict::memorised);
  EXPECT_EQ(copied.memorisation->generated_median, 0);
  const Evaluation honest = evaluated(held_out, write("honest.h5", thousand(2)), train);
  EXPECT_EQ(honest.memorisation->verdict, calo::MemorisationVerdict::none);
}

TEST_F(Evaluations, NotesSayWhatAReaderMustKnow) {
  calo::ShowerBatch few = thousand(1);
  few.incident_energies.resize(600);
  few.energies.resize(std::size_t{600} * 368);
  const Evaluation unequal = evaluated(write("a.h5", thousand(0)), write("few.h5", few));
  EXPECT_THAT(unequal.notes, Contains(HasSubstr("1000 and 600 showers")));

  calo::ShowerBatch ordered = thousand(0);
  std::vector<std::size_t> order(1000);
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::ranges::stable_sort(order, {}, [&](std::size_t i) { return ordered.incident_energies[i]; });
  const calo::ShowerBatch original = ordered;
  for (std::size_t i = 0; i < order.size(); ++i) {
    ordered.incident_energies[i] = original.incident_energies[order[i]];
    std::ranges::copy(original.shower(static_cast<std::int64_t>(order[i])),
                      ordered.shower(static_cast<std::int64_t>(i)).begin());
  }
  EXPECT_THAT(evaluated(write("ordered.h5", ordered), write("b.h5", thousand(1))).notes,
              Contains(HasSubstr("is it ordered?")));
}

TEST_F(Evaluations, TheTableFitsAndTheJsonHoldsItsFigures) {
  Evaluation result =
      evaluated(write("a.h5", thousand(0)), write("b.h5", thousand(1)), write("c.h5", thousand(2)));
  result.classifiers.push_back({.features = "high",
                                .problem = "",
                                .runs = {{1, 0.6, 0.1}, {2, 0.7, 0.2}},
                                .floor_runs = {{1, 0.5, 0.0}},
                                .false_positive_rate = {0, 0.2, 1},
                                .true_positive_rate = {0, 0.4, 1}});
  result.classifiers.push_back({.features = "low", .problem = "LibTorch is missing"});
  const std::string table = evaluation_table(result);
  std::istringstream lines(table);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("note:")) continue;
    EXPECT_LE(line.size(), 100U) << line;
  }
  EXPECT_THAT(table, AllOf(HasSubstr("0.65 ± 0.05"), HasSubstr("LibTorch is missing"),
                           HasSubstr("memorisation")));

  const Json json = evaluation_json(result, geometry());
  EXPECT_EQ(json.at("geometry"), "ds1-photons");
  EXPECT_EQ(json.at("separations").size(), result.comparisons.size());
  EXPECT_EQ(json.at("fpd").at("value"), result.frechet.value);
  EXPECT_NEAR(json.at("classifiers")[0].at("auc").get<double>(), 0.65, 1e-12);
  EXPECT_EQ(json.at("classifiers")[1].at("problem"), "LibTorch is missing");
  EXPECT_NO_THROW(Json::parse(json.dump())) << "NaN is null";

  const std::string html = page::render(evaluation_page(result, geometry()));
  EXPECT_THAT(html, AllOf(HasSubstr("Etot / Einc"), HasSubstr("ROC curves"),
                          HasSubstr("E layer 12"), Not(HasSubstr("src=\"http"))));
}

TEST(RunStatistics, OfTheRuns) {
  const std::vector<ClassifierRun> runs{{1, 0.5, 0.0}, {2, 0.6, 0.3}, {3, 0.7, 0.6}};
  EXPECT_NEAR(auc_statistics(runs).mean, 0.6, 1e-12);
  EXPECT_NEAR(auc_statistics(runs).standard_deviation, std::sqrt(0.02 / 3), 1e-12);
  EXPECT_NEAR(auc_statistics(runs).standard_error, std::sqrt(0.02 / 2 / 3), 1e-12);
  EXPECT_NEAR(jsd_statistics(runs).mean, 0.3, 1e-12);
  EXPECT_EQ(auc_statistics({}).standard_error, 0);
}

TEST_F(Evaluations, WrongFilesAreErrorsBeforeTheWork) {
  const fs::path good = write("a.h5", thousand(0));
  calo::ShowerBatch few = thousand(1);
  few.incident_energies.resize(19);
  few.energies.resize(std::size_t{19} * 368);
  EXPECT_THROW(evaluated(good, write("few.h5", few)), Error);
  calo::ShowerBatch broken = thousand(1);
  broken.shower(700)[5] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THROW(evaluated(good, write("nan.h5", broken)), Error);
  EXPECT_THROW(evaluated(good, good, good.parent_path() / "absent.h5"), Error);
  EXPECT_THROW(evaluated(good.parent_path() / "absent.h5", good), Error);
}

}  // namespace
}  // namespace moliere::judge
