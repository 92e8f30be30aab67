// SPDX-License-Identifier: Apache-2.0
#include "moliere/calo/observables.hpp"

#include "moliere/calo/detail/pairwise_sum.hpp"
#include "moliere/calo/features.hpp"
#include "moliere/calo/response.hpp"
#include "moliere/core/error.hpp"
#include "moliere/core/file.hpp"
#include "moliere/core/random.hpp"

#include <cmath>
#include <limits>
#include <numbers>

#include "calo/golden_showers.hpp"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace moliere::calo {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

/// Layer 0: two rings, one sector; layer 5: two rings, four sectors; threshold 1 MeV.
Geometry small_geometry() {
  Layer disc;
  disc.id = 0;
  disc.r_edges = {0, 10, 30};
  Layer cells;
  cells.id = 5;
  cells.r_edges = {0, 10, 30};
  cells.alpha_bins = 4;
  return Geometry("small", "photon", 1.0, {disc, cells});
}

ShowerBatch one_shower(std::vector<float> voxels, float incident = 100) {
  ShowerBatch batch;
  batch.voxels = static_cast<int>(voxels.size());
  batch.incident_energies = {incident};
  batch.energies = std::move(voxels);
  return batch;
}

ShowerBatch random_showers(int voxels, std::int64_t count, std::uint64_t seed) {
  RandomStream random(seed);
  ShowerBatch batch;
  batch.voxels = voxels;
  for (std::int64_t i = 0; i < count; ++i) {
    batch.incident_energies.push_back(static_cast<float>(random.uniform(100, 200)));
    for (int v = 0; v < voxels; ++v) {
      // Half of the cells below the threshold of 1 MeV.
      batch.energies.push_back(static_cast<float>(std::exp(random.normal())));
    }
  }
  return batch;
}

/// The definitions, one shower at a time, in double: slow and readable.
struct SlowLayer {
  double energy = 0, sparsity = 0, centre_eta = 0, centre_phi = 0, centre_r = 0;
  double width_eta = 0, width_phi = 0, width_r = 0;
};
SlowLayer slow_layer(std::span<const float> shower, const Layer& layer, double threshold) {
  SlowLayer result;
  double moments[3][2] = {};  // of eta, phi, r: first and second
  int empty = 0;
  for (int alpha = 0; alpha < layer.alpha_bins; ++alpha) {
    for (int ring = 0; ring < layer.r_bins(); ++ring) {
      const int index = layer.first_voxel + alpha * layer.r_bins() + ring;
      const double energy = static_cast<double>(shower[static_cast<std::size_t>(index)]);
      if (energy < threshold) {
        ++empty;
        continue;
      }
      const double r = layer.r_centre(ring);
      const double angle =
          -std::numbers::pi + (alpha + 0.5) * 2 * std::numbers::pi / layer.alpha_bins;
      const double places[3] = {r * std::cos(angle), r * std::sin(angle), r};
      result.energy += energy;
      for (int k = 0; k < 3; ++k) {
        moments[k][0] += energy * places[k];
        moments[k][1] += energy * places[k] * places[k];
      }
    }
  }
  result.sparsity = static_cast<double>(empty) / layer.voxels();
  if (result.energy == 0) return result;
  double* const centres[] = {&result.centre_eta, &result.centre_phi, &result.centre_r};
  double* const widths[] = {&result.width_eta, &result.width_phi, &result.width_r};
  for (int k = 0; k < 3; ++k) {
    const double centre = moments[k][0] / result.energy;
    *centres[k] = centre;
    *widths[k] = std::sqrt(std::max(0.0, moments[k][1] / result.energy - centre * centre));
  }
  return result;
}

TEST(PairwiseSum, AddsInTheOrderOfNumpy) {
  // (numpy.float32(1) / (numpy.arange(n, dtype=float32) + 3)).sum(), numpy 2.4.6.
  const std::vector<std::pair<int, float>> known{
      {7, 1.3289684F},   {8, 1.4289683F},    {131, 3.9713197F},
      {300, 4.7892976F}, {1000, 5.9874682F}, {6480, 7.854077F},
  };
  for (const auto& [n, sum] : known) {
    EXPECT_EQ(detail::pairwise_sum<float>(
                  0, n, [](std::int64_t i) { return 1.0F / (static_cast<float>(i) + 3.0F); }),
              sum)
        << n;
  }
}

TEST(Observables, OneVoxelIsACentreWithoutWidth) {
  std::vector<float> voxels(10);
  voxels[2 + 3 * 2 + 1] = 40;  // layer 5, last sector (centre at 135 degrees), outer ring (20 mm)
  const Observables observed = observe(one_shower(voxels), small_geometry());
  EXPECT_FLOAT_EQ(observed.total_energy[0], 40);
  EXPECT_FLOAT_EQ(observed.response()[0], 0.4F);
  const LayerObservables& layer = observed.layers[1];
  EXPECT_FLOAT_EQ(layer.energy[0], 40);
  EXPECT_DOUBLE_EQ(layer.sparsity[0], 1 - 1.0 / 8);
  EXPECT_DOUBLE_EQ(layer.centre_r[0], 20);
  EXPECT_NEAR(layer.centre_eta[0], -20 / std::numbers::sqrt2, 1e-12);
  EXPECT_NEAR(layer.centre_phi[0], 20 / std::numbers::sqrt2, 1e-12);
  EXPECT_NEAR(layer.width_r[0], 0, 1e-6);
  EXPECT_NEAR(layer.width_eta[0], 0, 1e-6);
  EXPECT_NEAR(layer.width_phi[0], 0, 1e-6);
}

TEST(Observables, EmptyLayerHasMomentsZeroAndSparsityOne) {
  std::vector<float> voxels(10);
  voxels[0] = 5;
  const Observables observed = observe(one_shower(voxels), small_geometry());
  const LayerObservables& layer = observed.layers[1];
  EXPECT_EQ(layer.energy[0], 0);
  EXPECT_EQ(layer.sparsity[0], 1);
  for (const auto* column : {&layer.centre_r, &layer.width_r, &layer.centre_eta, &layer.centre_phi,
                             &layer.width_eta, &layer.width_phi}) {
    EXPECT_THAT(*column, ElementsAre(0.0));
  }
}

TEST(Observables, ALayerOfOneSectorHasNoEtaNorPhi) {
  const Observables observed = observe(one_shower(std::vector<float>(10, 2.0F)), small_geometry());
  EXPECT_THAT(observed.layers[0].centre_eta, IsEmpty());
  EXPECT_THAT(observed.layers[0].width_phi, IsEmpty());
  EXPECT_DOUBLE_EQ(observed.layers[0].centre_r[0], 12.5);
  EXPECT_DOUBLE_EQ(observed.layers[0].width_r[0], 7.5);
}

TEST(Observables, TheThresholdItselfIsKept) {
  std::vector<float> voxels(10);
  voxels[0] = 1;
  voxels[1] = std::nextafter(1.0F, 0.0F);
  voxels[2] = -3;
  const Observables observed = observe(one_shower(voxels), small_geometry());
  EXPECT_EQ(observed.total_energy[0], 1);
  EXPECT_EQ(observed.nonzero_voxels, 1);
  EXPECT_EQ(observed.largest_voxel, 1);
  EXPECT_EQ(observed.negative_voxels, 1);
  EXPECT_EQ(observed.first_negative, 0);
  EXPECT_THROW(require_no_negative(observed, "showers.h5"), Error);
}

TEST(Observables, AgreeWithTheSlowReference) {
  const Geometry geometry = builtin_geometry("ds1-photons");
  const ShowerBatch batch = random_showers(geometry.voxel_count(), 150, 3);
  const Observables observed = observe(batch, geometry, 2);
  for (std::int64_t i = 0; i < batch.size(); ++i) {
    const std::size_t row = static_cast<std::size_t>(i);
    double total = 0;
    for (std::size_t l = 0; l < geometry.layers().size(); ++l) {
      const SlowLayer slow = slow_layer(batch.shower(i), geometry.layers()[l], 1.0);
      const LayerObservables& fast = observed.layers[l];
      total += slow.energy;
      EXPECT_NEAR(static_cast<double>(fast.energy[row]), slow.energy, 1e-6 * slow.energy);
      EXPECT_NEAR(fast.sparsity[row], slow.sparsity, 1e-12);
      EXPECT_NEAR(fast.centre_r[row], slow.centre_r, 1e-4);
      EXPECT_NEAR(fast.width_r[row], slow.width_r, 1e-3);
      if (geometry.layers()[l].alpha_bins == 1) continue;
      EXPECT_NEAR(fast.centre_eta[row], slow.centre_eta, 1e-4);
      EXPECT_NEAR(fast.centre_phi[row], slow.centre_phi, 1e-4);
      EXPECT_NEAR(fast.width_eta[row], slow.width_eta, 1e-3);
      EXPECT_NEAR(fast.width_phi[row], slow.width_phi, 1e-3);
    }
    EXPECT_NEAR(static_cast<double>(observed.total_energy[row]), total, 1e-6 * total);
  }
}

TEST(Observables, DoNotDependOnThreads) {
  const Geometry geometry = builtin_geometry("ds1-photons");
  const ShowerBatch batch = random_showers(geometry.voxel_count(), 300, 5);
  const Observables one = observe(batch, geometry, 1);
  const Observables three = observe(batch, geometry, 3);
  EXPECT_EQ(one.mean_shower, three.mean_shower);
  EXPECT_EQ(one.longitudinal.standard_error, three.longitudinal.standard_error);
  EXPECT_EQ(one.layers[2].width_eta, three.layers[2].width_eta);
}

TEST(Observables, ProfilesAreMeansWithTheirErrors) {
  ShowerBatch batch = one_shower(std::vector<float>(10, 2.0F));
  const ShowerBatch second = one_shower(std::vector<float>(10, 4.0F));
  batch.incident_energies.push_back(100);
  batch.energies.insert(batch.energies.end(), second.energies.begin(), second.energies.end());
  const Observables observed = observe(batch, small_geometry());
  // Layer energies 4 and 8, 16 and 32: means 6 and 24, standard errors |difference| / 2.
  EXPECT_THAT(observed.longitudinal.mean, ElementsAre(6.0, 24.0));
  EXPECT_THAT(observed.longitudinal.standard_error, ElementsAre(2.0, 8.0));
  EXPECT_THAT(observed.radial[1].mean, ElementsAre(12.0, 12.0));
  EXPECT_THAT(observed.radial_sum.mean, ElementsAre(15.0, 15.0));
  EXPECT_THAT(observed.radial_sum.standard_error, ElementsAre(5.0, 5.0));
  EXPECT_THAT(observed.mean_shower, Each(3.0));
}

TEST(Observables, AFileGivesWhatTheBatchGives) {
  const Geometry geometry = builtin_geometry("ds1-photons");
  const ShowerBatch batch = random_showers(geometry.voxel_count(), 500, 8);
  const TemporaryDirectory folder;
  const auto file = folder.path() / "showers.h5";
  ShowerWriter writer(file, batch.voxels);
  writer.append(batch);
  writer.finish();
  SilentProgress silent;
  const ShowerReader reader(file);
  Histogram voxels(linear_edges(1, 20, 10));
  const Observables streamed = observe(reader, geometry, silent, voxels);
  const Observables direct = observe(batch, geometry);
  EXPECT_EQ(streamed.total_energy, direct.total_energy);
  EXPECT_EQ(streamed.layers[1].width_phi, direct.layers[1].width_phi);
  EXPECT_EQ(voxels.counts(), voxel_spectrum(batch, geometry, voxels.edges()).counts());
  EXPECT_EQ(voxels.counts(), voxel_spectrum(reader, geometry, voxels.edges(), silent).counts());
  ObserveOptions rows;
  rows.first = 123;
  rows.rows = 45;
  const Observables some = observe(reader, geometry, silent, rows);
  EXPECT_THAT(some.total_energy, ::testing::ElementsAreArray(direct.total_energy.begin() + 123,
                                                             direct.total_energy.begin() + 168));
}

template <class Call>
std::string message_of(const Call& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(Observables, RefuseWhatIsNoShower) {
  const Geometry geometry = small_geometry();
  std::vector<float> voxels(10, 2.0F);
  EXPECT_THAT(message_of([&] {
                observe(one_shower({1, 2, 3}), geometry);
              }),
              HasSubstr("showers of 3 voxels (the geometry small has 10)"));
  EXPECT_THAT(message_of([&] { observe(one_shower(voxels, 0), geometry); }),
              HasSubstr("the incident energy of shower 0"));
  ShowerBatch two = one_shower(voxels);
  two.incident_energies.push_back(100);
  two.energies.insert(two.energies.end(), voxels.begin(), voxels.end());
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    two.energies[15] = bad;
    EXPECT_THAT(message_of([&] { observe(two, geometry); }), HasSubstr("a voxel of shower 1"));
  }
  ShowerBatch none;
  none.voxels = 10;
  EXPECT_THAT(message_of([&] { observe(none, geometry); }), HasSubstr("no showers"));
}

class GoldenObservables : public ::testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(DataSets, GoldenObservables, ::testing::Values("ds1-photons", "ds2"),
                         [](const auto& test) { return test.param == "ds2" ? "ds2" : "ds1"; });

template <class T>
void expect_mean_and_deviation(const std::vector<T>& values, const Json& expected,
                               const std::string& name) {
  double mean = 0, squares = 0, count = 0;
  for (const T value : values) {
    ++count;
    const double deviation = static_cast<double>(value) - mean;
    mean += deviation / count;
    squares += deviation * (static_cast<double>(value) - mean);
  }
  // Centres are near 0 beside their spread, hence the scale of the tolerance.
  const double deviation = expected[1].get<double>();
  const double scale = std::max(std::abs(expected[0].get<double>()), deviation);
  EXPECT_NEAR(mean, expected[0].get<double>(), 1e-5 * scale) << name;
  EXPECT_NEAR(std::sqrt(squares / count), deviation, 1e-5 * deviation) << name;
}

TEST_P(GoldenObservables, MeansAndDeviations) {
  MOLIERE_NEED_SHARED_DATA();
  const Geometry geometry = builtin_geometry(GetParam());
  const Observables observed = observe(testing::part(GetParam(), 2), geometry);
  const Json& data_set = testing::golden(GetParam());
  const Json& expected = data_set.at("part2_mean_std");
  expect_mean_and_deviation(observed.total_energy, expected.at("Etot [MeV]"), "Etot");
  expect_mean_and_deviation(observed.response(), expected.at("Etot / Einc"), "Etot / Einc");
  for (std::size_t l = 0; l < geometry.layers().size(); ++l) {
    const LayerObservables& layer = observed.layers[l];
    const std::string where = fmt::format(" layer {}", geometry.layers()[l].id);
    const auto check = [&](const std::string& name, const auto& column) {
      if (!column.empty())
        expect_mean_and_deviation(column, expected.at(name + where), name + where);
    };
    check("E", layer.energy);
    check("EC Eta", layer.centre_eta);
    check("EC Phi", layer.centre_phi);
    check("Width Eta", layer.width_eta);
    check("Width Phi", layer.width_phi);
    check("Sparsity", layer.sparsity);
    check("EC r", layer.centre_r);
    check("Width r", layer.width_r);
  }
  EXPECT_EQ(observed.nonzero_voxels, data_set.at("part2_nonzero_voxels").get<std::int64_t>());
}

template <class T>
void expect_features(const FeatureMatrix<T>& matrix, const Json& expected) {
  EXPECT_EQ(matrix.columns, expected.at("columns").get<int>());
  double sum = 0, squares = 0, sizes = 0;
  for (const T feature : matrix.values) {
    const double value = static_cast<double>(feature);
    sum += value;
    sizes += std::abs(value);
    squares += value * value;
  }
  EXPECT_NEAR(sum, expected.at("sum").get<double>(), 1e-8 * sizes);
  EXPECT_NEAR(squares, expected.at("sum_of_squares").get<double>(), 1e-6 * squares);
  const auto row = matrix.row(0);
  const auto near = [](double a, double b) {
    EXPECT_NEAR(a, b, 1e-6 * std::max(1e-3, std::abs(b)));
  };
  for (std::size_t i = 0; i < 8; ++i) {
    near(static_cast<double>(row[i]), expected.at("row0_first8")[i].get<double>());
  }
  for (std::size_t i = 0; i < 4; ++i) {
    near(static_cast<double>(row[row.size() - 4 + i]), expected.at("row0_last4")[i].get<double>());
  }
}

TEST_P(GoldenObservables, ClassifierInputs) {
  MOLIERE_NEED_SHARED_DATA();
  const Geometry geometry = builtin_geometry(GetParam());
  const ShowerBatch batch = testing::part(GetParam(), 2);
  const Json& expected = testing::golden(GetParam()).at("part2_classifier_inputs");
  expect_features(low_level_features(batch, geometry), expected.at("low"));
  expect_features(normalised_features(batch, geometry), expected.at("low-normed"));
  const Observables observed = observe(batch, geometry);
  expect_features(high_level_features(observed), expected.at("high"));

  const std::vector<double> correlation = layer_correlation(observed);
  const Json& pearson = expected.at("layer_energy_pearson");
  double sum = 0;
  for (const double value : correlation) sum += value;
  EXPECT_NEAR(sum / static_cast<double>(correlation.size()),
              pearson.at("mean_of_matrix").get<double>(), 1e-6);
  for (std::size_t l = 0; l < geometry.layers().size(); ++l) {
    EXPECT_NEAR(correlation[l], pearson.at("first_row")[l].get<double>(), 1e-6) << l;
  }
}

TEST_P(GoldenObservables, AShiftOfTheScaleIsSeenInTheMeanResponse) {
  MOLIERE_NEED_SHARED_DATA();
  const Geometry geometry = builtin_geometry(GetParam());
  const ShowerBatch first = testing::part(GetParam(), 1);
  const Observables reference = observe(first, geometry);
  const Observables other = observe(testing::part(GetParam(), 2), geometry);
  const Observables shifted =
      observe(testing::scaled(testing::part(GetParam(), 2), 1.01F), geometry);
  EXPECT_LT(std::abs(test_response(reference, other).z), 4);
  EXPECT_LT(std::abs(test_response(reference, other).z_at_energy), 4);
  const ResponseTest test = test_response(reference, shifted);
  EXPECT_GT(test.z_at_energy, 5);
  EXPECT_NEAR(test.shift_at_energy, 0.0096, 0.003);
}

TEST(Features, NormalisedVoxelsAreUncutWhileLayerEnergiesAreCut) {
  std::vector<float> voxels(10);
  voxels[0] = 3;
  voxels[1] = 0.5F;  // below the threshold
  const FeatureMatrix<float> matrix =
      normalised_features(one_shower(voxels, 1000), small_geometry());
  ASSERT_EQ(matrix.columns, 13);
  EXPECT_FLOAT_EQ(matrix.row(0)[0], 3);
  EXPECT_FLOAT_EQ(matrix.row(0)[1], 1);
  EXPECT_FLOAT_EQ(matrix.row(0)[2], 0.5F / 3);
  EXPECT_FLOAT_EQ(matrix.row(0)[11], std::log10(3.0F));
  EXPECT_FLOAT_EQ(matrix.row(0)[12], -8);
  EXPECT_FLOAT_EQ(low_level_features(one_shower(voxels, 1000), small_geometry()).row(0)[2], 0);
}

TEST(Features, EmptyVoxelsStandAtATenthOfAnMeV) {
  std::vector<float> voxels(10);
  voxels[0] = 100;
  const FeatureMatrix<float> matrix = logarithmic_voxels(one_shower(voxels), small_geometry());
  EXPECT_FLOAT_EQ(matrix.row(0)[0], 2);
  EXPECT_FLOAT_EQ(matrix.row(0)[1], -1);
}

Observables responses(std::vector<float> incident, std::vector<float> total) {
  Observables observables;
  observables.incident_energy = std::move(incident);
  observables.total_energy = std::move(total);
  return observables;
}

TEST(Response, WelchByHand) {
  // Responses 0.8, 1.0, 1.2 and 1.0, 1.2, 1.4: means 1.0 and 1.2, variances of the mean 0.04 / 3.
  const ResponseTest test =
      test_response(responses({10, 10, 10}, {8, 10, 12}), responses({10, 10, 10}, {10, 12, 14}));
  EXPECT_NEAR(test.reference_mean, 1.0, 1e-6);
  EXPECT_NEAR(test.sample_mean, 1.2, 1e-6);
  EXPECT_NEAR(test.sample_error, 0.2 / std::sqrt(3.0), 1e-6);
  EXPECT_NEAR(test.z, 0.2 / std::sqrt(0.08 / 3), 1e-5);
  EXPECT_NEAR(test.z_at_energy, test.z, 1e-9);
}

TEST(Response, RangesOfEnergyTakeOutTheSpreadBetweenEnergies) {
  // Two energies with responses near 0.5 and near 1; the sample has more of the second.
  const Observables reference = responses({10, 10, 10, 20, 20}, {4.9F, 5, 5.1F, 19.9F, 20.1F});
  const Observables sample = responses({10, 10, 20, 20, 20}, {4.9F, 5.1F, 19.9F, 20, 20.1F});
  const ResponseTest test = test_response(reference, sample);
  EXPECT_GT(test.sample_mean, test.reference_mean + 0.05);
  EXPECT_NEAR(test.shift_at_energy, 0, 1e-6);
}

TEST(Response, NeedsTwoShowers) {
  EXPECT_THROW(test_response(responses({10}, {10}), responses({10, 10}, {9, 10})), Error);
}

}  // namespace
}  // namespace moliere::calo
