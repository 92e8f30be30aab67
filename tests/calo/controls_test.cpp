// SPDX-License-Identifier: Apache-2.0
// Positive controls without training: samples that are known to be wrong must be called wrong, by
// us and by the independent implementation (tests/golden/make_evaluation_golden.py) alike.
#include "moliere/calo/memorisation.hpp"
#include "moliere/calo/response.hpp"
#include "moliere/calo/separation.hpp"
#include "moliere/core/error.hpp"

#include <cmath>

#include "calo/golden_figures.hpp"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace moliere::calo {
namespace {

class Controls : public ::testing::TestWithParam<std::string> {
 protected:
  /// Our figures, after they were found equal to the independent ones.
  testing::PairFigures control(const std::string& name) const {
    const Geometry geometry = builtin_geometry(GetParam());
    const testing::Pair pair = testing::formula_pair(GetParam(), name, geometry);
    testing::PairFigures figures = testing::judge_pair(pair, geometry, golden().at("settings"));
    testing::expect_golden(figures, golden(), name);
    return figures;
  }
  const Json& golden() const { return testing::evaluation_golden().at(GetParam()); }
};
INSTANTIATE_TEST_SUITE_P(DataSets, Controls, ::testing::Values("ds1-photons", "ds2"),
                         [](const auto& test) { return test.param == "ds2" ? "ds2" : "ds1"; });

bool of_a_layer(const Comparison& comparison) {
  return comparison.name.find("layer") != std::string::npos;
}

TEST_P(Controls, RealAgainstRealShowsNothing) {
  MOLIERE_NEED_SHARED_DATA();
  const testing::PairFigures real = control("real");
  EXPECT_LT(std::abs(real.response.z_at_energy), 3);
  EXPECT_LT(std::abs(real.distances.kpd.value), 3 * real.distances.kpd.error);
  double deviations = 0, count = 0;
  for (const Comparison& comparison : real.comparisons) {
    if (comparison.name == "Voxel distribution" || std::isnan(comparison.separation)) continue;
    const double z =
        (comparison.separation - comparison.floor.mean) / comparison.floor.standard_deviation;
    EXPECT_LT(z, 6) << comparison.name;
    deviations += z;
    ++count;
  }
  // Equal but for counting statistics; layers of one shower are not independent.
  EXPECT_LT(std::abs(deviations / count), 0.25);
}

TEST_P(Controls, AShiftOfTheScaleByAPercentIsFiveErrorsInTheMeanResponse) {
  MOLIERE_NEED_SHARED_DATA();
  const testing::PairFigures shifted = control("scale shifted");
  EXPECT_GT(shifted.response.z_at_energy, 5);  // the figure that is printed
  EXPECT_NEAR(shifted.response.shift_at_energy, 0.0095, 0.002);
}

TEST_P(Controls, ShuffledLayersKeepTheirSpectraAndLoseTheirCorrelations) {
  MOLIERE_NEED_SHARED_DATA();
  const testing::PairFigures shuffled = control("layers shuffled");
  for (const Comparison& comparison : shuffled.comparisons) {
    if (!of_a_layer(comparison)) continue;
    EXPECT_EQ(comparison.separation, 0) << comparison.name;
  }
  EXPECT_EQ(shuffled.separation("Voxel distribution"), 0);
  const Json& real = golden().at("pairs").at("real");
  const double separation_floor = real.at("separations")[0].get<double>();
  EXPECT_GT(shuffled.separation("Etot / Einc"), 10 * separation_floor);
  const Distance& fpd = shuffled.distances.fpd;
  const Json& floor = real.at("distances").at("FPD");
  EXPECT_GT(fpd.value, floor[0].get<double>() + 10 * std::hypot(fpd.error, floor[1].get<double>()));
  EXPECT_GT(shuffled.distances.kpd.value, 5 * shuffled.distances.kpd.error);
}

TEST_P(Controls, ASwappedVoxelShowsInItsLayerAlone) {
  MOLIERE_NEED_SHARED_DATA();
  const testing::PairFigures swapped = control("voxel swapped");
  const int number = golden().at("settings").at("swapped_cell")[0].get<int>();
  EXPECT_EQ(swapped.separation("Voxel distribution"), 0);
  for (const Comparison& comparison : swapped.comparisons) {
    if (!of_a_layer(comparison)) continue;
    const bool touched = comparison.layer == number;
    EXPECT_EQ(comparison.separation > 0, touched) << comparison.name;
  }
}

TEST_P(Controls, SmearingMovesVoxelsAndKeepsTheMeanResponse) {
  MOLIERE_NEED_SHARED_DATA();
  const testing::PairFigures smeared = control("smeared");
  EXPECT_LT(std::abs(smeared.response.z_at_energy), 1);
  EXPECT_GT(smeared.separation("Voxel distribution"), 0);
  // Widths and centres are means over many cells: the distances do not see it, classifiers must.
  EXPECT_LT(std::abs(smeared.distances.kpd.value), 3 * smeared.distances.kpd.error);
}

class MemorisationControls : public ::testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(DataSets, MemorisationControls, ::testing::Values("ds1-photons", "ds2"),
                         [](const auto& test) { return test.param == "ds2" ? "ds2" : "ds1"; });

/// Rows from several places, one after the other.
FeatureMatrix<float> joined(FeatureMatrix<float> first, const FeatureMatrix<float>& second) {
  first.values.insert(first.values.end(), second.values.begin(), second.values.end());
  return first;
}

TEST_P(MemorisationControls, CopiesAreCaughtAndHeldOutShowersAreNot) {
  MOLIERE_NEED_SHARED_DATA();
  const Geometry geometry = builtin_geometry(GetParam());
  const ShowerBatch training = testing::part(GetParam(), 1, 1000);
  const FeatureMatrix<float> train = logarithmic_voxels(training, geometry);
  const ShowerBatch other = testing::part(GetParam(), 2, 1000);
  const FeatureMatrix<float> unseen = logarithmic_voxels(other, geometry);
  const auto rows = [](const FeatureMatrix<float>& matrix, std::int64_t first, std::int64_t count) {
    FeatureMatrix<float> part;
    part.columns = matrix.columns;
    part.values.assign(matrix.values.begin() + first * matrix.columns,
                       matrix.values.begin() + (first + count) * matrix.columns);
    return part;
  };
  const FeatureMatrix<float> held_out = rows(unseen, 0, 500);
  MemorisationOptions options;
  options.resamples = 200;
  SilentProgress silent;
  const auto verdict = [&](const FeatureMatrix<float>& generated) {
    return memorisation(generated, train, held_out, options, silent).verdict;
  };
  EXPECT_EQ(verdict(rows(unseen, 500, 500)), MemorisationVerdict::none);
  EXPECT_EQ(verdict(rows(train, 300, 500)), MemorisationVerdict::memorised);
  EXPECT_EQ(verdict(joined(rows(train, 300, 100), rows(unseen, 500, 400))),
            MemorisationVerdict::memorised);
  const ShowerBatch blurred = testing::smeared(testing::first_rows(training, 500));
  EXPECT_EQ(verdict(logarithmic_voxels(blurred, geometry)), MemorisationVerdict::memorised);
}

}  // namespace
}  // namespace moliere::calo
