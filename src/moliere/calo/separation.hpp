// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "moliere/calo/geometry.hpp"
#include "moliere/calo/histogram.hpp"
#include "moliere/calo/observables.hpp"
#include "moliere/core/progress.hpp"

#include <string>
#include <vector>

namespace moliere::calo {

/// Kinds of observables, in the order of the official list.
enum class ObservableKind {
  response,  ///< E_tot / E_inc
  layer_energy,
  centre_eta,
  centre_phi,
  width_eta,
  width_phi,
  voxel_energy,
  sparsity,
  centre_r,
  width_r,
  response_at_energy,
};

/// One observable's histograms of two samples and what they say.
struct Comparison {
  std::string name;  ///< the official code's label: "Etot / Einc", "E layer 0", ...
  ObservableKind kind = ObservableKind::response;
  int layer = -1;            ///< position in Geometry::layers(); -1: not of one layer
  std::string unit;          ///< "MeV", "mm" or empty
  bool logarithmic = false;  ///< bins of equal width in the logarithm
  Histogram reference;
  Histogram sample;
  double separation = 0;  ///< separation_power; NaN: one has no entry in range
  SeparationFloor floor;  ///< of the separation, for equal distributions
  ChiSquare chi_square;

  explicit Comparison(std::vector<double> edges) : reference(edges), sample(std::move(edges)) {}
};

/// Bins of the voxel spectrum: 49 logarithmic ones from the threshold to the reference's largest
/// voxel, which its first pass finds.
std::vector<double> voxel_edges(const Geometry& geometry, const Observables& reference);

/// All separations of the CaloChallenge in the official order, the voxel spectrum among them:
/// evaluate.py's E_tot/E_inc, layer energies, centres, widths, voxels; its unused helpers'
/// sparsity, radial centres and widths; last, E_tot/E_inc at each incident energy 2^8 ... 2^22 MeV
/// for the data sets 1. Bins are the official ones for the built-in geometries; for others they
/// span the layer's radius. Ranges of energies come from the reference. Throws Error when the
/// observables are not of this geometry.
std::vector<Comparison> compare_observables(const Geometry& geometry, const Observables& reference,
                                            const Observables& sample,
                                            const Histogram& reference_voxels,
                                            const Histogram& sample_voxels);

/// Observables of two files and their comparisons.
struct SampleComparison {
  Observables reference;
  Observables sample;
  std::vector<Comparison> comparisons;
};
/// Reads the reference twice (the second time for its voxel spectrum), the sample once.
SampleComparison compare_files(const ShowerReader& reference, const ShowerReader& sample,
                               const Geometry& geometry, Progress& progress,
                               const ObserveOptions& reference_rows = {},
                               const ObserveOptions& sample_rows = {});

/// Showers first ... first + count - 1 of what was observed: columns only, no means or profiles.
/// For floors from halves of one sample. Throws Error outside the sample.
Observables slice(const Observables& observables, std::int64_t first, std::int64_t count);

}  // namespace moliere::calo
