// SPDX-License-Identifier: Apache-2.0
#include "moliere/calo/shower_model.hpp"

#include "moliere/calo/shower_generation.hpp"
#include "moliere/core/error.hpp"

#include <cmath>
#include <functional>
#include <limits>
#include <numeric>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace moliere::calo {
namespace {
using testing::HasSubstr;

constexpr float nan = std::numeric_limits<float>::quiet_NaN();

/// `layers` equal discs with rings at the given edges.
Geometry discs(int layers, const std::vector<double>& edges, int sectors = 1,
               double threshold = 0) {
  std::vector<Layer> list;
  for (int id = 0; id < layers; ++id) {
    Layer layer;
    layer.id = id;
    layer.r_edges = edges;
    layer.alpha_bins = sectors;
    list.push_back(layer);
  }
  return {"discs", "electron", threshold, std::move(list)};
}

DetectorDepths equal_depths(int layers, double thickness) {
  DetectorDepths depths;
  for (int i = 0; i < layers; ++i) depths.layers.push_back({i * thickness, (i + 1) * thickness});
  return depths;
}

constexpr double everywhere = 1e7;  // a radius that holds all [mm]

/// One voxel so wide and deep that all energy is seen.
ShowerModel all_seeing_model(const Medium& medium) {
  const double depth = 60 * medium.material.radiation_length;
  return {discs(1, {0, everywhere}), equal_depths(1, depth), medium.material, medium.sampling};
}

std::string error_of(const std::function<void()>& work) {
  try {
    work();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

ShowerBatch generate(const ShowerModel& model, const EnergySpectrum& spectrum,
                     const GenerationOptions& options) {
  ShowerBatch all;
  all.voxels = model.geometry().voxel_count();
  SilentProgress progress;
  generate_showers(model, spectrum, options, progress, [&all](const ShowerBatch& batch) {
    all.incident_energies.insert(all.incident_energies.end(), batch.incident_energies.begin(),
                                 batch.incident_energies.end());
    all.energies.insert(all.energies.end(), batch.energies.begin(), batch.energies.end());
  });
  return all;
}

ShowerBatch generate(const ShowerModel& model, float energy, std::int64_t count) {
  GenerationOptions options;
  options.count = count;
  return generate(model, EnergySpectrum::discrete({energy}), options);
}

struct Moments {
  double mean = 0;
  double deviation = 0;
};

Moments moments(const std::vector<double>& values) {
  Moments result;
  double squares = 0;
  double n = 0;
  for (const double value : values) {  // Welford
    const double before = value - result.mean;
    result.mean += before / ++n;
    squares += before * (value - result.mean);
  }
  result.deviation = std::sqrt(squares / (n - 1));
  return result;
}

std::vector<double> responses(const ShowerBatch& batch) {
  std::vector<double> result;
  for (std::int64_t i = 0; i < batch.size(); ++i) {
    const auto shower = batch.shower(i);
    result.push_back(std::accumulate(shower.begin(), shower.end(), 0.0) /
                     batch.incident_energies[static_cast<std::size_t>(i)]);
  }
  return result;
}

TEST(ShowerParameters, EffectiveMaterialIsThatOfTheReview) {
  // Review of Particle Physics: lead tungstate X0 8.90 mm, R_M 19.6 mm, E_c 9.6 MeV; the formula
  // for E_c is some 9 % below, R_M as much above.
  const Material crystal = builtin_medium("PbWO4").material;
  EXPECT_NEAR(crystal.radiation_length, 8.90, 0.01);
  EXPECT_NEAR(crystal.critical_energy, 8.77, 0.01);
  EXPECT_NEAR(crystal.moliere_radius, 21.5, 0.1);
  // By hand: 1.4 mm W is 0.3997 X0, 0.3 mm Si 0.0032 X0; both take 1.7 mm.
  const Medium stack = builtin_medium("W-Si");
  EXPECT_NEAR(stack.material.radiation_length, 1.7 / 0.4029, 0.001);
  EXPECT_NEAR(stack.sampling.frequency, 1 / 0.4029, 0.001);
  EXPECT_NEAR(stack.sampling.e_over_mip, 1 / 1.42, 1e-12);
}

TEST(ShowerParameters, ShapeFollowsThePublishedNumbers) {
  Medium medium;
  medium.material.atomic_number = 50;
  medium.material.critical_energy = 10;
  const double energy = 10 * std::exp(7.0);  // ln y = 7
  const ShapeDistribution homogeneous = shape_distribution(medium, energy);
  EXPECT_NEAR(std::exp(homogeneous.mean_ln_maximum), 6.188, 1e-9);
  EXPECT_NEAR(std::exp(homogeneous.mean_ln_alpha), 4.3324, 1e-9);
  EXPECT_NEAR(homogeneous.sigma_ln_maximum, 1 / 7.42, 1e-9);
  EXPECT_NEAR(homogeneous.sigma_ln_alpha, 1 / 5.44, 1e-9);
  EXPECT_NEAR(homogeneous.correlation, 0.544, 1e-9);
  medium.sampling.frequency = 2;
  medium.sampling.e_over_mip = 0.8;
  const ShapeDistribution sampling = shape_distribution(medium, energy);
  EXPECT_NEAR(std::exp(sampling.mean_ln_maximum), 6.188 - 0.275 - 0.138, 1e-9);
  EXPECT_NEAR(std::exp(sampling.mean_ln_alpha), 4.3324 - 0.238, 1e-9);
  EXPECT_NEAR(sampling.sigma_ln_maximum, 1 / 6.25, 1e-9);
  EXPECT_NEAR(sampling.sigma_ln_alpha, 1 / 4.71, 1e-9);
  EXPECT_NEAR(sampling.correlation, 0.623, 1e-9);
}

TEST(ShowerParameters, DrawnShapesHaveTheStatedCorrelation) {
  ShapeDistribution distribution;
  distribution.mean_ln_maximum = 2;
  distribution.sigma_ln_maximum = 0.1;
  distribution.mean_ln_alpha = 2;
  distribution.sigma_ln_alpha = 0.2;
  distribution.correlation = 0.6;
  RandomStream stream(3);
  std::vector<double> maxima;
  std::vector<double> alphas;
  std::vector<double> products;
  constexpr int draws = 20000;
  for (int i = 0; i < draws; ++i) {
    const double z1 = stream.normal();
    const LongitudinalProfile profile = shape(distribution, z1, stream.normal());
    maxima.push_back((std::log(profile.maximum()) - 2) / 0.1);
    alphas.push_back((std::log(profile.alpha) - 2) / 0.2);
    products.push_back(maxima.back() * alphas.back());
  }
  const double error = 1 / std::sqrt(draws);
  EXPECT_NEAR(moments(maxima).mean, 0, 4 * error);
  EXPECT_NEAR(moments(maxima).deviation, 1, 4 * error);
  EXPECT_NEAR(moments(alphas).deviation, 1, 4 * error);
  EXPECT_NEAR(moments(products).mean, 0.6, 5 * error);
}

TEST(ShowerParameters, TailsFallAtLeastAsSinglePhotons) {
  ShapeDistribution wide;
  wide.sigma_ln_maximum = 1;
  wide.sigma_ln_alpha = 1;
  wide.mean_ln_alpha = 0.5;
  EXPECT_EQ(shape(wide, 0, 0).beta, std::exp(0.5) - 1);
  const LongitudinalProfile late = shape(wide, 0, 3);  // T = 8 with alpha = 0.2
  EXPECT_EQ(late.alpha, 1.1);
  EXPECT_EQ(late.beta, 0.27);
}

TEST(ShowerParameters, ProfileIntegratesTheGammaFunction) {
  LongitudinalProfile profile;
  profile.alpha = 2;
  profile.beta = 0.5;
  EXPECT_EQ(profile.before(-1), 0);
  EXPECT_NEAR(profile.before(4), 1 - 3 * std::exp(-2.0), 1e-12);  // 1 - (1 + x) e^-x at x = 2
  EXPECT_DOUBLE_EQ(profile.maximum(), 2);
  EXPECT_DOUBLE_EQ(profile.centre(), 4);
}

TEST(ShowerParameters, RadialProfileFollowsThePublishedNumbers) {
  Medium medium;
  medium.material.atomic_number = 50;
  const RadialProfile profile = radial_profile(medium, 1000, 0.645);  // ln E = 0, tau = k2
  EXPECT_NEAR(profile.core, 0.0251 + 0.09715 * 0.645, 1e-9);
  EXPECT_NEAR(profile.tail, 2 * 0.5045, 1e-9);
  const double x = (0.4945 - 0.645) / 1.313;
  EXPECT_NEAR(profile.core_weight, 2.585 * std::exp(x - std::exp(x)), 1e-9);
  medium.sampling.frequency = 2;
  medium.sampling.e_over_mip = 0.8;
  const RadialProfile sampling = radial_profile(medium, 1000, 1);
  const RadialProfile without = radial_profile({medium.material, {}}, 1000, 1);
  EXPECT_NEAR(sampling.core - without.core, -0.00406 + 0.01985 * std::exp(-1.0), 1e-9);
  EXPECT_NEAR(sampling.tail - without.tail, -0.028 - 0.2475 * std::exp(-1.0), 1e-9);
  EXPECT_NEAR(sampling.core_weight - without.core_weight, 0.2 * (0.348 - 0.321), 1e-9);
}

TEST(ShowerParameters, SpotsAreAsManyAsPublished) {
  const Medium crystal = builtin_medium("PbWO4");
  EXPECT_NEAR(spot_number(crystal, 1000), 93 * std::log(68.4), 1e-9);
  Medium stack = builtin_medium("W-Si");
  stack.sampling.fluctuation = 0.1;
  EXPECT_NEAR(spot_number(stack, 10000), 103 * std::pow(10, 0.959), 1e-9);
}

TEST(ShowerParameters, UnknownAndImpossibleMaterialsAreRefused) {
  EXPECT_THAT(error_of([] { builtin_medium("cheese"); }), HasSubstr("Pb-LAr"));
  EXPECT_THAT(error_of([] { effective_material("void", {}); }), HasSubstr("no plate"));
  const std::vector<Plate> plates(1);
  EXPECT_THAT(error_of([&] { effective_material("void", plates); }), HasSubstr("property of 0"));
}

TEST(GammaVariate, HasTheMomentsOfItsShape) {
  constexpr int draws = 20000;
  for (const double shape : {0.3, 1.0, 2.5, 400.0}) {
    RandomStream stream(5);
    std::vector<double> values;
    for (int i = 0; i < draws; ++i) values.push_back(gamma_variate(shape, stream));
    const Moments found = moments(values);
    EXPECT_NEAR(found.mean, shape, 4 * std::sqrt(shape / draws)) << shape;
    // Var(s^2) = sigma^4 (2 + 6 / shape) / n.
    EXPECT_NEAR(found.deviation / std::sqrt(shape), 1, 2 * std::sqrt((2 + 6 / shape) / draws))
        << shape;
  }
}

TEST(ShowerModel, MeanProfileFollowsTheGammaFunction) {
  const Medium medium = builtin_medium("W-Si");
  constexpr int layers = 40;  // of 1 X0
  const double unit = medium.material.radiation_length;
  const ShowerModel model(discs(layers, {0, everywhere}), equal_depths(layers, unit),
                          medium.material, medium.sampling);
  constexpr float energy = 20000;
  constexpr int showers = 4000;
  const ShowerBatch batch = generate(model, energy, showers);

  // The expected profile is the mean of Gamma functions over the published distribution, here by
  // a plain sum over z1 and z2.
  const ShapeDistribution distribution = shape_distribution(medium, energy);
  std::vector<double> expected(layers);
  double norm = 0;
  for (double z1 = -4; z1 <= 4; z1 += 0.25) {
    for (double z2 = -4; z2 <= 4; z2 += 0.25) {
      const double weight = std::exp(-0.5 * (z1 * z1 + z2 * z2));
      const LongitudinalProfile profile = shape(distribution, z1, z2);
      norm += weight;
      for (int l = 0; l < layers; ++l) {
        expected[static_cast<std::size_t>(l)] +=
            weight * (profile.before(l + 1) - profile.before(l));
      }
    }
  }
  double chi2 = 0;
  double centre = 0;
  double expected_centre = 0;
  double sum = 0;
  for (int l = 0; l < layers; ++l) {
    const auto layer = static_cast<std::size_t>(l);
    std::vector<double> values;
    for (std::int64_t i = 0; i < showers; ++i) {
      values.push_back(static_cast<double>(batch.shower(i)[layer]) / energy);
    }
    const Moments found = moments(values);
    const double share = medium.sampling.response * expected[layer] / norm;
    centre += (l + 0.5) * found.mean;
    expected_centre += (l + 0.5) * share;
    sum += found.mean;
    if (l > 25) continue;  // the last layers hold rare large deposits: no normal errors
    const double pull = (found.mean - share) / (found.deviation / std::sqrt(showers));
    EXPECT_LT(std::abs(pull), 5) << "layer " << l;
    chi2 += pull * pull;
  }
  // Layers are correlated, so this is no chi-square law; its mean is still one a layer.
  EXPECT_LT(chi2 / 26, 4);
  // The centre's spread is some 1 X0: its mean is known to 0.016 X0.
  EXPECT_NEAR(centre / sum, expected_centre / medium.sampling.response, 0.08);
  // <t> of the profile with the median T and alpha: alpha T / (alpha - 1); fluctuations move it by
  // less than half an X0.
  const double alpha = std::exp(distribution.mean_ln_alpha);
  EXPECT_NEAR(centre / sum, std::exp(distribution.mean_ln_maximum) * alpha / (alpha - 1), 0.5);
}

TEST(ShowerModel, MoliereRadiiHoldTheEnergyTheyAreNamedFor) {
  const Medium medium = builtin_medium("PbWO4");
  const double radius = medium.material.moliere_radius;
  const double depth = 60 * medium.material.radiation_length;
  const ShowerModel model(discs(1, {0, radius, 2 * radius, everywhere}), equal_depths(1, depth),
                          medium.material, medium.sampling);
  const ShowerBatch batch = generate(model, 10000, 500);
  double within1 = 0;
  double within2 = 0;
  for (std::int64_t i = 0; i < batch.size(); ++i) {
    const auto shower = batch.shower(i);
    const double all = std::accumulate(shower.begin(), shower.end(), 0.0);
    within1 += static_cast<double>(shower[0]) / all / static_cast<double>(batch.size());
    within2 += static_cast<double>(shower[0] + shower[1]) / all / static_cast<double>(batch.size());
  }
  // 90 % and 95 % by definition. The fit's tails fall as 1 / r^2, slower than a shower's, and E_c
  // is 9 % low: 3 % is what such a model can be held to.
  EXPECT_NEAR(within1, 0.90, 0.03);
  EXPECT_NEAR(within2, 0.95, 0.03);
}

TEST(ShowerModel, ResponseAndResolutionAreTheStatedOnes) {
  Medium medium = builtin_medium("Pb-LAr");
  medium.sampling.fluctuation = 0.12;
  medium.sampling.response = 0.8;
  const ShowerModel model = all_seeing_model(medium);
  constexpr int showers = 4000;
  for (const float energy : {2000.0F, 10000.0F, 50000.0F}) {
    const Moments found = moments(responses(generate(model, energy, showers)));
    const double expected = 0.12 / std::sqrt(static_cast<double>(energy) / 1000);
    // 60 X0 hold all but 1e-4 of the energy.
    EXPECT_NEAR(found.mean, 0.8, 4 * 0.8 * expected / std::sqrt(showers) + 2e-4) << energy;
    EXPECT_NEAR(found.deviation / 0.8, expected, 4 * expected / std::sqrt(2.0 * showers)) << energy;
  }
}

TEST(ShowerModel, ResponseIsThatAfterLeakage) {
  const Medium medium = builtin_medium("W-Si");
  const double width = medium.material.moliere_radius;
  const ShowerModel narrow(discs(15, {0, width}), equal_depths(15, 5), medium.material,
                           medium.sampling);
  const double share = narrow.contained(ShowerModel::response_energy);
  EXPECT_LT(share, 0.9);
  constexpr int showers = 2000;
  const Moments found = moments(
      responses(generate(narrow, static_cast<float>(ShowerModel::response_energy), showers)));
  const double response = medium.sampling.response;
  EXPECT_NEAR(found.mean, response, 4 * found.deviation / std::sqrt(showers));
  // Elsewhere it follows the leakage.
  const Moments low = moments(responses(generate(narrow, 1000, showers)));
  EXPECT_NEAR(low.mean, response * narrow.contained(1000) / share,
              4 * low.deviation / std::sqrt(showers) + 0.005);
}

TEST(ShowerModel, ResponseHoldsForTheBuiltInGeometries) {
  for (const std::string& name : builtin_geometry_names()) {
    const Geometry geometry = builtin_geometry(name);
    const ShowerModel model(geometry, default_medium_name(geometry));
    constexpr int showers = 600;
    const Moments found = moments(
        responses(generate(model, static_cast<float>(ShowerModel::response_energy), showers)));
    // The threshold takes up to 2 %: of data sets 1, whose voxels it is large for.
    const double error = found.deviation / std::sqrt(showers);
    const double response = model.medium().sampling.response;
    EXPECT_LT(found.mean, response + 4 * error) << name;
    EXPECT_GT(found.mean, response - 4 * error - 0.02) << name;
  }
}

TEST(ShowerModel, ShowersDependOnSeedAndNumberAlone) {
  const ShowerModel model(builtin_geometry("ds2"), "W-Si");
  const EnergySpectrum spectrum = EnergySpectrum::log_uniform(1000, 20000);
  GenerationOptions options;
  options.count = 1500;  // more than one piece of 647
  options.seed = 42;
  options.threads = 1;
  const ShowerBatch whole = generate(model, spectrum, options);
  options.threads = 3;
  const ShowerBatch threaded = generate(model, spectrum, options);
  EXPECT_EQ(whole.incident_energies, threaded.incident_energies);
  EXPECT_EQ(whole.energies, threaded.energies);
  options.first = 700;
  options.count = 20;
  const ShowerBatch part = generate(model, spectrum, options);
  for (std::int64_t i = 0; i < part.size(); ++i) {
    const auto there = whole.shower(700 + i);
    const auto here = part.shower(i);
    EXPECT_EQ(part.incident_energies[static_cast<std::size_t>(i)],
              whole.incident_energies[static_cast<std::size_t>(700 + i)]);
    EXPECT_TRUE(std::equal(here.begin(), here.end(), there.begin())) << i;
  }
  options.seed = 43;
  EXPECT_NE(generate(model, spectrum, options).incident_energies, part.incident_energies);
}

TEST(ShowerModel, IsUniformInAlpha) {
  constexpr int sectors = 16;
  const Medium medium = builtin_medium("W-Si");
  const ShowerModel model(discs(1, {0, 100}, sectors), equal_depths(1, 100), medium.material,
                          medium.sampling);
  constexpr int showers = 8000;
  const ShowerBatch batch = generate(model, 1000, showers);
  // One entry a shower, its most energetic sector: independent, as entries of one shower are not.
  std::vector<int> counts(sectors);
  for (std::int64_t i = 0; i < showers; ++i) {
    const auto shower = batch.shower(i);
    const auto largest = std::max_element(shower.begin(), shower.end()) - shower.begin();
    ++counts[static_cast<std::size_t>(largest)];
  }
  double chi2 = 0;
  constexpr double mean = static_cast<double>(showers) / sectors;
  for (const int count : counts) chi2 += (count - mean) * (count - mean) / mean;
  // Equal energies are frequent at few spots, and the first of equals is taken: so is a small lead
  // of low sectors. 37.7 is the 0.1 % quantile at 15 degrees.
  EXPECT_LT(chi2, 37.7);
}

TEST(ShowerModel, CutsAtTheThreshold) {
  const Medium medium = builtin_medium("W-Si");
  constexpr double threshold = 25;
  const std::vector<double> edges{0, 5, 10, 20, 40};
  const ShowerModel cut(discs(30, edges, 8, threshold), equal_depths(30, 3), medium.material,
                        medium.sampling);
  const ShowerModel whole(discs(30, edges, 8), equal_depths(30, 3), medium.material,
                          medium.sampling);
  std::vector<float> with(static_cast<std::size_t>(cut.geometry().voxel_count()));
  std::vector<float> without(with.size());
  RandomStream stream(1);
  RandomStream same(1);
  cut.generate(5000, stream, with);
  whole.generate(5000, same, without);
  int removed = 0;
  for (std::size_t i = 0; i < with.size(); ++i) {
    EXPECT_EQ(with[i], without[i] < threshold ? 0 : without[i]);
    removed += with[i] != without[i] ? 1 : 0;
  }
  EXPECT_GT(removed, 0);
}

TEST(ShowerModel, PhotonsShowerDeeperThanElectrons) {
  const Geometry photons = builtin_geometry("ds1-photons");
  const Geometry electrons("e", "electron", photons.threshold(), photons.layers());
  const Medium medium = builtin_medium("Pb-LAr");
  const DetectorDepths depths = detector_depths(photons, medium.material);
  const auto presampler_share = [&](const Geometry& geometry) {
    const ShowerModel model(geometry, depths, medium.material, medium.sampling);
    double share = 0;
    const ShowerBatch batch = generate(model, 5000, 400);
    for (std::int64_t i = 0; i < batch.size(); ++i) {
      const auto layer = batch.shower(i).first(8);
      share += std::accumulate(layer.begin(), layer.end(), 0.0) / 5000 / 400;
    }
    return share;
  };
  EXPECT_LT(presampler_share(photons), 0.8 * presampler_share(electrons));
}

TEST(ShowerModel, EveryMediumFitsEveryGeometry) {
  for (const std::string& name : builtin_geometry_names()) {
    for (const std::string& medium : builtin_medium_names()) {
      const ShowerModel model(builtin_geometry(name), medium);
      for (const float energy : {1e-3F, 10.0F, 256.0F, 1e5F}) {
        const ShowerBatch batch = generate(model, energy, 2);
        for (const float voxel : batch.energies) {
          ASSERT_TRUE(std::isfinite(voxel) && voxel >= 0) << name << " " << medium;
        }
      }
    }
  }
}

TEST(ShowerModel, UnknownStacksAreCutEqually) {
  const Medium medium = builtin_medium("W-Si");
  const DetectorDepths depths = detector_depths(discs(7, {0, 50}), medium.material);
  ASSERT_EQ(depths.layers.size(), 7U);
  EXPECT_EQ(depths.layers.front().begin, 0);
  EXPECT_NEAR(depths.layers.back().end, 28 * medium.material.radiation_length, 1e-9);
  EXPECT_NO_THROW(ShowerModel(discs(7, {0, 50}), "W-Si"));
}

TEST(ShowerModel, RefusesImpossibleShowers) {
  const ShowerModel model(discs(3, {0, 50}), "W-Si");
  std::vector<float> shower(3);
  RandomStream stream(1);
  for (const float energy : {-5.0F, 0.0F, nan, std::numeric_limits<float>::infinity(), 2e8F}) {
    EXPECT_THAT(error_of([&] { model.generate(energy, stream, shower); }),
                HasSubstr("incident energy"))
        << energy;
  }
  EXPECT_THAT(error_of([&] { model.generate(10, stream, {}); }), HasSubstr("discs has 3"));
}

TEST(ShowerModel, RefusesDepthsThatDoNotFit) {
  const Medium medium = builtin_medium("W-Si");
  const auto error = [&](std::vector<LayerDepth> layers) {
    DetectorDepths depths;
    depths.layers = std::move(layers);
    return error_of([&] {
      ShowerModel(discs(2, {0, 50}), depths, medium.material, medium.sampling);
    });
  };
  EXPECT_EQ(error({{0, 30}, {30, 60}}), "no error");
  EXPECT_THAT(error({{0, 30}}), HasSubstr("1 depths for the 2 layers"));
  EXPECT_THAT(error({{0, 30}, {20, 60}}), HasSubstr("ends at 30 mm"));
  EXPECT_THAT(error({{0, 30}, {60, 60}}), HasSubstr("from 60 to 60 mm"));
  EXPECT_THAT(error({{-1, 30}, {30, 60}}), HasSubstr("from -1"));
  EXPECT_THAT(error({{0, 30}, {30, static_cast<double>(nan)}}), HasSubstr("nan"));
  EXPECT_THAT(error({{0, 30}, {30, 1e9}}), HasSubstr("radiation lengths thick"));
  EXPECT_THAT(error({{9000, 9001}, {9001, 9002}}), HasSubstr("of a shower's energy"));
}

TEST(ShowerModel, RefusesImpossibleMedia) {
  Medium medium = builtin_medium("W-Si");
  medium.sampling.fluctuation = -0.1;
  EXPECT_THAT(error_of([&] { all_seeing_model(medium); }), HasSubstr("sampling fluctuation"));
  medium = builtin_medium("W-Si");
  medium.material.critical_energy = 0;
  EXPECT_THAT(error_of([&] { all_seeing_model(medium); }), HasSubstr("critical energy"));
}

TEST(EnergySpectrum, IsReadFromText) {
  EXPECT_EQ(EnergySpectrum::parse("1000:100000").description(), "log-uniform 1000 to 100000 MeV");
  EXPECT_EQ(EnergySpectrum::parse("256,512").description(), "256, 512 MeV, equally likely");
  EXPECT_EQ(EnergySpectrum::parse("5e3").description(), "5000 MeV");
  for (const char* text :
       {"", "a", "1,", "1:", "5:2", "-3", "0:10", "nan", "1:inf", "1 2", "1;2"}) {
    EXPECT_NE(error_of([&] { EnergySpectrum::parse(text); }), "no error") << text;
  }
}

TEST(EnergySpectrum, DrawsWhatItSays) {
  RandomStream stream(2);
  const EnergySpectrum range = EnergySpectrum::log_uniform(10, 1000);
  const EnergySpectrum choice = EnergySpectrum::discrete({1, 2, 4});
  std::vector<double> logarithms;
  std::vector<double> choices;
  constexpr int draws = 6000;
  for (int i = 0; i < draws; ++i) {
    logarithms.push_back(std::log10(static_cast<double>(range.draw(stream))));
    choices.push_back(static_cast<double>(choice.draw(stream)));
  }
  EXPECT_GE(*std::min_element(logarithms.begin(), logarithms.end()), 1);
  EXPECT_LE(*std::max_element(logarithms.begin(), logarithms.end()), 3);
  // Uniform on [1, 3]: deviation 2 / sqrt(12).
  EXPECT_NEAR(moments(logarithms).mean, 2, 4 * 0.577 / std::sqrt(draws));
  EXPECT_NEAR(moments(logarithms).deviation, 0.577, 0.02);
  EXPECT_NEAR(moments(choices).mean, 7.0 / 3, 4 * 1.25 / std::sqrt(draws));
}

TEST(GenerateShowers, RefusesANegativeNumber) {
  const ShowerModel model(discs(3, {0, 50}), "W-Si");
  GenerationOptions options;
  EXPECT_EQ(generate(model, EnergySpectrum::discrete({10}), options).size(), 0);
  options.count = -1;
  EXPECT_THAT(error_of([&] { generate(model, EnergySpectrum::discrete({10}), options); }),
              HasSubstr("-1 showers"));
}

}  // namespace
}  // namespace moliere::calo
