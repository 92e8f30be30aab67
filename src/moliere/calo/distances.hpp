// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "moliere/calo/feature_matrix.hpp"
#include "moliere/core/progress.hpp"

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

/// Distances between distributions of features (Kansal et al., "Evaluating generative models in
/// high energy physics", Phys. Rev. D 107 (2023) 076017, arXiv:2211.10295), with the settings of
/// the CaloChallenge. All throw Error for matrices of different widths, fewer than two rows, or a
/// value that is no finite number.
namespace moliere::calo {

/// Both samples with each feature divided by the reference's largest absolute value of it; a
/// feature that is 0 throughout the reference stays as it is.
struct NormalisedPair {
  FeatureMatrix<double> reference;
  FeatureMatrix<double> sample;
};
NormalisedPair normalise(const FeatureMatrix<double>& reference,
                         const FeatureMatrix<double>& sample);

/// Frechet distance of two Gaussians with the samples' means and covariances (N - 1):
/// |m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)) (Dowson, Landau, J. Multivariate Anal. 12 (1982)
/// 450, equation 4). The features are taken as they are.
double frechet_distance(const FeatureMatrix<double>& reference, const FeatureMatrix<double>& sample,
                        int threads = 0);

/// Squared maximum mean discrepancy with kernel (x.y / D + 1)^4, without the pairs of a row with
/// itself: unbiased, hence negative at times (Gretton et al., JMLR 13 (2012) 723, equation 3). The
/// features are taken as they are.
double unbiased_mmd(const FeatureMatrix<double>& reference, const FeatureMatrix<double>& sample,
                    int threads = 0);

/// Fills the rows of one resampled pair of batches, each with replacement: `size` is a batch size's
/// position in the list of sizes, `batch` counts the batches of that size. Called from several
/// threads at a time.
using DrawRows = std::function<void(int size, int batch, std::span<std::uint32_t> reference_rows,
                                    std::span<std::uint32_t> sample_rows)>;
/// Independent draws below the two numbers of rows, from Philox.
DrawRows philox_rows(std::int64_t reference_rows, std::int64_t sample_rows, std::uint64_t seed);

/// A figure and its error, not multiplied by 1000 as in published tables.
struct Distance {
  double value = 0;
  double error = 0;
};

struct FrechetOptions {
  std::int64_t least = 10000;  ///< smallest batch
  std::int64_t most = 50000;   ///< largest batch
  int sizes = 10;              ///< equidistant in 1 / size
  int batches = 20;            ///< of each size
  std::uint64_t seed = 42;
  int threads = 0;
};
/// The batch sizes: floor(1 / x), x linear from 1 / least to 1 / most.
std::vector<std::int64_t> batch_sizes(const FrechetOptions& options);

/// Frechet physics distance: mean Frechet distances of normalised features at several batch sizes,
/// extrapolated to infinite ones: least squares of a + b / size with a, b >= 0; value a, error from
/// the fit's covariance. Drawing with replacement leaves a bias of the order of 1 / N: compare at
/// equal N alone. `draw`: empty for Philox.
Distance frechet_physics_distance(const FeatureMatrix<double>& reference,
                                  const FeatureMatrix<double>& sample,
                                  const FrechetOptions& options, Progress& progress,
                                  const DrawRows& draw = {});

struct KernelOptions {
  std::int64_t batch_size = 10000;
  int batches = 10;
  std::uint64_t seed = 42;
  int threads = 0;
};
/// Kernel physics distance: unbiased_mmd of normalised features in batches; value their median,
/// error half of what lies between the 16.275 and 83.725 percentiles.
Distance kernel_physics_distance(const FeatureMatrix<double>& reference,
                                 const FeatureMatrix<double>& sample, const KernelOptions& options,
                                 Progress& progress, const DrawRows& draw = {});

/// Least squares of y = a + b x with a, b >= 0: a and its error from the residuals, as
/// scipy.optimize.curve_fit with bounds gives them. Throws Error for fewer than three points.
Distance fit_intercept(std::span<const double> x, std::span<const double> y);

}  // namespace moliere::calo
