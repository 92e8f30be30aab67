// SPDX-License-Identifier: Apache-2.0
#include "moliere/calo/separation.hpp"

#include "moliere/calo/detail/log10_float32.hpp"
#include "moliere/core/error.hpp"
#include "moliere/core/file.hpp"
#include "moliere/core/random.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "calo/golden_showers.hpp"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace moliere::calo {
namespace {

using ::testing::ElementsAre;

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

Histogram filled(const std::vector<double>& edges, const std::vector<double>& values) {
  Histogram histogram(edges);
  histogram.add(std::span<const double>(values));
  return histogram;
}

TEST(Histogram, BinsAreHalfOpenAndTheLastIsClosed) {
  const Histogram histogram = filled({0, 1, 2, 3}, {-0.1, 0, 0.999, 1, 2, 2.5, 3, 3.001, nan});
  EXPECT_THAT(histogram.counts(), ElementsAre(2, 1, 3));
  EXPECT_EQ(histogram.in_range(), 6);
  EXPECT_EQ(histogram.entries(), 9);
}

TEST(Histogram, DensitiesIntegrateToOneOverWhatIsInRange) {
  const Histogram histogram = filled({0, 1, 3}, {0.5, 2, 2, 2, 7});
  EXPECT_THAT(histogram.fractions(), ElementsAre(0.25, 0.75));
  EXPECT_THAT(histogram.densities(), ElementsAre(0.25, 0.375));
  EXPECT_DOUBLE_EQ(histogram.density_errors()[1], 0.375 / std::sqrt(3.0));
}

TEST(Histogram, RefusesEdgesThatDoNotRise) {
  EXPECT_THROW(Histogram({0}), Error);
  EXPECT_THROW(Histogram({0, 1, 1}), Error);
  EXPECT_THROW(Histogram({0, nan, 1}), Error);
  EXPECT_THROW(linear_edges(1, 1, 10), Error);
  EXPECT_THROW(linear_edges(0, 1, 0), Error);
  EXPECT_THROW(logarithmic_edges(0, 1, 10), Error);
  EXPECT_THROW(logarithmic_edges(1, std::numeric_limits<float>::infinity(), 10), Error);
  Histogram histogram({0, 1});
  EXPECT_THROW(histogram.merge(Histogram({0, 2})), Error);
}

TEST(Histogram, LinearEdgesAreThoseOfNumpy) {
  // numpy.linspace(0, 1, 21)[3] is 3 * 0.05, a little above 0.15.
  const std::vector<double> edges = linear_edges(0, 1, 20);
  EXPECT_EQ(edges.size(), 21U);
  EXPECT_EQ(edges[3], 3 * 0.05);
  EXPECT_EQ(edges.back(), 1);
}

TEST(Histogram, TheTopOfLogarithmicEdgesIsRoundedToFloat32) {
  const std::vector<double> edges = logarithmic_edges(1, 1000, 3);
  // numpy.logspace(0, log10(float32(1000)), 4) of numpy 2.4.6 with AVX-512.
  EXPECT_NEAR(edges[1], 10.000001829930387, 1e-12);
  EXPECT_NEAR(edges[2], 100.00003659861108, 1e-11);
  // log10(706.75) in float32 lies below the true one: the largest entry falls out.
  EXPECT_NEAR(logarithmic_edges(0.5e-3 / 0.033, 706.75F, 49).back(), 706.7499945743392, 1e-9);
}

TEST(Log10Float32, IsRoundedAsNumpyDoes) {
  // numpy.log10 of numpy.float32 values, numpy 2.4.6 with AVX-512.
  const std::vector<std::pair<float, float>> known{
      {1.55F, 0.1903317F},  {0.3F, -0.52287877F},  {24.9F, 1.3961995F},   {6782.0F, 3.831358F},
      {398.5F, 2.6004283F}, {1000.0F, 3.0000002F}, {8308.0F, 3.9194968F}, {706.75F, 2.8492658F},
      {99.0F, 1.9956354F},  {1.0F, 0.0F},
  };
  for (const auto& [value, logarithm] : known) {
    EXPECT_EQ(detail::log10_float32(value), logarithm) << value;
  }
}

TEST(SeparationPower, IsZeroForEqualShapesAndOneForDisjointOnes) {
  const std::vector<double> edges{0, 1, 2};
  const Histogram low = filled(edges, {0.5, 0.5});
  EXPECT_EQ(separation_power(low, filled(edges, {0.1, 0.2, 0.3})), 0);
  EXPECT_EQ(separation_power(low, filled(edges, {1.5})), 1);
  EXPECT_TRUE(std::isnan(separation_power(low, filled(edges, {}))));
  EXPECT_THROW(separation_power(low, filled({0, 1, 3}, {1})), Error);
}

TEST(SeparationPower, ByHand) {
  const std::vector<double> edges{0, 1, 2};
  // p = (1/4, 3/4), q = (1/2, 1/2): 1/2 ((1/16) / (3/4) + (1/16) / (5/4)) = 1/15.
  EXPECT_NEAR(separation_power(filled(edges, {0.5, 1.5, 1.5, 1.5}), filled(edges, {0.5, 1.5})),
              1.0 / 15, 1e-15);
}

TEST(ChiSquare, ByHand) {
  const std::vector<double> edges{0, 1, 2, 3};
  // n = (1, 3, 0), m = (2, 2, 0): (1 - 2)^2 / 3 + (3 - 2)^2 / 5, one degree left of two bins.
  const ChiSquare equal =
      chi_square(filled(edges, {0.5, 1.5, 1.5, 1.5}), filled(edges, {0.5, 0.5, 1.5, 1.5}));
  EXPECT_NEAR(equal.value, 8.0 / 15, 1e-14);
  EXPECT_EQ(equal.degrees, 1);
  // n = (1, 1, 0), m = (8, 0, 0): sqrt(M/N) = 2: (2 - 4)^2 / 9 + 2^2 / 1.
  const ChiSquare unequal =
      chi_square(filled(edges, {0.5, 1.5}), filled(edges, std::vector<double>(8, 0.5)));
  EXPECT_NEAR(unequal.value, 4.0 / 9 + 4, 1e-14);
}

TEST(SeparationFloor, IsWhatEqualDistributionsGive) {
  RandomStream random(11);
  const std::vector<double> edges = linear_edges(-3, 3, 60);  // the tails are sparse
  for (const int sample_size : {500, 1500}) {
    constexpr int reference_size = 500, trials = 400;
    double sum = 0, squares = 0, expected = 0, deviation = 0;
    for (int trial = 0; trial < trials; ++trial) {
      Histogram reference(edges), sample(edges);
      for (int i = 0; i < reference_size; ++i) reference.add(random.normal());
      for (int i = 0; i < sample_size; ++i) sample.add(random.normal());
      const double separation = separation_power(reference, sample);
      sum += separation;
      squares += separation * separation;
      expected += separation_floor(reference, sample).mean;
      deviation += separation_floor(reference, sample).standard_deviation;
    }
    const double mean = sum / trials;
    const double spread = std::sqrt(squares / trials - mean * mean);
    // Unequal sizes: the formula is an approximation in bins of few entries.
    EXPECT_NEAR(mean, expected / trials, (sample_size == reference_size ? 0.02 : 0.06) * mean);
    EXPECT_NEAR(spread, deviation / trials, 0.2 * spread);
  }
}

TEST(SeparationFloor, OfFullBins) {
  const std::vector<double> edges = linear_edges(0, 100, 100);
  Histogram both(edges);
  for (int i = 0; i < 5000; ++i) both.add(i % 100 + 0.5);
  EXPECT_NEAR(separation_floor(both, both).mean, 99.0 / (2 * 5000), 1e-15);
  EXPECT_TRUE(std::isnan(separation_floor(both, Histogram(edges)).mean));
}

ShowerBatch random_showers(const Geometry& geometry, std::int64_t count, std::uint64_t seed) {
  RandomStream random(seed);
  ShowerBatch batch;
  batch.voxels = geometry.voxel_count();
  for (std::int64_t i = 0; i < count; ++i) {
    batch.incident_energies.push_back(256.0F * static_cast<float>(1 << random.below(3)));
    for (int v = 0; v < batch.voxels; ++v) {
      batch.energies.push_back(static_cast<float>(std::exp(random.normal())));
    }
  }
  return batch;
}

std::vector<Comparison> compare_batches(const Geometry& geometry, const ShowerBatch& reference,
                                        const ShowerBatch& sample) {
  const Observables a = observe(reference, geometry);
  const Observables b = observe(sample, geometry);
  const std::vector<double> edges = voxel_edges(geometry, a);
  return compare_observables(geometry, a, b, voxel_spectrum(reference, geometry, edges),
                             voxel_spectrum(sample, geometry, edges));
}

TEST(Comparison, FilesGiveWhatBatchesGive) {
  const Geometry geometry = builtin_geometry("ds1-photons");
  const ShowerBatch a = random_showers(geometry, 200, 1);
  const ShowerBatch b = random_showers(geometry, 300, 2);
  const TemporaryDirectory folder;
  for (const auto& [name, batch] : {std::pair{"a.h5", &a}, std::pair{"b.h5", &b}}) {
    ShowerWriter writer(folder.path() / name, batch->voxels);
    writer.append(*batch);
    writer.finish();
  }
  SilentProgress silent;
  const SampleComparison files = compare_files(
      ShowerReader(folder.path() / "a.h5"), ShowerReader(folder.path() / "b.h5"), geometry, silent);
  const std::vector<Comparison> batches = compare_batches(geometry, a, b);
  ASSERT_EQ(files.comparisons.size(), batches.size());
  for (std::size_t i = 0; i < batches.size(); ++i) {
    EXPECT_EQ(files.comparisons[i].sample.counts(), batches[i].sample.counts()) << batches[i].name;
    EXPECT_EQ(files.comparisons[i].reference.counts(), batches[i].reference.counts());
  }
}

TEST(Comparison, LayersWithoutAnyEnergyGiveNoNumberInsteadOfFailing) {
  const Geometry geometry = builtin_geometry("ds1-photons");
  ShowerBatch batch = random_showers(geometry, 20, 3);
  for (std::int64_t i = 0; i < batch.size(); ++i) {
    const Layer& last = geometry.layers().back();
    std::fill_n(batch.shower(i).begin() + last.first_voxel, last.voxels(), 0.0F);
  }
  for (const Comparison& comparison : compare_batches(geometry, batch, batch)) {
    EXPECT_EQ(std::isnan(comparison.separation),
              comparison.name == "E layer 12" || comparison.reference.in_range() == 0)
        << comparison.name;
  }
}

TEST(Comparison, PanelsOfIncidentEnergyAreHalfOpenAndNarrowFrom4096OnForPhotons) {
  const Geometry geometry = builtin_geometry("ds1-photons");
  ShowerBatch batch = random_showers(geometry, 4, 3);
  batch.incident_energies = {256, 511.9F, 512, 4096};
  for (const Comparison& panel : compare_batches(geometry, batch, batch)) {
    if (panel.name == "Etot / Einc at E = 256.0") {
      EXPECT_EQ(panel.reference.entries(), 2);
    }
    if (panel.name == "Etot / Einc at E = 2048.0") {
      EXPECT_EQ(panel.reference.edges().front(), 0.4);
    }
    if (panel.name == "Etot / Einc at E = 4096.0") {
      EXPECT_EQ(panel.reference.edges().front(), 0.9);
    }
  }
}

TEST(Comparison, OtherGeometriesAreBinnedByTheirRadius) {
  Layer layer;
  layer.r_edges = {0, 2, 7};
  layer.alpha_bins = 3;
  const Geometry geometry("own", "photon", 0, {layer});
  for (const Comparison& comparison : compare_batches(geometry, random_showers(geometry, 20, 1),
                                                      random_showers(geometry, 20, 2))) {
    if (comparison.kind == ObservableKind::centre_eta) {
      EXPECT_EQ(comparison.reference.edges().front(), -7);
    }
    EXPECT_NE(comparison.kind, ObservableKind::response_at_energy);
  }
}

TEST(Comparison, RefusesObservablesOfAnotherGeometry) {
  const Geometry geometry = builtin_geometry("ds1-photons");
  const Observables observed = observe(random_showers(geometry, 5, 1), geometry);
  const Histogram voxels(voxel_edges(geometry, observed));
  EXPECT_THROW(compare_observables(builtin_geometry("ds2"), observed, observed, voxels, voxels),
               Error);
}

TEST(Slice, TakesColumns) {
  const Geometry geometry = builtin_geometry("ds1-photons");
  const Observables all = observe(random_showers(geometry, 10, 1), geometry);
  const Observables half = slice(all, 5, 5);
  EXPECT_EQ(half.size(), 5);
  EXPECT_EQ(half.layers[1].width_phi[0], all.layers[1].width_phi[5]);
  EXPECT_EQ(half.layers[0].width_phi.size(), 0U);
  EXPECT_THROW(slice(all, 6, 5), Error);
}

class GoldenSeparations : public ::testing::TestWithParam<std::tuple<std::string, std::string>> {};
INSTANTIATE_TEST_SUITE_P(Pairs, GoldenSeparations,
                         ::testing::Combine(::testing::Values("ds1-photons", "ds2"),
                                            ::testing::Values("a", "b", "c")),
                         [](const auto& test) {
                           const std::string set = std::get<0>(test.param) == "ds2" ? "ds2" : "ds1";
                           return set + "_" + std::get<1>(test.param);
                         });

// Every number of the official evaluation, in its order, under its name.
TEST_P(GoldenSeparations, AgreeWithTheOfficialEvaluation) {
  MOLIERE_NEED_SHARED_DATA();
  const auto& [data_set, name] = GetParam();
  const Geometry geometry = builtin_geometry(data_set);
  const testing::Pair pair = testing::golden_pair(data_set, name, geometry);
  const std::vector<Comparison> list = compare_batches(geometry, pair.reference, pair.sample);
  const Json& expected = testing::golden(data_set).at("pairs").at(name);
  ASSERT_EQ(list.size(), expected.size());
  std::size_t i = 0;
  for (const auto& [label, value] : expected.items()) {
    const Comparison& comparison = list[i++];
    ASSERT_EQ(comparison.name, label);
    if (value.is_null()) {
      EXPECT_TRUE(std::isnan(comparison.separation)) << label;
    } else {
      const double official = value.get<double>();
      EXPECT_NEAR(comparison.separation, official, 1e-5 * official) << label;
    }
  }
}

TEST_P(GoldenSeparations, RangesOfTheReference) {
  MOLIERE_NEED_SHARED_DATA();
  const auto& [data_set, name] = GetParam();
  const Json& ranges = testing::golden(data_set).at("reference_ranges");
  const std::string key = name == "c" ? "b" : name;  // pairs b and c have the same reference
  const Geometry geometry = builtin_geometry(data_set);
  const testing::Pair pair = testing::golden_pair(data_set, name, geometry);
  const Observables reference = observe(pair.reference, geometry);
  const Json& voxel = ranges.at(key).at("voxel");
  EXPECT_EQ(static_cast<double>(reference.largest_voxel), voxel.at("max").get<double>());
  const double top = voxel.at("top_edge").get<double>();
  EXPECT_NEAR(voxel_edges(geometry, reference).back(), top, 1e-12 * top);

  const Json& layers = ranges.at(key).at("E_layer_max_and_top_edge_and_n_above_and_n_below_Emin");
  int rounded_otherwise = 0;
  for (std::size_t l = 0; l < geometry.layers().size(); ++l) {
    const Json& layer = layers.at(std::to_string(geometry.layers()[l].id));
    const std::vector<float>& energies = reference.layers[l].energy;
    const float largest = *std::max_element(energies.begin(), energies.end());
    EXPECT_EQ(static_cast<double>(largest), layer[0].get<double>()) << l;
    const double edge = logarithmic_edges(geometry.threshold(), largest, 39).back();
    const double official = layer[1].get<double>();
    if (std::abs(edge / official - 1) > 1e-12) ++rounded_otherwise;
    EXPECT_NEAR(edge, official, 6e-7 * official) << l;  // a unit in the last place of log10
  }
  EXPECT_LE(rounded_otherwise, 1);
}

}  // namespace
}  // namespace moliere::calo
