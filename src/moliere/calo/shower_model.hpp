// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "moliere/calo/geometry.hpp"
#include "moliere/calo/shower_parameters.hpp"
#include "moliere/core/random.hpp"

#include <span>
#include <vector>

namespace moliere::calo {

/// Where a layer lies along the shower's axis [mm] of the model's one medium.
struct LayerDepth {
  double begin = 0;
  double end = 0;
};

/// Where the layers of a geometry lie, in its order; what lies between two layers, or before the
/// first one, absorbs and is not read out. Depths count from where the particle enters.
struct DetectorDepths {
  std::vector<LayerDepth> layers;
};

/// The stacks of the built-in geometries, chosen by name: 3.4 mm a layer (data sets 2 and 3), or as
/// many radiation lengths of `material` as ATLAS's layers have (data sets 1). The layers of another
/// geometry share 28 radiation lengths equally.
DetectorDepths detector_depths(const Geometry& geometry, const Material& material);

/// The medium that belongs to a geometry: Pb-LAr for data sets 1, else W-Si.
std::string_view default_medium_name(const Geometry& geometry);

/// A fast parametrised electromagnetic shower along the axis of a voxelised calorimeter
/// (Grindhammer, Peters, hep-ex/0001020, section 4): T and alpha of the longitudinal profile are
/// drawn together; the energy of each step of at most 1 X0 is drawn from a Gamma distribution of
/// variance c^2 E (in GeV), and laid down in spots of equal energy whose radii follow the
/// two-component profile at the step's middle, with uniform alpha. A photon (by the geometry's
/// particle) first crosses an exponential depth of mean 9/7 X0; any other particle showers as an
/// electron. It knows no tracks, no angle, no field, and is no substitute for a simulation.
class ShowerModel {
 public:
  /// Energy at which `Sampling::response` is the mean of E_tot / E_inc [MeV]: well within the
  /// range of the fits. Leakage, which the model has, moves it at others.
  static constexpr double response_energy = 10000;
  /// Above, the number of spots would cost seconds a shower [MeV].
  static constexpr float largest_energy = 1e8F;

  /// Throws Error when the depths are not as many as the layers, overlap, are not finite, or see
  /// no energy; or when a number of the medium is no fit one.
  ShowerModel(Geometry geometry, DetectorDepths depths, Material material, Sampling sampling);
  /// With a built-in medium and the depths that belong to the geometry.
  ShowerModel(const Geometry& geometry, std::string_view medium_name);

  /// Fills `shower` (V) [MeV] for an incident energy [MeV]; voxels below the geometry's threshold
  /// become 0. Const and reentrant: all chance comes from `stream`.
  /// Throws Error for an energy that is not in (0, largest_energy] or another width.
  void generate(float incident_energy, RandomStream& stream, std::span<float> shower) const;

  const Geometry& geometry() const { return geometry_; }
  const DetectorDepths& depths() const { return depths_; }
  const Medium& medium() const { return medium_; }
  /// Mean share of a shower's energy that lies within the geometry; energy in MeV.
  double contained(double energy) const;

 private:
  /// A slice of a layer, thin enough for one radial profile.
  struct Step {
    int layer = 0;
    double begin = 0;  ///< [X0]
    double end = 0;    ///< [X0]
  };

  double draw_start(RandomStream& stream) const;
  double contained(double energy, const ShapeDistribution& distribution,
                   const LongitudinalProfile& profile, double start) const;
  /// Lays `energy` [MeV] down in `spots` equal parts.
  void deposit(const Layer& layer, const RadialProfile& radial, double energy, int spots,
               RandomStream& stream, std::span<float> shower) const;

  Geometry geometry_;
  DetectorDepths depths_;
  Medium medium_;
  std::vector<Step> steps_;
  bool photon_ = false;
  /// Signal per deposited energy.
  double scale_ = 1;
};

/// Gamma variate of the given shape (above 0) and scale 1 (Marsaglia, Tsang, ACM TOMS 26 (2000)
/// 363): unlike std::gamma_distribution the same with every standard library.
double gamma_variate(double shape, RandomStream& stream);

}  // namespace moliere::calo
