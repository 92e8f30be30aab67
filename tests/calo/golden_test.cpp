// SPDX-License-Identifier: Apache-2.0
// Figures of the evaluation against an implementation that shares no code with ours
// (tests/golden/make_evaluation_golden.py), and what is left of the official golden values when
// separation_test.cpp has compared the separations.
#include "moliere/calo/distances.hpp"
#include "moliere/calo/features.hpp"
#include "moliere/calo/neighbours.hpp"
#include "moliere/calo/response.hpp"
#include "moliere/calo/separation.hpp"
#include "moliere/core/error.hpp"

#include <bit>
#include <cmath>
#include <map>
#include <memory>
#include <set>

#include "calo/golden_figures.hpp"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace moliere::calo {
namespace {

using ::testing::ElementsAre;
using testing::expect_near;
using testing::Tag;

std::string identifier(std::string name) {
  std::replace_if(
      name.begin(), name.end(), [](char c) { return std::isalnum(c) == 0; }, '_');
  return name;
}

TEST(Formulas, GiveTheSameNumbersInBothLanguages) {
  const Json& expected = testing::evaluation_golden().at("formulas");
  EXPECT_EQ(fmt::format("{:#x}", testing::bits(Tag::energy, 5)), expected.at("bits of energy 5"));
  EXPECT_NEAR(testing::normal(Tag::smear, 3), expected.at("normal of smear 3").get<double>(),
              1e-11);
  EXPECT_EQ(Json(testing::permutation(2, 6)), expected.at("permutation of 2, 6 rows"));
  std::vector<std::uint32_t> reference(4), sample(4);
  testing::formula_rows(Tag::fpd, 2000, 2000)(1, 2, reference, sample);
  EXPECT_EQ(Json(sample), expected.at("rows of fpd size 1 batch 2 side 1"));
  const ShowerBatch toy = testing::toy_showers(builtin_geometry("ds1-photons"), 7, 1, 1.0);
  const Json& energies = expected.at("toy ds1-photons shower 7");
  for (std::size_t i = 0; i < energies.size(); ++i) {
    EXPECT_NEAR(static_cast<double>(toy.energies[i]), energies[i].get<double>(),
                1e-10 * energies[i].get<double>());
  }
}

/// (data set, name of a sample or of a pair)
using Case = std::tuple<std::string, std::string>;

std::string case_name(const ::testing::TestParamInfo<Case>& test) {
  return identifier(std::get<0>(test.param) + "_" + std::get<1>(test.param));
}

class IndependentSamples : public ::testing::TestWithParam<Case> {};
INSTANTIATE_TEST_SUITE_P(Samples, IndependentSamples,
                         ::testing::Combine(::testing::Values("ds1-photons", "ds2"),
                                            ::testing::Values("part1", "part2", "part2 smeared",
                                                              "toy", "wider toy")),
                         case_name);
INSTANTIATE_TEST_SUITE_P(Model, IndependentSamples, ::testing::Values(Case("ds1-photons", "model")),
                         case_name);

/// Columns by the names of the independent implementation.
std::map<std::string, std::vector<double>> columns_of(const Observables& observables,
                                                      const Geometry& geometry) {
  std::map<std::string, std::vector<double>> columns;
  const auto put = [&](const std::string& name, const auto& values) {
    if (!values.empty()) columns[name].assign(values.begin(), values.end());
  };
  put("Etot", observables.total_energy);
  put("Etot / Einc", observables.response());
  for (std::size_t l = 0; l < geometry.layers().size(); ++l) {
    const LayerObservables& layer = observables.layers[l];
    const std::string where = fmt::format(" layer {}", geometry.layers()[l].id);
    put("E" + where, layer.energy);
    put("Sparsity" + where, layer.sparsity);
    put("EC r" + where, layer.centre_r);
    put("Width r" + where, layer.width_r);
    put("EC Eta" + where, layer.centre_eta);
    put("EC Phi" + where, layer.centre_phi);
    put("Width Eta" + where, layer.width_eta);
    put("Width Phi" + where, layer.width_phi);
  }
  return columns;
}

double mean(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

/// Population standard deviation, two passes.
double deviation(const std::vector<double>& values) {
  const double centre = mean(values);
  double squares = 0;
  for (const double value : values) squares += (value - centre) * (value - centre);
  return std::sqrt(squares / static_cast<double>(values.size()));
}

/// Mean with weights that depend on the row: exchanged rows are seen.
template <class T>
double weighted_mean(const std::vector<T>& values) {
  double sum = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    sum += testing::uniform(Tag::weight, i) * static_cast<double>(values[i]);
  }
  return sum / static_cast<double>(values.size());
}

TEST_P(IndependentSamples, ObservablesCorrelationsAndFeatures) {
  const auto& [data_set, name] = GetParam();
  if (testing::needs_shared_data(name)) {
    MOLIERE_NEED_SHARED_DATA();
  }
  const Geometry geometry = builtin_geometry(data_set);
  const Observables observed = observe(testing::make_sample(name, geometry), geometry);
  const Json& golden = testing::evaluation_golden().at(data_set);
  const Json& expected = golden.at("samples").at(name);
  EXPECT_EQ(observed.size(), expected.at("rows").get<std::int64_t>());
  EXPECT_EQ(observed.nonzero_voxels, expected.at("nonzero voxels").get<std::int64_t>());
  expect_near(static_cast<double>(observed.largest_voxel), expected.at("largest voxel"), "largest");
  expect_near(weighted_mean(observed.incident_energy), expected.at("incident energy"), "E_inc");

  const auto columns = columns_of(observed, geometry);
  const Json& names = golden.at("observables");
  ASSERT_EQ(columns.size(), names.size());
  for (std::size_t c = 0; c < names.size(); ++c) {
    const std::string label = names[c].get<std::string>();
    const std::vector<double>& column = columns.at(label);
    expect_near(mean(column), expected.at("means")[c], label);
    expect_near(deviation(column), expected.at("deviations")[c], label);
    expect_near(weighted_mean(column), expected.at("weighted means")[c], label);
  }

  const std::vector<double> correlation = layer_correlation(observed);
  const std::size_t layers = geometry.layers().size();
  std::size_t element = 0;
  for (std::size_t a = 0; a < layers; ++a) {
    EXPECT_NEAR(correlation[a * layers + a], 1, 1e-12);
    for (std::size_t b = a + 1; b < layers; ++b) {
      expect_near(correlation[a * layers + b], expected.at("pearson")[element++], "pearson");
      EXPECT_EQ(correlation[a * layers + b], correlation[b * layers + a]);
    }
  }
  EXPECT_EQ(element, expected.at("pearson").size());

  const FeatureMatrix<double> high = high_level_features(observed);
  ASSERT_EQ(high.columns, expected.at("high feature columns").get<int>());
  double sum = 0, terms = 0;
  for (std::int64_t i = 0; i < high.rows(); ++i) {
    const double weight = testing::uniform(Tag::weight, static_cast<std::uint64_t>(i));
    for (std::size_t c = 0; c < high.row(i).size(); ++c) {
      const double term = weight * std::cos(static_cast<double>(c)) * high.row(i)[c];
      sum += term;
      terms += std::abs(term);
    }
  }
  const double values = static_cast<double>(high.values.size());
  // Logarithms are those of numpy to a unit in float32's last place.
  EXPECT_NEAR(sum / values, expected.at("high features").get<double>(), 1e-8 * terms / values);
}

/// The positive controls are compared in controls_test.cpp.
class IndependentPairs : public ::testing::TestWithParam<Case> {};
INSTANTIATE_TEST_SUITE_P(Pairs, IndependentPairs,
                         ::testing::Combine(::testing::Values("ds1-photons", "ds2"),
                                            ::testing::Values("real", "smeared", "parametrised",
                                                              "formulas alone")),
                         case_name);
INSTANTIATE_TEST_SUITE_P(Model, IndependentPairs, ::testing::Values(Case("ds1-photons", "model")),
                         case_name);

TEST_P(IndependentPairs, AllFigures) {
  const auto& [data_set, name] = GetParam();
  const Json& golden = testing::evaluation_golden().at(data_set);
  const Json& expected = golden.at("pairs").at(name);
  if (testing::needs_shared_data(expected.at("reference").get<std::string>()) ||
      testing::needs_shared_data(expected.at("sample").get<std::string>())) {
    MOLIERE_NEED_SHARED_DATA();
  }
  const Geometry geometry = builtin_geometry(data_set);
  const testing::Pair pair = testing::formula_pair(data_set, name, geometry);
  testing::expect_golden(testing::judge_pair(pair, geometry, golden.at("settings")), golden, name);
}

/// What golden.json of the official evaluation says, by its path in the file; the separations are
/// compared in separation_test.cpp.
using Figures = std::map<std::string, double>;

void put_column(Figures& figures, const std::string& path, const std::vector<double>& values) {
  figures[path + "/0"] = mean(values);
  figures[path + "/1"] = deviation(values);
}

void put_means(Figures& figures, const ShowerBatch& batch, const Observables& observed,
               const Geometry& geometry) {
  for (const auto& [name, column] : columns_of(observed, geometry)) {
    put_column(figures, "/part2_mean_std/" + (name == "Etot" ? "Etot [MeV]" : name), column);
  }
  const float threshold = static_cast<float>(geometry.threshold());
  std::vector<double> all, filled;
  for (const float energy : batch.energies) {
    all.push_back(energy < threshold ? 0.0 : static_cast<double>(energy));
    if (all.back() > 0) filled.push_back(all.back());
  }
  const std::string voxels = "/part2_mean_std/Voxel distribution ";
  put_column(figures, voxels + "(all voxels, zeros included) [MeV]", all);
  put_column(figures, voxels + "(non-zero voxels) [MeV]", filled);
  figures["/part2_nonzero_voxels"] = static_cast<double>(observed.nonzero_voxels);
}

double count_above(const std::vector<float>& values, double limit) {
  return static_cast<double>(std::count_if(values.begin(), values.end(), [&](float value) {
    return static_cast<double>(value) > limit;
  }));
}

void put_ranges(Figures& figures, const std::string& name, const testing::Pair& pair,
                const Observables& reference, const Geometry& geometry) {
  const std::string path = "/reference_ranges/" + name;
  const double top = voxel_edges(geometry, reference).back();
  figures[path + "/voxel/max"] = static_cast<double>(reference.largest_voxel);
  figures[path + "/voxel/top_edge"] = top;
  figures[path + "/voxel/ref_above_top"] = count_above(pair.reference.energies, top);
  figures[path + "/voxel/sample_above_top"] = count_above(pair.sample.energies, top);
  for (std::size_t l = 0; l < geometry.layers().size(); ++l) {
    const std::string layer =
        fmt::format("{}/E_layer_max_and_top_edge_and_n_above_and_n_below_Emin/{}", path,
                    geometry.layers()[l].id);
    const std::vector<float>& energy = reference.layers[l].energy;
    const float largest = *std::max_element(energy.begin(), energy.end());
    const double edge = logarithmic_edges(geometry.threshold(), largest, 39).back();
    figures[layer + "/0"] = static_cast<double>(largest);
    figures[layer + "/1"] = edge;
    figures[layer + "/2"] = count_above(energy, edge);
    const double threshold = geometry.threshold();
    figures[layer + "/3"] =
        static_cast<double>(std::count_if(energy.begin(), energy.end(), [&](float value) {
          return static_cast<double>(value) < threshold;
        }));
  }
}

template <class T>
void put_features(Figures& figures, const std::string& name, const FeatureMatrix<T>& matrix) {
  const std::string path = "/part2_classifier_inputs/" + name;
  figures[path + "/columns"] = matrix.columns;
  figures[path + "/dtype"] = sizeof(T) == 4 ? 32 : 64;
  double sum = 0, squares = 0;
  for (const T feature : matrix.values) {
    const double value = static_cast<double>(feature);
    sum += value;
    squares += value * value;
  }
  figures[path + "/sum"] = sum;
  figures[path + "/sum_of_squares"] = squares;
  const std::span<const T> row = matrix.row(0);
  for (std::size_t i = 0; i < 8; ++i) {
    figures[fmt::format("{}/row0_first8/{}", path, i)] = static_cast<double>(row[i]);
  }
  for (std::size_t i = 0; i < 4; ++i) {
    figures[fmt::format("{}/row0_last4/{}", path, i)] =
        static_cast<double>(row[row.size() - 4 + i]);
  }
}

void put_inputs(Figures& figures, const ShowerBatch& batch, const Observables& observed,
                const Geometry& geometry) {
  put_features(figures, "low", low_level_features(batch, geometry));
  put_features(figures, "low-normed", normalised_features(batch, geometry));
  put_features(figures, "high", high_level_features(observed));
  const std::vector<double> correlation = layer_correlation(observed);
  const std::string path = "/part2_classifier_inputs/layer_energy_pearson";
  for (std::size_t l = 0; l < geometry.layers().size(); ++l) {
    figures[fmt::format("{}/first_row/{}", path, l)] = correlation[l];
  }
  figures[path + "/mean_of_matrix"] = mean(correlation);
}

__extension__ using Uint128 = unsigned __int128;

/// numpy.random.default_rng(42).integers(0, bound), of which numpy's choice is made: PCG64 XSL-RR
/// (O'Neill, HMC-CS-2014-0905, section 6.3.3) and Lemire's bounded integers (ACM Trans. Model.
/// Comput. Simul. 29 (2019) 3), 32 bits at a time, the lower ones first.
class NumpyGenerator {
 public:
  std::uint32_t below(std::uint32_t bound) {
    std::uint64_t product = std::uint64_t{next()} * bound;
    const std::uint32_t threshold = -bound % bound;
    while (static_cast<std::uint32_t>(product) < threshold) product = std::uint64_t{next()} * bound;
    return static_cast<std::uint32_t>(product >> 32);
  }

 private:
  std::uint32_t next() {
    half_ = !half_;
    if (!half_) return static_cast<std::uint32_t>(last_ >> 32);
    constexpr Uint128 multiplier = Uint128{2549297995355413924U} << 64 | 4865540595714422341U;
    state_ = state_ * multiplier + increment_;
    last_ = std::rotr(static_cast<std::uint64_t>(state_ >> 64) ^ static_cast<std::uint64_t>(state_),
                      static_cast<int>(state_ >> 122));
    return static_cast<std::uint32_t>(last_);
  }

  // default_rng(42).bit_generator.state
  Uint128 state_ = Uint128{0xCEA44F6798798F2AU} << 64 | 0xACBC7C9D68860AC8U;
  Uint128 increment_ = Uint128{0xFA505436C9A8416EU} << 64 | 0x66CAF2E28D25ABFFU;
  std::uint64_t last_ = 0;
  bool half_ = false;  ///< the upper half of last_ has not been given out
};

TEST(NumpyGenerator, GivesWhatNumpyGives) {
  NumpyGenerator generator;
  std::vector<std::uint32_t> rows;
  for (int i = 0; i < 9; ++i) rows.push_back(generator.below(5000));
  EXPECT_THAT(rows, ElementsAre(446, 3869, 3272, 2194, 2165, 4292, 429, 3486, 1007));
}

/// The rows that jetnet's fpd draws, all of them in its order: batches are computed in any order.
DrawRows jetnet_rows(const FrechetOptions& options, std::uint32_t showers) {
  auto drawn = std::make_shared<std::vector<std::vector<std::uint32_t>>>();
  NumpyGenerator generator;
  for (const std::int64_t size : batch_sizes(options)) {
    for (int i = 0; i < 2 * options.batches; ++i) {
      std::vector<std::uint32_t>& rows = drawn->emplace_back(static_cast<std::size_t>(size));
      for (std::uint32_t& row : rows) row = generator.below(showers);
    }
  }
  return [drawn, batches = options.batches](int size, int batch, std::span<std::uint32_t> reference,
                                            std::span<std::uint32_t> sample) {
    const std::size_t first = 2 * static_cast<std::size_t>(size * batches + batch);
    std::copy((*drawn)[first].begin(), (*drawn)[first].end(), reference.begin());
    std::copy((*drawn)[first + 1].begin(), (*drawn)[first + 1].end(), sample.begin());
  };
}

void put_distances(Figures& figures, const std::string& name, const testing::Pair& pair,
                   const Observables& reference, const Observables& sample,
                   const Geometry& geometry) {
  const std::string path = "/fpd_kpd_prdc/" + name;
  SilentProgress silent;
  const FeatureMatrix<double> x = high_level_features(reference);
  const FeatureMatrix<double> y = high_level_features(sample);
  const FrechetOptions options;
  const Distance distance = frechet_physics_distance(
      x, y, options, silent, jetnet_rows(options, static_cast<std::uint32_t>(x.rows())));
  figures[path + "/FPD"] = distance.value;
  figures[path + "/FPD_err"] = distance.error;
  const NormalisedPair features = normalise(x, y);
  figures[path + "/frechet_full_sample_no_resampling"] =
      frechet_distance(features.reference, features.sample);
  figures[path + "/kpd_kernel_unbiased_mmd_full_sample_no_resampling"] =
      unbiased_mmd(features.reference, features.sample);
  const Prdc prdc =
      precision_recall_density_coverage(logarithmic_voxels(pair.reference, geometry),
                                        logarithmic_voxels(pair.sample, geometry), 5, {}, silent);
  figures[path + "/precision"] = prdc.precision;
  figures[path + "/recall"] = prdc.recall;
  figures[path + "/density"] = prdc.density;
  figures[path + "/coverage"] = prdc.coverage;
}

Figures official_figures(const std::string& data_set) {
  const Geometry geometry = builtin_geometry(data_set);
  Figures figures;
  for (const std::string name : {"a", "b", "c"}) {
    if (name == "c" && data_set == "ds2") continue;  // nothing but separations
    const testing::Pair pair = testing::golden_pair(data_set, name, geometry);
    const Observables reference = observe(pair.reference, geometry);
    if (name != "c") put_ranges(figures, name, pair, reference, geometry);
    if (name == "b") {  // its reference is part 2
      put_means(figures, pair.reference, reference, geometry);
      put_inputs(figures, pair.reference, reference, geometry);
    }
    if (data_set == "ds2") continue;  // its distances are not in the file
    put_distances(figures, name, pair, reference, observe(pair.sample, geometry), geometry);
  }
  return figures;
}

class OfficialFigures : public ::testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(DataSets, OfficialFigures, ::testing::Values("ds1-photons", "ds2"),
                         [](const auto& test) { return identifier(test.param); });

/// The larger term of FPD: tr C1 + tr C2 of the normalised features is about 3.
constexpr double frechet_term = 3;

/// What is no figure, or is compared elsewhere.
bool left_out(const std::string& path) {
  static const std::set<std::string> notes{"/fpd_kpd_prdc/note", "/classifier_auc"};
  return notes.contains(path) || path.starts_with("/pairs/");
}

// Walks the file, not our list: a figure that nobody compares fails.
TEST_P(OfficialFigures, EachOneIsCompared) {
  MOLIERE_NEED_SHARED_DATA();
  const Figures ours = official_figures(GetParam());
  std::size_t compared = 0;
  const Json official = testing::golden(GetParam()).flatten();
  for (const auto& [path, value] : official.items()) {
    std::string name = path;  // a JSON pointer writes "~1" for "/"
    for (std::size_t at = name.find("~1"); at != std::string::npos; at = name.find("~1")) {
      name.replace(at, 2, "/");
    }
    if (left_out(name)) continue;
    const auto found = ours.find(name);
    ASSERT_NE(found, ours.end()) << name;
    ++compared;
    if (value.is_string()) {
      EXPECT_EQ(fmt::format("float{}", found->second), value) << name;
    } else if (name.find("FPD") != std::string::npos) {
      expect_near(found->second, value, name, frechet_term);
    } else {
      expect_near(found->second, value, name);
    }
  }
  EXPECT_EQ(compared, ours.size());
}

}  // namespace
}  // namespace moliere::calo
