// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace moliere::calo {

/// One layer of a voxelised calorimeter: a disc cut into r rings and alpha sectors.
struct Layer {
  int id = 0;                   ///< the number in the binning file (12 is not the twelfth)
  std::vector<double> r_edges;  ///< [mm], rising; r bins + 1 of them
  int alpha_bins = 1;           ///< equal sectors of 2 pi, the first one begins at -pi
  int first_voxel = 0;          ///< where the layer begins in a shower

  int r_bins() const { return static_cast<int>(r_edges.size()) - 1; }
  int voxels() const { return r_bins() * alpha_bins; }
  /// Arithmetic middle of ring r [mm], also in wide rings (the challenge's convention).
  double r_centre(int r) const { return 0.5 * (r_edges[r] + r_edges[r + 1]); }
  /// Middle of sector alpha [rad], in (-pi, pi).
  double alpha_centre(int alpha) const;

  bool operator==(const Layer&) const = default;
};

/// Which cell a voxel is.
struct Cell {
  int layer = 0;  ///< position in Geometry::layers(), not the id
  int alpha = 0;
  int r = 0;
  bool operator==(const Cell&) const = default;
};

/// A calorimeter's voxels in the CaloChallenge's order: r fastest, then alpha, then layer
/// (arXiv:2410.21611, section 2). Layers without cells in the binning file are left out.
class Geometry {
 public:
  /// Numbers the voxels of `layers` (first_voxel is set). Throws Error when there is no layer, an
  /// edge list does not rise or is not finite, a layer has no sector, or ids repeat.
  /// `threshold`: the least energy that the detector reads out [MeV], at least 0.
  Geometry(std::string name, std::string particle, double threshold, std::vector<Layer> layers);

  const std::string& name() const { return name_; }
  const std::string& particle() const { return particle_; }
  /// Voxels strictly below it are set to 0 before anything is computed [MeV].
  double threshold() const { return threshold_; }
  const std::vector<Layer>& layers() const { return layers_; }
  int voxel_count() const { return voxels_; }

  /// Index of a cell in a shower; the cell must exist.
  int index(Cell cell) const;
  /// Cell of an index in [0, voxel_count()).
  Cell cell(int index) const;

  /// The symmetries of a detector around the beam, jointly over the layers: a rotation by k of
  /// `alpha_symmetry()` sectors, and the reflection alpha -> -alpha.
  /// Greatest common divisor of the layers' numbers of sectors, of those with more than one
  /// (1 when there is none): a rotation by 1/alpha_symmetry() of a turn maps cells onto cells.
  int alpha_symmetry() const;
  /// permutation[i] is the voxel of the moved shower that takes the energy of voxel i.
  /// `turns` counts steps of 1/alpha_symmetry() of a turn; the reflection comes first.
  std::vector<int> symmetry(int turns, bool reflected) const;

  bool operator==(const Geometry&) const = default;

 private:
  std::string name_;
  std::string particle_;
  double threshold_ = 0;
  std::vector<Layer> layers_;
  int voxels_ = 0;
};

/// ds1-photons, ds1-pions, ds2, ds3: 368, 533, 6480 and 40500 voxels.
const std::vector<std::string>& builtin_geometry_names();
/// Throws Error (with the names there are) for another name.
Geometry builtin_geometry(std::string_view name);
/// A binning file of the CaloChallenge (XML: Bins/Bin/Layer with r_edges and n_bin_alpha).
/// `particle` chooses the Bin where the file has several (by its name attribute; empty: the only
/// one). Throws Error for a file that cannot be read, is not XML or describes no calorimeter.
Geometry read_geometry(const std::filesystem::path& file, std::string_view particle = {},
                       double threshold = 0);
/// A built-in name, or a binning file ("file.xml", "file.xml:photon").
Geometry find_geometry(std::string_view name_or_file);

}  // namespace moliere::calo
