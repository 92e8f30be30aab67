// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "moliere/calo/feature_matrix.hpp"
#include "moliere/calo/geometry.hpp"
#include "moliere/calo/observables.hpp"
#include "moliere/calo/shower_file.hpp"

#include <vector>

namespace moliere::calo {

/// The official classifier's "low" input of a batch (N, 1 + V), float32:
/// log10(E_inc / MeV), voxels / E_inc; voxels below the threshold are 0.
/// Throws Error when the batch is not of this geometry (so do the next two).
FeatureMatrix<float> low_level_features(const ShowerBatch& batch, const Geometry& geometry);

/// "low-normed" (N, 1 + V + L), float32: log10(E_inc / MeV), voxels / (E_l + 1e-16),
/// log10(E_l + 1e-8) of all layers. As in the official code the layer energies are those above the
/// threshold while the voxels are not cut: a layer wholly below gives voxels of 1e16 times MeV.
FeatureMatrix<float> normalised_features(const ShowerBatch& batch, const Geometry& geometry);

/// "high" (N, D): log10 E_inc; log10(E_l + 1e-8); centre eta, centre phi, width eta, width phi, all
/// / 100 mm, of layers with sectors; log10(E_tot + 1e-8); sparsities; centre r, width r, / 100 mm.
/// Also what FPD and KPD compare. 30, 46, 362 and 362 columns for the built-in geometries.
FeatureMatrix<double> high_level_features(const Observables& observables);

/// What precision, recall, density and coverage, and the test for memorisation measure distances
/// in (N, V): log10(voxel / MeV) after the threshold, with 0.1 MeV in the place of zeros. For
/// thresholds below 0.1 MeV (ds2, ds3) an empty voxel then lies above the faintest ones, as in the
/// official code.
FeatureMatrix<float> logarithmic_voxels(const ShowerBatch& batch, const Geometry& geometry);

/// The same of rows of a file. Needs 4 N V bytes.
FeatureMatrix<float> logarithmic_voxels(const ShowerReader& reader, const Geometry& geometry,
                                        Progress& progress, const ObserveOptions& rows = {});

/// Pearson's correlation of the layers' energies (L, L), row-major; NaN where a layer is constant.
/// Throws Error for fewer than two showers.
std::vector<double> layer_correlation(const Observables& observables);

}  // namespace moliere::calo
