// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <span>
#include <string>
#include <string_view>
#include <vector>

/// The numbers of the parametrised electromagnetic shower: G. Grindhammer, S. Peters, "The
/// Parameterized Simulation of Electromagnetic Showers in Homogeneous and Sampling Calorimeters",
/// hep-ex/0001020 (below: GP). Depths t are in radiation lengths X0, radii in Moliere radii R_M,
/// y = E / E_c, Z is the medium's effective atomic number, ln E that of E / GeV.
namespace moliere::calo {

/// What a shower sees: one substance, or the average of a stack.
struct Material {
  std::string name;
  double atomic_number = 0;     ///< Z
  double atomic_mass = 0;       ///< A [g/mol]
  double radiation_length = 0;  ///< X0 [mm]
  double critical_energy = 0;   ///< E_c [MeV]
  double moliere_radius = 0;    ///< R_M [mm]
};

/// How a calorimeter reads out what a shower deposits in it.
struct Sampling {
  /// F_S = X0 / (thickness of one passive and one active plate) (GP, section 3.2); 0: homogeneous.
  double frequency = 0;
  /// e^ = 1 / (1 + 0.007 (Z_passive - Z_active)): an electron's signal over a muon's (GP, 3.2).
  double e_over_mip = 1;
  /// c of sigma(E) / E = c / sqrt(E / GeV), at least 0: fluctuations of sampling.
  double fluctuation = 0;
  /// Mean E_tot / E_inc at `response_energy`, after leakage, before the threshold; above 0.
  double response = 1;

  bool homogeneous() const { return frequency <= 0; }
};

/// A calorimeter's medium with its readout.
struct Medium {
  Material material;
  Sampling sampling;
};

/// One plate of a stack.
struct Plate {
  double atomic_number = 0;
  double atomic_mass = 0;       ///< [g/mol]
  double radiation_length = 0;  ///< [g/cm2]
  double density = 0;           ///< [g/cm3]
  double thickness = 0;         ///< [mm]
};

/// Critical energy E_c = 2.66 (X0 Z / A)^1.1 MeV, X0 in g/cm2 (GP, section 2).
double critical_energy(const Plate& plate);
/// Average of plates by mass: Z, A, 1/X0 and E_c/X0 (GP, section 3.2); R_M = 21.2 MeV X0 / E_c.
/// Throws Error when there is no plate or a number is not above 0.
Material effective_material(std::string name, std::span<const Plate> plates);

/// PbWO4, W-Si (the stack of data sets 2 and 3), Pb-LAr (ATLAS's barrel, data sets 1).
const std::vector<std::string>& builtin_medium_names();
/// Throws Error (with the names there are) for another name.
Medium builtin_medium(std::string_view name);

/// Distribution of a shower's T (depth of the maximum) and alpha: ln T and ln alpha are normal and
/// correlated (GP, section 2.1).
struct ShapeDistribution {
  double mean_ln_maximum = 0;
  double sigma_ln_maximum = 0;
  double mean_ln_alpha = 0;
  double sigma_ln_alpha = 0;
  double correlation = 0;
};
/// GP, appendices A.1.2 (homogeneous) and A.2.2 (sampling); energy in MeV. The fits hold from some
/// 0.5 GeV to some 500 GeV; below, they are kept from diverging (ln y >= 2, sigma <= 0.5).
ShapeDistribution shape_distribution(const Medium& medium, double energy);

/// Longitudinal profile f(t) = (beta t)^(alpha-1) beta exp(-beta t) / Gamma(alpha) (Longo, Sestili,
/// NIM 128 (1975) 283; GP, section 2.1).
struct LongitudinalProfile {
  double alpha = 0;
  double beta = 0;  ///< [1/X0]

  double maximum() const { return (alpha - 1) / beta; }  ///< T [X0]
  double centre() const { return alpha / beta; }         ///< <t> [X0]
  /// Share of the energy before depth t [X0]: the regularised incomplete Gamma function.
  double before(double t) const;
};
/// The shape `z1`, `z2` standard deviations off, independent of one another:
/// ln T = <ln T> + s_T (sqrt((1+rho)/2) z1 + sqrt((1-rho)/2) z2), ln alpha with a minus before z2
/// (GP, section 2.1). Bounded to T >= 0.5, alpha >= 1.1 (the profile has a maximum) and beta >=
/// 0.27 (its tail is no longer than that of single photons).
LongitudinalProfile shape(const ShapeDistribution& distribution, double z1, double z2);

/// Number of spots in which a shower's energy is deposited: 93 ln(Z) E^0.876 (GP, A.1.4), or
/// 10.3/c E^0.959 (A.2.4); at least 1. Energy in MeV.
double spot_number(const Medium& medium, double energy);
/// How the spots lie along t: Gamma profile with T_spot, alpha_spot (GP, A.1.4, A.2.4).
LongitudinalProfile spot_profile(const Medium& medium, const LongitudinalProfile& energy_profile);

/// Depth in units of the shower's: tau = t / <t> exp(<ln alpha>) / (exp(<ln alpha>) - 1) (GP,
/// A.1.4), t / T on average.
double relative_depth(const ShapeDistribution& distribution, const LongitudinalProfile& profile,
                      double t);

/// f(r) = p 2 r R_C^2 / (r^2 + R_C^2)^2 + (1 - p) 2 r R_T^2 / (r^2 + R_T^2)^2 (GP, section 2.2).
struct RadialProfile {
  double core = 0;         ///< R_C [R_M]
  double tail = 0;         ///< R_T [R_M]
  double core_weight = 0;  ///< p

  /// Share of the energy within r [R_M].
  double within(double r) const;
};
/// R_C, R_T and p at relative depth tau: GP, appendices A.1.3 and A.2.3. Energy in MeV.
RadialProfile radial_profile(const Medium& medium, double energy, double tau);

}  // namespace moliere::calo
