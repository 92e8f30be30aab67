// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "moliere/calo/feature_matrix.hpp"
#include "moliere/calo/geometry.hpp"
#include "moliere/core/progress.hpp"
#include "moliere/judge/classifier/classifier.hpp"

#include <filesystem>
#include <string>
#include <variant>

namespace moliere::app {

/// What a classifier looks at: the official names.
enum class FeatureSet { low, low_normed, high, cnn };
/// Throws Error (with the names there are) for another name.
FeatureSet feature_set(const std::string& name);

/// Features of a file's showers; `low` and `cnn` are the same.
class ShowerFeatures {
 public:
  /// Reads the whole file. Throws Error when it does not fit the geometry.
  ShowerFeatures(const std::filesystem::path& file, const calo::Geometry& geometry, FeatureSet set,
                 Progress& progress);
  judge::classifier::FeatureView view() const;

 private:
  std::variant<calo::FeatureMatrix<float>, calo::FeatureMatrix<double>> matrix_;
};

}  // namespace moliere::app
