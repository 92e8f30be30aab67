// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "moliere/calo/geometry.hpp"
#include "moliere/judge/evaluation.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "stoppable.hpp"

namespace moliere::app {

struct ClassifierRequest {
  std::filesystem::path reference;
  std::filesystem::path sample;
  std::filesystem::path train;  ///< of the generator's training; empty: not asked for
  std::string geometry;         ///< as the user named it
  std::vector<std::string> features;
  int seeds = 5;
  std::int64_t rows = 0;  ///< at most of each file; 0: all
  std::string device = "auto";
  int threads = 0;
  /// A fifth of the epochs, in float32: some 10 times faster than the official settings.
  bool quick = false;
};

/// Trains the classifiers in the process of `moliere-flow`, which has LibTorch: generated against
/// reference, and one half of the reference against the other. Where that program was not built, or
/// fails, the result says why. Ctrl-C ends the trainings as well: throws Interrupted.
struct TrainedVerdicts {
  std::vector<judge::ClassifierResult> classifiers;
  /// Where `train` was given; on the voxels.
  std::optional<judge::MembershipVerdict> membership;
};
TrainedVerdicts run_classifiers(const ClassifierRequest& request, StoppableProgress& progress);

}  // namespace moliere::app
