// SPDX-License-Identifier: Apache-2.0
#include "moliere/calo/features.hpp"

#include "moliere/calo/detail/log10_float32.hpp"
#include "moliere/calo/detail/pairwise_sum.hpp"
#include "moliere/core/error.hpp"

#include <cmath>

namespace moliere::calo {
namespace {

// The official code's: they keep logarithms and quotients of empty layers finite.
constexpr float energy_offset = 1e-8F;
constexpr float norm_offset = 1e-16F;
constexpr double millimetres = 100;  // brings positions and widths near 1

void check_width(const ShowerBatch& batch, const Geometry& geometry) {
  if (batch.voxels == geometry.voxel_count()) return;
  throw Error(fmt::format("showers of {} voxels", batch.voxels),
              fmt::format("the geometry {} has {}", geometry.name(), geometry.voxel_count()),
              "choose the geometry that the showers were made for");
}

template <class T>
FeatureMatrix<T> empty_matrix(std::int64_t rows, std::size_t columns) {
  FeatureMatrix<T> matrix;
  matrix.columns = static_cast<int>(columns);
  matrix.values.resize(static_cast<std::size_t>(rows) * columns);
  return matrix;
}

float cut(float energy, float threshold) { return energy < threshold ? 0.0F : energy; }

}  // namespace

FeatureMatrix<float> low_level_features(const ShowerBatch& batch, const Geometry& geometry) {
  check_width(batch, geometry);
  const float threshold = static_cast<float>(geometry.threshold());
  auto matrix = empty_matrix<float>(batch.size(), static_cast<std::size_t>(batch.voxels) + 1);
  for (std::int64_t i = 0; i < batch.size(); ++i) {
    const float incident = batch.incident_energies[static_cast<std::size_t>(i)];
    const std::span<const float> shower = batch.shower(i);
    const std::span<float> row = matrix.row(i);
    row[0] = detail::log10_float32(incident);
    for (std::size_t v = 0; v < shower.size(); ++v) {
      row[v + 1] = cut(shower[v], threshold) / incident;
    }
  }
  return matrix;
}

FeatureMatrix<float> normalised_features(const ShowerBatch& batch, const Geometry& geometry) {
  check_width(batch, geometry);
  const float threshold = static_cast<float>(geometry.threshold());
  const std::size_t voxels = static_cast<std::size_t>(batch.voxels);
  auto matrix = empty_matrix<float>(batch.size(), 1 + voxels + geometry.layers().size());
  for (std::int64_t i = 0; i < batch.size(); ++i) {
    const std::span<const float> shower = batch.shower(i);
    const std::span<float> row = matrix.row(i);
    row[0] = detail::log10_float32(batch.incident_energies[static_cast<std::size_t>(i)]);
    for (std::size_t l = 0; l < geometry.layers().size(); ++l) {
      const Layer& layer = geometry.layers()[l];
      const std::size_t first = static_cast<std::size_t>(layer.first_voxel);
      const float energy = detail::pairwise_sum<float>(
          layer.first_voxel, layer.voxels(),
          [&](std::int64_t v) { return cut(shower[static_cast<std::size_t>(v)], threshold); });
      for (std::size_t v = first; v < first + static_cast<std::size_t>(layer.voxels()); ++v) {
        row[1 + v] = shower[v] / (energy + norm_offset);
      }
      row[1 + voxels + l] = detail::log10_float32(energy + energy_offset);
    }
  }
  return matrix;
}

FeatureMatrix<double> high_level_features(const Observables& observables) {
  const auto log10_of = [](float energy) {
    return static_cast<double>(detail::log10_float32(energy));
  };
  std::vector<std::vector<double>> columns;
  const auto add_energies = [&](const std::vector<float>& energies, float offset) {
    std::vector<double>& column = columns.emplace_back();
    for (const float energy : energies) column.push_back(log10_of(energy + offset));
  };
  const auto add_columns = [&](std::vector<double> LayerObservables::*member, double scale) {
    for (const LayerObservables& layer : observables.layers) {
      if ((layer.*member).empty()) continue;
      std::vector<double>& column = columns.emplace_back(layer.*member);
      for (double& value : column) value /= scale;
    }
  };
  add_energies(observables.incident_energy, 0);
  for (const LayerObservables& layer : observables.layers)
    add_energies(layer.energy, energy_offset);
  add_columns(&LayerObservables::centre_eta, millimetres);
  add_columns(&LayerObservables::centre_phi, millimetres);
  add_columns(&LayerObservables::width_eta, millimetres);
  add_columns(&LayerObservables::width_phi, millimetres);
  add_energies(observables.total_energy, energy_offset);
  add_columns(&LayerObservables::sparsity, 1);
  add_columns(&LayerObservables::centre_r, millimetres);
  add_columns(&LayerObservables::width_r, millimetres);

  auto matrix = empty_matrix<double>(observables.size(), columns.size());
  for (std::int64_t i = 0; i < observables.size(); ++i) {
    const std::span<double> row = matrix.row(i);
    for (std::size_t c = 0; c < columns.size(); ++c)
      row[c] = columns[c][static_cast<std::size_t>(i)];
  }
  return matrix;
}

FeatureMatrix<float> logarithmic_voxels(const ShowerBatch& batch, const Geometry& geometry) {
  check_width(batch, geometry);
  constexpr float zero_stand_in = 0.1F;  // MeV: the official code's
  const float threshold = static_cast<float>(geometry.threshold());
  const float logarithm_of_zero = detail::log10_float32(zero_stand_in);
  auto matrix = empty_matrix<float>(batch.size(), static_cast<std::size_t>(batch.voxels));
  for (std::size_t i = 0; i < batch.energies.size(); ++i) {
    const float energy = cut(batch.energies[i], threshold);
    matrix.values[i] = energy == 0 ? logarithm_of_zero : detail::log10_float32(energy);
  }
  return matrix;
}

FeatureMatrix<float> logarithmic_voxels(const ShowerReader& reader, const Geometry& geometry,
                                        Progress& progress, const ObserveOptions& rows) {
  FeatureMatrix<float> matrix;
  matrix.columns = geometry.voxel_count();
  for_each_batch(reader, rows, progress, "reading voxels", [&](const ShowerBatch& batch) {
    const FeatureMatrix<float> part = logarithmic_voxels(batch, geometry);
    matrix.values.insert(matrix.values.end(), part.values.begin(), part.values.end());
  });
  return matrix;
}

std::vector<double> layer_correlation(const Observables& observables) {
  const std::size_t layers = observables.layers.size();
  const std::size_t showers = static_cast<std::size_t>(observables.size());
  if (showers < 2) {
    throw Error(fmt::format("a correlation of {} showers", showers),
                "it needs a spread of at least two", "Give a larger sample.");
  }
  std::vector<std::vector<double>> deviations;
  for (const LayerObservables& layer : observables.layers) {
    std::vector<double>& column = deviations.emplace_back(layer.energy.begin(), layer.energy.end());
    double mean = 0;
    for (const double energy : column) mean += energy;
    mean /= static_cast<double>(showers);
    for (double& energy : column) energy -= mean;
  }
  std::vector<double> products(layers * layers);
  for (std::size_t a = 0; a < layers; ++a) {
    for (std::size_t b = a; b < layers; ++b) {
      double sum = 0;
      for (std::size_t i = 0; i < showers; ++i) sum += deviations[a][i] * deviations[b][i];
      products[a * layers + b] = products[b * layers + a] = sum;
    }
  }
  std::vector<double> correlation(layers * layers);
  for (std::size_t a = 0; a < layers; ++a) {
    for (std::size_t b = 0; b < layers; ++b) {
      correlation[a * layers + b] =
          products[a * layers + b] / std::sqrt(products[a * layers + a] * products[b * layers + b]);
    }
  }
  return correlation;
}

}  // namespace moliere::calo
