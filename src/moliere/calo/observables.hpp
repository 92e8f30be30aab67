// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "moliere/calo/geometry.hpp"
#include "moliere/calo/histogram.hpp"
#include "moliere/calo/shower_file.hpp"
#include "moliere/core/progress.hpp"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

namespace moliere::calo {

/// One layer's observables of N showers. Centres and widths are energy-weighted population moments
/// over the cells' centres; eta = r cos(alpha) and phi = r sin(alpha) are Cartesian [mm], as the
/// CaloChallenge calls them. In a layer without energy all moments are 0.
struct LayerObservables {
  std::vector<float> energy;       ///< (N) [MeV]
  std::vector<double> sparsity;    ///< (N) share of cells without energy; 1 in an empty layer
  std::vector<double> centre_r;    ///< (N) [mm]
  std::vector<double> width_r;     ///< (N) [mm]
  std::vector<double> centre_eta;  ///< (N) [mm]; empty, as the next, where there is one sector
  std::vector<double> centre_phi;  ///< (N) [mm]
  std::vector<double> width_eta;   ///< (N) [mm]
  std::vector<double> width_phi;   ///< (N) [mm]
};

/// A mean over showers in each of a number of places.
struct Profile {
  std::vector<double> mean;
  /// Standard deviation of the showers over sqrt(N); 0 for one shower.
  std::vector<double> standard_error;
};

/// The high-level observables of N showers, after voxels below the threshold were set to 0
/// (CaloChallenge, arXiv:2410.21611, section 3.1; conventions of its HighLevelFeatures).
struct Observables {
  std::vector<float> incident_energy;    ///< (N) [MeV]
  std::vector<float> total_energy;       ///< (N) sum of all voxels [MeV]
  std::vector<LayerObservables> layers;  ///< as Geometry::layers()

  float largest_voxel = 0;           ///< [MeV]
  std::int64_t nonzero_voxels = 0;   ///< over all showers
  std::int64_t negative_voxels = 0;  ///< before the threshold set them to 0
  std::int64_t first_negative = -1;  ///< the shower of the first of them
  std::vector<double> mean_shower;   ///< (V) [MeV]
  Profile longitudinal;              ///< energy of each layer [MeV]
  std::vector<Profile> radial;       ///< energy of each ring of each layer [MeV]
  Profile radial_sum;                ///< rings summed over layers; empty unless r edges are common

  std::int64_t size() const { return static_cast<std::int64_t>(incident_energy.size()); }
  /// E_tot / E_inc (N), in float32 as the official code divides.
  std::vector<float> response() const;
};

struct ObserveOptions {
  std::int64_t first = 0;  ///< first row
  std::int64_t rows = -1;  ///< number of rows; negative: to the end
  int threads = 0;         ///< 0: all hardware threads; the figures do not depend on it
};

/// Observes showers as they come: the batches need not stay in memory.
class Observer {
 public:
  explicit Observer(const Geometry& geometry, int threads = 0);
  ~Observer();
  Observer(Observer&&) noexcept;
  Observer& operator=(Observer&&) noexcept;

  /// Also fills the voxel spectrum (all voxels of all showers) on these edges.
  void fill_voxels(std::vector<double> edges);
  /// Throws Error, with the row counted over all batches, for a voxel that is no finite number, an
  /// incident energy that is not above 0, or a batch of another width than the geometry.
  void add(const ShowerBatch& batch);
  /// All that was added. Throws Error when that is nothing.
  Observables finish();
  /// The voxel spectrum; only after fill_voxels.
  const Histogram& voxels() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Throws Error, naming `file` and the first shower, where a voxel was negative: the threshold
/// hides it from every figure, and who made it should know.
void require_no_negative(const Observables& observables, const std::filesystem::path& file);

/// One pass over a file with a bounded amount of it in memory (two pieces of at most some 32 MiB);
/// reading overlaps with computing, HDF5 is called from this thread alone.
Observables observe(const ShowerReader& reader, const Geometry& geometry, Progress& progress,
                    const ObserveOptions& options = {});
/// The same, and the voxel spectrum on `voxels`, in one pass.
Observables observe(const ShowerReader& reader, const Geometry& geometry, Progress& progress,
                    Histogram& voxels, const ObserveOptions& options = {});
/// Showers that are in memory.
Observables observe(const ShowerBatch& batch, const Geometry& geometry, int threads = 0);

/// The voxel spectrum alone: all voxels of all showers, one pass.
Histogram voxel_spectrum(const ShowerReader& reader, const Geometry& geometry,
                         std::vector<double> edges, Progress& progress,
                         const ObserveOptions& options = {});
Histogram voxel_spectrum(const ShowerBatch& batch, const Geometry& geometry,
                         std::vector<double> edges);

/// Reads rows in pieces and hands each to `use`, while the next one is read.
void for_each_batch(const ShowerReader& reader, const ObserveOptions& options, Progress& progress,
                    std::string_view what, const std::function<void(const ShowerBatch&)>& use);

}  // namespace moliere::calo
