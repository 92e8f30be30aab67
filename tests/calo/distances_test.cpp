// SPDX-License-Identifier: Apache-2.0
#include "moliere/calo/distances.hpp"

#include "moliere/calo/detail/gram.hpp"
#include "moliere/calo/features.hpp"
#include "moliere/calo/memorisation.hpp"
#include "moliere/calo/neighbours.hpp"
#include "moliere/core/error.hpp"
#include "moliere/core/random.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "calo/golden_showers.hpp"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace moliere::calo {
namespace {

using ::testing::ElementsAre;

template <class T>
FeatureMatrix<T> normals(std::int64_t rows, int columns, std::uint64_t seed, double shift = 0,
                         double scale = 1) {
  RandomStream random(seed);
  FeatureMatrix<T> matrix;
  matrix.columns = columns;
  for (std::int64_t i = 0; i < rows * columns; ++i) {
    matrix.values.push_back(static_cast<T>(shift + scale * random.normal()));
  }
  return matrix;
}

template <class T>
FeatureMatrix<T> matrix_of(int columns, std::vector<T> values) {
  FeatureMatrix<T> matrix;
  matrix.columns = columns;
  matrix.values = std::move(values);
  return matrix;
}

TEST(Gram, ProductsOfOddSizes) {
  for (const auto& [m, n, k] : {std::tuple{1, 1, 1}, {13, 17, 5}, {97, 33, 300}, {5, 100, 513}}) {
    const auto a = normals<float>(m, k, 1);
    const auto b = normals<float>(n, k, 2);
    std::vector<double> product(static_cast<std::size_t>(m * n));
    std::vector<float> single(product.size());
    detail::multiply_transposed<float, double>(m, n, k, {a.values.data(), k}, {b.values.data(), k},
                                               product.data());
    detail::multiply_transposed<float, float>(m, n, k, {a.values.data(), k}, {b.values.data(), k},
                                              single.data());
    for (int i = 0; i < m; ++i) {
      for (int j = 0; j < n; ++j) {
        const double exact = std::inner_product(
            a.row(i).begin(), a.row(i).end(), b.row(j).begin(), 0.0, std::plus<>(),
            [](float x, float y) { return static_cast<double>(x) * static_cast<double>(y); });
        const std::size_t at = static_cast<std::size_t>(i * n + j);
        ASSERT_NEAR(product[at], exact, 1e-12 * k);
        ASSERT_NEAR(single[at], exact, 1e-5 * k);
      }
    }
  }
}

TEST(Gram, SymmetricProductOverRows) {
  const auto a = normals<double>(70, 41, 3);
  std::vector<double> product(41 * 41);
  // Twice, to see that it adds.
  for (int i = 0; i < 2; ++i) {
    detail::add_symmetric_product<double, double>(41, 70, {a.values.data(), 1, 41}, product.data());
  }
  for (int i = 0; i < 41; ++i) {
    for (int j = i; j < 41; ++j) {
      double exact = 0;
      for (int row = 0; row < 70; ++row) exact += 2 * a.row(row)[i] * a.row(row)[j];
      ASSERT_NEAR(product[static_cast<std::size_t>(i * 41 + j)], exact, 1e-11);
    }
  }
}

TEST(Normalise, DividesByTheLargestOfTheReference) {
  const auto reference = matrix_of<double>(3, {-4, 0, 1, 2, 0, 3});
  const auto sample = matrix_of<double>(3, {8, 5, 6, 0, -5, 3});
  const NormalisedPair pair = normalise(reference, sample);
  EXPECT_THAT(pair.reference.values, ElementsAre(-1, 0, 1.0 / 3, 0.5, 0, 1));
  EXPECT_THAT(pair.sample.values, ElementsAre(2, 5, 2, 0, -5, 1));
}

TEST(Frechet, OneDimensionInClosedForm) {
  // Means 1 and 5, variances 2 and 32: 16 + (sqrt(2) - sqrt(32))^2 = 34.
  EXPECT_NEAR(frechet_distance(matrix_of<double>(1, {0, 2}), matrix_of<double>(1, {1, 9})), 34,
              1e-12);
}

TEST(Frechet, CorrelatedFeaturesInClosedForm) {
  // For B = A R, R a rotation by 90 degrees, covariances diag(a, b) and diag(b, a) commute:
  // distance 2 (sqrt(a) - sqrt(b))^2.
  const auto a = matrix_of<double>(2, {-3, 0, 3, 0, 0, -1, 0, 1});
  const auto b = matrix_of<double>(2, {0, -3, 0, 3, 1, 0, -1, 0});
  const double root = std::sqrt(18.0 / 3) - std::sqrt(2.0 / 3);
  EXPECT_NEAR(frechet_distance(a, b), 2 * root * root, 1e-12);
}

TEST(Frechet, SingularCovariancesAreNoTrouble) {
  auto a = normals<double>(50, 6, 1);
  for (std::int64_t i = 0; i < a.rows(); ++i) {
    a.row(i)[2] = 7;                          // constant
    a.row(i)[4] = a.row(i)[0] + a.row(i)[1];  // a combination of others
  }
  EXPECT_NEAR(frechet_distance(a, a), 0, 1e-12);
  auto shifted = a;
  for (std::int64_t i = 0; i < a.rows(); ++i) shifted.row(i)[2] = 9;
  EXPECT_NEAR(frechet_distance(a, shifted), 4, 1e-12);
}

TEST(Mmd, BruteForce) {
  const auto x = normals<double>(300, 3, 1);  // more than one tile
  const auto y = normals<double>(270, 3, 2, 0.5);
  const auto kernel = [](std::span<const double> a, std::span<const double> b) {
    return std::pow(std::inner_product(a.begin(), a.end(), b.begin(), 0.0) / 3 + 1, 4);
  };
  const auto mean = [&](const auto& a, const auto& b, bool same) {
    double sum = 0, count = 0;
    for (std::int64_t i = 0; i < a.rows(); ++i) {
      for (std::int64_t j = 0; j < b.rows(); ++j) {
        if (same && i == j) continue;
        sum += kernel(a.row(i), b.row(j));
        ++count;
      }
    }
    return sum / count;
  };
  const double expected = mean(x, x, true) + mean(y, y, true) - 2 * mean(x, y, false);
  EXPECT_NEAR(unbiased_mmd(x, y), expected, 1e-10 * mean(x, x, true));
  EXPECT_EQ(unbiased_mmd(x, y, 1), unbiased_mmd(x, y, 3));
}

TEST(BatchSizes, AreEquidistantInTheInverse) {
  // 1 / (1 / 50000) is a little below 50000 in float64: numpy cuts it to 49999 as well.
  EXPECT_THAT(batch_sizes({}),
              ElementsAre(10000, 10975, 12162, 13636, 15517, 18000, 21428, 26470, 34615, 49999));
}

TEST(FitIntercept, FreeAndAtItsBounds) {
  const std::vector<double> x{1, 2, 3, 4};
  const Distance free = fit_intercept(x, std::vector<double>{2.0, 3.0, 3.7, 5.1});
  EXPECT_NEAR(free.value, 0.95, 1e-12);
  EXPECT_NEAR(free.error, std::sqrt(30.0 / 20 * 0.09 / 2), 1e-12);
  // A falling line: b = 0 and the mean remains.
  EXPECT_NEAR(fit_intercept(x, std::vector<double>{4, 3, 2, 1}).value, 2.5, 1e-12);
  // A line from below 0: a = 0.
  EXPECT_EQ(fit_intercept(x, std::vector<double>{0, 1, 2, 3}).value, 0);
  EXPECT_THROW(fit_intercept(std::vector<double>{1, 2}, std::vector<double>{1, 2}), Error);
}

TEST(FrechetPhysicsDistance, TakesTheRowsItIsGiven) {
  const auto reference = normals<double>(40, 3, 1);
  const auto sample = normals<double>(40, 3, 2, 0.7);
  FrechetOptions options;
  options.least = 20;
  options.most = 60;
  options.sizes = 4;
  options.batches = 2;
  SilentProgress silent;
  const DrawRows rows = [](int size, int batch, std::span<std::uint32_t> a,
                           std::span<std::uint32_t> b) {
    for (std::size_t i = 0; i < a.size(); ++i) {
      a[i] = static_cast<std::uint32_t>((7 * i + static_cast<std::size_t>(size)) % 40);
      b[i] = static_cast<std::uint32_t>((11 * i + static_cast<std::size_t>(batch)) % 40);
    }
  };
  const Distance distance = frechet_physics_distance(reference, sample, options, silent, rows);

  const NormalisedPair pair = normalise(reference, sample);
  std::vector<double> inverse, means;
  const std::vector<std::int64_t> sizes = batch_sizes(options);
  for (std::size_t s = 0; s < sizes.size(); ++s) {
    double sum = 0;
    for (int batch = 0; batch < 2; ++batch) {
      std::vector<std::uint32_t> a(static_cast<std::size_t>(sizes[s])), b(a.size());
      rows(static_cast<int>(s), batch, a, b);
      FeatureMatrix<double> x, y;
      x.columns = y.columns = 3;
      for (std::size_t i = 0; i < a.size(); ++i) {
        const auto first = pair.reference.row(a[i]);
        const auto second = pair.sample.row(b[i]);
        x.values.insert(x.values.end(), first.begin(), first.end());
        y.values.insert(y.values.end(), second.begin(), second.end());
      }
      sum += frechet_distance(x, y);
    }
    means.push_back(sum / 2);
    inverse.push_back(1.0 / static_cast<double>(sizes[s]));
  }
  const Distance expected = fit_intercept(inverse, means);
  EXPECT_NEAR(distance.value, expected.value, 1e-9 * expected.value);
  EXPECT_NEAR(distance.error, expected.error, 1e-6 * expected.error);
}

TEST(KernelPhysicsDistance, IsTheMedianOverBatches) {
  const auto reference = normals<double>(60, 2, 1);
  const auto sample = normals<double>(60, 2, 2, 1.0);
  KernelOptions options;
  options.batch_size = 30;
  options.batches = 3;
  SilentProgress silent;
  const DrawRows rows = [](int, int batch, std::span<std::uint32_t> a, std::span<std::uint32_t> b) {
    std::iota(a.begin(), a.end(), static_cast<std::uint32_t>(10 * batch));
    std::iota(b.begin(), b.end(), static_cast<std::uint32_t>(5 * batch));
  };
  const NormalisedPair pair = normalise(reference, sample);
  std::vector<double> values;
  for (int batch = 0; batch < 3; ++batch) {
    const auto part = [](const FeatureMatrix<double>& matrix, int first) {
      return matrix_of<double>(2, std::vector<double>(matrix.values.begin() + 2 * first,
                                                      matrix.values.begin() + 2 * (first + 30)));
    };
    values.push_back(unbiased_mmd(part(pair.reference, 10 * batch), part(pair.sample, 5 * batch)));
  }
  std::sort(values.begin(), values.end());
  const Distance distance = kernel_physics_distance(reference, sample, options, silent, rows);
  EXPECT_NEAR(distance.value, values[1], 1e-12);
  const double high = std::lerp(values[1], values[2], 2 * 0.83725 - 1);
  const double low = std::lerp(values[0], values[1], 2 * 0.16275);
  EXPECT_NEAR(distance.error, 0.5 * (high - low), 1e-12);
}

TEST(PhiloxRows, AreReproducibleAndInRange) {
  std::vector<std::uint32_t> a(100), b(100), c(100), d(100);
  philox_rows(7, 3, 1)(2, 4, a, b);
  philox_rows(7, 3, 1)(2, 4, c, d);
  EXPECT_EQ(a, c);
  EXPECT_EQ(*std::max_element(a.begin(), a.end()), 6U);
  EXPECT_EQ(*std::max_element(b.begin(), b.end()), 2U);
  philox_rows(7, 3, 1)(2, 5, c, d);
  EXPECT_NE(a, c);
}

TEST(Distances, RefuseWhatHasNone) {
  const auto good = normals<double>(10, 2, 1);
  auto bad = good;
  bad.values[3] = std::numeric_limits<double>::quiet_NaN();
  for (const auto& other :
       {bad, normals<double>(10, 3, 1), normals<double>(1, 2, 1), FeatureMatrix<double>{}}) {
    EXPECT_THROW(frechet_distance(good, other), Error);
    EXPECT_THROW(unbiased_mmd(other, good), Error);
    EXPECT_THROW(normalise(good, other), Error);
  }
}

double slow_distance(std::span<const float> a, std::span<const float> b) {
  double square = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    square += std::pow(static_cast<double>(a[i]) - static_cast<double>(b[i]), 2);
  }
  return std::sqrt(square);
}

std::vector<double> slow_radii(const FeatureMatrix<float>& points, int k) {
  std::vector<double> radii;
  for (std::int64_t i = 0; i < points.rows(); ++i) {
    std::vector<double> others;
    for (std::int64_t j = 0; j < points.rows(); ++j) {
      if (i != j) others.push_back(slow_distance(points.row(i), points.row(j)));
    }
    std::sort(others.begin(), others.end());
    radii.push_back(others[static_cast<std::size_t>(k - 1)]);
  }
  return radii;
}

Prdc slow_prdc(const FeatureMatrix<float>& reference, const FeatureMatrix<float>& sample, int k) {
  const std::vector<double> reference_radii = slow_radii(reference, k);
  const std::vector<double> sample_radii = slow_radii(sample, k);
  std::vector<int> precise(sample_radii.size()), recalled(reference_radii.size());
  std::vector<int> covered(reference_radii.size());
  double balls = 0;
  for (std::size_t i = 0; i < reference_radii.size(); ++i) {
    for (std::size_t j = 0; j < sample_radii.size(); ++j) {
      const double distance = slow_distance(reference.row(static_cast<std::int64_t>(i)),
                                            sample.row(static_cast<std::int64_t>(j)));
      if (distance < sample_radii[j]) recalled[i] = 1;
      if (!(distance < reference_radii[i])) continue;
      precise[j] = covered[i] = 1;
      ++balls;
    }
  }
  const auto share = [](const std::vector<int>& yes) {
    return std::accumulate(yes.begin(), yes.end(), 0.0) / static_cast<double>(yes.size());
  };
  Prdc result;
  result.precision = share(precise);
  result.recall = share(recalled);
  result.coverage = share(covered);
  result.density = balls / (k * static_cast<double>(sample_radii.size()));
  return result;
}

class Neighbours : public ::testing::TestWithParam<Arithmetic> {
 protected:
  NeighbourOptions options() const { return {.arithmetic = GetParam(), .threads = 2}; }
  SilentProgress silent;
};
INSTANTIATE_TEST_SUITE_P(Arithmetics, Neighbours,
                         ::testing::Values(Arithmetic::float64, Arithmetic::float32),
                         [](const auto& test) {
                           return test.param == Arithmetic::float64 ? "float64" : "float32";
                         });

TEST_P(Neighbours, RadiiAreThoseOfBruteForce) {
  const auto points = normals<float>(500, 7, 1);  // more than one tile
  const std::vector<double> fast = neighbour_radii(points, 3, options(), silent);
  const std::vector<double> slow = slow_radii(points, 3);
  for (std::size_t i = 0; i < slow.size(); ++i) EXPECT_NEAR(fast[i], slow[i], 1e-4 * slow[i]);
}

TEST_P(Neighbours, PrdcIsThatOfBruteForce) {
  const auto reference = normals<float>(500, 4, 1);
  const auto sample = normals<float>(420, 4, 2, 0.5, 0.6);
  const Prdc fast = precision_recall_density_coverage(reference, sample, 5, options(), silent);
  const Prdc slow = slow_prdc(reference, sample, 5);
  EXPECT_LT(slow.recall, slow.precision);  // the sample is narrower
  EXPECT_DOUBLE_EQ(fast.precision, slow.precision);
  EXPECT_DOUBLE_EQ(fast.recall, slow.recall);
  EXPECT_DOUBLE_EQ(fast.density, slow.density);
  EXPECT_DOUBLE_EQ(fast.coverage, slow.coverage);
  EXPECT_LT(fast.radius_deviation, 1e-4);
  EXPECT_EQ(fast.radius_deviation == 0, GetParam() == Arithmetic::float64);
}

TEST_P(Neighbours, APointOnTheSurfaceOfABallIsOutside) {
  // Reference balls (k = 1): -1..1 around 0 and 0..2 around 1. The sample holds 2, on the surface
  // of the second ball, and 12, far away.
  const auto reference = matrix_of<float>(1, {0, 1});
  const auto sample = matrix_of<float>(1, {2, 12});
  const Prdc prdc = precision_recall_density_coverage(reference, sample, 1, options(), silent);
  EXPECT_EQ(prdc.precision, 0);
  EXPECT_EQ(prdc.coverage, 0);
  EXPECT_EQ(prdc.recall, 1);
}

TEST_P(Neighbours, CopiesCountAsOneAnotherTo) {
  // The k-th neighbour's copy lies on the surface exactly, so k - 1 others and the copy itself are
  // inside: density 1.
  const auto points = normals<float>(600, 20, 9);
  const Prdc prdc = precision_recall_density_coverage(points, points, 5, options(), silent);
  EXPECT_EQ(prdc.precision, 1);
  EXPECT_DOUBLE_EQ(prdc.density, 1);
}

TEST_P(Neighbours, NearestIsThatOfBruteForceAndZeroForCopies) {
  auto queries = normals<float>(400, 6, 1, 3);
  const auto base = normals<float>(450, 6, 2, 3);
  std::copy(base.row(444).begin(), base.row(444).end(), queries.row(17).begin());
  const std::vector<double> fast = nearest_distances(queries, base, options(), silent);
  for (std::int64_t i = 0; i < queries.rows(); ++i) {
    double slow = std::numeric_limits<double>::infinity();
    for (std::int64_t j = 0; j < base.rows(); ++j) {
      slow = std::min(slow, slow_distance(queries.row(i), base.row(j)));
    }
    EXPECT_NEAR(fast[static_cast<std::size_t>(i)], slow, 1e-4 * slow);
  }
  EXPECT_EQ(fast[17], 0);
}

TEST_P(Neighbours, RefuseWhatHasNone) {
  const auto points = normals<float>(5, 2, 1);
  auto bad = points;
  bad.values[1] = std::numeric_limits<float>::infinity();
  EXPECT_THROW(neighbour_radii(points, 5, options(), silent), Error);
  EXPECT_THROW(neighbour_radii(points, 0, options(), silent), Error);
  EXPECT_THROW(neighbour_radii(bad, 1, options(), silent), Error);
  EXPECT_THROW(nearest_distances(points, {}, options(), silent), Error);
  EXPECT_THROW(nearest_distances(points, normals<float>(5, 3, 1), options(), silent), Error);
  EXPECT_THROW(precision_recall_density_coverage(points, bad, 1, options(), silent), Error);
}

std::vector<double> spread(double low, double high, int count) {
  std::vector<double> values;
  for (int i = 0; i < count; ++i) values.push_back(low + (high - low) * (i + 0.5) / count);
  return values;
}

TEST(Memorisation, VerdictsOnHandMadeDistances) {
  const std::vector<double> held_out = spread(1, 3, 1000);
  EXPECT_EQ(judge_memorisation(spread(1, 3, 900), held_out).verdict, MemorisationVerdict::none);
  EXPECT_EQ(judge_memorisation(spread(1.5, 3.5, 900), held_out).verdict, MemorisationVerdict::none);
  EXPECT_EQ(judge_memorisation(spread(0.98, 2.5, 900), held_out).verdict,
            MemorisationVerdict::nearer);
  EXPECT_EQ(judge_memorisation(spread(0, 0.1, 900), held_out).verdict,
            MemorisationVerdict::memorised);
  // A fifth are copies: the median hardly moves, the share tells.
  std::vector<double> some = spread(1, 3, 800);
  some.insert(some.end(), 200, 0.0);
  const Memorisation result = judge_memorisation(some, held_out);
  EXPECT_EQ(result.verdict, MemorisationVerdict::memorised);
  EXPECT_NEAR(result.share_near, 0.208, 1e-9);
  EXPECT_NEAR(result.near_distance, 1.0 + 2 * (0.01 * 999 + 0.5) / 1000, 1e-9);
  EXPECT_LT(result.share_interval.low, result.share_near);
  EXPECT_GT(result.share_interval.high, result.share_near);
}

TEST(Memorisation, IntervalHoldsTheRatioAndShrinks) {
  const Memorisation few = judge_memorisation(spread(1, 3, 200), spread(1, 2, 200));
  const Memorisation many = judge_memorisation(spread(1, 3, 3200), spread(1, 2, 3200));
  EXPECT_NEAR(few.ratio, 2 / 1.5, 0.01);
  EXPECT_LT(few.ratio_interval.low, few.ratio);
  EXPECT_GT(few.ratio_interval.high, few.ratio);
  // Four times narrower at sixteen times the size.
  const double narrowing = (few.ratio_interval.high - few.ratio_interval.low) /
                           (many.ratio_interval.high - many.ratio_interval.low);
  EXPECT_NEAR(narrowing, 4, 1);
}

TEST(Memorisation, RefusesTooFewOrNoNumbers) {
  EXPECT_THROW(judge_memorisation(spread(0, 1, 99), spread(0, 1, 200)), Error);
  std::vector<double> bad = spread(0, 1, 200);
  bad[7] = std::numeric_limits<double>::quiet_NaN();
  EXPECT_THROW(judge_memorisation(bad, spread(0, 1, 200)), Error);
}

TEST(Memorisation, CopiedTrainingDataAreCaughtAndRealShowersAreNot) {
  MOLIERE_NEED_SHARED_DATA();
  const Geometry geometry = builtin_geometry("ds1-photons");
  const ShowerReader reader(*testing::shared_data() / "data" / "photons_ds1_1.h5");
  const auto rows = [&](std::int64_t first, std::int64_t count) {
    return logarithmic_voxels(reader.read(first, count), geometry);
  };
  const FeatureMatrix<float> train = rows(0, 2000);
  const FeatureMatrix<float> held_out = rows(2000, 1500);
  MemorisationOptions options;
  options.resamples = 200;
  SilentProgress silent;
  EXPECT_EQ(memorisation(rows(3500, 1500), train, held_out, options, silent).verdict,
            MemorisationVerdict::none);
  const Memorisation copied = memorisation(rows(500, 1500), train, held_out, options, silent);
  EXPECT_EQ(copied.verdict, MemorisationVerdict::memorised);
  EXPECT_EQ(copied.generated_median, 0);
  EXPECT_EQ(copied.share_near, 1);
  // Copies with every voxel off by a percent.
  const FeatureMatrix<float> near =
      logarithmic_voxels(testing::scaled(reader.read(500, 1500), 1.01F), geometry);
  EXPECT_EQ(memorisation(near, train, held_out, options, silent).verdict,
            MemorisationVerdict::memorised);
}

class GoldenDistances : public ::testing::TestWithParam<std::string> {
 protected:
  const Geometry geometry = builtin_geometry("ds1-photons");
  SilentProgress silent;
};
INSTANTIATE_TEST_SUITE_P(Pairs, GoldenDistances, ::testing::Values("a", "b", "c"),
                         [](const auto& test) { return test.param; });

TEST_P(GoldenDistances, FrechetAndKernelOfTheFullSamples) {
  MOLIERE_NEED_SHARED_DATA();
  const testing::Pair showers = testing::golden_pair("ds1-photons", GetParam(), geometry);
  const NormalisedPair pair = normalise(high_level_features(observe(showers.reference, geometry)),
                                        high_level_features(observe(showers.sample, geometry)));
  const Json& expected = testing::golden("ds1-photons").at("fpd_kpd_prdc").at(GetParam());
  const double frechet = expected.at("frechet_full_sample_no_resampling").get<double>();
  // Relative to the larger term, tr C of the normalised features, which is above 1.
  EXPECT_NEAR(frechet_distance(pair.reference, pair.sample), frechet,
              std::max(1e-5 * frechet, 1e-9));
  const double kernel =
      expected.at("kpd_kernel_unbiased_mmd_full_sample_no_resampling").get<double>();
  EXPECT_NEAR(unbiased_mmd(pair.reference, pair.sample), kernel, 1e-5 * std::abs(kernel));
}

TEST_P(GoldenDistances, PrecisionRecallDensityCoverage) {
  MOLIERE_NEED_SHARED_DATA();
  const testing::Pair pair = testing::golden_pair("ds1-photons", GetParam(), geometry);
  const Json& expected = testing::golden("ds1-photons").at("fpd_kpd_prdc").at(GetParam());
  const Prdc prdc =
      precision_recall_density_coverage(logarithmic_voxels(pair.reference, geometry),
                                        logarithmic_voxels(pair.sample, geometry), 5, {}, silent);
  EXPECT_NEAR(prdc.precision, expected.at("precision").get<double>(), 1e-9);
  EXPECT_NEAR(prdc.recall, expected.at("recall").get<double>(), 1e-9);
  EXPECT_NEAR(prdc.density, expected.at("density").get<double>(), 1e-9);
  EXPECT_NEAR(prdc.coverage, expected.at("coverage").get<double>(), 1e-9);
}

// Our own draws: the same distribution of results, not the same numbers.
TEST(GoldenFpd, OurDrawsAgreeWithinErrors) {
  MOLIERE_NEED_SHARED_DATA();
  const Geometry geometry = builtin_geometry("ds1-photons");
  const testing::Pair pair = testing::golden_pair("ds1-photons", "a", geometry);
  const Json& expected = testing::golden("ds1-photons").at("fpd_kpd_prdc").at("a");
  SilentProgress silent;
  const Distance distance =
      frechet_physics_distance(high_level_features(observe(pair.reference, geometry)),
                               high_level_features(observe(pair.sample, geometry)), {}, silent);
  const double official_error = expected.at("FPD_err").get<double>();
  EXPECT_NEAR(distance.value, expected.at("FPD").get<double>(),
              4 * std::hypot(official_error, distance.error));
  EXPECT_LT(distance.error, 3 * official_error);
}

}  // namespace
}  // namespace moliere::calo
