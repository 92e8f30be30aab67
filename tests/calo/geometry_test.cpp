// SPDX-License-Identifier: Apache-2.0
#include "moliere/calo/geometry.hpp"

#include "moliere/core/error.hpp"
#include "moliere/core/file.hpp"
#include "moliere/core/random.hpp"

#include <cmath>
#include <cstdlib>
#include <map>
#include <numbers>
#include <optional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace moliere::calo {
namespace {
namespace fs = std::filesystem;
using testing::HasSubstr;

/// The folder of reference material; none where the variable is not set.
std::optional<fs::path> shared_folder() {
  const char* folder = std::getenv("MOLIERE_SHARED");
  if (folder == nullptr) return std::nullopt;
  return fs::path(folder);
}

Layer make_layer(int id, std::vector<double> edges, int sectors) {
  Layer layer;
  layer.id = id;
  layer.r_edges = std::move(edges);
  layer.alpha_bins = sectors;
  return layer;
}

/// Writes the text as a binning file and reads it.
Geometry geometry_from(const std::string& text, std::string_view particle = {},
                       double threshold = 0) {
  const TemporaryDirectory folder;
  write_atomically(folder.path() / "small.xml", text);
  return read_geometry(folder.path() / "small.xml", particle, threshold);
}

std::string error_of(const std::string& text, std::string_view particle = {}) {
  try {
    geometry_from(text, particle);
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(Geometry, BuiltInOnesHaveTheVoxelsOfTheChallenge) {
  const std::map<std::string, int> voxels{
      {"ds1-photons", 368}, {"ds1-pions", 533}, {"ds2", 6480}, {"ds3", 40500}};
  EXPECT_EQ(builtin_geometry_names().size(), voxels.size());
  for (const std::string& name : builtin_geometry_names()) {
    const Geometry geometry = builtin_geometry(name);
    EXPECT_EQ(geometry.voxel_count(), voxels.at(name)) << name;
    EXPECT_EQ(geometry.name(), name);
  }
  EXPECT_EQ(builtin_geometry("ds1-photons").threshold(), 1.0);
  EXPECT_EQ(builtin_geometry("ds1-pions").threshold(), 1.0);
  EXPECT_NEAR(builtin_geometry("ds2").threshold(), 0.0151515, 1e-7);
  EXPECT_NEAR(builtin_geometry("ds3").threshold(), 0.0151515, 1e-7);
  EXPECT_EQ(builtin_geometry("ds1-pions").layers()[4].id, 12);
  EXPECT_EQ(builtin_geometry("ds1-photons").particle(), "photon");
}

TEST(Geometry, BuiltInOnesEqualTheOfficialBinningFiles) {
  const auto shared = shared_folder();
  if (!shared) GTEST_SKIP() << "MOLIERE_SHARED is not set: no official binning files";
  const fs::path binning = *shared / "reference" / "calochallenge" / "binning";
  const std::map<std::string, std::string> files{{"ds1-photons", "binning_dataset_1_photons.xml"},
                                                 {"ds1-pions", "binning_dataset_1_pions.xml"},
                                                 {"ds2", "binning_dataset_2.xml"},
                                                 {"ds3", "binning_dataset_3.xml"}};
  for (const auto& [name, file] : files) {
    if (!fs::exists(binning / file)) GTEST_SKIP() << (binning / file).string() << " is missing";
    const Geometry own = builtin_geometry(name);
    const Geometry official = read_geometry(binning / file, own.particle(), own.threshold());
    EXPECT_EQ(official.layers(), own.layers()) << name << ": to the last bit";
    EXPECT_EQ(official.particle(), own.particle());
    EXPECT_EQ(official.threshold(), own.threshold());
  }
}

TEST(Geometry, IndicesAndCellsAreInverseAndRIsFastest) {
  for (const std::string& name : builtin_geometry_names()) {
    const Geometry geometry = builtin_geometry(name);
    int expected = 0;
    for (int layer = 0; layer < static_cast<int>(geometry.layers().size()); ++layer) {
      const Layer& here = geometry.layers()[static_cast<std::size_t>(layer)];
      EXPECT_EQ(here.first_voxel, expected);
      for (int alpha = 0; alpha < here.alpha_bins; ++alpha) {
        for (int r = 0; r < here.r_bins(); ++r, ++expected) {
          const Cell cell{.layer = layer, .alpha = alpha, .r = r};
          ASSERT_EQ(geometry.index(cell), expected) << name;
          ASSERT_EQ(geometry.cell(expected), cell) << name;
        }
      }
    }
    EXPECT_EQ(expected, geometry.voxel_count());
  }
}

TEST(Geometry, CellsLieWhereTheChallengePutsThem) {
  const Geometry ds2 = builtin_geometry("ds2");
  const Layer& layer = ds2.layers()[7];
  EXPECT_DOUBLE_EQ(layer.r_centre(0), 2.325);
  EXPECT_DOUBLE_EQ(layer.r_centre(8), 39.525);
  EXPECT_DOUBLE_EQ(layer.alpha_centre(0), -std::numbers::pi + std::numbers::pi / 16);
  EXPECT_DOUBLE_EQ(layer.alpha_centre(15), std::numbers::pi - std::numbers::pi / 16);
  // Wide rings too have their arithmetic middle.
  EXPECT_DOUBLE_EQ(builtin_geometry("ds1-photons").layers()[4].r_centre(4), 1500);
}

using Permutation = std::vector<int>;

Permutation after(const Permutation& second, const Permutation& first) {
  Permutation both(first.size());
  for (std::size_t i = 0; i < first.size(); ++i) {
    both[i] = second[static_cast<std::size_t>(first[i])];
  }
  return both;
}

class Symmetry : public testing::TestWithParam<std::string> {
 protected:
  Geometry geometry = builtin_geometry(GetParam());
  int steps = geometry.alpha_symmetry();
};

TEST_P(Symmetry, IsTheDihedralGroup) {
  const Permutation identity = geometry.symmetry(0, false);
  for (int i = 0; i < geometry.voxel_count(); ++i) {
    ASSERT_EQ(identity[static_cast<std::size_t>(i)], i);
  }
  const Permutation step = geometry.symmetry(1, false);
  const Permutation mirror = geometry.symmetry(0, true);
  EXPECT_EQ(after(mirror, mirror), identity);
  EXPECT_NE(step, identity);
  EXPECT_NE(mirror, identity);
  Permutation turned = identity;
  for (int k = 0; k < steps; ++k) {
    EXPECT_EQ(geometry.symmetry(k, false), turned);
    EXPECT_EQ(geometry.symmetry(k, true), after(turned, mirror)) << "the reflection comes first";
    turned = after(step, turned);
  }
  EXPECT_EQ(turned, identity) << "a whole turn";
  EXPECT_EQ(geometry.symmetry(-1, false), geometry.symmetry(steps - 1, false));
  EXPECT_EQ(after(mirror, after(step, mirror)), geometry.symmetry(-1, false));
}

TEST_P(Symmetry, MovesCellsAroundTheAxis) {
  const int turns = 3;
  const Permutation moved = geometry.symmetry(turns, true);
  for (int i = 0; i < geometry.voxel_count(); ++i) {
    const Cell from = geometry.cell(i);
    const Cell to = geometry.cell(moved[static_cast<std::size_t>(i)]);
    ASSERT_EQ(from.layer, to.layer);
    ASSERT_EQ(from.r, to.r);
    const Layer& layer = geometry.layers()[static_cast<std::size_t>(from.layer)];
    if (layer.alpha_bins == 1) continue;
    const double expected = -layer.alpha_centre(from.alpha) + turns * 2 * std::numbers::pi / steps;
    ASSERT_NEAR(std::cos(expected - layer.alpha_centre(to.alpha)), 1, 1e-12);
  }
}

TEST_P(Symmetry, KeepsTheEnergyOfEachLayer) {
  RandomStream random(5);
  std::vector<double> shower(static_cast<std::size_t>(geometry.voxel_count()));
  for (double& energy : shower) energy = static_cast<double>(random.below(1000));  // exact sums
  const Permutation moved = geometry.symmetry(2, true);
  std::vector<double> other(shower.size(), -1);
  for (std::size_t i = 0; i < shower.size(); ++i) {
    other[static_cast<std::size_t>(moved[i])] = shower[i];
  }
  for (const Layer& layer : geometry.layers()) {
    double before = 0;
    double now = 0;
    for (int i = layer.first_voxel; i < layer.first_voxel + layer.voxels(); ++i) {
      before += shower[static_cast<std::size_t>(i)];
      now += other[static_cast<std::size_t>(i)];
    }
    EXPECT_EQ(before, now) << "layer " << layer.id;
  }
}

INSTANTIATE_TEST_SUITE_P(BuiltIn, Symmetry, testing::ValuesIn(builtin_geometry_names()),
                         [](const auto& name) {
                           std::string text = name.param;
                           std::erase(text, '-');
                           return text;
                         });

TEST(Geometry, SymmetryIsWhatTheLayersHaveInCommon) {
  const Geometry mixed(
      "mixed", "", 0,
      {make_layer(0, {0, 1}, 1), make_layer(1, {0, 1}, 6), make_layer(2, {0, 1}, 4)});
  EXPECT_EQ(mixed.alpha_symmetry(), 2);
  // Half a turn: 3 of 6 sectors, 2 of 4.
  EXPECT_THAT(mixed.symmetry(1, false), testing::ElementsAre(0, 4, 5, 6, 1, 2, 3, 9, 10, 7, 8));
  EXPECT_EQ(Geometry("rings", "", 0, {make_layer(0, {0, 1, 2}, 1)}).alpha_symmetry(), 1);
  EXPECT_EQ(builtin_geometry("ds1-photons").alpha_symmetry(), 10);
  EXPECT_EQ(builtin_geometry("ds2").alpha_symmetry(), 16);
  EXPECT_EQ(builtin_geometry("ds3").alpha_symmetry(), 50);
}

const char* const two_particles = R"(<Bins>
  <Bin pid="22" name="photon" threshold="0.25">
    <Layer id="0" r_edges="0, 5 ,10.5" n_bin_alpha="1"/>
    <Layer id="3" r_edges="0" n_bin_alpha="1"/>
    <Layer id="12" r_edges="1e1,2e1" n_bin_alpha=" 4 "/>
  </Bin>
  <Bin pid="211" name="pion"><Layer id="1" r_edges="0,1" n_bin_alpha="2"/></Bin>
</Bins>)";

TEST(BinningFile, IsRead) {
  const Geometry photon = geometry_from(two_particles, "photon");
  EXPECT_EQ(photon.name(), "small");
  EXPECT_EQ(photon.particle(), "photon");
  EXPECT_EQ(photon.threshold(), 0.25);
  EXPECT_EQ(photon.voxel_count(), 6);
  ASSERT_EQ(photon.layers().size(), 2U) << "a layer with a single edge is absent";
  EXPECT_THAT(photon.layers()[0].r_edges, testing::ElementsAre(0, 5, 10.5));
  EXPECT_EQ(photon.layers()[1].id, 12);
  EXPECT_EQ(photon.layers()[1].alpha_bins, 4);
  EXPECT_EQ(geometry_from(two_particles, "photon", 2).threshold(), 2);
  EXPECT_EQ(geometry_from(two_particles, "pion").voxel_count(), 2);
  EXPECT_EQ(geometry_from(two_particles, "pion").threshold(), 0);
}

TEST(BinningFile, IsFoundByNameAndParticle) {
  const TemporaryDirectory folder;
  const std::string file = (folder.path() / "two.xml").string();
  write_atomically(file, two_particles);
  EXPECT_EQ(find_geometry(file + ":pion").voxel_count(), 2);
  EXPECT_THROW(find_geometry(file), Error);
  EXPECT_EQ(find_geometry("ds2"), builtin_geometry("ds2"));
  try {
    find_geometry("ds4");
    FAIL() << "no exception";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("ds1-photons, ds1-pions, ds2, ds3"));
  }
  EXPECT_THROW(find_geometry((folder.path() / "none.xml").string()), Error);
  EXPECT_THROW(find_geometry(folder.path().string()), Error);
}

std::string one_layer(const std::string& attributes) {
  return "<Bins><Bin name=\"x\"><Layer " + attributes + "/></Bin></Bins>";
}

TEST(BinningFile, BadOnesSayWhatIsWrong) {
  EXPECT_THAT(error_of("voxels"), HasSubstr("is not XML"));
  EXPECT_THAT(error_of(""), HasSubstr("is not XML"));
  EXPECT_THAT(error_of("<Bins><Bin>"), HasSubstr("at byte"));
  EXPECT_THAT(error_of("<Html/>"), HasSubstr("outermost element is not Bins"));
  EXPECT_THAT(error_of("<Bins/>"), HasSubstr("has no Bin"));
  EXPECT_THAT(error_of("<Bins><Bin/></Bins>"), HasSubstr("no layer with cells"));
  EXPECT_THAT(error_of(two_particles), HasSubstr("2 Bins that fit"));
  EXPECT_THAT(error_of(two_particles, "muon"), HasSubstr("its names are photon, pion"));
  EXPECT_THAT(error_of(one_layer("id='1' n_bin_alpha='1'")), HasSubstr("r_edges are not numbers"));
  EXPECT_THAT(error_of(one_layer("id='1' r_edges='0,a' n_bin_alpha='1'")), HasSubstr("r_edges"));
  EXPECT_THAT(error_of(one_layer("id='1' r_edges='0,1,' n_bin_alpha='1'")), HasSubstr("r_edges"));
  EXPECT_THAT(error_of(one_layer("id='1' r_edges='0,nan' n_bin_alpha='1'")),
              HasSubstr("no finite number"));
  EXPECT_THAT(error_of(one_layer("id='1' r_edges='0,2,2' n_bin_alpha='1'")),
              HasSubstr("do not rise"));
  EXPECT_THAT(error_of(one_layer("id='1' r_edges='-1,2' n_bin_alpha='1'")),
              HasSubstr("negative r"));
  EXPECT_THAT(error_of(one_layer("r_edges='0,2' n_bin_alpha='1'")), HasSubstr("id"));
  EXPECT_THAT(error_of(one_layer("id='1' r_edges='0,2'")), HasSubstr("n_bin_alpha"));
  EXPECT_THAT(error_of(one_layer("id='1' r_edges='0,2' n_bin_alpha='2.5'")),
              HasSubstr("n_bin_alpha"));
  EXPECT_THAT(error_of(one_layer("id='1' r_edges='0,2' n_bin_alpha='0'")), HasSubstr("0 sectors"));
  EXPECT_THAT(error_of(one_layer("id='1' r_edges='0,1,2' n_bin_alpha='2147483647'")),
              HasSubstr("more than 2^31 - 1 voxels"));
  const std::string layer = "<Layer id='1' r_edges='0,1' n_bin_alpha='1'/>";
  EXPECT_THAT(error_of("<Bins><Bin>" + layer + layer + "</Bin></Bins>"), HasSubstr("two layers 1"));
  EXPECT_THAT(error_of("<Bins><Bin threshold='-1'>" + layer + "</Bin></Bins>"),
              HasSubstr("threshold"));
  EXPECT_THAT(error_of("<Bins><Bin threshold='low'>" + layer + "</Bin></Bins>"),
              HasSubstr("threshold"));
}

TEST(BinningFile, EachErrorNamesTheFile) {
  EXPECT_THAT(error_of("<Bins/>"), HasSubstr("small.xml: "));
  EXPECT_THROW(read_geometry("/nowhere/at/all.xml"), Error);
  EXPECT_THROW(read_geometry("/tmp"), Error);
}

}  // namespace
}  // namespace moliere::calo
