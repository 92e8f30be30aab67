// SPDX-License-Identifier: Apache-2.0
#include "moliere/calo/shower_parameters.hpp"

#include "moliere/core/error.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unsupported/Eigen/SpecialFunctions>

namespace moliere::calo {
namespace {

constexpr double mev_per_gev = 1000;
/// Rossi's E_s = m_e sqrt(4 pi / alpha) [MeV], of which the Moliere radius is made.
constexpr double scattering_energy = 21.2;

// Plates: Z, A, X0 and density from the Review of Particle Physics' table of materials.
constexpr Plate tungsten{74, 183.84, 6.76, 19.30, 0};
constexpr Plate silicon{14, 28.085, 21.82, 2.329, 0};
constexpr Plate lead{82, 207.2, 6.37, 11.35, 0};
constexpr Plate iron{26, 55.845, 13.84, 7.874, 0};
constexpr Plate liquid_argon{18, 39.948, 19.55, 1.396, 0};
/// Lead tungstate: Z and A weighted by mass (Pb 0.455, W 0.404, O 0.141).
constexpr Plate lead_tungstate{68.4, 170.9, 7.39, 8.30, 0};

Plate of_thickness(Plate plate, double thickness) {
  plate.thickness = thickness;
  return plate;
}

double e_over_mip(const Plate& passive, const Plate& active) {
  return 1 / (1 + 0.007 * (passive.atomic_number - active.atomic_number));
}

Medium sampling_medium(std::string name, std::span<const Plate> plates, double fluctuation,
                       double response) {
  Medium medium;
  medium.material = effective_material(std::move(name), plates);
  double thickness = 0;
  for (const Plate& plate : plates) thickness += plate.thickness;
  medium.sampling.frequency = medium.material.radiation_length / thickness;
  medium.sampling.e_over_mip = e_over_mip(plates.front(), plates.back());
  medium.sampling.fluctuation = fluctuation;
  medium.sampling.response = response;
  return medium;
}

/// Half a layer of data sets 2 and 3: 1.4 mm W, 0.3 mm Si. Fluctuation and response are those of a
/// full simulation of that stack (Geant4, electrons of 1 to 100 GeV).
Medium tungsten_silicon() {
  const std::array plates{of_thickness(tungsten, 1.4), of_thickness(silicon, 0.3)};
  return sampling_medium("W-Si", plates, 0.13, 0.952);
}

/// ATLAS's barrel at eta = 0: 1.53 mm Pb in 0.4 mm of steel, twice 2.1 mm LAr; 10 % / sqrt(E)
/// (ATLAS, CERN-LHCC-96-41). The response is full simulation's of such a stack at 10 GeV.
Medium lead_argon() {
  const std::array plates{of_thickness(lead, 1.53), of_thickness(iron, 0.4),
                          of_thickness(liquid_argon, 4.2)};
  return sampling_medium("Pb-LAr", plates, 0.10, 0.956);
}

/// The crystals of CMS; 2.8 % / sqrt(E) (CMS, JINST 3 (2008) S08004, section 4.6).
Medium lead_tungstate_crystal() {
  const std::array plates{of_thickness(lead_tungstate, 1)};
  Medium medium;
  medium.material = effective_material("PbWO4", plates);
  medium.sampling.fluctuation = 0.028;
  return medium;
}

/// ln y, kept where the fits' logarithms and reciprocals are defined.
double log_scaled_energy(const Material& material, double energy) {
  return std::max(2.0, std::log(energy / material.critical_energy));
}

double log_gev(double energy) { return std::log(energy / mev_per_gev); }

/// 1 / (a + b ln y), at most 0.5: near the pole the fit has no meaning.
double sigma(double a, double b, double log_y) {
  constexpr double largest = 0.5;
  const double reciprocal = a + b * log_y;
  return reciprocal > 1 / largest ? 1 / reciprocal : largest;
}

/// A depth or a shape that must stay positive under a logarithm.
double log_of_positive(double value) { return std::log(std::max(value, 0.1)); }

/// Slowest decay of a shower [1/X0]: that of the photons matter attenuates least (4 MeV in lead:
/// 0.042 cm2/g). Rare pairs of a large T and a small alpha would go on for ever below 1 GeV.
constexpr double slowest_decay = 0.27;

LongitudinalProfile profile_from(double maximum, double alpha) {
  LongitudinalProfile profile;
  profile.alpha = std::max(alpha, 1.1);
  profile.beta = std::max((profile.alpha - 1) / std::max(maximum, 0.5), slowest_decay);
  return profile;
}

double cauchy_like_within(double r, double scale) { return r * r / (r * r + scale * scale); }

}  // namespace

double critical_energy(const Plate& plate) {
  return 2.66 * std::pow(plate.radiation_length * plate.atomic_number / plate.atomic_mass, 1.1);
}

Material effective_material(std::string name, std::span<const Plate> plates) {
  if (plates.empty()) {
    throw Error(fmt::format("the material {} has no plate", name), "there is nothing to average",
                "give at least one plate");
  }
  double mass = 0;       // [g/cm2]
  double thickness = 0;  // [cm]
  for (const Plate& plate : plates) {
    for (const double value : {plate.atomic_number, plate.atomic_mass, plate.radiation_length,
                               plate.density, plate.thickness}) {
      if (!(value > 0) || !std::isfinite(value)) {
        throw Error(fmt::format("a plate of {} has a property of {}", name, value),
                    "numbers of matter are finite and above 0", "correct the plate");
      }
    }
    mass += plate.density * plate.thickness / 10;
    thickness += plate.thickness / 10;
  }
  Material material;
  material.name = std::move(name);
  double inverse_length = 0;  // sum of w / X0 [cm2/g]
  double energy_loss = 0;     // sum of w E_c / X0 [MeV cm2/g]
  for (const Plate& plate : plates) {
    const double weight = plate.density * plate.thickness / 10 / mass;
    material.atomic_number += weight * plate.atomic_number;
    material.atomic_mass += weight * plate.atomic_mass;
    inverse_length += weight / plate.radiation_length;
    energy_loss += weight * critical_energy(plate) / plate.radiation_length;
  }
  const double density = mass / thickness;  // [g/cm3]
  material.radiation_length = 10 / (inverse_length * density);
  material.critical_energy = energy_loss / inverse_length;
  material.moliere_radius =
      material.radiation_length * scattering_energy / material.critical_energy;
  return material;
}

const std::vector<std::string>& builtin_medium_names() {
  static const std::vector<std::string> names{"W-Si", "Pb-LAr", "PbWO4"};
  return names;
}

Medium builtin_medium(std::string_view name) {
  if (name == "W-Si") return tungsten_silicon();
  if (name == "Pb-LAr") return lead_argon();
  if (name == "PbWO4") return lead_tungstate_crystal();
  throw Error(fmt::format("there is no material {}", name),
              fmt::format("built in are {}", fmt::join(builtin_medium_names(), ", ")),
              "choose one of these");
}

ShapeDistribution shape_distribution(const Medium& medium, double energy) {
  const double log_y = log_scaled_energy(medium.material, energy);
  const double maximum = log_y - 0.812;
  const double alpha = 0.81 + (0.458 + 2.26 / medium.material.atomic_number) * log_y;
  ShapeDistribution shape;
  if (medium.sampling.homogeneous()) {
    shape.mean_ln_maximum = log_of_positive(maximum);
    shape.sigma_ln_maximum = sigma(-1.4, 1.26, log_y);
    shape.mean_ln_alpha = log_of_positive(alpha);
    shape.sigma_ln_alpha = sigma(-0.58, 0.86, log_y);
    shape.correlation = 0.705 - 0.023 * log_y;
    return shape;
  }
  const double period = 1 / medium.sampling.frequency;
  shape.mean_ln_maximum =
      log_of_positive(maximum - 0.55 * period - 0.69 * (1 - medium.sampling.e_over_mip));
  shape.sigma_ln_maximum = sigma(-2.5, 1.25, log_y);
  shape.mean_ln_alpha = log_of_positive(alpha - 0.476 * period);
  shape.sigma_ln_alpha = sigma(-0.82, 0.79, log_y);
  shape.correlation = 0.784 - 0.023 * log_y;
  return shape;
}

double LongitudinalProfile::before(double t) const {
  return t > 0 ? Eigen::numext::igamma(alpha, beta * t) : 0;
}

LongitudinalProfile shape(const ShapeDistribution& distribution, double z1, double z2) {
  const double common = std::sqrt((1 + distribution.correlation) / 2) * z1;
  const double opposed = std::sqrt((1 - distribution.correlation) / 2) * z2;
  return profile_from(
      std::exp(distribution.mean_ln_maximum + distribution.sigma_ln_maximum * (common + opposed)),
      std::exp(distribution.mean_ln_alpha + distribution.sigma_ln_alpha * (common - opposed)));
}

double spot_number(const Medium& medium, double energy) {
  const double gev = energy / mev_per_gev;
  // Fewer fluctuations need more spots; below 1 % the number no longer matters, only the time.
  const double c = std::max(medium.sampling.fluctuation, 0.01);
  const double spots = medium.sampling.homogeneous()
                           ? 93 * std::log(medium.material.atomic_number) * std::pow(gev, 0.876)
                           : 10.3 / c * std::pow(gev, 0.959);
  return std::max(spots, 1.0);
}

LongitudinalProfile spot_profile(const Medium& medium, const LongitudinalProfile& energy_profile) {
  const double z = medium.material.atomic_number;
  const double maximum = energy_profile.maximum();
  if (medium.sampling.homogeneous()) {
    return profile_from(maximum * (0.698 + 0.00212 * z),
                        energy_profile.alpha * (0.639 + 0.00334 * z));
  }
  return profile_from(maximum * (0.813 + 0.0019 * z), energy_profile.alpha * (0.844 + 0.0026 * z));
}

double relative_depth(const ShapeDistribution& distribution, const LongitudinalProfile& profile,
                      double t) {
  // The same bound as in `shape`, without which alpha / (alpha - 1) has a pole.
  const double alpha = std::max(std::exp(distribution.mean_ln_alpha), 1.1);
  return t / profile.centre() * alpha / (alpha - 1);
}

double RadialProfile::within(double r) const {
  return core_weight * cauchy_like_within(r, core) +
         (1 - core_weight) * cauchy_like_within(r, tail);
}

RadialProfile radial_profile(const Medium& medium, double energy, double tau) {
  const double z = medium.material.atomic_number;
  const double log_e = log_gev(energy);
  RadialProfile profile;
  profile.core = 0.0251 + 0.00319 * log_e + (0.1162 - 0.000381 * z) * tau;
  const double k1 = 0.659 - 0.00309 * z;
  constexpr double k2 = 0.645;
  constexpr double k3 = -2.59;
  const double k4 = 0.3585 + 0.0421 * log_e;
  profile.tail = k1 * (std::exp(k3 * (tau - k2)) + std::exp(k4 * (tau - k2)));
  const double p1 = 2.632 - 0.00094 * z;
  const double p2 = 0.401 + 0.00187 * z;
  const double p3 = 1.313 - 0.0686 * log_e;
  const double x = (p2 - tau) / p3;
  profile.core_weight = p1 * std::exp(x - std::exp(x));
  if (!medium.sampling.homogeneous()) {
    const double period = 1 / medium.sampling.frequency;
    const double deficit = 1 - medium.sampling.e_over_mip;
    profile.core += -0.0203 * deficit + 0.0397 * period * std::exp(-tau);
    profile.tail += -0.14 * deficit - 0.495 * period * std::exp(-tau);
    profile.core_weight += deficit * (0.348 - 0.642 * period * std::exp(-(tau - 1) * (tau - 1)));
  }
  constexpr double least_radius = 0.01;  // the fits cross 0 below 0.1 GeV only
  profile.core = std::max(profile.core, least_radius);
  profile.tail = std::max(profile.tail, least_radius);
  profile.core_weight = std::clamp(profile.core_weight, 0.0, 1.0);
  return profile;
}

}  // namespace moliere::calo
