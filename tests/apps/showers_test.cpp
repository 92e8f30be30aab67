// SPDX-License-Identifier: Apache-2.0
// `moliere showers` and `moliere evaluate` from outside, on the sample that the project brings.
#include "moliere/calo/geometry.hpp"
#include "moliere/calo/shower_file.hpp"
#include "moliere/core/json.hpp"

#include <algorithm>
#include <cstdlib>
#include <limits>

#include "apps/program.hpp"
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace moliere {
namespace {
namespace fs = std::filesystem;
using calo::ShowerBatch;
using calo::ShowerReader;
using calo::ShowerWriter;
using test::Outcome;
using testing::AllOf;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

class Showers : public testing::Test {
 protected:
  Outcome moliere(const std::vector<std::string>& arguments) {
    return test::Program(folder.path()).run(arguments);
  }
  static std::string sample(const std::string& name) {
    return (fs::path(std::getenv("MOLIERE_SOURCE_DIR")) / "data" / "showers" / name).string();
  }
  const std::string photons = sample("photons_ds1_sample.h5");

  std::string write(const std::string& name, const ShowerBatch& batch) {
    ShowerWriter writer(folder.path() / name, batch.voxels);
    writer.append(batch);
    writer.finish();
    return name;
  }
  /// The first `count` photons.
  ShowerBatch first(std::int64_t count) { return ShowerReader(photons).read(0, count); }

  TemporaryDirectory folder{"moliere-showers"};
};

TEST_F(Showers, InfoTellsWhatAFileHolds) {
  const Outcome text = moliere({"showers", "info", photons});
  EXPECT_EQ(text.code, 0) << text.err;
  EXPECT_THAT(text.out, AllOf(HasSubstr("3000"), HasSubstr("368"), HasSubstr("ds1-photons")));
  const Json json = Json::parse(moliere({"showers", "info", photons, "--json"}).out);
  EXPECT_EQ(json.at("showers"), 3000);
  EXPECT_EQ(json.at("voxels"), 368);
}

TEST_F(Showers, PartsMergeBackBitByBit) {
  ASSERT_EQ(moliere({"showers", "split", photons, "--parts", "3", "-o", "part"}).code, 0);
  ASSERT_EQ(moliere({"showers", "merge", "part1.h5", "part2.h5", "part3.h5", "-o", "all.h5"}).code,
            0);
  const ShowerReader whole(folder.path() / "all.h5");
  ASSERT_EQ(whole.size(), 3000);
  EXPECT_EQ(whole.read(0, 3000).energies, ShowerReader(photons).read(0, 3000).energies);
}

TEST_F(Showers, ValidatePassesTheSampleAndFindsEachFault) {
  EXPECT_EQ(moliere({"showers", "validate", photons, "-g", "ds1-photons"}).code, 0);
  ShowerBatch bad = first(50);
  bad.shower(3)[7] = std::numeric_limits<float>::quiet_NaN();
  bad.shower(11)[0] = -1;
  bad.shower(17)[0] = 1e9F;
  std::ranges::copy(bad.shower(20), bad.shower(30).begin());
  bad.incident_energies[30] = bad.incident_energies[20];
  const Outcome found = moliere({"showers", "validate", write("bad.h5", bad), "-g", "ds1-photons"});
  EXPECT_EQ(found.code, 1);
  EXPECT_THAT(found.out,
              AllOf(ContainsRegex("not a number.* 3\n"), ContainsRegex("negative.* 11\n"),
                    ContainsRegex("17\n"), ContainsRegex("30")))
      << found.out;
}

TEST_F(Showers, WrongFilesAreOneLineAndLeaveNothing) {
  const std::string whole = read_text(photons);
  write_atomically(folder.path() / "torn.h5", whole.substr(0, whole.size() / 2));
  write_atomically(folder.path() / "empty.h5", std::string_view());
  write_atomically(folder.path() / "text.h5", "showers, I promise");
  for (const std::vector<std::string>& wrong : std::vector<std::vector<std::string>>{
           {"showers", "info", "torn.h5"},
           {"showers", "info", "empty.h5"},
           {"showers", "info", "text.h5"},
           {"showers", "info", "absent.h5"},
           {"showers", "validate", photons, "-g", "ds2"},
           {"showers", "validate", photons, "-g", "ds9"},
           {"showers", "split", photons, "--rows", "5000:6000", "-o", "x.h5"},
           {"showers", "threshold", "torn.h5", "x.h5", "-g", "ds1-photons"},
           {"showers", "merge", photons, sample("electrons_ds2_sample.h5"), "-o", "x.h5"},
           {"evaluate", photons, "torn.h5", "-g", "ds1-photons", "-o", "out"},
           {"evaluate", photons, photons, "-g", "ds2", "-o", "out"},
           {"evaluate", photons, photons, "-g", "ds1-photons", "--train", "text.h5", "-o",
            "out"}}) {
    const Outcome outcome = moliere(wrong);
    const std::string command = testing::PrintToString(wrong);
    EXPECT_EQ(outcome.code, 2) << command << outcome.out;
    EXPECT_THAT(outcome.err, ContainsRegex("moliere: .+ \\(.+\\) .+\n$")) << command;
    EXPECT_THAT(outcome.out, IsEmpty()) << command;
    EXPECT_FALSE(fs::exists(folder.path() / "x.h5")) << command;
    EXPECT_FALSE(fs::exists(folder.path() / "out" / "evaluation.json")) << command;
  }
}

/// What the page gives to its program.
Json data_of(const std::string& html) {
  const std::string begin = "<script type=\"application/json\" id=\"data\">";
  const std::size_t at = html.find(begin);
  if (at == std::string::npos) return {};
  const std::size_t end = html.find("</script>", at);
  return Json::parse(html.substr(at + begin.size(), end - at - begin.size()));
}

const Json& item(const Json& data, const std::string& title) {
  for (const auto& [id, one] : data.items()) {
    if (one.value("title", "") == title) return one;
  }
  ADD_FAILURE() << "no " << title;
  static const Json none;
  return none;
}

TEST_F(Showers, ThePlotShowsTheShowersOfTheFile) {
  const Outcome outcome = moliere({"showers", "plot", photons, "-g", "ds1-photons", "-o",
                                   "out/photons.html", "--rows", "7,2999"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  const std::string html = read_text(folder.path() / "out" / "photons.html");
  EXPECT_THAT(html, StartsWith("<!DOCTYPE html>"));
  for (const char* title :
       {"Longitudinal profile", "Radial profile, layer 12", "Energy, layer 0", "Voxel energy",
        "Mean of all showers", "E_tot / E_inc", "Incident energy"}) {
    EXPECT_THAT(html, HasSubstr(title));
  }
  const Json data = data_of(html);
  const ShowerReader reader(photons);
  const ShowerBatch all = reader.read(0, reader.size());
  for (const std::int64_t row : {7, 2999}) {
    const double energy = all.incident_energies[static_cast<std::size_t>(row)];
    const Json& maps = item(data, fmt::format("row {}, {:.3g} GeV", row, energy / 1000));
    std::vector<double> shown;
    for (const Json& map : maps.at("maps")) {
      for (const Json& value : map.at("values")) shown.push_back(value);
    }
    ASSERT_EQ(shown.size(), 368U);
    for (std::size_t voxel = 0; voxel < shown.size(); ++voxel) {
      const double own = all.shower(row)[voxel];
      ASSERT_NEAR(shown[voxel], own, 0.005 * own) << voxel;  // three digits
    }
  }
  double first_layer = 0;
  const calo::Geometry geometry = calo::builtin_geometry("ds1-photons");
  for (std::int64_t row = 0; row < all.size(); ++row) {
    for (int voxel = 0; voxel < geometry.layers()[0].voxels(); ++voxel) {
      first_layer += all.shower(row)[static_cast<std::size_t>(voxel)] / 3000.0;
    }
  }
  const Json& profile = item(data, "Longitudinal profile").at("series")[0];
  EXPECT_NEAR(profile.at("y")[0].get<double>(), first_layer, 1e-3 * first_layer);
  EXPECT_EQ(profile.at("y").size(), 5U);
}

TEST_F(Showers, OneShowerCanBePlotted) {
  ASSERT_EQ(moliere({"showers", "split", photons, "--rows", "7:8", "-o", "one"}).code, 0);
  const Outcome one = moliere({"showers", "plot", "one.h5", "-g", "ds1-photons", "-o", "one.html"});
  EXPECT_EQ(one.code, 0) << one.err;
  EXPECT_THAT(read_text(folder.path() / "one.html"), HasSubstr("1 shower,"));
}

TEST_F(Showers, OneFileAgainstItselfIsNoted) {
  const Outcome outcome = moliere(
      {"evaluate", photons, photons, "-g", "ds1-photons", "--quick", "--classifier", "none"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("note: reference and generated are the same file"));
  ASSERT_EQ(moliere({"showers", "split", photons, "--parts", "2", "-o", "part"}).code, 0);
  fs::create_hard_link(folder.path() / "part1.h5", folder.path() / "other.h5");
  const Outcome trained = moliere({"evaluate", "part1.h5", "part2.h5", "-g", "ds1-photons",
                                   "--quick", "--classifier", "none", "--train", "other.h5"});
  EXPECT_THAT(trained.out, HasSubstr("note: training and reference are the same file"));
  EXPECT_THAT(trained.out, testing::Not(HasSubstr("reference and generated are the same")));
}

TEST_F(Showers, EvaluationSaysHowFarTwoSamplesDiffer) {
  // part1 is the training, part2 held-out Geant4, part3 what an honest generator gives.
  ASSERT_EQ(moliere({"showers", "split", photons, "--parts", "3", "-o", "part"}).code, 0);
  const auto evaluation = [&](const std::string& generated, const std::string& out) {
    const Outcome outcome =
        moliere({"evaluate", "part2.h5", generated, "-g", "ds1-photons", "--quick", "--train",
                 "part1.h5", "--classifier", "none", "-o", out});
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    EXPECT_THAT(outcome.out, AllOf(HasSubstr("FPD x 1000"), HasSubstr("floor")));
    EXPECT_THAT(read_text(folder.path() / out / "evaluation.html"), StartsWith("<!DOCTYPE html>"));
    return Json::parse(read_text(folder.path() / out / "evaluation.json"));
  };
  const Json honest = evaluation("part3.h5", "honest");
  EXPECT_LT(std::abs(honest.at("response").at("z_at_energy").get<double>()), 4);
  EXPECT_EQ(honest.at("separations")[0].at("name"), "Etot / Einc");

  ShowerBatch shifted = ShowerReader(folder.path() / "part3.h5").read(0, 1000);
  for (float& energy : shifted.energies) energy *= 1.05F;
  const Json wrong = evaluation(write("shifted.h5", shifted), "shifted");
  EXPECT_GT(wrong.at("response").at("z_at_energy").get<double>(), 5);
  EXPECT_GT(wrong.at("separations")[0].at("separation").get<double>(),
            3 * honest.at("separations")[0].at("separation").get<double>());

  const Json copied = evaluation("part1.h5", "copied");
  EXPECT_EQ(copied.at("memorisation").at("verdict"), "memorised");
  EXPECT_EQ(honest.at("memorisation").at("verdict"), "none");
}

}  // namespace
}  // namespace moliere
