// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "moliere/calo/feature_matrix.hpp"
#include "moliere/core/progress.hpp"

#include <vector>

/// Distances (Euclidean, rounded to float32) of showers to their neighbours. All pairs are looked
/// at, in tiles: memory beyond the inputs is some MB a thread. All throw Error for different
/// widths, too few rows, or a value that is no finite number.
namespace moliere::calo {

enum class Arithmetic {
  float64,
  /// About twice as fast; a squared distance carries an error of about 1e-6 of the squared lengths.
  float32,
};

struct NeighbourOptions {
  Arithmetic arithmetic = Arithmetic::float64;
  int threads = 0;  ///< 0: all hardware threads; the figures do not depend on it
};

/// Distance of each point to its k-th nearest other point (N). Needs 1 <= k < N.
std::vector<double> neighbour_radii(const FeatureMatrix<float>& points, int k,
                                    const NeighbourOptions& options, Progress& progress);

/// Distance of each query to the nearest point of `base`. The nearest is found in
/// `options.arithmetic`, its distance computed from the differences: copies are at 0 exactly.
std::vector<double> nearest_distances(const FeatureMatrix<float>& queries,
                                      const FeatureMatrix<float>& base,
                                      const NeighbourOptions& options, Progress& progress);

/// Fidelity and diversity by balls around points that reach to their k-th neighbour.
struct Prdc {
  double precision = 0;  ///< share of sample points in a reference ball
  double recall = 0;     ///< share of reference points in a sample ball
  double density = 0;    ///< reference balls around a sample point, over k; may exceed 1
  double coverage = 0;   ///< share of reference balls that hold a sample point
  /// float32 only: the largest relative difference of some radii to those in float64.
  double radius_deviation = 0;
};
/// Precision and recall: Kynkaanniemi et al., arXiv:1904.06991, equation 2; density and coverage:
/// Naeem et al., arXiv:2002.09797, equations 3 and 4. A point on a ball's surface is outside.
Prdc precision_recall_density_coverage(const FeatureMatrix<float>& reference,
                                       const FeatureMatrix<float>& sample, int k,
                                       const NeighbourOptions& options, Progress& progress);

}  // namespace moliere::calo
