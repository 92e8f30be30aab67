// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "moliere/calo/distances.hpp"
#include "moliere/calo/geometry.hpp"
#include "moliere/calo/shower_file.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <numeric>
#include <vector>

/// Showers, changes of showers and rows of batches by formulas that
/// tests/golden/make_evaluation_golden.py repeats: both implementations judge the same numbers.
namespace moliere::calo::testing {

/// What a formula is for; the same index gives other bits for each.
enum class Tag : std::uint64_t {
  energy = 1,
  depth,
  response,
  noise,
  smear,
  permute,
  fpd,
  kpd,
  weight,
};

/// Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
inline std::uint64_t splitmix64(std::uint64_t x) {
  x += 0x9E3779B97F4A7C15U;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9U;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBU;
  return x ^ (x >> 31);
}

inline std::uint64_t bits(Tag tag, std::uint64_t index) {
  return splitmix64(splitmix64(static_cast<std::uint64_t>(tag)) + index);
}

/// In [0, 1).
inline double uniform(Tag tag, std::uint64_t index) {
  return static_cast<double>(bits(tag, index) >> 11) * 0x1p-53;
}

/// Box-Muller.
inline double normal(Tag tag, std::uint64_t index) {
  const double radius = std::sqrt(-2 * std::log(1 - uniform(tag, 2 * index)));
  return radius * std::cos(2 * std::numbers::pi * uniform(tag, 2 * index + 1));
}

/// Rows in the order of their bits.
inline std::vector<std::int64_t> permutation(std::uint64_t key, std::int64_t count) {
  std::vector<std::int64_t> rows(static_cast<std::size_t>(count));
  std::iota(rows.begin(), rows.end(), 0);
  std::stable_sort(rows.begin(), rows.end(), [&](std::int64_t a, std::int64_t b) {
    const auto of = [&](std::int64_t row) {
      return bits(Tag::permute, (key << 32) + static_cast<std::uint64_t>(row));
    };
    return of(a) < of(b);
  });
  return rows;
}

/// Rows of the batches of FPD or KPD, with replacement.
inline DrawRows formula_rows(Tag tag, std::int64_t reference_rows, std::int64_t sample_rows) {
  return [=](int size, int batch, std::span<std::uint32_t> reference,
             std::span<std::uint32_t> sample) {
    const std::uint64_t pair =
        (static_cast<std::uint64_t>(size) << 8) + static_cast<std::uint64_t>(batch);
    const auto fill = [&](std::uint64_t side, std::int64_t count, std::span<std::uint32_t> rows) {
      std::uint64_t index = (2 * pair + side) << 32;
      for (std::uint32_t& row : rows) {
        row = static_cast<std::uint32_t>(bits(tag, index++) % static_cast<std::uint64_t>(count));
      }
    };
    fill(0, reference_rows, reference);
    fill(1, sample_rows, sample);
  };
}

/// Each voxel times 1 + 0.05 normal, by its place in the batch.
inline ShowerBatch smeared(ShowerBatch batch) {
  constexpr double smearing = 0.05;
  for (std::size_t i = 0; i < batch.energies.size(); ++i) {
    const double factor = 1 + smearing * normal(Tag::smear, i);
    batch.energies[i] = static_cast<float>(static_cast<double>(batch.energies[i]) * factor);
  }
  return batch;
}

/// Each shower times 1 + 0.05 normal, by its place in the batch: a worse energy resolution.
inline ShowerBatch response_smeared(ShowerBatch batch) {
  constexpr double smearing = 0.05;
  for (std::int64_t i = 0; i < batch.size(); ++i) {
    const double factor = 1 + smearing * normal(Tag::smear, static_cast<std::uint64_t>(i));
    for (float& energy : batch.shower(i)) {
      energy = static_cast<float>(static_cast<double>(energy) * factor);
    }
  }
  return batch;
}

/// Voxels first ... last - 1 of each shower taken from another one.
inline ShowerBatch shuffled(ShowerBatch batch, int first, int last, std::uint64_t key) {
  const ShowerBatch original = batch;
  const std::vector<std::int64_t> rows = permutation(key, batch.size());
  for (std::int64_t i = 0; i < batch.size(); ++i) {
    const auto from = original.shower(rows[static_cast<std::size_t>(i)]);
    std::copy(from.begin() + first, from.begin() + last, batch.shower(i).begin() + first);
  }
  return batch;
}

/// One voxel's column shuffled between showers: the table of its energies belongs to others.
inline ShowerBatch voxel_swapped(ShowerBatch batch, int voxel) {
  return shuffled(std::move(batch), voxel, voxel + 1, static_cast<std::uint64_t>(voxel));
}

/// Each layer from another shower.
inline ShowerBatch layers_shuffled(ShowerBatch batch, const Geometry& geometry) {
  constexpr std::uint64_t first_key = 1 << 20;  // beyond the voxels' keys
  for (std::size_t l = 0; l < geometry.layers().size(); ++l) {
    const Layer& layer = geometry.layers()[l];
    batch = shuffled(std::move(batch), layer.first_voxel, layer.first_voxel + layer.voxels(),
                     first_key + l);
  }
  return batch;
}

/// Showers by a formula: Gamma-like in depth, exponential in radius, exponential noise in every
/// voxel. `width`: of the radial profile, in tenths of the layer's radius.
inline ShowerBatch toy_showers(const Geometry& geometry, std::uint64_t first, std::int64_t count,
                               double width) {
  const double layers = static_cast<double>(geometry.layers().size());
  ShowerBatch batch;
  batch.voxels = geometry.voxel_count();
  std::vector<double> share(geometry.layers().size());
  for (std::uint64_t shower = first; shower < first + static_cast<std::uint64_t>(count); ++shower) {
    const double u = uniform(Tag::energy, shower);
    const float energy =
        static_cast<float>(geometry.name() == "ds1-photons" ? std::exp2(8 + std::floor(9 * u))
                                                            : 1000 * std::exp(std::log(100.0) * u));
    batch.incident_energies.push_back(energy);
    const double depth = 5 + 2 * uniform(Tag::depth, shower);
    const double response = 0.95 + 0.05 * (2 * uniform(Tag::response, shower) - 1);
    double sum = 0;
    for (std::size_t l = 0; l < share.size(); ++l) {
      const double place = (static_cast<double>(l) + 0.5) / layers;
      share[l] = place * place * std::exp(-depth * place);
      sum += share[l];
    }
    std::uint64_t voxel = shower << 20;
    for (std::size_t l = 0; l < share.size(); ++l) {
      const Layer& layer = geometry.layers()[l];
      const double place = (static_cast<double>(l) + 0.5) / layers;
      const double scale = width * 0.1 * layer.r_edges.back() * (1 + place);
      for (int alpha = 0; alpha < layer.alpha_bins; ++alpha) {
        for (std::size_t r = 0; r + 1 < layer.r_edges.size(); ++r) {
          const double ring =
              std::exp(-layer.r_edges[r] / scale) - std::exp(-layer.r_edges[r + 1] / scale);
          const double mean =
              share[l] / sum * (ring / layer.alpha_bins) * (static_cast<double>(energy) * response);
          const double noise = -std::log(1 - uniform(Tag::noise, voxel++));
          batch.energies.push_back(static_cast<float>(mean * noise));
        }
      }
    }
  }
  return batch;
}

}  // namespace moliere::calo::testing
