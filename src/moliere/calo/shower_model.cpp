// SPDX-License-Identifier: Apache-2.0
#include "moliere/calo/shower_model.hpp"

#include "moliere/core/error.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include <fmt/format.h>

namespace moliere::calo {
namespace {

/// Mean depth of a photon's conversion [X0], at high energy.
constexpr double conversion_depth = 9.0 / 7.0;
/// Depth that holds the showers of geometries whose stack is not known [X0]: some 99 % at 1 TeV.
constexpr double unknown_stack_depth = 28;

/// Data sets 1, in radiation lengths, as they lie in several materials: 130 mm of aluminium (1.46)
/// and 11 mm of argon (0.08, the presampler); 13, 49 and 12 cells of 1.53 mm Pb, 0.4 mm Fe and 4.2
/// mm LAr (0.325 each); 100 mm of aluminium (1.12); tiles, 16 in the first layer and the others in
/// the ratio of ATLAS's (1.5, 4.1 and 1.8 interaction lengths). The presampler's argon is as much
/// as 2.6 cells hold: it is given the 0.85 X0 of stack that show as much, though it absorbs less.
std::vector<LayerDepth> atlas_depths(std::span<const Layer> layers, double radiation_length) {
  constexpr double cell = 0.325;
  const double presampler_end = (1.46 + 0.08) * radiation_length;
  const double presampler_begin = presampler_end - 0.85 * radiation_length;
  const double strips_end = presampler_end + 13 * cell * radiation_length;
  const double middle_end = strips_end + 49 * cell * radiation_length;
  const double back_end = middle_end + 12 * cell * radiation_length;
  const double tiles_begin = back_end + 1.12 * radiation_length;
  const double tiles1_end = tiles_begin + 16 * radiation_length;
  const double tiles2_end = tiles1_end + 44 * radiation_length;
  const double tiles3_end = tiles2_end + 19 * radiation_length;
  std::vector<LayerDepth> depths;
  for (const Layer& layer : layers) {
    switch (layer.id) {
      case 0:
        depths.push_back({presampler_begin, presampler_end});
        break;
      case 1:
        depths.push_back({presampler_end, strips_end});
        break;
      case 2:
        depths.push_back({strips_end, middle_end});
        break;
      case 3:
        depths.push_back({middle_end, back_end});
        break;
      case 12:
        depths.push_back({tiles_begin, tiles1_end});
        break;
      case 13:
        depths.push_back({tiles1_end, tiles2_end});
        break;
      default:
        depths.push_back({tiles2_end, tiles3_end});
        break;
    }
  }
  return depths;
}

std::vector<LayerDepth> equal_depths(std::size_t layers, double thickness) {
  std::vector<LayerDepth> depths;
  for (std::size_t i = 0; i < layers; ++i) {
    const auto number = static_cast<double>(i);
    depths.push_back({number * thickness, (number + 1) * thickness});
  }
  return depths;
}

bool is_atlas(const Geometry& geometry) {
  return geometry.name() == "ds1-photons" || geometry.name() == "ds1-pions";
}

bool is_silicon(const Geometry& geometry) {
  return geometry.name() == "ds2" || geometry.name() == "ds3";
}

void check_depths(const Geometry& geometry, const DetectorDepths& depths) {
  if (depths.layers.size() != geometry.layers().size()) {
    throw Error(fmt::format("there are {} depths for the {} layers of {}", depths.layers.size(),
                            geometry.layers().size(), geometry.name()),
                "each layer lies somewhere", "give one depth a layer, in the geometry's order");
  }
  double previous_end = 0;
  for (std::size_t i = 0; i < depths.layers.size(); ++i) {
    const LayerDepth& depth = depths.layers[i];
    const bool fits = std::isfinite(depth.end) && depth.begin >= previous_end &&
                      depth.end > depth.begin;  // false for NaN too
    if (!fits) {
      throw Error(fmt::format("layer {} lies from {} to {} mm", geometry.layers()[i].id,
                              depth.begin, depth.end),
                  fmt::format("the depth before it ends at {} mm, and a layer has a thickness",
                              previous_end),
                  "give rising depths that do not overlap");
    }
    previous_end = depth.end;
  }
}

void check_number(std::string_view what, double value, bool zero_allowed) {
  const bool fits = std::isfinite(value) && (value > 0 || (zero_allowed && value == 0));
  if (fits) return;
  throw Error(fmt::format("the {} is {}", what, value), "the shower model needs a number above 0",
              "correct the material");
}

void check_medium(const Medium& medium) {
  check_number("atomic number", medium.material.atomic_number, false);
  check_number("radiation length", medium.material.radiation_length, false);
  check_number("critical energy", medium.material.critical_energy, false);
  check_number("Moliere radius", medium.material.moliere_radius, false);
  check_number("sampling frequency", medium.sampling.frequency, true);
  check_number("ratio e/mip", medium.sampling.e_over_mip, false);
  check_number("sampling fluctuation", medium.sampling.fluctuation, true);
  check_number("response", medium.sampling.response, false);
}

/// Nearest integers around `mean`, drawn so that the mean holds; at least 1.
int draw_spots(double mean, RandomStream& stream) {
  return std::max(1, static_cast<int>(mean + stream.uniform()));
}

/// `energy` [MeV] with a Gamma distribution's fluctuation of variance c^2 E / GeV around it
/// (Grindhammer, Peters, section 3.3).
double fluctuate(double energy, double c, RandomStream& stream) {
  if (c <= 0) return energy;
  const double unit = c * c * 1000;  // [MeV]
  return unit * gamma_variate(energy / unit, stream);
}

/// Nodes and weights of Gauss and Hermite for a standard normal variable.
constexpr std::array<std::pair<double, double>, 5> normal_nodes{
    {{-2.856970013872806, 0.011257411327721},
     {-1.355626179974266, 0.222075922005613},
     {0, 0.533333333333333},
     {1.355626179974266, 0.222075922005613},
     {2.856970013872806, 0.011257411327721}}};

}  // namespace

DetectorDepths detector_depths(const Geometry& geometry, const Material& material) {
  const std::size_t layers = geometry.layers().size();
  DetectorDepths depths;
  if (is_atlas(geometry)) {
    depths.layers = atlas_depths(geometry.layers(), material.radiation_length);
  } else if (is_silicon(geometry)) {
    constexpr double silicon_layer = 3.4;  // twice 1.4 mm W and 0.3 mm Si [mm]
    depths.layers = equal_depths(layers, silicon_layer);
  } else {
    depths.layers = equal_depths(
        layers, unknown_stack_depth * material.radiation_length / static_cast<double>(layers));
  }
  return depths;
}

std::string_view default_medium_name(const Geometry& geometry) {
  return is_atlas(geometry) ? "Pb-LAr" : "W-Si";
}

ShowerModel::ShowerModel(Geometry geometry, DetectorDepths depths, Material material,
                         Sampling sampling)
    : geometry_(std::move(geometry)),
      depths_(std::move(depths)),
      medium_{std::move(material), sampling},
      photon_(geometry_.particle() == "photon") {
  check_medium(medium_);
  check_depths(geometry_, depths_);
  const double unit = medium_.material.radiation_length;
  for (std::size_t i = 0; i < depths_.layers.size(); ++i) {
    const double begin = depths_.layers[i].begin / unit;
    const double thickness = depths_.layers[i].end / unit - begin;
    constexpr double most_steps = 1e5;  // beyond, the units of the depths are wrong
    if (thickness > most_steps) {
      throw Error(fmt::format("layer {} is {} radiation lengths thick", geometry_.layers()[i].id,
                              thickness),
                  "no calorimeter is", "give depths in mm");
    }
    const int steps = static_cast<int>(std::ceil(thickness));
    for (int step = 0; step < steps; ++step) {
      steps_.push_back({static_cast<int>(i), begin + thickness * step / steps,
                        begin + thickness * (step + 1) / steps});
    }
  }
  const double share = contained(response_energy);
  constexpr double least_share = 0.01;  // less is a mistake of units, not a detector
  if (!(share > least_share)) {
    throw Error(
        fmt::format("the layers of {} see {:.2g} of a shower's energy", geometry_.name(), share),
        "the depths do not fit the material", "give depths in mm, and a material");
  }
  scale_ = medium_.sampling.response / share;
}

ShowerModel::ShowerModel(const Geometry& geometry, std::string_view medium_name)
    : ShowerModel(geometry, detector_depths(geometry, builtin_medium(medium_name).material),
                  builtin_medium(medium_name).material, builtin_medium(medium_name).sampling) {}

double ShowerModel::draw_start(RandomStream& stream) const {
  return photon_ ? -conversion_depth * std::log1p(-stream.uniform()) : 0;
}

double ShowerModel::contained(double energy, const ShapeDistribution& distribution,
                              const LongitudinalProfile& profile, double start) const {
  double share = 0;
  for (const Step& step : steps_) {
    if (step.end <= start) continue;
    const double deposited = profile.before(step.end - start) - profile.before(step.begin - start);
    const double middle = 0.5 * (std::max(step.begin, start) + step.end) - start;
    const RadialProfile radial =
        radial_profile(medium_, energy, relative_depth(distribution, profile, middle));
    const std::vector<double>& edges =
        geometry_.layers()[static_cast<std::size_t>(step.layer)].r_edges;
    const double unit = medium_.material.moliere_radius;
    share += deposited * (radial.within(edges.back() / unit) - radial.within(edges.front() / unit));
  }
  return share;
}

double ShowerModel::contained(double energy) const {
  const ShapeDistribution distribution = shape_distribution(medium_, energy);
  // Depths of conversion at the middles of parts of equal probability; one part without any.
  const int starts = photon_ ? 16 : 1;
  double share = 0;
  for (const auto& [z1, weight1] : normal_nodes) {
    for (const auto& [z2, weight2] : normal_nodes) {
      const LongitudinalProfile profile = shape(distribution, z1, z2);
      for (int i = 0; i < starts; ++i) {
        const double start = photon_ ? -conversion_depth * std::log((i + 0.5) / starts) : 0;
        share += weight1 * weight2 / starts * contained(energy, distribution, profile, start);
      }
    }
  }
  return share;
}

void ShowerModel::generate(float incident_energy, RandomStream& stream,
                           std::span<float> shower) const {
  if (!(incident_energy > 0) || !(incident_energy <= largest_energy)) {
    throw Error(fmt::format("an incident energy of {} MeV", incident_energy),
                fmt::format("the shower model knows energies above 0, to {:g} MeV", largest_energy),
                "choose another energy");
  }
  if (shower.size() != static_cast<std::size_t>(geometry_.voxel_count())) {
    throw Error(fmt::format("a shower of {} voxels", shower.size()),
                fmt::format("{} has {}", geometry_.name(), geometry_.voxel_count()),
                "give room for one shower of this geometry");
  }
  std::ranges::fill(shower, 0.0F);
  const double energy = incident_energy;
  const ShapeDistribution distribution = shape_distribution(medium_, energy);
  const double z1 = stream.normal();
  const double z2 = stream.normal();
  const LongitudinalProfile profile = shape(distribution, z1, z2);
  const LongitudinalProfile spots = spot_profile(medium_, profile);
  const double all_spots = spot_number(medium_, energy);
  const double start = draw_start(stream);
  double edge = -1;  // depth to which both profiles are integrated [X0]
  double energy_before = 0;
  double spots_before = 0;
  for (const Step& step : steps_) {
    if (step.end <= start) continue;
    if (step.begin != edge) {
      energy_before = profile.before(step.begin - start);
      spots_before = spots.before(step.begin - start);
    }
    edge = step.end;
    const double energy_after = profile.before(step.end - start);
    const double spots_after = spots.before(step.end - start);
    const double deposited = energy * (energy_after - std::exchange(energy_before, energy_after));
    const double mean_spots = all_spots * (spots_after - std::exchange(spots_before, spots_after));
    if (deposited <= 0) continue;
    const double seen = scale_ * fluctuate(deposited, medium_.sampling.fluctuation, stream);
    const double middle = 0.5 * (std::max(step.begin, start) + step.end) - start;
    const RadialProfile radial =
        radial_profile(medium_, energy, relative_depth(distribution, profile, middle));
    deposit(geometry_.layers()[static_cast<std::size_t>(step.layer)], radial, seen,
            draw_spots(mean_spots, stream), stream, shower);
  }
  const auto threshold = static_cast<float>(geometry_.threshold());
  for (float& voxel : shower) voxel = voxel < threshold ? 0.0F : voxel;
}

void ShowerModel::deposit(const Layer& layer, const RadialProfile& radial, double energy, int spots,
                          RandomStream& stream, std::span<float> shower) const {
  const auto spot = static_cast<float>(energy / spots);
  if (!(spot > 0)) return;
  for (int i = 0; i < spots; ++i) {
    const double component = stream.uniform() < radial.core_weight ? radial.core : radial.tail;
    // Inverse of r^2 / (r^2 + R^2) = u.
    const double u = stream.uniform();
    const double r = component * medium_.material.moliere_radius * std::sqrt(u / (1 - u));
    const auto above = std::ranges::upper_bound(layer.r_edges, r);
    const int ring = static_cast<int>(above - layer.r_edges.begin()) - 1;
    const int sector =
        std::min(static_cast<int>(stream.uniform() * layer.alpha_bins), layer.alpha_bins - 1);
    if (ring < 0 || ring >= layer.r_bins()) continue;  // beside the detector
    const int voxel = layer.first_voxel + sector * layer.r_bins() + ring;
    shower[static_cast<std::size_t>(voxel)] += spot;
  }
}

double gamma_variate(double shape, RandomStream& stream) {
  if (shape < 1) {
    // X(shape) = X(shape + 1) U^(1/shape).
    const double u = 1 - stream.uniform();  // not 0
    return gamma_variate(shape + 1, stream) * std::pow(u, 1 / shape);
  }
  const double d = shape - 1.0 / 3;
  const double c = 1 / std::sqrt(9 * d);
  while (true) {
    const double x = stream.normal();
    const double root = 1 + c * x;
    if (root <= 0) continue;
    const double v = root * root * root;
    const double u = 1 - stream.uniform();
    if (std::log(u) < 0.5 * x * x + d - d * v + d * std::log(v)) return d * v;
  }
}

}  // namespace moliere::calo
