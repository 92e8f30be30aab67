// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "moliere/calo/distances.hpp"
#include "moliere/calo/features.hpp"
#include "moliere/calo/observables.hpp"

#include "calo/formula_showers.hpp"
#include "calo/golden_showers.hpp"

/// The pairs of samples that tests/golden/make_evaluation_golden.py judged.
namespace moliere::calo::testing {

inline std::filesystem::path golden_folder() {
  return std::filesystem::path(std::getenv("MOLIERE_SOURCE_DIR")) / "tests" / "golden";
}

inline const Json& evaluation_golden() {
  static const Json file = read_json(golden_folder() / "evaluation.json");
  return file;
}

/// Whether a sample is made of real showers; the others are formulas or lie in the project.
inline bool needs_shared_data(std::string_view sample) { return sample.starts_with("part"); }

/// A sample by its name in evaluation.json.
inline ShowerBatch make_sample(const std::string& name, const Geometry& geometry) {
  const std::string& data_set = geometry.name();
  const Json& settings = evaluation_golden().at(data_set).at("settings");
  const std::int64_t rows = settings.at("rows").get<std::int64_t>();
  if (name == "toy") return toy_showers(geometry, 0, rows, 1.0);
  if (name == "wider toy")
    return toy_showers(geometry, static_cast<std::uint64_t>(rows), rows, 1.1);
  if (name == "model") {
    const ShowerReader reader(golden_folder() / "evaluation_parametrised.h5");
    return reader.read(0, reader.size());
  }
  ShowerBatch batch = part(data_set, name.starts_with("part1") ? 1 : 2, rows);
  if (name.ends_with("smeared")) return smeared(std::move(batch));
  if (name.ends_with("shifted")) return scaled(std::move(batch), 1.01F);
  if (name.ends_with("layers shuffled")) return layers_shuffled(std::move(batch), geometry);
  if (name.ends_with("voxel swapped")) {
    const auto cell = settings.at("swapped_cell").get<std::vector<int>>();
    return voxel_swapped(std::move(batch), geometry.index({cell[0], cell[1], cell[2]}));
  }
  return batch;
}

/// A pair by its name in evaluation.json.
inline Pair formula_pair(const std::string& data_set, const std::string& name,
                         const Geometry& geometry) {
  const Json& pair = evaluation_golden().at(data_set).at("pairs").at(name);
  Pair result;
  result.reference = make_sample(pair.at("reference").get<std::string>(), geometry);
  result.sample = make_sample(pair.at("sample").get<std::string>(), geometry);
  return result;
}

inline ShowerBatch first_rows(ShowerBatch batch, std::int64_t rows) {
  const auto count = static_cast<std::size_t>(std::min(rows, batch.size()));
  batch.incident_energies.resize(count);
  batch.energies.resize(count * static_cast<std::size_t>(batch.voxels));
  return batch;
}

struct Distances {
  Distance fpd;
  Distance kpd;
};
/// FPD and KPD in the small settings of evaluation.json, on the rows that its formula draws.
inline Distances formula_distances(const Observables& reference, const Observables& sample,
                                   const Json& settings) {
  FrechetOptions frechet;
  frechet.least = settings.at("fpd_least").get<std::int64_t>();
  frechet.most = settings.at("fpd_most").get<std::int64_t>();
  frechet.sizes = settings.at("fpd_sizes").get<int>();
  frechet.batches = settings.at("fpd_batches").get<int>();
  KernelOptions kernel;
  kernel.batch_size = settings.at("kpd_batch").get<std::int64_t>();
  kernel.batches = settings.at("kpd_batches").get<int>();
  const FeatureMatrix<double> x = high_level_features(reference);
  const FeatureMatrix<double> y = high_level_features(sample);
  SilentProgress silent;
  Distances distances;
  distances.fpd =
      frechet_physics_distance(x, y, frechet, silent, formula_rows(Tag::fpd, x.rows(), y.rows()));
  distances.kpd =
      kernel_physics_distance(x, y, kernel, silent, formula_rows(Tag::kpd, x.rows(), y.rows()));
  return distances;
}

}  // namespace moliere::calo::testing
