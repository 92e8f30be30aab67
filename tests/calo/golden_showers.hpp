// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "moliere/calo/geometry.hpp"
#include "moliere/calo/shower_file.hpp"
#include "moliere/core/json.hpp"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

/// The showers on which the official evaluation's golden values were computed.
namespace moliere::calo::testing {

/// Root of the optional reference data; empty where there is none.
inline std::optional<std::filesystem::path> shared_data() {
  const char* const root = std::getenv("MOLIERE_SHARED");
  if (root == nullptr || *root == '\0') return {};
  return std::filesystem::path(root);
}

/// Skips the test that calls it where the reference data are missing.
#define MOLIERE_NEED_SHARED_DATA()                                              \
  if (!::moliere::calo::testing::shared_data()) {                               \
    GTEST_SKIP() << "MOLIERE_SHARED is not set: no real showers to compare on"; \
  }

/// golden.json of a data set: "ds1-photons" or "ds2".
inline const Json& golden(const std::string& data_set) {
  static const Json file =
      read_json(*shared_data() / "reference" / "calochallenge" / "golden.json");
  return file.at(data_set);
}

/// The first `rows` showers of part 1 or 2.
inline ShowerBatch part(const std::string& data_set, int number, std::int64_t rows = 5000) {
  const std::string stem = data_set == "ds2" ? "electrons_ds2_" : "photons_ds1_";
  const ShowerReader reader(*shared_data() / "data" / (stem + std::to_string(number) + ".h5"));
  return reader.read(0, rows);
}

/// Every voxel times a factor, in float32.
inline ShowerBatch scaled(ShowerBatch batch, float factor) {
  for (float& energy : batch.energies) energy *= factor;
  return batch;
}

/// Alpha bin j of one layer moved to j + 1, cyclic.
inline ShowerBatch rotated(ShowerBatch batch, const Layer& layer) {
  for (std::int64_t i = 0; i < batch.size(); ++i) {
    const auto first = batch.shower(i).begin() + layer.first_voxel;
    const auto last = first + layer.voxels();
    std::rotate(first, last - layer.r_bins(), last);
  }
  return batch;
}

/// Pairs a, b, c of golden.json.
struct Pair {
  ShowerBatch reference;
  ShowerBatch sample;
};
inline Pair golden_pair(const std::string& data_set, const std::string& name,
                        const Geometry& geometry) {
  Pair pair;
  if (name == "a") {
    pair.reference = part(data_set, 1);
    pair.sample = part(data_set, 2);
    return pair;
  }
  pair.reference = part(data_set, 2);
  constexpr float scale = 1.01F;
  const std::size_t turned = data_set == "ds2" ? 20 : 2;
  pair.sample = name == "b" ? scaled(pair.reference, scale)
                            : rotated(pair.reference, geometry.layers()[turned]);
  return pair;
}

}  // namespace moliere::calo::testing
