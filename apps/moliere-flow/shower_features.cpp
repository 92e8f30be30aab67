// SPDX-License-Identifier: Apache-2.0
#include "shower_features.hpp"

#include "moliere/calo/features.hpp"
#include "moliere/calo/observables.hpp"
#include "moliere/calo/shower_file.hpp"
#include "moliere/core/error.hpp"

#include <algorithm>

namespace moliere::app {
namespace {

/// Piece by piece, so that voxels and features never stand in memory together.
template <class Compute>
calo::FeatureMatrix<float> features_of(const calo::ShowerReader& reader, Progress& progress,
                                       Compute&& compute) {
  calo::FeatureMatrix<float> all;
  calo::ShowerBatch batch;
  for (std::int64_t row = 0; row < reader.size();) {
    const std::int64_t count = std::min(reader.chunk_rows(), reader.size() - row);
    reader.read(row, count, batch);
    const calo::FeatureMatrix<float> part = compute(batch);
    if (row == 0) {
      all.columns = part.columns;
      all.values.reserve(static_cast<std::size_t>(reader.size()) *
                         static_cast<std::size_t>(part.columns));
    }
    all.values.insert(all.values.end(), part.values.begin(), part.values.end());
    row += count;
    progress.update(static_cast<double>(row), static_cast<double>(reader.size()),
                    reader.file().filename().string());
  }
  return all;
}

}  // namespace

FeatureSet feature_set(const std::string& name) {
  if (name == "low") return FeatureSet::low;
  if (name == "low-normed") return FeatureSet::low_normed;
  if (name == "high") return FeatureSet::high;
  if (name == "cnn") return FeatureSet::cnn;
  throw Error(fmt::format("no features are called '{}'", name),
              "a classifier reads low, low-normed, high or cnn", "choose one of these");
}

ShowerFeatures::ShowerFeatures(const std::filesystem::path& file, const calo::Geometry& geometry,
                               FeatureSet set, Progress& progress) {
  const calo::ShowerReader reader(file, geometry.voxel_count());
  if (set == FeatureSet::high) {
    matrix_ = calo::high_level_features(calo::observe(reader, geometry, progress));
  } else if (set == FeatureSet::low_normed) {
    matrix_ = features_of(reader, progress, [&](const calo::ShowerBatch& batch) {
      return calo::normalised_features(batch, geometry);
    });
  } else {
    matrix_ = features_of(reader, progress, [&](const calo::ShowerBatch& batch) {
      return calo::low_level_features(batch, geometry);
    });
  }
}

judge::classifier::FeatureView ShowerFeatures::view() const {
  return std::visit([](const auto& matrix) { return judge::classifier::view(matrix); }, matrix_);
}

}  // namespace moliere::app
