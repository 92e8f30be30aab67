// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "moliere/calo/features.hpp"
#include "moliere/calo/neighbours.hpp"
#include "moliere/calo/response.hpp"
#include "moliere/calo/separation.hpp"

#include <cmath>

#include "calo/formula_pairs.hpp"
#include <gtest/gtest.h>

/// All figures of a pair, and their comparison with those of the independent implementation.
namespace moliere::calo::testing {

/// Relative difference that is allowed.
constexpr double tolerance = 1e-5;

inline void expect_near(double ours, const Json& expected, const std::string& what) {
  const double value = expected.get<double>();
  EXPECT_NEAR(ours, value, tolerance * std::abs(value)) << what;
}

/// For a fit between bounds, which stops where it no longer gains: relative to the larger of the
/// terms whose difference is fitted.
inline void expect_near(double ours, const Json& expected, const std::string& what, double term) {
  EXPECT_NEAR(ours, expected.get<double>(), tolerance * term) << what;
}

struct PairFigures {
  std::vector<Comparison> comparisons;
  ResponseTest response;
  Distances distances;
  double frechet = 0;  ///< of all rows, without batches
  double mmd = 0;
  Prdc prdc;

  double separation(std::string_view name) const {
    for (const Comparison& comparison : comparisons) {
      if (comparison.name == name) return comparison.separation;
    }
    return std::nan("");
  }
};

inline PairFigures judge_pair(const Pair& pair, const Geometry& geometry, const Json& settings) {
  const Observables reference = observe(pair.reference, geometry);
  const Observables sample = observe(pair.sample, geometry);
  const std::vector<double> edges = voxel_edges(geometry, reference);
  PairFigures figures;
  figures.comparisons = compare_observables(geometry, reference, sample,
                                            voxel_spectrum(pair.reference, geometry, edges),
                                            voxel_spectrum(pair.sample, geometry, edges));
  figures.response = test_response(reference, sample);
  figures.distances = formula_distances(reference, sample, settings);
  const NormalisedPair features =
      normalise(high_level_features(reference), high_level_features(sample));
  figures.frechet = frechet_distance(features.reference, features.sample);
  figures.mmd = unbiased_mmd(features.reference, features.sample);
  const std::int64_t rows = settings.at("neighbour_rows").get<std::int64_t>();
  SilentProgress silent;
  figures.prdc = precision_recall_density_coverage(
      logarithmic_voxels(first_rows(pair.reference, rows), geometry),
      logarithmic_voxels(first_rows(pair.sample, rows), geometry), 5, {}, silent);
  return figures;
}

inline void expect_separations(const std::vector<Comparison>& comparisons, const Json& names,
                               const Json& expected) {
  ASSERT_EQ(comparisons.size(), names.size());
  for (std::size_t i = 0; i < comparisons.size(); ++i) {
    ASSERT_EQ(comparisons[i].name, names[i].get<std::string>());
    if (expected[i].is_null()) {
      EXPECT_TRUE(std::isnan(comparisons[i].separation)) << comparisons[i].name;
    } else {
      expect_near(comparisons[i].separation, expected[i], comparisons[i].name);
    }
  }
}

/// `golden`: a data set of evaluation.json.
inline void expect_golden(const PairFigures& ours, const Json& golden, const std::string& name) {
  const Json& expected = golden.at("pairs").at(name);
  expect_separations(ours.comparisons, golden.at("separations"), expected.at("separations"));

  const Json& response = expected.at("response");
  expect_near(ours.response.z, response.at("z"), "z");
  expect_near(ours.response.z_at_energy, response.at("z at energy"), "z at energy");
  expect_near(ours.response.shift_at_energy, response.at("shift at energy"), "shift at energy");

  const Json& far = expected.at("distances");
  const double term = far.at("frechet term").get<double>();
  const Distance& fpd = ours.distances.fpd;
  expect_near(fpd.value, far.at("FPD")[0], "FPD", term);
  expect_near(fpd.error, far.at("FPD")[1], "error of FPD", term);
  // Without the tolerance of the fit that jetnet uses.
  expect_near(fpd.value, far.at("FPD by nnls"), "FPD by nnls");
  expect_near(ours.distances.kpd.value, far.at("KPD")[0], "KPD");
  expect_near(ours.distances.kpd.error, far.at("KPD")[1], "error of KPD");
  expect_near(ours.frechet, far.at("frechet of all"), "Frechet distance");
  expect_near(ours.mmd, far.at("mmd of all"), "MMD");

  const Json& near = expected.at("neighbours");
  expect_near(ours.prdc.precision, near.at("precision"), "precision");
  expect_near(ours.prdc.recall, near.at("recall"), "recall");
  expect_near(ours.prdc.density, near.at("density"), "density");
  expect_near(ours.prdc.coverage, near.at("coverage"), "coverage");
}

}  // namespace moliere::calo::testing
