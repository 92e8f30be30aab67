// SPDX-License-Identifier: Apache-2.0
#include "moliere/calo/validate.hpp"

#include "moliere/core/error.hpp"
#include "moliere/core/file.hpp"
#include "moliere/core/random.hpp"

#include <cmath>
#include <cstdlib>
#include <limits>
#include <numeric>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace moliere::calo {
namespace {
namespace fs = std::filesystem;
using testing::ElementsAre;

/// Showers of 10 GeV that rise and fall with depth, fall off with the ring and fluctuate in each
/// cell; all above threshold.
ShowerBatch make_showers(const Geometry& geometry, std::int64_t rows, std::uint64_t seed = 3) {
  RandomStream random(seed);
  ShowerBatch batch;
  batch.voxels = geometry.voxel_count();
  for (std::int64_t i = 0; i < rows; ++i) {
    batch.incident_energies.push_back(10000);
    double sum = 0;
    const std::size_t begin = batch.energies.size();
    for (int v = 0; v < geometry.voxel_count(); ++v) {
      const Cell cell = geometry.cell(v);
      const double depth = 1 + 10.0 * cell.layer / static_cast<double>(geometry.layers().size());
      const double profile = depth * depth * std::exp(-depth - 0.8 * cell.r);
      const double energy = profile * std::exp(random.normal());
      batch.energies.push_back(static_cast<float>(energy));
      sum += energy;
    }
    for (std::size_t v = begin; v < batch.energies.size(); ++v) {
      batch.energies[v] *= static_cast<float>(9000 / sum);
      batch.energies[v] = std::max(batch.energies[v], static_cast<float>(geometry.threshold()));
    }
  }
  return batch;
}

ValidationReport report_on(const ShowerBatch& batch, const Geometry& geometry,
                           const ValidateOptions& options = {}) {
  const TemporaryDirectory folder;
  const fs::path file = folder.path() / "showers.h5";
  {
    ShowerWriter writer(file, batch.voxels);
    writer.append(batch);
    writer.finish();
  }
  SilentProgress progress;
  return validate(ShowerReader(file), geometry, options, progress);
}

class Validate : public testing::Test {
 protected:
  Geometry geometry = builtin_geometry("ds1-photons");
  ShowerBatch batch = make_showers(geometry, 200);

  float& voxel(std::int64_t row, std::size_t v) { return batch.shower(row)[v]; }
  /// Nothing but `check` strikes.
  void expect_only(const ValidationReport& report, Check check) {
    for (const Finding& finding : report.findings) {
      const bool expected = finding.check == check;
      EXPECT_EQ(finding.showers > 0, expected) << to_string(finding.check);
    }
  }
};

TEST_F(Validate, GoodShowersPass) {
  const ValidationReport report = report_on(batch, geometry);
  EXPECT_EQ(report.showers, 200);
  EXPECT_TRUE(report.passed());
  ASSERT_EQ(report.findings.size(), 9U);
  for (std::size_t i = 0; i < report.findings.size(); ++i) {
    EXPECT_EQ(report.findings[i].check, static_cast<Check>(i));
    EXPECT_EQ(report.findings[i].showers, 0) << to_string(report.findings[i].check);
  }
  EXPECT_TRUE(report.order.judged);
}

TEST_F(Validate, FindsWhatIsNoEnergyAndSaysWhere) {
  constexpr float inf = std::numeric_limits<float>::infinity();
  voxel(7, 0) = std::numeric_limits<float>::quiet_NaN();
  voxel(7, 367) = std::numeric_limits<float>::quiet_NaN();
  voxel(199, 5) = std::numeric_limits<float>::quiet_NaN();
  voxel(20, 1) = inf;
  voxel(21, 1) = -inf;
  voxel(30, 2) = -0.5F;
  voxel(31, 2) = -0.0F;
  const ValidationReport report = report_on(batch, geometry);
  EXPECT_FALSE(report.passed());
  EXPECT_EQ(report[Check::not_a_number].showers, 2);
  EXPECT_EQ(report[Check::not_a_number].voxels, 3);
  EXPECT_THAT(report[Check::not_a_number].first_rows, ElementsAre(7, 199));
  EXPECT_THAT(report[Check::infinite].first_rows, ElementsAre(20, 21));
  EXPECT_EQ(report[Check::infinite].voxels, 2);
  EXPECT_THAT(report[Check::negative].first_rows, ElementsAre(30));
  EXPECT_EQ(report[Check::too_much_energy].showers, 0) << "a sum with infinity says nothing";
}

TEST_F(Validate, FindsImpossibleIncidentEnergies) {
  batch.incident_energies[3] = 0;
  batch.incident_energies[4] = -1;
  batch.incident_energies[5] = std::numeric_limits<float>::quiet_NaN();
  batch.incident_energies[6] = std::numeric_limits<float>::infinity();
  const ValidationReport report = report_on(batch, geometry);
  expect_only(report, Check::incident_energy);
  EXPECT_THAT(report[Check::incident_energy].first_rows, ElementsAre(3, 4, 5, 6));
}

TEST_F(Validate, FindsMoreEnergyThanTheFactorAllows) {
  batch.incident_energies[9] = 2500;  // of 9 GeV
  EXPECT_THAT(report_on(batch, geometry)[Check::too_much_energy].first_rows, ElementsAre(9));
  ValidateOptions options;
  options.factor = 4;
  EXPECT_TRUE(report_on(batch, geometry, options).passed());
}

TEST_F(Validate, ShowsTheFirstRowsOnly) {
  for (std::int64_t row = 50; row < 150; ++row) voxel(row, 0) = -1;
  ValidateOptions options;
  options.rows_shown = 3;
  const Finding finding = report_on(batch, geometry, options)[Check::negative];
  EXPECT_EQ(finding.showers, 100);
  EXPECT_THAT(finding.first_rows, ElementsAre(50, 51, 52));
}

TEST_F(Validate, FindsDuplicates) {
  const auto copy = [&](std::int64_t from, std::int64_t to) {
    std::ranges::copy(batch.shower(from), batch.shower(to).begin());
  };
  copy(10, 150);
  copy(10, 40);
  copy(60, 61);
  copy(80, 81);
  batch.incident_energies[81] = 9999;  // another shower, by its condition
  copy(90, 91);
  voxel(91, 200) = std::nextafter(voxel(91, 200), 1e6F);
  const ValidationReport report = report_on(batch, geometry);
  expect_only(report, Check::duplicated);
  EXPECT_FALSE(report.passed());
  EXPECT_THAT(report[Check::duplicated].first_rows, ElementsAre(40, 61, 150));
  EXPECT_THAT(report[Check::duplicated].first_equal, ElementsAre(10, 60, 10));
  EXPECT_EQ(report[Check::duplicated].showers, 3);
}

TEST_F(Validate, FaintAndEmptyShowersAreNotesAlone) {
  voxel(2, 0) = 0.5F;
  for (const std::int64_t row : {11, 12}) std::ranges::fill(batch.shower(row), 0.0F);
  for (const std::int64_t row : {13, 14}) {  // equal by chance: a single voxel
    std::ranges::fill(batch.shower(row), 0.0F);
    voxel(row, 3) = 2;
  }
  const ValidationReport report = report_on(batch, geometry);
  EXPECT_TRUE(report.passed());
  EXPECT_THAT(report[Check::below_threshold].first_rows, ElementsAre(2));
  EXPECT_EQ(report[Check::below_threshold].voxels, 1);
  EXPECT_THAT(report[Check::empty].first_rows, ElementsAre(11, 12));
  EXPECT_EQ(report[Check::duplicated].showers, 0);
}

TEST_F(Validate, AnotherWidthIsAnError) {
  EXPECT_THROW(report_on(batch, builtin_geometry("ds2")), Error);
}

TEST_F(Validate, NoShowersPass) {
  ShowerBatch none;
  none.voxels = 368;
  const ValidationReport report = report_on(none, geometry);
  EXPECT_TRUE(report.passed());
  EXPECT_FALSE(report.order.judged);
}

/// Writes each shower with its axes in another order: `index` gives the place of a cell.
ShowerBatch reordered(const ShowerBatch& batch, const Geometry& geometry, const auto& index) {
  ShowerBatch moved = batch;
  for (std::int64_t row = 0; row < batch.size(); ++row) {
    for (int v = 0; v < geometry.voxel_count(); ++v) {
      moved.shower(row)[static_cast<std::size_t>(index(geometry.cell(v)))] =
          batch.shower(row)[static_cast<std::size_t>(v)];
    }
  }
  return moved;
}

TEST(Order, AlphaFastestIsFoundInEveryGeometry) {
  for (const char* name : {"ds1-photons", "ds1-pions", "ds2"}) {
    const Geometry geometry = builtin_geometry(name);
    const ShowerBatch batch = make_showers(geometry, 60);
    EXPECT_FALSE(report_on(batch, geometry).order.suspicious) << name;
    const ShowerBatch wrong = reordered(batch, geometry, [&](Cell cell) {
      const Layer& layer = geometry.layers()[static_cast<std::size_t>(cell.layer)];
      return layer.first_voxel + cell.r * layer.alpha_bins + cell.alpha;
    });
    const ValidationReport report = report_on(wrong, geometry);
    EXPECT_FALSE(report.passed()) << name;
    EXPECT_EQ(report[Check::order].showers, 60);
    EXPECT_EQ(report.order.best, "layer, r, alpha");
  }
}

TEST(Order, LayersThatAreNotSlowestAreFoundToo) {
  const Geometry geometry = builtin_geometry("ds2");
  const ShowerBatch batch = make_showers(geometry, 60);
  const auto best_of = [&](const auto& index) {
    const ValidationReport report = report_on(reordered(batch, geometry, index), geometry);
    EXPECT_TRUE(report.order.suspicious);
    return report.order.best;
  };
  EXPECT_EQ(best_of([](Cell c) { return (c.r * 16 + c.alpha) * 45 + c.layer; }), "r, alpha, layer");
  EXPECT_EQ(best_of([](Cell c) { return (c.alpha * 45 + c.layer) * 9 + c.r; }), "alpha, layer, r");
}

TEST(Order, FewShowersAreNotJudged) {
  const Geometry geometry = builtin_geometry("ds1-photons");
  EXPECT_FALSE(report_on(make_showers(geometry, 19), geometry).order.judged);
  EXPECT_TRUE(report_on(make_showers(geometry, 20), geometry).order.judged);
}

TEST(Order, AnAsymmetricDetectorIsNotSuspicious) {
  const Geometry geometry = builtin_geometry("ds2");
  ShowerBatch batch = make_showers(geometry, 60);
  for (std::int64_t row = 0; row < batch.size(); ++row) {
    for (int v = 0; v < geometry.voxel_count(); ++v) {
      const Cell cell = geometry.cell(v);
      const double alpha = geometry.layers()[0].alpha_centre(cell.alpha);
      batch.shower(row)[static_cast<std::size_t>(v)] *=
          static_cast<float>(1 + 0.7 * std::cos(alpha));
    }
  }
  EXPECT_FALSE(report_on(batch, geometry).order.suspicious);
}

TEST(Validation, RealShowersPass) {
  const char* shared = std::getenv("MOLIERE_SHARED");
  if (shared == nullptr) GTEST_SKIP() << "MOLIERE_SHARED is not set: no real showers";
  const fs::path file = fs::path(shared) / "data" / "photons_ds1_1.h5";
  if (!fs::exists(file)) GTEST_SKIP() << file.string() << " is missing";
  SilentProgress progress;
  const ValidationReport report =
      validate(ShowerReader(file), builtin_geometry("ds1-photons"), {}, progress);
  EXPECT_TRUE(report.passed());
  EXPECT_EQ(report[Check::below_threshold].showers, 0);
}

TEST(Validation, CommittedSamplesPass) {
  const fs::path folder = fs::path(std::getenv("MOLIERE_SOURCE_DIR")) / "data" / "showers";
  SilentProgress progress;
  for (const auto& [file, geometry] :
       {std::pair{"photons_ds1_sample.h5", "ds1-photons"}, {"electrons_ds2_sample.h5", "ds2"}}) {
    const ShowerReader reader(folder / file);
    EXPECT_GE(reader.size(), 200);
    EXPECT_TRUE(reader.attributes().contains("simulation"));
    EXPECT_TRUE(validate(reader, builtin_geometry(geometry), {}, progress).passed()) << file;
  }
}

}  // namespace
}  // namespace moliere::calo
