// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "moliere/calo/feature_matrix.hpp"
#include "moliere/calo/neighbours.hpp"
#include "moliere/core/progress.hpp"

#include <cstdint>
#include <span>
#include <string_view>

namespace moliere::calo {

enum class MemorisationVerdict {
  none,       ///< generated showers lie as far from the training data as held-out ones
  nearer,     ///< nearer than chance allows, yet not copies: narrow generator or mild overfitting
  memorised,  ///< training data, or near copies of it, come out
};
/// "none", "nearer", "memorised".
std::string_view to_string(MemorisationVerdict verdict);

struct Interval {
  double low = 0;
  double high = 0;
};

/// Are generated showers nearer to the training data than held-out ones of the same law are?
struct Memorisation {
  double generated_median = 0;  ///< of the distances to the nearest training shower
  double held_out_median = 0;
  double ratio = 1;          ///< generated over held out
  Interval ratio_interval;   ///< 95 %, bootstrap percentiles
  double near_distance = 0;  ///< first percentile of the held-out distances
  double share_near = 0;     ///< generated showers nearer than that; 0.01 expected
  Interval share_interval;   ///< 95 %, Wilson
  MemorisationVerdict verdict = MemorisationVerdict::none;
};

struct MemorisationOptions {
  int resamples = 1000;
  std::uint64_t seed = 1;
  NeighbourOptions neighbours;
};

/// From the distances to the nearest training shower alone. Throws Error for fewer than 100
/// distances of either (their first percentile would not exist) or one that is no finite number.
Memorisation judge_memorisation(std::span<const double> generated, std::span<const double> held_out,
                                const MemorisationOptions& options = {});

/// Features as logarithmic_voxels makes them, all of one geometry and one law of incident energies.
Memorisation memorisation(const FeatureMatrix<float>& generated, const FeatureMatrix<float>& train,
                          const FeatureMatrix<float>& held_out, const MemorisationOptions& options,
                          Progress& progress);

}  // namespace moliere::calo
