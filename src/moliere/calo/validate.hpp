// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "moliere/calo/geometry.hpp"
#include "moliere/calo/shower_file.hpp"
#include "moliere/core/progress.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace moliere::calo {

/// What is looked for in a file of showers.
enum class Check {
  not_a_number,     ///< a voxel is NaN
  infinite,         ///< a voxel is infinite
  negative,         ///< a voxel is below 0
  incident_energy,  ///< the incident energy is not a finite number above 0
  too_much_energy,  ///< the voxels' sum exceeds `factor` times the incident energy
  duplicated,       ///< all voxels and the incident energy equal those of an earlier shower
  order,            ///< the voxels look as if alpha or r ran in another order than stated
  below_threshold,  ///< a note: voxels above 0 and below the geometry's threshold
  empty,            ///< a note: no voxel is above 0
};
/// "not a number", ...
std::string_view to_string(Check check);
/// False for the notes, which good files have too.
bool is_fault(Check check);

/// How often a check struck, and where.
struct Finding {
  Check check = Check::not_a_number;
  std::int64_t showers = 0;
  std::int64_t voxels = 0;                ///< 0 for checks of whole showers
  std::vector<std::int64_t> first_rows;   ///< at most ValidateOptions::rows_shown
  std::vector<std::int64_t> first_equal;  ///< duplicated: the earlier row of each of first_rows
};

/// How well the mean shower fits an order of the voxels: its energy is uniform around the axis in
/// the true one.
struct OrderScore {
  std::string order;  ///< "layer, alpha, r": the last one runs fastest
  /// Variance of the mean shower within rings, over its whole variance: near 0 in the true order.
  double unevenness = 0;
};

struct OrderCheck {
  bool judged = false;  ///< false: too few showers with energy
  /// The stated order first; then those in which the energies could have been written.
  std::vector<OrderScore> scores;
  std::string best;  ///< the order of least unevenness
  bool suspicious = false;
};

/// Judges the order from a mean shower (V). Suspicious: another order has less than half the stated
/// order's unevenness. The rule presumes showers that are on average symmetric around the axis; a
/// moderate asymmetry (an angle, a field) shifts energies within rings but not between them.
OrderCheck check_order(std::span<const double> mean_shower, const Geometry& geometry);

struct ValidateOptions {
  /// Hadrons of a few hundred MeV fluctuate to some twice their energy in a sampling calorimeter;
  /// an error of units (1000) or a sampling fraction divided out twice (5 to 30) lies above 3.
  double factor = 3;
  std::size_t rows_shown = 5;
};

struct ValidationReport {
  std::int64_t showers = 0;
  std::vector<Finding> findings;  ///< one for each Check, in its order, also where nothing is found
  OrderCheck order;

  const Finding& operator[](Check check) const { return findings[static_cast<std::size_t>(check)]; }
  /// No fault; notes do not count.
  bool passed() const;
};

/// Reads a file once, in pieces; keeps 24 bytes a shower (for duplicates).
/// Duplicates are found by the 128-bit content hash and the first of them confirmed value by value;
/// showers with fewer than five voxels above 0 are not compared, as they coincide by chance when
/// energies are rounded. Throws Error when the file has another width than the geometry, or is
/// damaged.
ValidationReport validate(const ShowerReader& reader, const Geometry& geometry,
                          const ValidateOptions& options, Progress& progress);

}  // namespace moliere::calo
